"""Floor 6. Constants: what is known already is computed once, where it stays small."""

from __future__ import annotations

import numpy as np

from ...abstract import Value, constant
from ...kinds import Map, Move, Reduce, expand, permute, reshape
from ...ops.contractions import Contract
from ...ops.indexing import Index
from ...ops.joining import concat_
from ...ops.movement import cut, flip_
from ...ops.scans import Running
from ...ops.windows import window
from .facts import Facts, Rules
from .making import made, reshaped, scalar, uniform

__all__ = ["RULES", "reduced_constant"]

SMALL = 1024  # elements that a program may hold beyond those it was given


def reduced_constant(value: Value) -> Value:
    """A constant all of whose elements are equal, as one number spread."""
    array = value.saved
    if array is None or array.size < 2:
        return value
    bits = np.ascontiguousarray(array).reshape(-1).view(f"u{array.itemsize}")
    if bits[0] != bits[-1] or not (bits == bits[0]).all():
        return value
    return made(expand, scalar(array.flat[0], array.dtype), shape=value.shape)


def folded(value: Value, facts: Facts) -> Value | None:
    """An operation on constants, computed by the operation itself."""
    parents = value.parents
    for p in parents:
        if p.prim is not None or p.saved is None:
            return None
    if value.size > max(SMALL, *(p.size for p in parents)):
        return None
    if value.prim is expand and value.size > 1:
        return None
    with np.errstate(all="ignore"):
        try:
            found = np.asarray(value.prim.run(*(p.saved for p in parents), **value.params))
        except (ValueError, TypeError, IndexError, ArithmeticError):
            return None  # the program says so when it runs
    if found.dtype != value.dtype or found.shape != value.shape:
        return None
    found.flags.writeable = False
    return reduced_constant(constant(found))


def still_uniform(value: Value, facts: Facts) -> Value | None:
    """Elements that are all equal may move as they like."""
    found = [uniform(p) for p in value.parents]
    one = found[0]
    if (
        one is None
        or one.dtype != value.dtype
        or value.size < 2
        or any(other is not one for other in found)
    ):
        return None
    return made(expand, reshaped(one, ()), shape=value.shape)


RULES: Rules = {
    **{kind: [folded] for kind in (Map, Move, Reduce, Contract, Index, Running)},
    **{prim: [still_uniform] for prim in (reshape, permute, cut, flip_, window, concat_)},
}
