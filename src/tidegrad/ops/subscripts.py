"""Floor 3. Subscripts: what users write in brackets, brought to the primitives of indexing."""

from __future__ import annotations

from re import fullmatch
from typing import Any

import numpy as np
from numpy import ndarray

from ..core import Tensor, bind
from ..dtypes import as_dtype
from ..errors import DTypeError, ShapeError
from ..kinds import cast, expand, reshape, where
from ..recording import elements, is_traced
from ..shapes import Shape, broadcast
from .creation import lift, lift_along, lift_as
from .elementwise import equal
from .indexing import gather, gathered, put, put_at
from .movement import cut, cut_shape, ravel

__all__ = ["masked_fill", "nonzero", "one_hot", "take", "take_along_axis"]

WHOLE = slice(None)
REST = tuple((WHOLE,) * n for n in range(64))


def getitem(x: Tensor, key) -> Tensor:
    """`x[key]`, by NumPy's rules."""
    if type(key) is int:
        shape = x.array.shape
        if shape and -shape[0] <= key < shape[0]:  # rows, which loops go through one by one
            return bind(cut, (x,), {"key": (key % shape[0], *REST[len(shape) - 1])})
    basic, indices, axes = parsed(key, x.array.shape)
    if not axes:
        return cut(x, key=basic)
    if any(part != WHOLE for part in basic):
        x = cut(x, key=basic)
    return gather(x, *indices, axes=axes)


def setitem(x: Tensor, key, value) -> Tensor:
    """The value that `x` has after `x[key] = value`, by NumPy's rules."""
    v = lift_as(value, "assignment", x.array.dtype)
    if type(key) in (Tensor, ndarray) and key.dtype.kind == "b" and key.shape == x.array.shape:
        if v.array.ndim == 0:
            return where(lift(key, "assignment"), v, x)
    basic, indices, axes = parsed(key, x.array.shape)
    if not axes:
        return put(x, fitted(v, cut_shape(x.array, key=basic)), key=basic)
    inner = cut(x, key=basic)
    v = fitted(v, gathered(inner.array, *indices, axes=axes)[0])
    changed = put_at(inner, v, *indices, axes=axes)
    return changed if all(part == WHOLE for part in basic) else put(x, changed, key=basic)


def fitted(v: Tensor, shape: Shape) -> Tensor:
    """`v` spread to the `shape` it is written to; NumPy lets leading axes of size 1 go."""
    own = v.array.shape
    extra = max(len(own) - len(shape), 0)
    if set(own[:extra]) <= {1}:
        own = own[extra:]
        if broadcast("assignment", own, shape) == shape:
            v = v if own == v.array.shape else reshape(v, shape=own)
            return v if own == shape else expand(v, shape=shape)
    raise ShapeError(f"assignment: a value of shape {v.array.shape} does not fit {shape}")


def parsed(key, shape: Shape) -> tuple[tuple, list[Tensor], Shape]:
    """`key` as a basic index, the index arrays, and the axes of the basic result they act on."""
    parts = list(key) if type(key) is tuple else [key]
    if not any(type(part) not in SIMPLE for part in parts):
        return simple(parts, shape), [], ()
    basic: list = []
    indices: list[Tensor] = []
    axes: list[int] = []
    axis = 0
    parts = [opened(part) for part in parts]
    refuse_dots(parts, shape)
    for part in filled(parts, shape):
        if part is None or type(part) is slice:
            basic.append(part if part is None else bounded(part, shape[axis]))
            axis += part is not None
            continue
        places: list[Any]
        if type(part) is bool:
            arrays, places = [Tensor(np.zeros(int(part), np.intp))], [None]
        elif type(part) is int:
            arrays, places = [Tensor(np.array(position(part, axis, shape[axis])))], [WHOLE]
        else:
            arrays = masked(part, shape, axis) if part.array.dtype.kind == "b" else [part]
            places = [WHOLE] * len(arrays)
        axes += range(len(basic), len(basic) + len(arrays))
        axis += len(arrays) if places != [None] else 0
        basic += places
        indices += arrays
    return tuple(basic), indices, tuple(axes)


def refuse_dots(parts: list, shape: Shape) -> None:
    """An ellipsis that stands for no axis would still put the arrays around it first, in NumPy."""
    kinds = ["s" if p is None or type(p) is slice else "." if p is Ellipsis else "a" for p in parts]
    if fullmatch(r"s+a+\.a+s*", "".join(kinds)) and sum(map(width, parts)) == len(shape):
        raise IndexError(
            "index: '...' stands for no axis here, but between index arrays; leave it out"
        )


SIMPLE = (int, slice, type(None), type(Ellipsis))


def simple(parts: list, shape: Shape) -> tuple:
    """A basic index in its one form."""
    found: list = []
    axis = 0
    for part in filled(parts, shape):
        if part is None:
            found.append(None)
            continue
        n = shape[axis]
        found.append(position(part, axis, n) if type(part) is int else bounded(part, n))
        axis += 1
    return tuple(found)


def filled(parts: list, shape: Shape) -> list:
    """`parts` for every axis: the ellipsis written out, slices added at the end."""
    used = sum(map(width, parts))
    missing = len(shape) - used
    dots = [i for i, part in enumerate(parts) if part is Ellipsis]
    if missing < 0:
        raise IndexError(f"index: {used} indices for a tensor of {len(shape)} axes")
    if len(dots) > 1:
        raise IndexError("index: only one ellipsis ('...') may stand in an index")
    at = dots[0] if dots else len(parts)
    return parts[:at] + [WHOLE] * missing + parts[at + 1 :]


