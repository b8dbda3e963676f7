"""Floor 3. Movement: reshaping, turning and spreading, where elements move unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import Tensor
from ..errors import ShapeError
from ..kinds import Move, expand, permute
from ..kinds import reshape as reshape_
from ..shapes import broadcast, canonical_axes, canonical_axis, resolved, several
from .creation import lift, size, spread_to

__all__ = [
    "atleast_1d",
    "atleast_2d",
    "broadcast_arrays",
    "broadcast_to",
    "expand_dims",
    "flip",
    "matrix_transpose",
]
__all__ += ["moveaxis", "permute_dims", "ravel", "reshape", "squeeze", "swapaxes", "transpose"]


def cut_shape(x, *, key):
    return np.lib.stride_tricks.as_strided(np.empty(1), x.shape, (0,) * len(x.shape))[key].shape


def _placed(y, *, key, shape):
    out = np.zeros(shape, y.dtype)
    out[key] = y
    return out


# `key` is a basic index in one form: a non-negative int, a slice or None for each axis.
cut = Move(
    "slice",
    lambda x, *, key: x[key],
    cut_shape,
    lambda g, node, i: place(g, key=node.params["key"], shape=node.parents[0].shape),
)

place = Move(
    "place",
    _placed,
    lambda y, *, key, shape: shape,
    lambda g, node, i: cut(g, key=node.params["key"]),
)

flip_ = Move(
    "flip",
    lambda x, *, axes: x[tuple(slice(None, None, -1 if i in axes else 1) for i in range(x.ndim))],
    lambda x, *, axes: x.shape,
    lambda g, node, i: flip_(g, **node.params),
)


def reshape(x: Any, shape: int | Sequence[int]) -> Tensor:
    """The same elements in another shape, one size of which may be -1.

    >>> tg.reshape(tg.arange(6), (2, -1)).shape
    (2, 3)
    """
    x = lift(x, "reshape")
    return reshape_(x, shape=resolved(shape, x.array.size, "reshape"))


def ravel(x: Any) -> Tensor:
    """The elements in one axis."""
    return reshape(x, -1)


def permute_dims(x: Any, axes: Sequence[int]) -> Tensor:
    """The axes in another order: axis `i` of the result is axis `axes[i]` of `x`."""
    x = lift(x, "permute_dims")
    ndim = x.array.ndim
    order = tuple(canonical_axis(a, ndim, "permute_dims") for a in axes)
    if sorted(order) != list(range(ndim)):
        raise ShapeError(f"permute_dims: {tuple(axes)} does not name each of {ndim} axes once")
    return permute(x, axes=order)


def transpose(x: Any, axes: Sequence[int] | None = None) -> Tensor:
    """The axes reversed, or in the order of `axes`."""
    x = lift(x, "transpose")
    return permute_dims(x, range(x.array.ndim)[::-1] if axes is None else axes)


def matrix_transpose(x: Any) -> Tensor:
    """The last two axes swapped."""
    x = lift(x, "matrix_transpose")
    if x.array.ndim < 2:
        raise ShapeError(f"matrix_transpose: needs two axes or more, not shape {x.array.shape}")
    return swapaxes(x, -1, -2)


def swapaxes(x: Any, axis1: int, axis2: int) -> Tensor:
    """Two axes swapped."""
    x = lift(x, "swapaxes")
    order = list(range(x.array.ndim))
    a, b = (canonical_axis(n, x.array.ndim, "swapaxes") for n in (axis1, axis2))
    order[a], order[b] = b, a
    return permute(x, axes=tuple(order))


def moveaxis(x: Any, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """Axes `source` moved to `destination`, the others in their order."""
    x = lift(x, "moveaxis")
    ends = []
    for axes in (source, destination):
        ends.append([canonical_axis(a, x.array.ndim, "moveaxis") for a in several(axes)])
    if len(ends[0]) != len(ends[1]) or any(len(set(axes)) != len(axes) for axes in ends):
        raise ShapeError(
            f"moveaxis: {source} and {destination} do not name as many axes, once each"
        )
    order = [a for a in range(x.array.ndim) if a not in ends[0]]
    for to, a in sorted(zip(ends[1], ends[0])):
        order.insert(to, a)
    return permute(x, axes=tuple(order))


def expand_dims(x: Any, axis: int | Sequence[int] = 0) -> Tensor:
    """New axes of size 1 at the places that `axis` names in the result."""
    x = lift(x, "expand_dims")
    ndim = x.array.ndim + len(several(axis))
    axes = canonical_axes(axis, ndim, "expand_dims")
    sizes = iter(x.array.shape)
    shape = tuple(1 if i in axes else next(sizes) for i in range(ndim))
    return reshape_(x, shape=shape)


def squeeze(x: Any, axis: int | Sequence[int] | None = None) -> Tensor:
    """Without axes of size 1: those named, or all of them."""
    x = lift(x, "squeeze")
    shape = x.array.shape
    if axis is None:
        return reshape_(x, shape=tuple(n for n in shape if n != 1))
    axes = canonical_axes(axis, len(shape), "squeeze")
    for a in axes:
        if shape[a] != 1:
            raise ShapeError(f"squeeze: axis {a} of shape {shape} has size {shape[a]}, not 1")
    return reshape_(x, shape=tuple(n for i, n in enumerate(shape) if i not in axes))


def atleast_1d(x: Any) -> Tensor:
    """`x`, a number as one element of an axis."""
    x = lift(x, "atleast_1d")
    return x if x.array.ndim else reshape_(x, shape=(1,))


def atleast_2d(x: Any) -> Tensor:
    """`x`, a number or vector as a row."""
    x = lift(x, "atleast_2d")
    return x if x.array.ndim > 1 else reshape_(x, shape=(1, x.array.size))


def broadcast_to(x: Any, shape: int | Sequence[int]) -> Tensor:
    """`x` repeated along new axes and axes of size 1 until it has `shape`."""
    return spread_to(lift(x, "broadcast_to"), size(shape, "broadcast_to"), "broadcast_to")


def broadcast_arrays(*arrays: Any) -> list[Tensor]:
    """All `arrays` broadcast to their common shape."""
    tensors = [lift(a, "broadcast_arrays") for a in arrays]
    shape = broadcast("broadcast_arrays", *(t.array.shape for t in tensors))
    return [expand(t, shape=shape) for t in tensors]


def flip(x: Any, axis: int | Sequence[int] | None = None) -> Tensor:
    """The order of the elements reversed along `axis`, or along every axis."""
    x = lift(x, "flip")
    return flip_(x, axes=canonical_axes(axis, x.array.ndim, "flip"))
