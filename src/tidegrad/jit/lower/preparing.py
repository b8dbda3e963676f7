"""Floor 6. Preparing: what loops are not generated for, made of what they are generated for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...abstract import Value, constant
from ...kinds import Move, Reduce, cast, expand, sum_, where
from ...ops import elementwise as table
from ...ops.contractions import Contract
from ...ops.indexing import gather, put, put_at, scatter
from ...ops.joining import concat_
from ...ops.reductions import argmax_, argmin_, max_, min_, norm_
from ...ops.windows import peaks
from ..graph import Graph, rewritten
from ..passes.making import made, reshaped, scalar
from ..regions import Holding
from .pooling import Pooling

__all__ = ["prepared"]

WIDE = np.dtype("float64")
SMALL = np.dtype("int32")


def prepared(graph: Graph) -> Graph:
    """`graph` without elements that are not there, and without folds that are several folds."""

    pooling = Pooling()
    rules = RULES | {
        peaks: pooling.searched,
        gather: pooling.gathered,
        scatter: pooling.scattered,
    }

    def rule(v: Value) -> Value:
        if isinstance(v.prim, Holding):
            return v
        if not v.size and v.prim is not None:
            return nothing(v)
        if any(not p.size for p in v.parents):
            return without_nothing(v)
        return rules[v.prim](v) if v.prim in rules else v

    return rewritten(graph, rule)


def nothing(v: Value) -> Value:
    """No elements."""
    array = np.empty(v.shape, v.dtype)
    array.flags.writeable = False
    return constant(array)


def without_nothing(v: Value) -> Value:
    """Elements that are made of some that are there and others that are not."""
    x = v.parents[0]
    if v.prim is concat_:
        parts = [p for p in v.parents if p.size]
        axis = v.params["axis"]
        if len(parts) == 1:
            return parts[0]
        return made(concat_, *parts, axis=axis, sizes=tuple(p.shape[axis] for p in parts))
    if v.prim is put or v.prim is put_at:
        return x
    if isinstance(v.prim, Reduce):
        with np.errstate(all="ignore"):
            found = v.prim.run(np.empty(x.shape, x.dtype), **v.params)
        return made(expand, scalar(found.flat[0], v.dtype), shape=v.shape)
    if isinstance(v.prim, (Contract, Move)) or v.prim is scatter:
        return made(expand, scalar(0, v.dtype), shape=v.shape)
    return v


def norm(v: Value) -> Value:
    """The root of a sum of squares, none of which overflows or vanishes: wider, or scaled."""
    (x,) = v.parents
    if x.dtype != WIDE:
        wide = made(cast, x, dtype=WIDE)
        root = made(table.sqrt, made(sum_, made(table.multiply, wide, wide), **v.params))
        return made(cast, root, dtype=v.dtype)
    size = made(max_, made(table.abs_, x), axes=v.params["axes"], keepdims=True)
    usual = made(
        table.logical_and,
        made(table.greater, size, scalar(0, WIDE)),
        made(table.less, size, scalar(np.inf, WIDE)),
    )
    scale = made(where, usual, size, scalar(1, WIDE))
    y = made(table.divide, x, scale)
    root = made(table.sqrt, made(sum_, made(table.multiply, y, y), **v.params))
    return made(table.multiply, root, reshaped(scale, root.shape))


def extreme_place(v: Value) -> Value:
    """The first index at which the extreme is found, or a NaN."""
    (x,), (axis,) = v.parents, v.params["axes"]
    n = x.shape[axis]
    fold = max_ if v.prim is argmax_ else min_
    best = made(fold, x, axes=(axis,), keepdims=True)
    found = made(table.equal, x, best)
    if x.dtype.kind == "f":
        found = made(table.logical_or, found, made(table.isnan, x))
    places = np.arange(n, dtype=SMALL).reshape(n, *(1,) * (x.ndim - axis - 1))
    places.flags.writeable = False
    candidates = made(where, found, constant(places), scalar(n, SMALL))
    first = made(min_, candidates, axes=(axis,), keepdims=v.params["keepdims"])
    return made(cast, first, dtype=v.dtype)


RULES: dict[Any, Callable[[Value], Value]] = {
    norm_: norm,
    argmax_: extreme_place,
    argmin_: extreme_place,
}