def position(i: int, axis: int, n: int) -> int:
    if not -n <= i < n:
        raise IndexError(f"index: {i} is out of range for axis {axis} of size {n}")
    return i % n


def bounded(part: slice, n: int) -> slice:
    """A slice with its bounds worked out; a whole axis stays `:`."""
    start, stop, step = part.indices(n)
    if step > 0:
        return WHOLE if (start, step) == (0, 1) and stop == n else slice(start, stop, step)
    if start < 0:  # before the first element, and going backwards: there is none
        return slice(0, 0, step)
    return slice(start, None if stop < 0 else stop, step)


def width(part) -> int:
    """How many axes of the tensor one thing in the brackets stands for."""
    if type(part) is Tensor and part.array.dtype.kind == "b":
        return part.array.ndim
    return int(part is not None and part is not Ellipsis and type(part) is not bool)


def opened(part):
    """One thing in the brackets as int, slice, None, Ellipsis, bool or Tensor of ints or bools."""
    if type(part) in SIMPLE or type(part) is bool:
        return part
    if not isinstance(part, (Tensor, ndarray, np.generic, list, tuple, range)):
        if hasattr(part, "__index__"):
            return part.__index__()
        raise IndexError(f"index: {part!r} is not an integer, slice, None, '...' or array")
    empty = type(part) in (list, range) and not part
    index = Tensor(np.zeros(0, np.intp)) if empty else lift(part, "index")
    kind = index.array.dtype.kind
    if kind not in "iub":
        raise IndexError(
            f"index: arrays that index are of integers or bool, not {index.array.dtype}; "
            "convert with .astype(tg.int64)"
        )
    return bool(elements(index)) if kind == "b" and not index.array.ndim else index


def masked(mask: Tensor, shape: Shape, axis: int) -> list[Tensor]:
    """The places where a mask is true, one index for each of its axes."""
    own = mask.array.shape
    if shape[axis : axis + len(own)] != own:
        raise IndexError(
            f"index: a mask of shape {own} does not fit the axes {shape[axis : axis + len(own)]} "
            f"of a tensor of shape {shape}"
        )
    return list(nonzero(mask))


def nonzero(x: Any) -> tuple[Tensor, ...]:
    """The indices of the elements that are not zero, one tensor for each axis."""
    return tuple(Tensor(i) for i in elements(lift(x, "nonzero")).nonzero())


def take(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """The slices of `x` at `indices` along `axis` (None: of the flat elements).

    >>> tg.take(tg.tensor([[1.0, 2.0, 3.0]]), [2, 0], axis=1)
    tensor([[3., 1.]])
    """
    if axis is None:
        x, axis = ravel(lift(x, "take")), 0
    x, at = lift_along(x, axis, "take")
    return gather(x, integers(indices, "take"), axes=(at,))


def take_along_axis(x: Any, indices: Any, axis: int = -1) -> Tensor:
    """For every line of `x` along `axis`, the elements at that line's own `indices`."""
    x, at = lift_along(x, axis, "take_along_axis")
    places, ndim = integers(indices, "take_along_axis"), x.array.ndim
    if places.array.ndim != ndim:
        raise ShapeError(
            f"take_along_axis: indices of shape {places.array.shape} need {ndim} axes like x "
            f"of shape {x.array.shape}"
        )
    lines, given = list(x.array.shape), list(places.array.shape)
    lines[at] = given[at] = 1
    wide = list(broadcast("take_along_axis", tuple(lines), tuple(given)))
    if wide != lines:
        grown = tuple(x.array.shape[at] if k == at else n for k, n in enumerate(wide))
        x = expand(x, shape=grown)
    grid = [
        places if k == at else Tensor(np.arange(n).reshape(-1, *[1] * (ndim - k - 1)))
        for k, n in enumerate(wide)
    ]
    return gather(x, *grid, axes=tuple(range(ndim)))


def integers(indices, operation: str) -> Tensor:
    """`indices` as a tensor of integers."""
    places = lift(indices, operation)
    if places.array.size == 0 and not isinstance(indices, (Tensor, ndarray)):
        return cast(places, dtype=np.dtype(np.intp))
    if places.array.dtype.kind not in "iu":
        raise IndexError(f"{operation}: indices are integers, not {places.array.dtype}")
    return places


def masked_fill(x: Any, mask: Any, value: Any) -> Tensor:
    """`x` with `value` where `mask` is true; no gradient flows to what was filled.

    >>> tg.masked_fill(tg.tensor([1.0, 2.0]), [True, False], -1.0)
    tensor([-1.,  2.])
    """
    x, mask = lift(x, "masked_fill"), lift(mask, "masked_fill")
    if mask.array.dtype.kind != "b":
        raise DTypeError(f"masked_fill: the mask is of bool, not {mask.array.dtype}")
    return where(mask, lift_as(value, "masked_fill", x.array.dtype), x)


def one_hot(x: Any, num_classes: int | None = None, dtype: Any = None) -> Tensor:
    """Integers as rows with a single 1, of the default dtype.

    >>> tg.one_hot([0, 2], 3)
    tensor([[1., 0., 0.],
            [0., 0., 1.]])
    """
    given = integers(x, "one_hot")
    if num_classes is None or not is_traced(given):
        places = elements(given)
        count = int(places.max(initial=-1)) + 1 if num_classes is None else num_classes
        if places.size and not (0 <= places.min() and places.max() < count):
            raise IndexError(f"one_hot: {places.max()} is out of range for {count} classes")
        num_classes = count
    column = reshape(given, shape=(*given.array.shape, 1))
    return cast(equal(column, Tensor(np.arange(num_classes))), dtype=as_dtype(dtype))
