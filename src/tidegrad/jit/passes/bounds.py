"""Floor 6. Bounds: the range of a Value, from what it is made of."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import prod
from types import CodeType
from typing import Any

import numpy as np

from ...abstract import Value
from ...custom import pick
from ...kinds import Map, Move, Reduce, cast, expand, reshape, sum_
from ...ops import elementwise as table
from ...ops.contractions import Contract
from ...ops.indexing import gather
from ...ops.movement import place
from ...ops.philox import unit
from ...ops.plans import terms
from ...ops.reductions import all_, any_, argmax_, argmin_, max_, min_, norm_
from ...ops.scans import Running
from ...ops.windows import overlap_add, spread_windows, sum_windows
from ...partials import INPUTS
from ...shapes import ALL
from .inside import result
from .making import number
from .ranges import FUNCTIONS, Range, either, held

__all__ = ["Bounds"]

GLOBALS: dict[str, Any] = {"__builtins__": {}, **FUNCTIONS}
EXACT = 2**53  # integers up to here are floats as well
DEPTH = 40  # how far back a question goes


class Bounds(dict):
    """The ranges of Values, each found when it is first asked for."""

    def of(self, value: Value, depth: int = DEPTH) -> Range:
        found = self.get(value)
        if found is None:
            # A new object for each Value: the same one twice counts as the same elements twice.
            found = held(self.found(value, depth), value.dtype)
            self[value] = found
        return found

    def found(self, value: Value, depth: int) -> Range:
        prim = value.prim
        if prim is None:
            return Range() if value.saved is None else content(value.saved)
        if depth == 0:
            return Range()
        if prim is pick:
            (whole,) = value.parents
            given = [self.of(p, depth - 1) for p in whole.parents]
            return result(whole, value.params["k"], given, Bounds)
        parents = [self.of(p, depth - 1) for p in value.parents]
        if prim is table.gap and is_top(value.parents[1], value.parents[0]):
            return Range(-np.inf, 0, parents[0].nan, True)
        if prim is sum_ and has_a_one(value):
            return Range(1, addends(value), parents[0].nan, False)
        for kind in (prim, *type(prim).__mro__):
            if kind in FOUND:
                return FOUND[kind](value, parents)
        return Range()


@cache
def code(text: str) -> CodeType:
    return compile(text, "<a Map's text>", "eval")


def mapped(value: Value, parents: list[Range]) -> Range:
    """A Map's text, computed with ranges for numbers."""
    if value.prim is table.multiply:
        return product(value, *parents)
    names: dict[str, Any] = dict(zip(INPUTS, parents))
    found = eval(code(value.prim.text), GLOBALS, names | value.params)
    return found if type(found) is Range else Range(found, found)


def product(value: Value, x: Range, y: Range) -> Range:
    """x * y; where one is a multiple of the other, its sign is known."""
    first, second = value.parents
    for one, other, reach in ((first, second, y), (second, first, x)):
        if one.prim is table.multiply:
            for c, same in (one.parents, one.parents[::-1]):
                factor = number(c) if same is other else None
                if factor is not None:
                    return reach * reach * factor
    return x * y


def content(array: np.ndarray) -> Range:
    if not array.size or array.dtype.kind not in "fiub":
        return Range()
    kept = array[~np.isnan(array)] if array.dtype.kind == "f" else array
    if array.dtype.kind in "iu" and max(abs(int(array.min())), abs(int(array.max()))) > EXACT:
        return Range()
    lo, hi = (float(kept.min()), float(kept.max())) if kept.size else (0.0, 0.0)
    minus = array.dtype.kind == "f" and bool((np.signbit(kept) & (kept == 0)).any())
    return Range(lo, hi, kept.size < array.size, minus)


def is_top(y: Value, x: Value) -> bool:
    """Whether `y` is the largest element of `x` over some axes, in the place of these."""
    shaped = False
    while y.prim in (expand, reshape):
        if y.prim is reshape and y.shape != kept_shape(y.parents[0]):
            return False
        shaped = shaped or y.prim is reshape
        y = y.parents[0]
    if y.prim is not max_ or y.parents[0] is not x:
        return False
    axes = y.params["axes"]
    return y.shape == kept_shape(y) or shaped or axes == ALL[len(axes)]


def kept_shape(y: Value) -> Any:
    """The shape of a fold over axes, were they kept."""
    if not isinstance(y.prim, Reduce):
        return None
    return tuple(1 if a in y.params["axes"] else n for a, n in enumerate(y.parents[0].shape))


def has_a_one(value: Value) -> bool:
    """Whether it is the sum of powers of e of which the largest over the same axes is 1."""
    powers = value.parents[0]
    low = powers.parents[0] if powers.prim is table.exp else None
    if low is None or low.prim is not table.gap or not is_top(low.parents[1], low.parents[0]):
        return False
    top = low.parents[1]
    while top.prim is not max_:
        top = top.parents[0]
    return top.params["axes"] == value.params["axes"] and low.shape == low.parents[0].shape


def addends(value: Value) -> int:
    """How many elements of the input each element of a fold is made of."""
    return prod(value.parents[0].shape[a] for a in value.params["axes"])


def added(value: Value, parents: list[Range]) -> Range:
    return repeated(parents[0], addends(value))


def repeated(x: Range, count: int) -> Range:
    """The sum of up to `count` of `x`, with room for the rounding of every addition."""
    room = count * (1 + count * 1e-6)
    nan = x.nan or (x.lo == -np.inf and x.hi == np.inf)
    return Range(
        min(x.lo * room, 0) if count else 0, max(x.hi * room, 0) if count else 0, nan, x.minus
    )


def contracted(value: Value, parents: list[Range]) -> Range:
    a, _, out = terms(value.params["spec"])
    count = prod(n for label, n in zip(a, value.parents[0].shape) if label not in out)
    return repeated(parents[0] * parents[1], count)


def same(value: Value, parents: list[Range]) -> Range:
    """What moves elements of its inputs, or chooses among them."""
    found = parents[0]
    for x in parents[1:]:
        found = either(found, x)
    return Range(found.lo, found.hi, found.nan, found.minus)


def converted(value: Value, parents: list[Range]) -> Range:
    if value.dtype.kind != "f" and value.parents[0].dtype.kind == "f":
        return Range()  # a fraction is cut off
    if value.dtype.kind == "b":
        return Range(0, 1, False, False)
    return same(value, parents)


def with_zero(value: Value, parents: list[Range]) -> Range:
    return either(same(value, parents), Range(0, 0, False, False))


def unknown(value: Value, parents: list[Range]) -> Range:
    return Range()


FOUND: dict[Any, Callable[[Value, list[Range]], Range]] = {
    Map: mapped,
    cast: converted,
    sum_: added,
    norm_: lambda value, parents: Range(0, np.inf, parents[0].nan, False),
    **{prim: same for prim in (max_, min_)},
    **{prim: unknown for prim in (overlap_add, sum_windows, spread_windows, Running)},
    **{prim: lambda *_: Range(0, 1, False, False) for prim in (all_, any_, unit)},
    **{prim: lambda *_: Range(0, np.inf, False, False) for prim in (argmax_, argmin_)},
    Move: same,
    place: with_zero,
    gather: lambda value, parents: same(value, parents[:1]),
    Contract: contracted,
}
