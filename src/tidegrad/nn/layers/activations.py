"""Floor 7. Activations as layers: a function each, with its options as attributes."""

from __future__ import annotations

from typing import Any

import tidegrad as tg

from .. import functional as F
from ..module import Module
from ..tree import Parameter

__all__ = ["ELU", "GELU", "GLU", "SELU", "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU"]
__all__ += ["LogSigmoid", "LogSoftmax", "Mish", "PReLU", "ReLU", "ReLU6", "SiLU", "Sigmoid"]
__all__ += ["Softmax", "Softmin", "Softplus", "Softsign", "Tanh"]


class Activation(Module):
    """The function `function` of `nn.functional`, called with this module's `options`."""

    function = ""
    options: tuple[str, ...] = ()

    def forward(self, input: Any) -> tg.Tensor:
        """The function of `input`."""
        options = {name: vars(self)[name] for name in self.options}
        return getattr(F, self.function)(input, **options)

    def extra_repr(self) -> str:
        """The options."""
        return ", ".join(f"{name}={vars(self)[name]!r}" for name in self.options)


class ReLU(Activation):
    """x where positive, else 0.

    >>> tg.nn.ReLU()(tg.tensor([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """

    function = "relu"


class ReLU6(Activation):
    """relu cut off at 6."""

    function = "relu6"


class SELU(Activation):
    """A scaled elu that keeps mean 0 and variance 1 (Klambauer et al., 2017)."""

    function = "selu"


class SiLU(Activation):
    """x * sigmoid(x), also called swish (Elfwing et al., 2017)."""

    function = "silu"


class Mish(Activation):
    """x * tanh(softplus(x)) (Misra, 2019)."""

    function = "mish"


class Sigmoid(Activation):
    """1 / (1 + exp(-x))."""

    function = "sigmoid"


class LogSigmoid(Activation):
    """log(sigmoid(x)), stable for any x."""

    function = "logsigmoid"


class Hardsigmoid(Activation):
    """relu6(x + 3) / 6."""

    function = "hardsigmoid"


class Hardswish(Activation):
    """x * hardsigmoid(x) (Howard et al., 2019)."""

    function = "hardswish"


class Tanh(Activation):
    """The hyperbolic tangent."""

    function = "tanh"


class Softsign(Activation):
    """x / (1 + abs(x))."""

    function = "softsign"


class LeakyReLU(Activation):
    """x where positive, else `negative_slope * x`.

    >>> tg.nn.LeakyReLU(0.5)(tg.tensor([-1.0, 2.0])).tolist()
    [-0.5, 2.0]
    """

    function, options = "leaky_relu", ("negative_slope",)

    def __init__(self, negative_slope: float = 0.01):
        self.negative_slope = negative_slope


class ELU(Activation):
    """x where positive, else `alpha * (exp(x) - 1)` (Clevert et al., 2016)."""

    function, options = "elu", ("alpha",)

    def __init__(self, alpha: float = 1.0):
        self.alpha = alpha


class GELU(Activation):
    """x times the normal distribution's CDF, or its approximation by "tanh" (Hendrycks, 2016).

    >>> round(float(tg.nn.GELU("tanh")(tg.tensor(1.0))), 4)
    0.8412
    """

    function, options = "gelu", ("approximate",)

    def __init__(self, approximate: str = "none"):
        self.approximate = approximate


class Softplus(Activation):
    """log(1 + exp(beta x)) / beta."""

    function, options = "softplus", ("beta",)

    def __init__(self, beta: float = 1.0):
        self.beta = beta


class Hardtanh(Activation):
    """The identity between `min_val` and `max_val`, constant beyond."""

    function, options = "hardtanh", ("min_val", "max_val")

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0):
        self.min_val, self.max_val = min_val, max_val


class AlongAxis(Activation):
    """An activation that looks along one axis, by default the last."""

    options = ("axis",)

    def __init__(self, axis: int = -1):
        self.axis = axis


class Softmax(AlongAxis):
    """exp(x) divided by its sum along `axis`.

    >>> tg.nn.Softmax()(tg.tensor([0.0, 0.0])).tolist()
    [0.5, 0.5]
    """

    function = "softmax"


class Softmin(AlongAxis):
    """softmax of -x along `axis`."""

    function = "softmin"


class LogSoftmax(AlongAxis):
    """The logarithm of softmax along `axis`, stable for any x."""

    function = "log_softmax"


class GLU(AlongAxis):
    """The first half along `axis` times the sigmoid of the second (Dauphin et al., 2017)."""

    function = "glu"


class PReLU(Module):
    """x where positive, else x times a trained weight, one or one a channel (He et al., 2015).

    >>> tg.nn.PReLU()(tg.tensor([-4.0, 2.0])).tolist()
    [-1.0, 2.0]
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25, dtype: Any = None):
        self.num_parameters = num_parameters
        self.weight = Parameter(tg.full((num_parameters,), float(init), dtype=dtype))

    def forward(self, input: Any) -> tg.Tensor:
        """The function of `input`."""
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """How many weights."""
        return f"num_parameters={self.num_parameters}"
