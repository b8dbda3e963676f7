"""Floor 6. Masks: conditions that are known, turned round, repeated, or not needed."""

from __future__ import annotations

import math

from ...abstract import Value
from ...kinds import Map, cast, where
from ...ops import elementwise as table
from .facts import Facts, Rules
from .making import fitted, made, number, scalar

__all__ = ["RULES"]

# What holds exactly where the other does not, NaN included.
OPPOSITE = {table.equal: table.not_equal, table.not_equal: table.equal}
ASKING = [p for p in vars(table).values() if isinstance(p, Map) and p.dtype is bool]
NOT = (table.logical_not, table.bitwise_invert)


def chosen(value: Value, facts: Facts) -> Value | None:
    c, x, y = value.parents
    if (known := number(c)) is not None:
        return fitted(x if known else y, value)
    if x is y:
        return fitted(x, value)
    if (opposite := inverse(c)) is not None:
        return made(where, opposite, y, x)
    if x.prim is where and x.parents[0] is c and x.parents[1].dtype == x.dtype:
        return fitted(made(where, c, x.parents[1], y), value)
    if y.prim is where and y.parents[0] is c and y.parents[2].dtype == y.dtype:
        return fitted(made(where, c, x, y.parents[2]), value)
    one, zero = number(x), number(y)
    if one is None or zero is None or one != 1 or zero != 0 or math.copysign(1, zero) < 0:
        return None
    return fitted(c, value)


def inverse(c: Value) -> Value | None:
    """What `c` is the inverse of."""
    if c.prim in NOT and c.parents[0].dtype.kind == "b":
        return c.parents[0]
    return None


def inverted(value: Value, facts: Facts) -> Value | None:
    x = value.parents[0]
    if x.dtype.kind != "b":
        return None
    if (opposite := inverse(x)) is not None:
        return opposite
    prim = OPPOSITE.get(x.prim)
    return None if prim is None else made(prim, *x.parents)


def both(value: Value, facts: Facts) -> Value | None:
    """`and` and `or` with what is known, or with itself."""
    if any(p.dtype.kind != "b" for p in value.parents):
        return None
    decisive = value.prim in (table.logical_or, table.bitwise_or)
    for x, y in (value.parents, value.parents[::-1]):
        known = number(y)
        if x is y or (known is not None and known != decisive):
            return fitted(x, value)
        if known is not None:
            return fitted(scalar(decisive, value.dtype), value)
    return None


def as_asked(value: Value, facts: Facts) -> Value | None:
    """A bool made a number and then compared with 0 or 1."""
    x, y = value.parents
    c = number(y)
    if x.prim is not cast or x.parents[0].dtype.kind != "b" or c is None or c not in (0, 1):
        return None
    inner = x.parents[0]
    if (value.prim is table.equal) != (c == 1):
        inner = made(table.logical_not, inner)
    return fitted(inner, value)


def settled(value: Value, facts: Facts) -> Value | None:
    """A condition that holds everywhere or nowhere, by how far its inputs reach."""
    found = facts.range(value)
    if found.lo != found.hi:
        return None
    return fitted(scalar(found.lo == 1, value.dtype), value)


RULES: Rules = {
    **{prim: [inverted] for prim in NOT},
    **{
        prim: [both]
        for prim in (table.logical_and, table.logical_or, table.bitwise_and, table.bitwise_or)
    },
    table.equal: [as_asked],
    table.not_equal: [as_asked],
    where: [chosen],
}
RULES = {**RULES, **{prim: [*RULES.get(prim, ()), settled] for prim in ASKING}}
