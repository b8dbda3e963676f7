"""Floor 8. picograd: the names of two engines that are called so, which do not collide.

One has `tensor`, whose `reverse()` flows gradients back (modules `pico` and `NN`); the other has
`Value`, and `Tensor` that computes on all cores (modules `engine` and `nn`).
"""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ..shared import lacking
from . import dense as NN
from . import engine, pico
from .engine import *  # noqa: F403 (all of its names are this module's)
from .nn import MLP, Layer, Neuron
from .pico import *  # noqa: F403 (likewise)

# `NN.py` and `nn.py` cannot lie in one folder where file names ignore case (macOS, Windows).
sys.modules[f"{__name__}.NN"] = NN

__all__ = ["MLP", "NN", "Any", "Callable", "Layer", "Neuron", "np", "pico"]
__all__ += [name for module in (engine, pico) for name in module.__all__ if name not in __all__]

__getattr__ = lacking("picograd")
