"""Floor 7. Neural networks: modules, layers, losses and initial values.

PyTorch's names and shapes, so that its weights load; `dim` is `axis`.  Functions are in
`nn.functional`, and here under their own names too.
"""
# ruff: noqa: F401, F403

from . import functional, init
from .containers import *
from .functional import *
from .layers import *
from .module import Module
from .tree import Parameter
