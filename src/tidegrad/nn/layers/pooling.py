"""Floor 7. Pooling and resizing as layers: nothing trained, options kept."""

from __future__ import annotations

from typing import Any

import tidegrad as tg

from .. import functional as F
from ..module import Module

__all__ = ["AdaptiveAvgPool2d", "AvgPool1d", "AvgPool2d", "MaxPool1d", "MaxPool2d", "Upsample"]


class Window(Module):
    """The function `function` of `nn.functional`, called with this module's attributes."""

    function = ""

    def forward(self, input: Any) -> tg.Tensor:
        """`input` pooled or resized."""
        return getattr(F, self.function)(input, **self._options())

    def extra_repr(self) -> str:
        """The options."""
        return ", ".join(f"{k}={v}" for k, v in self._options().items() if v is not None)

    def _options(self) -> dict[str, Any]:
        hidden = ("training", "_parameters", "_buffers")
        return {name: value for name, value in vars(self).items() if name not in hidden}


class MaxPool(Window):
    """The largest element in each window; the first of equal ones gets the gradient."""

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
    ):
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.dilation, self.ceil_mode = padding, dilation, ceil_mode


class AvgPool(Window):
    """The mean of each window."""

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ):
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode = padding, ceil_mode
        self.count_include_pad = count_include_pad


class MaxPool1d(MaxPool):
    """The largest element in each window of (N, C, L).

    >>> tg.nn.MaxPool1d(2)(tg.ones((5, 2, 8))).shape
    (5, 2, 4)
    """

    function = "max_pool1d"


class MaxPool2d(MaxPool):
    """The largest element in each window of (N, C, H, W).

    >>> tg.nn.MaxPool2d(2)(tg.ones((5, 2, 8, 8))).shape
    (5, 2, 4, 4)
    """

    function = "max_pool2d"


class AvgPool1d(AvgPool):
    """The mean of each window of (N, C, L).

    >>> tg.nn.AvgPool1d(2)(tg.ones((5, 2, 8))).shape
    (5, 2, 4)
    """

    function = "avg_pool1d"


class AvgPool2d(AvgPool):
    """The mean of each window of (N, C, H, W).

    >>> tg.nn.AvgPool2d(2)(tg.ones((5, 2, 8, 8))).shape
    (5, 2, 4, 4)
    """

    function = "avg_pool2d"


class AdaptiveAvgPool2d(Window):
    """Means over as many windows as make the result (N, C, *output_size).

    >>> tg.nn.AdaptiveAvgPool2d(1)(tg.ones((5, 2, 8, 8))).shape
    (5, 2, 1, 1)
    """

    function = "adaptive_avg_pool2d"

    def __init__(self, output_size: Any):
        self.output_size = output_size


class Upsample(Window):
    """(N, C, H, W) resized to `size` or by `scale_factor`; mode "nearest" or "bilinear".

    >>> tg.nn.Upsample(scale_factor=2)(tg.ones((5, 2, 4, 4))).shape
    (5, 2, 8, 8)
    """

    function = "interpolate"

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
    ):
        self.size, self.scale_factor = size, scale_factor
        self.mode, self.align_corners = mode, align_corners
