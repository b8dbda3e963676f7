"""Floor 6. Moves: chains of them made one, and those that undo each other removed."""

from __future__ import annotations

from itertools import accumulate, pairwise

from ...abstract import Value
from ...kinds import permute, reshape
from ...ops.joining import concat_
from ...ops.movement import cut, flip_, place
from ...shapes import Shape
from .facts import Facts, Rules
from .keys import Cut, composed_key, read, written
from .making import fitted, like, made, reshaped

__all__ = ["RULES"]


def reshape_twice(value: Value, facts: Facts) -> Value | None:
    x = value.parents[0]
    return reshaped(x.parents[0], value.shape) if x.prim is reshape else None


def permute_twice(value: Value, facts: Facts) -> Value | None:
    """A permute of a permute; one that moves no axis but those of size 1 is a reshape."""
    x, axes = value.parents[0], value.params["axes"]
    if x.prim is permute:
        return made(permute, x.parents[0], axes=tuple(x.params["axes"][a] for a in axes))
    real = [a for a in axes if x.shape[a] != 1]
    return reshaped(x, value.shape) if real == sorted(real) else None


def flip_twice(value: Value, facts: Facts) -> Value | None:
    x = value.parents[0]
    if x.prim is not flip_:
        return None
    axes = set(value.params["axes"]) ^ set(x.params["axes"])
    return made(flip_, x.parents[0], axes=tuple(sorted(axes)))


def cut_twice(value: Value, facts: Facts) -> Value | None:
    """A slice of a slice; of a part of a concatenation; of what was placed just there."""
    x = value.parents[0]
    if x.prim is cut:
        inner = x.parents[0]
        key = composed_key(x.params["key"], value.params["key"], inner.shape)
        return None if key is None else made(cut, inner, key=key)
    if x.prim is place:
        same = read(x.params["key"], x.shape) == read(value.params["key"], x.shape)
        return fitted(x.parents[0], value) if same else None
    if x.prim is concat_:
        return cut_of_part(value, x)
    return None


def cut_of_part(value: Value, x: Value) -> Value | None:
    axis = x.params["axis"]
    entries = read(value.params["key"], x.shape)
    at = [i for i, e in enumerate(entries) if e is not None][axis]
    e = entries[at]
    count = 1 if e.size is None else e.size
    if not count:
        return None
    low, high = sorted((e.start, e.start + e.step * (count - 1)))
    ends = [0, *accumulate(x.params["sizes"])]
    for part, (start, stop) in zip(x.parents, pairwise(ends)):
        if start <= low and high < stop:
            entries[at] = e._replace(start=e.start - start)
            found = made(cut, part, key=written(entries, part.shape))
            return fitted(found, value)
    return None


def respelled(value: Value, facts: Facts) -> Value | None:
    """A key in its one form: a slice, number or None for each axis, `:` where all is taken."""
    shape = value.parents[0].shape if value.prim is cut else value.shape
    key = value.params["key"]
    spelled = written(read(key, shape), shape)
    return None if spelled == key else like(value, *value.parents, key=spelled)


def place_twice(value: Value, facts: Facts) -> Value | None:
    y = value.parents[0]
    if y.prim is not place:
        return None
    key = composed_key(value.params["key"], y.params["key"], value.shape)
    return None if key is None else made(place, y.parents[0], key=key, shape=value.shape)


def concat_twice(value: Value, facts: Facts) -> Value | None:
    """A concatenation of concatenations; of neighbouring slices of one array; of nothing."""
    axis = value.params["axis"]
    if any(p.dtype != value.dtype for p in value.parents):
        return None
    parts = [p for p in value.parents if p.shape[axis]]
    flat: list[Value] = []
    for p in parts:
        inner = p.prim is concat_ and p.params["axis"] == axis
        flat += p.parents if inner else [p]
    merged = flat[:1]
    for p in flat[1:]:
        both = neighbours(merged[-1], p, axis)
        merged[-1:] = [merged[-1], p] if both is None else [both]
    if len(merged) == len(value.parents) or not merged:
        return None
    if len(merged) == 1:
        return fitted(merged[0], value)
    return like(value, *merged, sizes=tuple(p.shape[axis] for p in merged))


def neighbours(a: Value, b: Value, axis: int) -> Value | None:
    """The one slice that holds two, where the second goes on along `axis` after the first."""
    if a.prim is not cut or b.prim is not cut or a.parents[0] is not b.parents[0]:
        return None
    shape = a.parents[0].shape
    keys = [read(p.params["key"], shape) for p in (a, b)]
    if any(e is None or e.size is None for key in keys for e in key):
        return None
    p, q = keys[0][axis], keys[1][axis]
    together = Cut(p.start, p.step, p.size + q.size)  # type: ignore  # as just asked
    if q.start != p.start + p.step * p.size or q.step != p.step:  # type: ignore  # likewise
        return None
    if keys[0][:axis] + keys[0][axis + 1 :] != keys[1][:axis] + keys[1][axis + 1 :]:
        return None
    key = written([*keys[0][:axis], together, *keys[0][axis + 1 :]], shape)
    return made(cut, a.parents[0], key=key)


def unit_axes(shape: Shape) -> Shape:
    return tuple(n for n in shape if n != 1)


def permute_of_reshape(value: Value, facts: Facts) -> Value | None:
    """Axes of size 1 are added or dropped after the others are permuted."""
    x = value.parents[0]
    if x.prim is not reshape:
        return None
    inner = x.parents[0]
    if unit_axes(inner.shape) != unit_axes(x.shape):
        return None
    real = [a for a, n in enumerate(inner.shape) if n != 1]
    place_of = dict(zip([a for a, n in enumerate(x.shape) if n != 1], real))
    order = tuple(place_of[a] for a in value.params["axes"] if a in place_of)
    ones = tuple(a for a, n in enumerate(inner.shape) if n == 1)
    return reshaped(made(permute, inner, axes=(*ones, *order)), value.shape)


RULES: Rules = {
    reshape: [reshape_twice],
    permute: [permute_twice, permute_of_reshape],
    flip_: [flip_twice],
    cut: [cut_twice, respelled],
    place: [place_twice, respelled],
    concat_: [concat_twice],
}
