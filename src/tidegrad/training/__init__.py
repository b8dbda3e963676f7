"""Floor 7. Training: a small honest loop, its history, and checkpoints that resume exactly."""

from .callbacks import BestCheckpoint, Callback, EarlyStopping
from .checkpoint import Checkpoint
from .history import History
from .loop import fit
from .measure import accuracy, evaluate
from .run import Run

__all__ = ["BestCheckpoint", "Callback", "Checkpoint", "EarlyStopping", "History", "Run"]
__all__ += ["accuracy", "evaluate", "fit"]
