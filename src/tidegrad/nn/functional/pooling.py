"""Floor 7. Pooling: the largest or the mean of each window."""

from __future__ import annotations

from typing import Any

import numpy as np

import tidegrad as tg
from tidegrad.ops.windows import peaks, sum_windows

from .conv import Sizes, framed, sizes, with_batch

__all__ = ["adaptive_avg_pool1d", "adaptive_avg_pool2d", "avg_pool1d", "avg_pool2d"]
__all__ += ["max_pool1d", "max_pool2d"]


def max_pool1d(
    input: Any, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0,
    dilation: Sizes = 1, ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """The largest element of each window of (batch, c, n); the first of equals has the gradient.

    Padding never wins.  With `ceil_mode` a window may begin inside and end outside; with
    `return_indices` the places of the winners on the last axis are a second result.

    >>> tg.nn.functional.max_pool1d(tg.tensor([[1.0, 3.0, 2.0, 4.0]]), 2).tolist()
    [[3.0, 4.0]]
    """
    options = (stride, padding, dilation, ceil_mode)
    return largest(1, input, kernel_size, *options, return_indices)


def max_pool2d(
    input: Any, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0,
    dilation: Sizes = 1, ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """The largest element of each window of (batch, c, h, w); as `max_pool1d`, over two axes.

    >>> tg.nn.functional.max_pool2d(tg.arange(16).reshape(1, 4, 4), 2).tolist()
    [[[5, 7], [13, 15]]]
    """
    options = (stride, padding, dilation, ceil_mode)
    return largest(2, input, kernel_size, *options, return_indices)


def largest(
    axes: int, input: Any, kernel_size: Sizes, stride: Sizes | None, padding: Sizes,
    dilation: Sizes, ceil_mode: bool, return_indices: bool,
) -> Any:  # fmt: skip
    name = f"max_pool{axes}d"
    x, batched = with_batch(name, input, axes)
    layout = Layout(name, x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
    found = peaks(x, **layout.params, dilation=layout.dilation, pads=layout.pads)
    # One gather from all the planes laid end to end: its gradient is a plain count of places.
    planes = np.arange(x.shape[0] * x.shape[1]) * np.prod(x.shape[2:], dtype=np.intp)
    places = found + planes.reshape(*x.shape[:2], *[1] * axes)
    out = tg.take(x.reshape(-1), places)
    if not batched:
        out, found = out[0], found[0]
    return (out, found) if return_indices else out


class Layout:
    """Where the windows of a pooling lie: how large, how far apart, with how much padding."""

    def __init__(
        self, name: str, shape: tuple[int, ...], kernel: Sizes, stride: Sizes | None,
        padding: Sizes, dilation: Sizes, ceil_mode: bool,
    ):  # fmt: skip
        axes = len(shape)
        self.size = sizes(name, kernel, axes, 1)
        self.stride = self.size if stride in (None, ()) else sizes(name, stride, axes, 1)
        self.dilation = sizes(name, dilation, axes, 1)
        self.before = sizes(name, padding, axes)
        self.found = self.pads = ()  # type: tuple
        for k, n in enumerate(shape):
            self._add(name, k, n, ceil_mode)

    def _add(self, name: str, axis: int, n: int, ceil_mode: bool) -> None:
        s, p = self.stride[axis], self.before[axis]
        reach = self.dilation[axis] * (self.size[axis] - 1) + 1
        if 2 * p > self.size[axis]:
            raise ValueError(
                f"{name}: padding {p} is more than half of a size of {self.size[axis]}"
            )
        room = n + 2 * p - reach
        count = (-(-room // s) if ceil_mode else room // s) + 1
        # A window must begin inside the input or the padding before it.
        count -= ceil_mode and (count - 1) * s >= n + p
        if count < 1 or n < 1:
            raise ValueError(
                f"{name}: a window of {reach} does not fit an axis of size {n} with padding {p}"
            )
        self.found += (count,)
        self.pads += ((p, p + max((count - 1) * s - room, 0)),)

    @property
    def params(self) -> dict[str, tuple[int, ...]]:
        return {"size": self.size, "stride": self.stride}

    def shares(self, shape: tuple[int, ...], include: bool) -> Any:
        """How many elements each window has, the padding counted or not."""
        total = np.ones((), np.intp)
        for n, k, s, p, found in zip(
            shape, self.size, self.stride, self.before, self.found, strict=True
        ):
            start = np.arange(found) * s - p
            ends = np.minimum(start + k, n + p if include else n)
            total = total[..., None] * (ends - (start if include else np.maximum(start, 0)))
        return int(total.flat[0]) if (total == total.flat[0]).all() else total


def avg_pool1d(
    input: Any, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0,
    ceil_mode: bool = False, count_include_pad: bool = True,
) -> tg.Tensor:  # fmt: skip
    """The mean of each window of (batch, c, n).

    Zeros of the padding count as elements unless `count_include_pad` is False.

    >>> tg.nn.functional.avg_pool1d(tg.tensor([[1.0, 3.0, 2.0, 4.0]]), 2).tolist()
    [[2.0, 3.0]]
    """
    options = (kernel_size, stride, padding, ceil_mode, count_include_pad, None)
    return averaged(1, input, *options)


def avg_pool2d(
    input: Any, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0,
    ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = None,
) -> tg.Tensor:  # fmt: skip
    """The mean of each window of (batch, c, h, w), or its sum over `divisor_override`.

    >>> tg.nn.functional.avg_pool2d(tg.ones((1, 4, 4)), 2).shape
    (1, 2, 2)
    """
    options = (kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    return averaged(2, input, *options)


def averaged(
    axes: int, input: Any, kernel_size: Sizes, stride: Sizes | None, padding: Sizes,
    ceil_mode: bool, count_include_pad: bool, divisor: int | None,
) -> tg.Tensor:  # fmt: skip
    name = f"avg_pool{axes}d"
    x, batched = with_batch(name, input, axes)
    if divisor == 0:
        raise ValueError(f"{name}: divisor_override is 0; use None for the windows' own sizes")
    layout = Layout(name, x.shape[2:], kernel_size, stride, padding, 1, ceil_mode)
    total = sum_windows(framed(x, layout.pads), **layout.params)
    share = layout.shares(x.shape[2:], count_include_pad) if divisor is None else divisor
    out = total / (share if isinstance(share, int) else share.astype(x.dtype))
    return out if batched else out[0]


def adaptive_avg_pool1d(input: Any, output_size: Sizes) -> tg.Tensor:
    """(batch, c, n) to (batch, c, output_size): means of parts as equal as can be.

    >>> tg.nn.functional.adaptive_avg_pool1d(tg.tensor([[1.0, 3.0, 2.0, 4.0]]), 2).tolist()
    [[2.0, 3.0]]
    """
    return adapted(1, input, output_size)


def adaptive_avg_pool2d(input: Any, output_size: Any) -> tg.Tensor:
    """(batch, c, h, w) to (batch, c, *output_size): means of parts as equal as can be.

    A size of None keeps that of the input.

    >>> tg.nn.functional.adaptive_avg_pool2d(tg.ones((1, 3, 5, 7)), (1, None)).shape
    (1, 3, 1, 7)
    """
    return adapted(2, input, output_size)


def adapted(axes: int, input: Any, output_size: Any) -> tg.Tensor:
    name = f"adaptive_avg_pool{axes}d"
    x, batched = with_batch(name, input, axes)
    given = x.shape[2:]
    wanted = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * axes
    if len(wanted) == axes:
        wanted = [n if m is None else m for n, m in zip(given, wanted, strict=True)]
    if 0 in given:
        raise ValueError(f"{name}: an input of shape {x.shape} has nothing to take means of")
    parts = sizes(name, wanted, axes, 1)
    if all(n % m == 0 for n, m in zip(given, parts, strict=True)):
        size = tuple(n // m for n, m in zip(given, parts, strict=True))
        x = sum_windows(x, size=size, stride=size) / int(np.prod(size))
    else:
        for axis, m in enumerate(parts, 2):
            x = means(x, axis, m)
    return x if batched else x[0]


def means(x: tg.Tensor, axis: int, count: int) -> tg.Tensor:
    """The means of `count` parts of one axis, which may overlap."""
    whole, n = (slice(None),) * axis, x.shape[axis]
    if n == count:
        return x
    parts = [slice(k * n // count, -(-(k + 1) * n // count)) for k in range(count)]
    cells = [tg.mean(x[(*whole, part)], axis=axis, keepdims=True) for part in parts]
    return tg.concat(cells, axis=axis)
