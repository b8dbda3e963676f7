"""Floor 6. Reductions of what was moved, of single elements, and of equal ones."""

from __future__ import annotations

from math import prod

import numpy as np

from ...abstract import Value
from ...kinds import Reduce, expand, permute, reshape, sum_
from ...ops import elementwise as table
from ...ops.indexing import gather
from ...ops.movement import cut, place
from ...ops.reductions import all_, any_, max_, min_, prod_
from ...shapes import reduced
from .broadcasting import aligned, spread_axes
from .facts import Facts, Rules
from .keys import read
from .making import fitted, like, made, reshaped, scalar

__all__ = ["RULES"]

# The sum of n equal numbers is n times the number, rounded once: no summation is more accurate.
# Other sums keep their addends, in another order where these lie in another order in memory.


def of_one(value: Value, facts: Facts) -> Value | None:
    """A fold over axes of size 1; a zero keeps its sign, which NumPy's sum loses."""
    x = value.parents[0]
    if any(x.shape[a] != 1 for a in value.params["axes"]):
        return None
    if value.prim in (all_, any_) and x.dtype.kind != "b":
        return None
    return fitted(reshaped(x, value.shape), value)


def of_equals(value: Value, facts: Facts) -> Value | None:
    """A fold of an expand: of its input, before it is spread along the axes that stay."""
    x = value.parents[0]
    if x.prim is not expand or not x.size:
        return None
    count = prod(x.shape[a] for a in spread_axes(x).intersection(value.params["axes"]))
    found = like(value, aligned(x))
    if value.prim is sum_ and count > 1:
        found = made(table.multiply, found, scalar(count, found.dtype))
    return fitted(found, value)


def of_permuted(value: Value, facts: Facts) -> Value | None:
    """A fold of a permute: the axes that are left are permuted afterwards."""
    x = value.parents[0]
    if x.prim is not permute or value.params["keepdims"]:
        return None
    order, axes = x.params["axes"], value.params["axes"]
    folded = tuple(sorted(order[a] for a in axes))
    left = [n for a, n in enumerate(order) if a not in axes]
    found = like(value, x.parents[0], axes=folded)
    ranks = {n: k for k, n in enumerate(sorted(left))}
    return made(permute, found, axes=tuple(ranks[n] for n in left))


def of_placed(value: Value, facts: Facts) -> Value | None:
    """The sum of what is surrounded by zeros, which lie only along the axes that are summed."""
    x = value.parents[0]
    if x.prim is not place or not x.size:
        return None
    key = read(x.params["key"], x.shape)
    entries = [e for e in key if e is not None]
    if len(entries) < len(key):
        return None
    axes = value.params["axes"]
    partial = {a for a, e in enumerate(entries) if e != (0, 1, x.shape[a])}
    if not partial <= set(axes):
        return None
    shape = tuple(1 if e.size is None else e.size for e in entries)
    return like(value, reshaped(x.parents[0], shape))


def kept(value: Value, facts: Facts) -> Value | None:
    """A reshape that gives a fold its axes back, or takes them: the fold itself does so."""
    x = value.parents[0]
    if not isinstance(x.prim, Reduce) or not facts.once(x):
        return None
    keepdims = not x.params["keepdims"]
    shape = reduced(x.parents[0].shape, x.params["axes"], keepdims)
    return like(x, *x.parents, keepdims=keepdims) if shape == value.shape else None


def gather_in_order(value: Value, facts: Facts) -> Value | None:
    """A gather by constants that follow one another in equal steps is a slice."""
    x, *indices = value.parents
    places = indices[0].saved
    if len(indices) > 1 or indices[0].prim is not None or places is None or places.ndim > 1:
        return None
    (axis,) = value.params["axes"]
    n = x.shape[axis]
    if not places.size or (places < -n).any() or (places >= n).any():
        return None
    at = places.astype(np.int64)
    at += n * (at < 0)
    head = (slice(None),) * axis
    if not at.ndim:
        return made(cut, x, key=(*head, int(at)))
    step = int(at[1] - at[0]) if at.size > 1 else 1
    if step == 0 or not (np.diff(at) == step).all():
        return None
    stop = int(at[-1]) + step
    return made(cut, x, key=(*head, slice(int(at[0]), stop if stop >= 0 else None, step)))


RULES: Rules = {
    sum_: [of_one, of_equals, of_placed],
    **{prim: [of_one, of_equals] for prim in (max_, min_, all_, any_)},
    prod_: [of_one],
    Reduce: [of_permuted],
    gather: [gather_in_order],
    reshape: [kept],
}
