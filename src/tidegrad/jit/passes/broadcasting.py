"""Floor 6. Broadcasting: what was spread is computed before it is spread, or not spread at all."""

from __future__ import annotations

from operator import is_

from ...abstract import Value
from ...kinds import Map, expand, permute, reshape
from ...ops.movement import cut, flip_
from ...shapes import Shape
from .facts import Facts, Rules
from .making import fitted, like, made, reshaped

__all__ = ["RULES", "aligned", "spread_axes"]


def narrow(value: Value, facts: Facts) -> Value | None:
    """A Map broadcasts by itself, and on operands that all were spread it works before that."""
    parents = tuple([unspread(p) for p in value.parents])
    if all(map(is_, parents, value.parents)):
        return None
    return fitted(like(value, *parents), value)


def unspread(x: Value) -> Value:
    """`x` without what broadcasting does anyhow: copies along axes, and leading axes of size 1."""
    while x.prim is expand or (x.prim is reshape and leading_ones(x.parents[0].shape, x.shape)):
        x = x.parents[0]
    return x


def leading_ones(shape: Shape, wide: Shape) -> bool:
    added = len(wide) - len(shape)
    return added > 0 and wide[added:] == shape and set(wide[:added]) == {1}


def spread_axes(x: Value) -> set[int]:
    """The axes along which an expand repeats its input."""
    inner = x.parents[0].shape
    added = len(x.shape) - len(inner)
    return {a for a, n in enumerate(x.shape) if a < added or inner[a - added] != n}


def twice(value: Value, facts: Facts) -> Value | None:
    """An expand of an expand; one that only adds leading axes of size 1."""
    x = value.parents[0]
    if x.prim is expand or (x.prim is reshape and leading_ones(x.parents[0].shape, x.shape)):
        return made(expand, x.parents[0], shape=value.shape)
    return reshaped(x, value.shape) if x.size == value.size else None


def aligned(x: Value) -> Value:
    """The input of an expand with as many axes as its result."""
    inner = x.parents[0]
    return reshaped(inner, (1,) * (x.ndim - inner.ndim) + inner.shape)


def moved_before(value: Value, facts: Facts) -> Value | None:
    """A permute or flip of an expand: the expand comes last."""
    x = value.parents[0]
    if x.prim is not expand:
        return None
    inner, params = aligned(x), {}
    if value.prim is flip_:
        params["axes"] = tuple(a for a in value.params["axes"] if inner.shape[a] != 1)
    return fitted(like(value, inner, **params), value)


def cut_before(value: Value, facts: Facts) -> Value | None:
    """A slice of an expand takes part of its input, where axes stay axes."""
    x, key = value.parents[0], value.params["key"]
    if x.prim is not expand or any(type(k) is not slice for k in key):
        return None
    inner = aligned(x)
    whole = slice(None)
    kept = [whole if n == 1 else k for k, n in zip(key, inner.shape)]
    return fitted(like(value, inner, key=(*kept, *key[len(kept) :])), value)


def unit_reshape(value: Value, facts: Facts) -> Value | None:
    """A reshape of an expand that only adds or drops axes of size 1: the expand comes last."""
    x = value.parents[0]
    if x.prim is not expand:
        return None
    inner = aligned(x)
    if [n for n in x.shape if n != 1] != [n for n in value.shape if n != 1]:
        return None
    sizes = iter([m for n, m in zip(x.shape, inner.shape) if n != 1])
    shape = tuple([1 if n == 1 else next(sizes) for n in value.shape])
    return fitted(reshaped(inner, shape), value)


def moved_after(value: Value, facts: Facts) -> Value | None:
    """What all operands went through, but for single numbers, is done once to the result."""
    moved = [p for p in value.parents if p.ndim]
    first = moved[0] if moved else value
    if first.prim is not reshape and first.prim is not permute:
        return None
    inner = first.parents[0].shape
    for p in moved:
        if p.prim is not first.prim or p.params != first.params or p.parents[0].shape != inner:
            return None
    if first.prim is reshape and not inner:
        return None  # a number in the shape of an array
    found = like(value, *[p.parents[0] if p.ndim else p for p in value.parents])
    return made(first.prim, found, **first.params)


RULES: Rules = {
    Map: [narrow, moved_after],
    expand: [twice],
    permute: [moved_before],
    flip_: [moved_before],
    cut: [cut_before],
    reshape: [unit_reshape],
}
