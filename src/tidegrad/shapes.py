"""Floor 0. Shapes and axes: what broadcasts, which axis is meant, and the words for when not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from math import prod
from operator import index
from typing import Any

from .errors import AxisError, ShapeError

__all__ = ["Shape", "broadcast", "broadcast_axes", "canonical_axes", "canonical_axis", "reduced"]
__all__ += ["inverse", "resolved", "several", "size_of"]

Shape = tuple[int, ...]

ALL = tuple(tuple(range(ndim)) for ndim in range(65))  # every axis; NumPy has at most 64


def size_of(shape: Shape) -> int:
    """How many elements an array of this shape has."""
    return prod(shape)


def broadcast(operation: str, *shapes: Shape) -> Shape:
    """The common shape of `shapes` by NumPy's rule; an error names the first axis that differs."""
    ndim = max(map(len, shapes), default=0)
    result = []
    for axis in range(-ndim, 0):
        sizes = [shape[axis] for shape in shapes if -axis <= len(shape)]
        wide = {n for n in sizes if n != 1}
        if len(wide) > 1:
            raise ShapeError(
                f"{operation}: shapes {listed(shapes)} do not broadcast; "
                f"axis {axis} has sizes {listed(sizes)}"
            )
        result.append(wide.pop() if wide else 1)
    return tuple(result)


def broadcast_axes(shape: Shape, wide: Shape) -> tuple[Shape, Shape]:
    """The axes of `wide` along which `shape` was spread: the added ones and those of size 1."""
    added = len(wide) - len(shape)
    spread = (i for i, n in enumerate(shape, added) if n == 1 and wide[i] != 1)
    return tuple(range(added)), tuple(spread)


def canonical_axis(axis: int, ndim: int, operation: str) -> int:
    """`axis` counted from the front."""
    try:
        position = index(axis)
    except TypeError:
        raise TypeError(f"{operation}: an axis is an integer, not {axis!r}") from None
    if not -ndim <= position < ndim:
        raise AxisError(
            f"{operation}: axis {position} is out of range for {ndim} dimensions; "
            + (f"use {-ndim} to {ndim - 1}" if ndim else "a 0-d tensor has no axes")
        )
    return position % ndim


def canonical_axes(axis: int | Iterable[int] | None, ndim: int, operation: str) -> Shape:
    """One form for what users write: None is every axis, the result is sorted and unique."""
    if axis is None:
        return ALL[ndim]
    if type(axis) is int and -ndim <= axis < ndim:
        return (axis % ndim,)
    axes = tuple(sorted(canonical_axis(a, ndim, operation) for a in several(axis)))
    if len(set(axes)) != len(axes):
        raise AxisError(f"{operation}: axis {axis} names the same axis twice")
    return axes


def reduced(shape: Shape, axes: Shape, keepdims: bool) -> Shape:
    """The shape that is left when `axes` are folded."""
    if keepdims:
        return tuple(1 if i in axes else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in axes)


@cache
def inverse(axes: Shape) -> Shape:
    """The permutation that undoes `axes`."""
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


def resolved(shape: int | Sequence[int], size: int, operation: str) -> Shape:
    """`shape` with its one -1 replaced, checked to hold exactly `size` elements."""
    sizes = several(shape)
    try:
        wanted = [index(n) for n in sizes]
    except TypeError:
        raise TypeError(f"{operation}: a shape is made of integers, not {shape!r}") from None
    if wanted.count(-1) == 1:
        known = -prod(wanted)
        if known > 0 and size % known == 0:
            wanted[wanted.index(-1)] = size // known
    if prod(wanted) != size or (wanted and min(wanted) < 0):
        raise ShapeError(
            f"{operation}: {size} elements do not fill shape {tuple(sizes)}; "
            "at most one size may be -1, and the product must match"
        )
    return tuple(wanted)


def several(x: Any) -> Sequence[Any]:
    """A list or tuple as it is, a single thing as a tuple of one."""
    return x if isinstance(x, (tuple, list)) else (x,)


def listed(items: Iterable[object]) -> str:
    """`a, b and c`."""
    words = [str(item) for item in items]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
