"""Floor 6. Views: moves as index maps: where the elements of a moved Value come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...abstract import Value
from ...kinds import expand, permute, reshape
from ...ops.indexing import gather, put, scatter
from ...ops.joining import concat_
from ...ops.movement import cut, flip_, place
from ...ops.philox import bell, below, bits, unit
from ...ops.windows import window
from ..passes.keys import read
from ..passes.making import uniform
from .affine import ZERO, Affine, Read, linear, places, strides, within

__all__ = ["VIEWS", "Condition", "broadcast_index", "element_of", "front", "sources_of"]
__all__ += ["steps_of"]

Index = tuple[Affine, ...]

FARTHEST = 1 << 48  # no array has so many elements


class Condition(NamedTuple):
    """Whether `low <= where < high`, without which an element is 0 and nothing is read."""

    where: Affine
    low: int
    high: int


def broadcast_index(index: Index, shape: Sequence[int]) -> Index:
    """The index into something of `shape` that is broadcast to what `index` is for."""
    own = index[len(index) - len(shape) :]
    return tuple([ZERO if n == 1 else a for a, n in zip(own, shape)]) if 1 in shape else own


def reshaped(walk: Any, v: Value, index: Index, conditions: Any) -> Any:
    (x,) = v.parents
    return walk.at(x, places(linear(index, strides(v.shape)), x.shape), conditions)


def permuted(walk: Any, v: Value, index: Index, conditions: Any) -> Any:
    own: list[Affine] = [ZERO] * len(index)
    for a, axis in zip(index, v.params["axes"]):
        own[axis] = a
    return walk.at(v.parents[0], tuple(own), conditions)


def expanded(walk: Any, v: Value, index: Index, conditions: Any) -> Any:
    (x,) = v.parents
    return walk.at(x, broadcast_index(index, x.shape), conditions)


def cut_out(walk: Any, v: Value, index: Index, conditions: Any) -> Any:
    (x,) = v.parents
    own, given = [], iter(index)
    for part in read(v.params["key"], x.shape):
        if part is None:
            next(given)
        elif part.size is None:
            own.append(Affine.of(part.start))
        else:
            own.append(next(given) * part.step + part.start)
    return walk.at(x, tuple(own), conditions)


def inside(key: Sequence[Any], shape: Sequence[int], index: Index) -> tuple[Index, list[Condition]]:
    """The index into what was written at `key`, and the conditions for being there at all."""
    own: list[Affine] = []
    found: list[Condition] = []
    given = iter(index)
    for part in read(key, tuple(shape)):
        if part is None:
            own.append(ZERO)
            continue
        a, (start, step, count) = next(given), part
        if count is None:
            found.append(Condition(a, start, start + 1))
            continue
        away = a + -start if step > 0 else a * -1 + start
        high, low = away.split(abs(step))
        found += [Condition(low, 0, 1)] if abs(step) > 1 else []
        found.append(Condition(high, 0, count))
        own.append(within(high, count))
    return tuple(own), found


def placed(walk: Any, v: Value, index: Index, conditions: Any) -> Any:
    own, found = inside(v.params["key"], v.shape, index)
    return walk.guarded(v.parents[0], own, conditions, found, v.dtype)


def put_in(walk: Any, v: Value, index: Index, conditions: Any) -> Any:
    x, new = v.parents
    own, found = inside(v.params["key"], v.shape, index)
    written = walk.guarded(new, own, conditions, found, v.dtype)
    return walk.either(found, written, walk.at(x, index, conditions))


def flipped(walk: Any, v: Value, index: Index, conditions: Any) -> Any:
    axes = v.params["axes"]
    own = tuple(a * -1 + (v.shape[k] - 1) if k in axes else a for k, a in enumerate(index))
    return walk.at(v.parents[0], own, conditions)


def concatenated(walk: Any, v: Value, index: Index, conditions: Any) -> Any:
    axis, total, start = v.params["axis"], None, 0
    for part, n in zip(v.parents, v.params["sizes"]):
        if n:
            own = (*index[:axis], within(index[axis] + -start, n), *index[axis + 1 :])
            found = [Condition(index[axis], start, start + n)]
            element = walk.guarded(part, own, conditions, found, v.dtype)
            total = element if total is None else walk.either(found, element, total)
        start += n
    return total


def windowed(walk: Any, v: Value, index: Index, conditions: Any) -> Any:
    size, stride, dilation = (v.params[n] for n in ("size", "stride", "dilation"))
    k = len(size)
    lead, where, within = index[: -2 * k], index[-2 * k : -k], index[-k:]
    own = tuple(w * s + i * d for w, s, i, d in zip(where, stride, within, dilation))
    return walk.at(v.parents[0], lead + own, conditions)


def front(axes: Sequence[int]) -> int:
    """Where the indices' own axes go: to the place of adjacent `axes`, else to the front."""
    return axes[0] if tuple(axes) == tuple(range(axes[0], axes[0] + len(axes))) else 0


