"""Floor 8. The dialect pygrad: a Tensor with `.value` and `.grad`, layers, losses, optimizers."""

from ..shared import lacking
from . import activations, basics, constants, losses, module, numba_ops, optims, tensor

__all__ = ["activations", "basics", "constants", "losses", "module", "numba_ops", "optims"]
__all__ += ["tensor"]

__getattr__ = lacking("pygrad")
