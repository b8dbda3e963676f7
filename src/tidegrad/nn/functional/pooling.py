"""Floor 7. Pooling: the largest or the mean of each window."""

from __future__ import annotations

import numpy as np

import tidegrad as tg
from tidegrad.ops.windows import peaks, sum_windows

from .conv import framed, one_and_two, sizes, with_batch

__all__ = ["adaptive_avg_pool1d", "adaptive_avg_pool2d", "avg_pool1d", "avg_pool2d"]
__all__ += ["max_pool1d", "max_pool2d"]


def max_pool(
    axes,
    input,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode=False,
    return_indices=False,
):
    """The largest element of each window of (batch, c, *sizes); the first of equals has the slope.

    Padding never wins.  With `ceil_mode` a window may begin inside and end outside; with
    `return_indices` the places of the winners in their plane are a second result.

    >>> tg.nn.functional.max_pool1d(tg.tensor([[1.0, 3.0, 2.0, 4.0]]), 2).tolist()
    [[3.0, 4.0]]
    """
    name = f"max_pool{axes}d"
    x, batched = with_batch(name, input, axes)
    layout = Layout(name, x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
    found = peaks(x, **layout.params, dilation=layout.dilation, pads=layout.pads)
    # One gather from all the planes laid end to end: its gradient is a plain count of places.
    planes = np.arange(x.shape[0] * x.shape[1]) * np.prod(x.shape[2:], dtype=np.intp)
    places = found + planes.reshape(*x.shape[:2], *[1] * axes)
    out = tg.take(x.reshape(-1), places, axis=0)
    if not batched:
        out, found = out[0], found[0]
    return (out, found) if return_indices else out


max_pool1d, max_pool2d = one_and_two(max_pool)


class Layout:
    """Where the windows of a pooling lie: how large, how far apart, with how much padding."""

    def __init__(self, name, shape, kernel, stride, padding, dilation, ceil_mode):
        axes = len(shape)
        self.size = sizes(name, kernel, axes, 1)
        self.stride = self.size if stride in (None, ()) else sizes(name, stride, axes, 1)
        self.dilation = sizes(name, dilation, axes, 1)
        self.before = sizes(name, padding, axes)
        self.params = {"size": self.size, "stride": self.stride}
        self.found, self.pads = [], []
        each = zip(shape, self.size, self.stride, self.dilation, self.before, strict=True)
        for n, k, s, d, p in each:
            reach = d * (k - 1) + 1
            room = n + 2 * p - reach
            count = (-(-room // s) if ceil_mode else room // s) + 1
            # A window must begin inside the input or the padding before it.
            count -= ceil_mode and (count - 1) * s >= n + p
            if 2 * p > k:
                raise ValueError(f"{name}: padding {p} is more than half of a size of {k}")
            if count < 1 or n < 1:
                raise ValueError(
                    f"{name}: a window of {reach} does not fit an axis of size {n} with padding {p}"
                )
            self.found.append(count)
            self.pads.append((p, p + max((count - 1) * s - room, 0)))

    def shares(self, shape: tuple[int, ...], include: bool):
        """How many elements each window has, the padding counted or not."""
        total = np.ones((), np.intp)
        for n, k, s, p, found in zip(
            shape, self.size, self.stride, self.before, self.found, strict=True
        ):
            start = np.arange(found) * s - p
            ends = np.minimum(start + k, n + p if include else n)
            total = total[..., None] * (ends - (start if include else np.maximum(start, 0)))
        return total if np.ptp(total) else int(total.flat[0])


def avg_pool(
    axes,
    input,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """The mean of each window of (batch, c, *sizes), or its sum over `divisor_override`.

    Zeros of the padding count as elements unless `count_include_pad` is False.

    >>> tg.nn.functional.avg_pool1d(tg.tensor([[1.0, 3.0, 2.0, 4.0]]), 2).tolist()
    [[2.0, 3.0]]
    """
    name = f"avg_pool{axes}d"
    x, batched = with_batch(name, input, axes)
    if divisor_override == 0:
        raise ValueError(f"{name}: divisor_override is 0; use None for the windows' own sizes")
    layout = Layout(name, x.shape[2:], kernel_size, stride, padding, 1, ceil_mode)
    total = sum_windows(framed(x, layout.pads), **layout.params)
    share = divisor_override or layout.shares(x.shape[2:], count_include_pad)
    out = total / (share if isinstance(share, int) else share.astype(x.dtype))
    return out if batched else out[0]


avg_pool1d, avg_pool2d = one_and_two(avg_pool)


def adaptive_avg_pool(axes, input, output_size):
    """(batch, c, *sizes) to (batch, c, *output_size): means of parts as equal as can be.

    A size of None keeps that of the input.

    >>> tg.nn.functional.adaptive_avg_pool2d(tg.ones((1, 3, 5, 7)), (1, None)).shape
    (1, 3, 1, 7)
    """
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


adaptive_avg_pool1d, adaptive_avg_pool2d = one_and_two(adaptive_avg_pool)


def means(x, axis, count):
    """The means of `count` parts of one axis, which may overlap."""
    whole, n = (slice(None),) * axis, x.shape[axis]
    if n == count:
        return x
    parts = [slice(k * n // count, -(-(k + 1) * n // count)) for k in range(count)]
    cells = [tg.mean(x[(*whole, part)], axis=axis, keepdims=True) for part in parts]
    return tg.concat(cells, axis=axis)