class Steps(NamedTuple):
    """A constant index that grows by `step` along one `axis` and nowhere else."""

    axis: int
    start: int
    step: int


def steps_of(i: Value) -> Steps | None:
    """How a constant index grows, if it does so evenly along one axis at most."""
    one = uniform(i)
    if one is not None:
        return Steps(0, int(one.saved.item()), 0)
    if i.saved is None or not i.size:
        return None
    start, axes = int(i.saved.flat[0]), [k for k, n in enumerate(i.shape) if n > 1]
    if len(axes) != 1:
        return None if axes else Steps(0, start, 0)
    line = i.saved.reshape(-1)
    step = int(line[1]) - start
    if max(abs(start), abs(step)) > FARTHEST:  # random words, and no places
        return None
    even = np.array_equal(line, start + step * np.arange(line.size))
    return Steps(axes[0], start, step) if even and step and line.min() >= 0 else None


def element_of(i: Value, index: Index, n: int) -> Affine:
    """The element of an integer Value as a place along an axis of size `n`."""
    steps = steps_of(i)
    if steps is None:
        return Affine.of(Read(i, index, n))
    moving = index[steps.axis] * steps.step if steps.step else ZERO
    return moving + steps.start + (n if steps.step == 0 and steps.start < 0 else 0)


def gathered(walk: Any, v: Value, index: Index, conditions: Any) -> Any:
    x, *indices = v.parents
    axes = v.params["axes"]
    wide = len(v.shape) - (len(x.shape) - len(axes))
    at = front(axes)
    own, rest = index[at : at + wide], iter((*index[:at], *index[at + wide :]))
    places_of = {
        axis: element_of(i, broadcast_index(own, i.shape), x.shape[axis])
        for axis, i in zip(axes, indices)
    }
    whole = tuple(places_of[a] if a in places_of else next(rest) for a in range(len(x.shape)))
    return walk.at(x, whole, conditions)


def sources_of(v: Value) -> dict[int, tuple[int, Steps]] | None:
    """For each axis that a scatter's indices share, the index that alone tells places along it.

    None where there is an axis without: then a place may be written more than once.
    """
    y, *indices = v.parents
    wide = len(y.shape) - (len(v.shape) - len(v.params["axes"]))
    found: dict[int, tuple[int, Steps]] = {}
    for k, i in enumerate(indices):
        steps = steps_of(i)
        if steps is not None and steps.step == 1:
            found.setdefault(steps.axis + wide - len(i.shape), (k, steps))
    at = front(v.params["axes"])
    return (
        found if all(n == 1 or d in found for d, n in enumerate(y.shape[at : at + wide])) else None
    )


def scattered(walk: Any, v: Value, index: Index, conditions: Any) -> Any:
    """What one element of `y` at most has brought: the one whose indices name this place."""
    y, *indices = v.parents
    axes, known = v.params["axes"], sources_of(v)
    assert known is not None
    at, wide = front(axes), len(y.shape) - (len(v.shape) - len(axes))
    own, found = [], []
    for d, n in enumerate(y.shape[at : at + wide]):
        k, steps = known.get(d, (0, Steps(0, 0, 0)))
        own.append(index[axes[k]] + -steps.start if n > 1 else ZERO)
        found += [Condition(own[-1], 0, n)] if n > 1 else []
    told = {k for k, _ in known.values()}
    for k, i in enumerate(indices):
        if k not in told:
            place = element_of(i, broadcast_index(tuple(own), i.shape), v.shape[axes[k]])
            found.append(Condition(place + index[axes[k]] * -1, 0, 1))
    rest = [a for axis, a in enumerate(index) if axis not in axes]
    return walk.guarded(y, (*rest[:at], *own, *rest[at:]), conditions, found, v.dtype)


def drawn(walk: Any, v: Value, index: Index, conditions: Any) -> Any:
    key, end = v.parents
    pair = [walk.at(key, (Affine.of(k),)) for k in (0, 1)]
    return walk.drawn(v, pair, walk.at(end, ()), linear(index, strides(v.shape)))


VIEWS: dict[Any, Callable[..., Any]] = {
    reshape: reshaped,
    permute: permuted,
    expand: expanded,
    cut: cut_out,
    place: placed,
    put: put_in,
    flip_: flipped,
    concat_: concatenated,
    window: windowed,
    gather: gathered,
    scatter: scattered,
    **dict.fromkeys((bell, below, bits, unit), drawn),
}
