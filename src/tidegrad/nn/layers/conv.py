"""Floor 7. Convolutions as layers, and their transposes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import functional as F
from ..functional.conv import paddings, sizes
from .linear import Weighted

__all__ = ["Conv1d", "Conv2d", "ConvTranspose1d", "ConvTranspose2d"]


class Conv(Weighted):
    """A cross-correlation of channels with a trained window: numbers, or one for each axis."""

    function: Callable[..., Any]
    axes = 1
    transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        groups: int = 1,
        bias: bool = True,
        dtype=None,
    ):
        name = type(self).__name__
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{name}: {groups} groups must divide in_channels {in_channels} "
                f"and out_channels {out_channels}"
            )
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride = kernel_size, stride
        self.padding, self.dilation = padding, dilation
        rows, columns = (out_channels, in_channels)[:: -1 if self.transposed else 1]
        window, *steps = (sizes(name, n, self.axes, 1) for n in (kernel_size, stride, dilation))
        paddings(name, padding, window, *steps)
        self._make((rows, columns // groups, *window), out_channels if bias else None, dtype)

    def forward(self, input):
        options = (self.stride, self.padding, self.dilation, self.groups)
        return self.function(input, self.weight, self.bias, *options)


class Transposed(Conv):
    """The gradient of a convolution as an operation of its own: it makes larger."""

    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size,
        stride=1,
        padding=0,
        output_padding=0,
        groups: int = 1,
        bias: bool = True,
        dilation=1,
        dtype=None,
    ):
        self.output_padding = output_padding
        options = (stride, padding, dilation, groups, bias, dtype)
        super().__init__(in_channels, out_channels, kernel_size, *options)

    def forward(self, input):
        options = (self.stride, self.padding, self.output_padding, self.groups, self.dilation)
        return self.function(input, self.weight, self.bias, *options)


class Conv1d(Conv):
    """(N, in, L) to (N, out, L'); weight (out, in / groups, k).

    `padding` is numbers, "same" or "valid".

    >>> tg.nn.Conv1d(2, 4, 3, padding="same")(tg.ones((5, 2, 8))).shape
    (5, 4, 8)
    """

    function = staticmethod(F.conv1d)


class Conv2d(Conv):
    """(N, in, H, W) to (N, out, H', W'); weight (out, in / groups, kh, kw); as `Conv1d`."""

    function, axes = staticmethod(F.conv2d), 2


class ConvTranspose1d(Transposed):
    """(N, in, L) to (N, out, L'); weight (in, out / groups, k)."""

    function = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(Transposed):
    """(N, in, H, W) to (N, out, H', W'); weight (in, out / groups, kh, kw)."""

    function, axes = staticmethod(F.conv_transpose2d), 2
