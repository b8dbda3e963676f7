"""Floor 8. simplegrad's functions where they differ from NumPy's, of tidegrad's tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tidegrad as tg

__all__ = ["FUNCTIONS", "METHODS"]

NET = tg.nn.functional


def maximum(x: Any, y: Any) -> tg.Tensor:
    """Of equal elements the first has the gradient, so that relu'(0) is 1."""
    return tg.where(tg.greater_equal(x, y) | tg.isnan(x), x, y)


def minimum(x: Any, y: Any) -> tg.Tensor:
    return tg.where(tg.less_equal(x, y) | tg.isnan(x), x, y)


def first(place: Callable[..., tg.Tensor]) -> Callable[..., tg.Tensor]:
    """The extreme over axes that `place` finds; of equal elements the first has the gradient."""

    def extreme(x: tg.Tensor, axis: Any = None, out: None = None, keepdims: bool = False):
        if out is not None:
            raise TypeError("max and min: out= is not supported on Tensors; results are new")
        shape = np.lib.stride_tricks.as_strided(np.empty(1), x.shape, (0,) * x.ndim)
        folded = np.any(shape, axis=axis, keepdims=True).shape
        axes = tuple(range(x.ndim)) if axis is None else np.atleast_1d(axis)
        axes = tuple(sorted(int(a) % x.ndim for a in axes))
        rest = tuple(n for a, n in enumerate(x.shape) if a not in axes)
        lines = tg.moveaxis(x, axes, tuple(range(-len(axes), 0))).reshape(*rest, -1)
        found = tg.take_along_axis(lines, place(lines, -1, keepdims=True), -1)
        return found.reshape(folded if keepdims else rest)

    return extreme


def mean(x: tg.Tensor, axis: Any = None) -> tg.Tensor:
    """Over all axes unless said otherwise; the axes stay, as size 1."""
    return tg.mean(x, axis, keepdims=True)


def layer_norm(x: tg.Tensor, axes: Any, weight: Any, bias: Any, eps: float = 1e-5) -> tg.Tensor:
    away = x - tg.mean(x, axes, keepdims=True)
    return away / tg.sqrt(tg.var(x, axes, keepdims=True) + eps) * weight + bias


def einsum(x: tg.Tensor, subscripts: str, *operands: Any) -> tg.Tensor:
    """NumPy's, the Tensor it is called on first among the operands."""
    return tg.einsum(subscripts, x, *operands)


def window_view(x: tg.Tensor, kernel_size: Any = (2, 2), stride: Any = 1) -> tg.Tensor:
    """Windows along the last axes, `stride` apart: (..., *windows, *kernel_size)."""
    kernel = tuple(kernel_size)
    windows = tg.sliding_window_view(x, kernel, tuple(range(-len(kernel), 0)))
    steps = np.broadcast_to(stride, len(kernel)).tolist()
    if min(steps) < 1:
        raise ValueError(f"window_view: a stride is 1 or more, not {stride}")
    inner = [slice(None)] * len(kernel)
    return windows[(..., *(slice(None, None, s) for s in steps), *inner)]


def conv2d(x: tg.Tensor, w: Any, padding: Any = 0, stride: Any = 1) -> tg.Tensor:
    return NET.conv2d(x, w, padding=padding, stride=stride)


def maxpool2d(
    x: tg.Tensor, kernel_size: Any = (3, 3), padding: Any = 0, stride: Any = 1
) -> tg.Tensor:
    return NET.max_pool2d(x, kernel_size, stride, padding)


def as_strided(x: tg.Tensor, shape: Any, strides: Any, own: Any) -> tg.Tensor:
    """Elements by strides in bytes, as `own`, an array like `x`, lies in memory.

    A place outside of the array, or between its elements, is an error.
    """
    places = offsets(own.shape, own.strides)
    order = np.argsort(places, kind="stable")
    wanted = offsets(shape, strides)
    found = np.searchsorted(places, wanted, sorter=order)
    inside = places[order[np.minimum(found, places.size - 1)]] == wanted if places.size else False
    if not np.all(inside):
        raise ValueError(
            f"as_strided: shape {tuple(shape)} with strides {tuple(strides)} bytes leaves an array "
            f"of shape {own.shape} with strides {own.strides}"
        )
    return tg.take(x.reshape(-1), order[found], 0).reshape(tuple(shape))


def offsets(shape: Any, strides: Any) -> np.ndarray:
    """How many bytes from the first element each one lies, in one axis."""
    axes = [np.arange(n) * s for n, s in zip(shape, strides, strict=True)]
    return np.asarray(sum(np.ix_(*axes))).ravel() if axes else np.zeros(1, np.intp)


# What NumPy's own functions do to Tensors, where it is not the same.
FUNCTIONS = {np.maximum: maximum, np.minimum: minimum, np.max: first(tg.argmax)}
FUNCTIONS |= {np.amax: FUNCTIONS[np.max], np.min: first(tg.argmin)}
FUNCTIONS |= {np.amin: FUNCTIONS[np.min]}

METHODS: dict[str, Callable[..., tg.Tensor]] = {
    "conv2d": conv2d,
    "div": lambda self, x: tg.divide(self, x),
    "einsum": einsum,
    "layer_norm": layer_norm,
    "logsoftmax": tg.log_softmax,
    "maxpool2d": maxpool2d,
    "mean": mean,
    "relu": lambda self: maximum(self, 0),
    "sigmoid": tg.sigmoid,
    "softmax": tg.softmax,
    "sub": lambda self, x: tg.subtract(self, x),
    "tanh": tg.tanh,
    "window_view": window_view,
}
