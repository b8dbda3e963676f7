"""Floor 7. Convolutions as layers, and their transposes."""

from __future__ import annotations

from math import prod, sqrt
from typing import Any

import tidegrad as tg

from .. import functional as F
from .. import init
from ..module import Module
from ..tree import Parameter

__all__ = ["Conv1d", "Conv2d", "ConvTranspose1d", "ConvTranspose2d"]


class Conv(Module):
    """What the four have in common: channels, a window, weight and bias.

    Initial values are uniform within 1 / sqrt(fan in), as in PyTorch.
    """

    axes = 0
    transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        groups: int,
        bias: bool,
        dtype: Any,
    ):
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{type(self).__name__}: {groups} groups must divide in_channels {in_channels} "
                f"and out_channels {out_channels}"
            )
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride = self._each(kernel_size), self._each(stride)
        self.padding, self.dilation = self._each(padding), self._each(dilation)
        rows, columns = (out_channels, in_channels)[:: -1 if self.transposed else 1]
        shape = (rows, columns // groups, *self.kernel_size)
        self.weight = Parameter(tg.empty(shape, dtype=dtype))
        self.bias = Parameter(tg.empty((out_channels,), dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the initial values anew."""
        init.kaiming_uniform_(self.weight, a=sqrt(5))
        if self.bias is not None:
            init.uniform_bias_(self.bias, prod(self.weight.shape[1:]))

    def extra_repr(self) -> str:
        """The sizes, and the options that are not as usual."""
        usual: dict[str, Any] = {"padding": 0, "output_padding": 0, "dilation": 1}
        line = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        line += f", stride={self.stride}"
        for name, value in usual.items():
            held = vars(self).get(name)
            if held not in (None, self._each(value)):
                line += f", {name}={held!r}"
        line += f", groups={self.groups}" if self.groups != 1 else ""
        return line + (", bias=False" if self.bias is None else "")

    def _each(self, value: Any) -> Any:
        """One number as one an axis."""
        if isinstance(value, str):
            return value
        each = (value,) * self.axes if isinstance(value, int) else tuple(value)
        if len(each) != self.axes:
            raise ValueError(
                f"{type(self).__name__}: {value} must be one number or {self.axes} of them"
            )
        return each

    def _check(self, input: Any) -> None:
        shape = tuple(input.shape)
        channels = shape[-self.axes - 1] if len(shape) > self.axes else None
        if channels != self.in_channels or len(shape) > self.axes + 2:
            raise ValueError(
                f"{self._line()}: expected {self.in_channels} channels on axis {-self.axes - 1} "
                f"of a {self.axes + 1}-d or {self.axes + 2}-d input, but its shape is {shape}"
            )


class Convolution(Conv):
    """A cross-correlation with a trained kernel."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        dtype: Any = None,
    ):
        super().__init__(
            *(in_channels, out_channels, kernel_size, stride, padding, dilation, groups),
            *(bias, dtype),
        )

    def forward(self, input: Any) -> tg.Tensor:
        """`input` convolved; raises ValueError for other axes or channels than expected."""
        self._check(input)
        convolve = getattr(F, f"conv{self.axes}d")
        options = (self.stride, self.padding, self.dilation, self.groups)
        return convolve(input, self.weight, self.bias, *options)


class Transposed(Conv):
    """The gradient of a convolution as an operation of its own: it makes larger."""

    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        dtype: Any = None,
    ):
        super().__init__(
            *(in_channels, out_channels, kernel_size, stride, padding, dilation, groups),
            *(bias, dtype),
        )
        self.output_padding = self._each(output_padding)

    def forward(self, input: Any) -> tg.Tensor:
        """`input` enlarged; raises ValueError for other axes or channels than expected."""
        self._check(input)
        convolve = getattr(F, f"conv_transpose{self.axes}d")
        options = (self.stride, self.padding, self.output_padding, self.groups, self.dilation)
        return convolve(input, self.weight, self.bias, *options)


class Conv1d(Convolution):
    """(N, in, L) to (N, out, L'); weight (out, in / groups, k).

    `padding` is numbers, "same" or "valid".

    >>> tg.nn.Conv1d(2, 4, 3, padding="same")(tg.ones((5, 2, 8))).shape
    (5, 4, 8)
    """

    axes = 1


class Conv2d(Convolution):
    """(N, in, H, W) to (N, out, H', W'); weight (out, in / groups, kh, kw).

    `padding` is numbers, "same" or "valid".

    >>> tg.nn.Conv2d(1, 4, 3, stride=2)(tg.ones((5, 1, 9, 9))).shape
    (5, 4, 4, 4)
    """

    axes = 2


class ConvTranspose1d(Transposed):
    """(N, in, L) to (N, out, L'); weight (in, out / groups, k).

    >>> tg.nn.ConvTranspose1d(2, 4, 2, stride=2)(tg.ones((5, 2, 8))).shape
    (5, 4, 16)
    """

    axes = 1


class ConvTranspose2d(Transposed):
    """(N, in, H, W) to (N, out, H', W'); weight (in, out / groups, kh, kw).

    >>> tg.nn.ConvTranspose2d(2, 4, 2, stride=2)(tg.ones((5, 2, 4, 4))).shape
    (5, 4, 8, 8)
    """

    axes = 2
