"""Floor 7. Pooling: the largest or the mean of each window."""

from __future__ import annotations

from typing import Any

import numpy as np

import tidegrad as tg
from tidegrad.ops.windows import window

from .conv import Sizes, framed, sizes, with_batch

__all__ = ["adaptive_avg_pool1d", "adaptive_avg_pool2d", "avg_pool1d", "avg_pool2d"]
__all__ += ["max_pool1d", "max_pool2d"]


def max_pool1d(
    input: Any, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0,
    dilation: Sizes = 1, ceil_mode: bool = False,
) -> tg.Tensor:  # fmt: skip
    """The largest element of each window of (batch, c, n); the first of equals has the gradient.

    >>> tg.nn.functional.max_pool1d(tg.tensor([[1.0, 3.0, 2.0, 4.0]]), 2).tolist()
    [[3.0, 4.0]]
    """
    return largest("max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool2d(
    input: Any, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0,
    dilation: Sizes = 1, ceil_mode: bool = False,
) -> tg.Tensor:  # fmt: skip
    """The largest element of each window of (batch, c, h, w); the first of equals counts."""
    return largest("max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode)


def largest(
    name: str, axes: int, input: Any, kernel_size: Sizes, stride: Sizes | None, padding: Sizes,
    dilation: Sizes, ceil_mode: bool,
) -> tg.Tensor:  # fmt: skip
    x, batched = with_batch(name, tg.asarray(input), axes)
    layout = Layout(name, x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
    wide = framed(x, layout.pads, -np.inf)
    head, lines = wide.shape[:2], wide.shape[2:]
    seen = window(tg.stop_gradient(wide), **layout.params)
    first = tg.argmax(seen.reshape(*head, *layout.found, layout.count), axis=-1)
    places = tg.take(tg.asarray(layout.inside(lines)), first) + tg.asarray(layout.starts(lines))
    planes = wide.reshape(*head, int(np.prod(lines)))
    chosen = tg.take_along_axis(planes, places.reshape(*head, int(np.prod(layout.found))), -1)
    out = chosen.reshape(*head, *layout.found)
    return out if batched else out[0]


class Layout:
    """Where the windows of a pooling lie: how many, how far apart, with how much padding."""

    def __init__(
        self, name: str, shape: tuple[int, ...], kernel: Sizes, stride: Sizes | None,
        padding: Sizes, dilation: Sizes, ceil_mode: bool,
    ):  # fmt: skip
        axes = len(shape)
        self.size = sizes(name, kernel, axes)
        self.stride = self.size if stride is None else sizes(name, stride, axes)
        self.dilation = sizes(name, dilation, axes)
        self.before = sizes(name, padding, axes)
        if any(2 * p > k for p, k in zip(self.before, self.size, strict=True)):
            raise ValueError(f"{name}: padding {self.before} is over half the window {self.size}")
        self.found, self.pads = (), []
        for n, k, s, d, p in zip(
            shape, self.size, self.stride, self.dilation, self.before, strict=True
        ):
            reach = d * (k - 1) + 1
            room = n + 2 * p - reach
            if room < 0:
                raise ValueError(f"{name}: a window of {reach} does not fit into size {n + 2 * p}")
            count = (-(-room // s) if ceil_mode else room // s) + 1
            # A window must begin inside the input or the padding before it.
            count -= ceil_mode and (count - 1) * s >= n + p
            self.found += (count,)
            self.pads.append((p, p + max((count - 1) * s - room, 0)))
        self.count = int(np.prod(self.size))

    @property
    def params(self) -> dict[str, tuple[int, ...]]:
        return {"size": self.size, "stride": self.stride, "dilation": self.dilation}

    def inside(self, lines: tuple[int, ...]) -> np.ndarray:
        """The distance from a window's first element to each of its elements, planes laid flat."""
        return self.flat(lines, self.size, self.dilation).ravel()

    def starts(self, lines: tuple[int, ...]) -> np.ndarray:
        """The place of each window's first element, planes laid flat."""
        return self.flat(lines, self.found, self.stride)

    @staticmethod
    def flat(lines: tuple[int, ...], count: tuple[int, ...], step: tuple[int, ...]) -> np.ndarray:
        places = np.zeros(1, np.intp)
        for n, k, s in zip(lines, count, step, strict=True):
            places = places[..., None] * n + np.arange(k) * s
        return places[0]

    def shares(self, shape: tuple[int, ...], include: bool) -> np.ndarray:
        """How many elements each window has, the padding counted or not."""
        total = np.ones(())
        for n, k, s, p, found in zip(
            shape, self.size, self.stride, self.before, self.found, strict=True
        ):
            start = np.arange(found) * s - p
            ends = np.minimum(start + k, n + p if include else n)
            total = total[..., None] * (ends - (start if include else np.maximum(start, 0)))
        return total


def avg_pool1d(
    input: Any, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0,
    ceil_mode: bool = False, count_include_pad: bool = True,
) -> tg.Tensor:  # fmt: skip
    """The mean of each window of (batch, c, n)."""
    options = (kernel_size, stride, padding, ceil_mode, count_include_pad, None)
    return averaged("avg_pool1d", 1, input, *options)


def avg_pool2d(
    input: Any, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0,
    ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = None,
) -> tg.Tensor:  # fmt: skip
    """The mean of each window of (batch, c, h, w), or its sum over `divisor_override`.

    >>> tg.nn.functional.avg_pool2d(tg.ones((1, 4, 4)), 2).shape
    (1, 2, 2)
    """
    options = (kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    return averaged("avg_pool2d", 2, input, *options)


def averaged(
    name: str, axes: int, input: Any, kernel_size: Sizes, stride: Sizes | None, padding: Sizes,
    ceil_mode: bool, count_include_pad: bool, divisor: int | None,
) -> tg.Tensor:  # fmt: skip
    x, batched = with_batch(name, tg.asarray(input), axes)
    layout = Layout(name, x.shape[2:], kernel_size, stride, padding, 1, ceil_mode)
    seen = window(framed(x, layout.pads), **layout.params)
    total = tg.sum(seen, axis=tuple(range(-axes, 0)))
    share = layout.shares(x.shape[2:], count_include_pad) if divisor is None else np.array(divisor)
    out = total / tg.asarray(share.astype(x.dtype))
    return out if batched else out[0]


def adaptive_avg_pool1d(input: Any, output_size: Sizes) -> tg.Tensor:
    """(batch, c, n) to (batch, c, output_size): means of parts as equal as can be."""
    return adapted("adaptive_avg_pool1d", 1, input, output_size)


def adaptive_avg_pool2d(input: Any, output_size: Any) -> tg.Tensor:
    """(batch, c, h, w) to (batch, c, *output_size): means of parts as equal as can be.

    A size of None keeps that of the input.

    >>> tg.nn.functional.adaptive_avg_pool2d(tg.ones((1, 3, 5, 7)), (1, None)).shape
    (1, 3, 1, 7)
    """
    return adapted("adaptive_avg_pool2d", 2, input, output_size)


def adapted(name: str, axes: int, input: Any, output_size: Any) -> tg.Tensor:
    x, batched = with_batch(name, tg.asarray(input), axes)
    wanted = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * axes
    given = x.shape[2:]
    filled = [n if m is None else m for n, m in zip(given, wanted, strict=True)]
    for n, m in zip(given, sizes(name, filled, axes), strict=True):
        # A mean over each part is a matrix, applied to each axis in turn.
        k = np.arange(m)[:, None]
        places = np.arange(n)
        part = (places >= k * n // m) & (places < -(-(k + 1) * n // m))
        share = (part / np.maximum(part.sum(1, keepdims=True), 1)).astype(x.dtype)
        x = tg.einsum("bcn...,mn->bc...m", x, share)
    return x if batched else x[0]
