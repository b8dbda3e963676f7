"""Floor 7. tidegrad: a differentiable tensor, its transforms and its libraries.

>>> x = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
tensor([2., 4., 6.])
"""
# ruff: noqa: F401

import builtins
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

from . import autodiff, errors, linalg, methods, protocols, trees
from .core import Tensor
from .dtypes import DTYPES, default_dtype, set_default_dtype
from .linearize import hessian, hvp, jacobian, jvp, vjp
from .namespace import PUBLIC
from .ops import random
from .recording import enable_grad, is_grad_enabled, no_grad
from .transforms import grad, value_and_grad

__version__ = "0.1.0"

globals().update(PUBLIC)
globals().update(DTYPES)

# Loaded at first use, so that `import tidegrad` costs little more than NumPy.
LIBRARIES = ("backends", "data", "io", "nn", "optim", "training", "viz")
FUNCTIONS = {
    "check_grads": "check",
    "checkpoint": "recompute",
    "cond": "jit.control",
    "custom_vjp": "custom",
    "detect_anomaly": "anomaly",
    "draw": "viz",
    "expression": "source",
    "get_num_threads": "jit.native.threads",
    "is_deterministic": "jit.settings",
    "jit": "jit.function",
    "load": "io",
    "optimize": "jit.taped",
    "save": "io",
    "scan": "jit.control",
    "set_deterministic": "jit.settings",
    "set_num_threads": "jit.native.threads",
    "while_loop": "jit.control",
    "whole_tape": "source",
}


def __getattr__(name: str) -> Any:
    if name in LIBRARIES:
        return import_module(f"{__name__}.{name}")
    if name in FUNCTIONS:
        return getattr(import_module(f"{__name__}.{FUNCTIONS[name]}"), name)
    raise AttributeError(f"tidegrad has no {name!r}")


class Package(ModuleType):
    """The package: of the folder `jit` and the function in it, the function is its attribute."""

    @property
    def jit(self) -> Any:
        return __getattr__("jit")

    @jit.setter
    def jit(self, module: ModuleType) -> None:
        """What the import system would put there."""


sys.modules[__name__].__class__ = Package


def __dir__() -> list[str]:
    return sorted({*globals(), *LIBRARIES, *FUNCTIONS})


# A star import brings what is ours, and shadows no builtin.
OTHERS = {*vars(builtins), "Any", "ModuleType", "Package", "builtins", "import_module", "sys"}
__all__ = [name for name in __dir__() if not name.startswith("_") and name not in OTHERS]
