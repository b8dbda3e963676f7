"""Floor 3. Joining and cutting: tensors one after another, and parts, copies and frames of one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ..core import Tensor
from ..errors import ShapeError
from ..kinds import Move, expand, where
from ..kinds import reshape as reshape_
from ..recording import elements
from ..shapes import Shape, canonical_axis, several
from .creation import lift, lift_along, lift_as
from .indexing import gather
from .movement import cut, expand_dims, place, ravel

__all__ = ["concat", "pad", "repeat", "roll", "split", "stack", "tile", "unstack"]


# `sizes` are those of the inputs along `axis`, so that the rules need not look at them.
concat_ = Move(
    "concat",
    lambda *parts, axis, sizes: np.concatenate(parts, axis),
    lambda *parts, axis, sizes: joined(*(p.shape for p in parts), axis=axis),
    lambda g, node, i: cut(g, key=_section(node, i)),
    lambda node, i: (*node.shape[: node.params["axis"]], node.params["sizes"][i],
                     *node.shape[node.params["axis"] + 1 :]),
)  # fmt: skip


def _section(node, i: int) -> tuple:
    axis, sizes = node.params["axis"], node.params["sizes"]
    start = sum(sizes[:i])
    return (slice(None),) * axis + (slice(start, start + sizes[i]),)


def joined(*shapes: Shape, axis: int) -> Shape:
    """The shape of a concatenation; an error names the first axis that differs."""
    first = shapes[0]
    for shape in shapes[1:]:
        for k, (n, m) in enumerate(zip(first, shape)):
            if len(first) != len(shape) or (k != axis and n != m):
                raise ShapeError(
                    f"concat: shapes {first} and {shape} differ outside axis {axis}; "
                    "reshape, pad or cut one of them"
                )
    return (*first[:axis], sum(s[axis] for s in shapes), *first[axis + 1 :])


def roll(x: Any, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Tensor:
    """Elements shifted along `axis`; those pushed over the end come in at the front."""
    x = lift(x, "roll")
    if axis is None:
        return reshape_(roll(ravel(x), shift, 0), shape=x.array.shape)
    axes = several(axis)
    shifts = shift if isinstance(shift, (tuple, list)) else (shift,) * len(axes)
    if len(shifts) != len(axes):
        raise ShapeError(f"roll: shift {shift} and axis {axis} differ in length")
    for by, a in zip(shifts, axes):
        a = canonical_axis(a, x.array.ndim, "roll")
        n = x.array.shape[a]
        if n and by % n:
            head = (slice(None),) * a
            at = n - by % n
            x = concat([cut(x, key=(*head, slice(at, n))), cut(x, key=(*head, slice(0, at)))], a)
    return x


def concat(arrays: Sequence[Any], axis: int | None = 0) -> Tensor:
    """`arrays` one after another along an existing `axis` (None: all of them flat).

    >>> tg.concat([tg.zeros((1, 2)), tg.ones((2, 2))]).shape
    (3, 2)
    """
    tensors = [lift(a, "concat") for a in arrays]
    if not tensors:
        raise ValueError("concat: needs at least one tensor")
    if axis is None:
        tensors, axis = list(map(ravel, tensors)), 0
    at = canonical_axis(axis, tensors[0].array.ndim, "concat")
    joined(*(t.array.shape for t in tensors), axis=at)
    sizes = tuple(t.array.shape[at] for t in tensors)
    return concat_(*tensors, axis=at, sizes=sizes)


def stack(arrays: Sequence[Any], axis: int = 0) -> Tensor:
    """`arrays` of one shape along a new `axis`."""
    tensors = [lift(a, "stack") for a in arrays]
    shapes = {t.array.shape for t in tensors}
    if len(shapes) != 1:
        raise ShapeError(f"stack: needs tensors of one shape, not {sorted(shapes) or 'none'}")
    at = canonical_axis(axis, len(shapes.pop()) + 1, "stack")
    return concat([expand_dims(t, at) for t in tensors], at)


def split(x: Any, sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """`x` cut along `axis` into `sections` equal parts, or before the given positions."""
    x, at = lift_along(x, axis, "split")
    n = x.array.shape[at]
    if isinstance(sections, int):
        if sections < 1 or n % sections:
            raise ShapeError(
                f"split: axis {at} of size {n} does not split into {sections} equal parts; "
                "give the positions to cut at"
            )
        bounds = [n // sections * k for k in range(sections + 1)]
    else:
        bounds = [0, *(slice(None, int(p)).indices(n)[1] for p in sections), n]
    head = (slice(None),) * at
    return [cut(x, key=(*head, slice(a, max(a, b)))) for a, b in pairwise(bounds)]


def unstack(x: Any, axis: int = 0) -> tuple[Tensor, ...]:
    """The slices of `x` along `axis`, without that axis."""
    x, at = lift_along(x, axis, "unstack")
    return tuple(cut(x, key=(slice(None),) * at + (k,)) for k in range(x.array.shape[at]))


def tile(x: Any, repetitions: int | Sequence[int]) -> Tensor:
    """`x` whole, `repetitions[i]` times along axis `i`; missing axes are added in front."""
    x = lift(x, "tile")
    times = several(repetitions)
    if any(n < 0 for n in times):
        raise ValueError(f"tile: repetitions {times} must not be negative")
    ndim = max(len(times), x.array.ndim)
    times = (1,) * (ndim - len(times)) + tuple(times)
    shape = (1,) * (ndim - x.array.ndim) + x.array.shape
    split_shape = tuple(n for size in shape for n in (1, size))
    wide = tuple(n for pair in zip(times, shape) for n in pair)
    spread = expand(reshape_(x, shape=split_shape), shape=wide)
    return reshape_(spread, shape=tuple(t * n for t, n in zip(times, shape)))


def repeat(x: Any, repeats: Any, axis: int | None = None) -> Tensor:
    """Each element along `axis` `repeats` times in a row; `repeats` is one count or one each."""
    if axis is None:
        x, axis = ravel(lift(x, "repeat")), 0
    x, at = lift_along(x, axis, "repeat")
    n = x.array.shape[at]
    counts = np.asarray(elements(repeats) if isinstance(repeats, Tensor) else repeats)
    if counts.dtype.kind not in "iu" or (counts < 0).any():
        raise ValueError(f"repeat: counts are non-negative integers, not {repeats!r}")
    if counts.ndim > 1 or counts.size not in (1, n):
        raise ShapeError(f"repeat: {counts.size} counts for axis {at} of size {n}")
    if counts.size == 1:
        times = int(counts.item())
        head, rest = x.array.shape[: at + 1], x.array.shape[at + 1 :]
        wide = expand(reshape_(x, shape=(*head, 1, *rest)), shape=(*head, times, *rest))
        return reshape_(wide, shape=(*head[:-1], n * times, *rest))
    return gather(x, Tensor(np.repeat(np.arange(n), counts)), axes=(at,))


Widths = int | Sequence[int] | Sequence[Sequence[int]]


def pad(x: Any, pad_width: Widths, mode: str = "constant", constant_values: Any = 0) -> Tensor:
    """`x` in a frame: `pad_width` is NumPy's (one number, (before, after), or one pair an axis).

    `mode` is "constant", "edge", "reflect", "symmetric" or "wrap".

    >>> tg.pad(tg.ones(2), 1)
    tensor([0., 1., 1., 0.])
    """
    x = lift(x, "pad")
    shape = x.array.shape
    try:
        pairs = np.broadcast_to(np.asarray(pad_width), (len(shape), 2)).tolist()
    except ValueError:
        raise ShapeError(f"pad: widths {pad_width} do not fit {len(shape)} axes") from None
    if any(not isinstance(n, int) or n < 0 for pair in pairs for n in pair):
        raise ValueError(f"pad: widths are non-negative integers, not {pad_width}")
    if mode != "constant":
        return framed(x, pairs, mode)
    wide = tuple(a + n + b for (a, b), n in zip(pairs, shape))
    key = tuple(slice(a, a + n) for (a, _), n in zip(pairs, shape))
    inner = place(x, key=key, shape=wide)
    if type(constant_values) in (int, float) and constant_values == 0:
        return inner
    inside = np.zeros(wide, bool)
    inside[key] = True
    return where(Tensor(inside), inner, lift_as(constant_values, "pad", x.array.dtype))


def framed(x: Tensor, pairs: Sequence[Sequence[int]], mode: str) -> Tensor:
    """`x` continued beyond its edges by elements of its own."""
    modes = ("edge", "reflect", "symmetric", "wrap")
    if mode not in modes:
        raise ValueError(f'pad: mode is "constant" or one of {modes}, not {mode!r}')
    for axis, (before, after) in enumerate(pairs):
        if before or after:
            if x.array.shape[axis] == 0:
                raise ShapeError(f"pad: axis {axis} is empty; it has no element to continue with")
            source = np.arange(x.array.shape[axis])
            source = np.pad(source, (before, after), mode)  # type: ignore  # it is one of them
            x = gather(x, Tensor(source), axes=(axis,))
    return x
