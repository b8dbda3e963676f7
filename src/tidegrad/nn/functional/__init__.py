"""Floor 7. The library's functions: what layers compute, without the layers.

PyTorch's signatures, `dim` being `axis`.  Activations and one_hot are tidegrad's own.
"""
# ruff: noqa: F401, F403

from tidegrad import (
    elu,
    gelu,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    one_hot,
    relu,
    sigmoid,
    silu,
    softmax,
    softplus,
    tanh,
)

from .attention import *
from .classes import *
from .conv import *
from .interpolate import *
from .linear import *
from .losses import *
from .norms import *
from .pooling import *
from .recurrent import *
