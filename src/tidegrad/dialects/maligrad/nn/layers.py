"""Floor 8. maligrad's layers; initial values are uniform in (-1/2, 1/2), by np.random."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...shared import lacking
from . import functional as F
from .engine import Module, Parameter, Variable

__all__ = ["Conv", "Flatten", "Linear", "Maxpool", "Module", "Parameter", "ReLU", "Sigmoid"]
__all__ += ["Softmax", "Variable"]


class Linear(Module):
    def __init__(self, in_features: int, out_features: int, bias: bool = True):
        super().__init__()
        self.W = uniform(in_features, out_features)
        self.b: Any = uniform(out_features) if bias else 0

    def forward(self, x: Any) -> Variable:
        return x @ self.W + self.b


class ReLU(Module):
    def forward(self, x: Any) -> Variable:
        return F.relu(x)


class Sigmoid(Module):
    def forward(self, x: Any) -> Variable:
        return F.sigmoid(x)


class Softmax(Module):
    def __init__(self, axis: int = -1):
        super().__init__()
        self.axis = axis

    def forward(self, x: Any) -> Variable:
        return F.softmax(x, self.axis)


class Conv(Module):
    """Kernels over (..., in_chan, *places), as many axes as `ker_shape` has; no padding.

    Stride and dilation are of the places alone; there, they were of batch and channels too.
    """

    def __init__(
        self,
        in_chan: int,
        out_chan: int,
        ker_shape: tuple,
        stride: F.Steps = 1,
        dilation: F.Steps = 1,
        bias: bool = True,
    ):
        super().__init__()
        self.ker = uniform(out_chan, in_chan, *ker_shape)
        self.b: Any = uniform(out_chan, *(1 for _ in ker_shape)) if bias else 0
        self.stride, self.dilation, self.dim = stride, dilation, len(ker_shape) + 1

    def forward(self, x: Any) -> Variable:
        x, channels = Variable.ensure(x), self.ker.shape[1]
        if x.ndim < self.dim or x.shape[-self.dim] != channels:
            raise ValueError(
                f"Conv: takes {channels} channels on axis {-self.dim}, and got shape {x.shape}"
            )
        out = F.conv(x, self.ker, self.dim, self.stride, self.dilation)
        return out.squeeze(-self.dim) + self.b


class Maxpool(Module):
    """The maximum of each window over the last axes, windows side by side unless `stride` says."""

    def __init__(self, ker_shape: tuple, stride: F.Steps | None = None, dilation: F.Steps = 1):
        super().__init__()
        self.ker_shape, self.dilation = ker_shape, dilation
        self.stride = ker_shape if stride is None else stride

    def forward(self, x: Any) -> Variable:
        return F.maxpool(x, self.ker_shape, self.stride, self.dilation)


class Flatten(Module):
    """The last `n` axes as one."""

    def __init__(self, n: int):
        super().__init__()
        self.n = n

    def forward(self, x: Any) -> Any:
        return x.reshape(*x.shape[: -self.n], -1)


def uniform(*shape: int) -> Parameter:
    return Parameter(np.random.rand(*shape) - 0.5)


__getattr__ = lacking("maligrad")
