"""Floor 7. Optimizers, learning-rate schedules and gradient clipping."""

from . import lr_scheduler
from .clip import clip_grad_norm, clip_grad_value
from .lbfgs import LBFGS
from .optimizer import Optimizer
from .rules import SGD, Adagrad, Adam, AdamW, Lion, RMSprop
from .torch_adaptor import TorchOptimizer

# PyTorch's spelling.
clip_grad_norm_ = clip_grad_norm
clip_grad_value_ = clip_grad_value

__all__ = ["Adagrad", "Adam", "AdamW", "LBFGS", "Lion", "Optimizer", "RMSprop", "SGD"]
__all__ += ["TorchOptimizer", "clip_grad_norm", "clip_grad_norm_", "clip_grad_value"]
__all__ += ["clip_grad_value_", "lr_scheduler"]
