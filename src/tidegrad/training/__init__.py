"""Floor 7. Training: a small honest loop, its history, and checkpoints that resume exactly."""

from .callbacks import BestCheckpoint, Callback, EarlyStopping
from .checkpoint import Checkpoint
from .evaluate import evaluate
from .history import History
from .loop import fit
from .metrics import accuracy, binary_accuracy, mean_absolute_error, top_k_accuracy
from .options import Options
from .run import Run

__all__ = [
    "BestCheckpoint",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "History",
    "Options",
    "Run",
    "accuracy",
    "binary_accuracy",
    "evaluate",
    "fit",
    "mean_absolute_error",
    "top_k_accuracy",
]
