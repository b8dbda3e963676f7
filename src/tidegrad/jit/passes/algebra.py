"""Floor 6. Algebra: sums, differences, products and quotients with the same bits for less work."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...abstract import Value
from ...kinds import cast
from ...ops import elementwise as table
from .facts import Facts, Rules
from .making import fitted, made, number, scalar, uniform

__all__ = ["RULES"]

# Floats are never reassociated, and nothing is said of x * 0 or x - x, which may be NaN.  A sign
# moves freely through products, as rounding is symmetric; not through sums, whose zeros are +0.


def alike(value: Value) -> bool:
    """Whether the operation computes in the dtype of its inputs."""
    return all(p.dtype == value.dtype for p in value.parents)


def minus_zero(c: Any) -> bool:
    return c == 0 and math.copysign(1, c) < 0


def negated(x: Value) -> Value | None:
    """What `x` is the negative of, where that saves a negation."""
    if x.prim is table.negative:
        return x.parents[0]
    return None


def opposite(x: Value) -> Value:
    """The negative of a number, spread as it is."""
    array = np.negative(uniform(x).saved).reshape(())  # type: ignore[union-attr]  # x is uniform
    return fitted(scalar(array, x.dtype), x)


def plus(value: Value, facts: Facts) -> Value | None:
    if not alike(value):
        return None
    for x, y in (value.parents, value.parents[::-1]):
        c = number(y)
        # -0.0 + 0.0 is 0.0
        if c == 0 and (value.dtype.kind != "f" or minus_zero(c) or not facts.range(x).minus):
            return fitted(x, value)
        if (minus_y := negated(y)) is not None:
            return made(table.subtract, x, minus_y)
    return None


def minus(value: Value, facts: Facts) -> Value | None:
    x, y = value.parents
    if not alike(value):
        return None
    c = number(y)
    if c == 0 and not (value.dtype.kind == "f" and minus_zero(c) and facts.range(x).minus):
        return fitted(x, value)
    if (minus_y := negated(y)) is not None:
        return made(table.add, x, minus_y)
    first = number(x)
    if first is not None and first == 0 and (value.dtype.kind != "f" or minus_zero(first)):
        return fitted(made(table.negative, y), value)
    if x is y and value.dtype.kind in "iu":
        return fitted(scalar(0, value.dtype), value)
    return None


def times(value: Value, facts: Facts) -> Value | None:
    x, y = value.parents
    if not alike(value) or value.dtype.kind == "b":
        return None
    if x is y:
        return made(table.square, x)
    for x, y in (value.parents, value.parents[::-1]):
        c = number(y)
        if c is not None and c == 1:
            return fitted(x, value)
        if c is not None and c == -1:
            return fitted(made(table.negative, x), value)
        if c is not None and c == 0 and value.dtype.kind in "iu":
            return fitted(scalar(0, value.dtype), value)
        if (minus_x := negated(x)) is not None:
            if c is not None:
                return made(table.multiply, minus_x, opposite(y))
            return made(table.negative, made(table.multiply, minus_x, y))
    return None


def over(value: Value, facts: Facts) -> Value | None:
    x, y = value.parents
    if value.dtype.kind != "f" or not alike(value):
        return None
    c, first = number(y), number(x)
    if c is not None and c == 1:
        return fitted(x, value)
    if c is not None and exact_inverse(c, value):
        return made(table.multiply, x, fitted(scalar(1 / c, value.dtype), y))
    if first is not None and first == 1:
        return fitted(made(table.reciprocal, y), value)
    if (minus_x := negated(x)) is not None:
        return made(table.negative, made(table.divide, minus_x, y))
    if (minus_y := negated(y)) is not None:
        return made(table.negative, made(table.divide, x, minus_y))
    return None


def exact_inverse(c: float, value: Value) -> bool:
    """Whether 1 / c is a power of two that the dtype has with all its bits."""
    if c == 0 or not math.isfinite(c):
        return False
    mantissa, exponent = math.frexp(c)
    return abs(mantissa) == 0.5 and abs(exponent) < (120 if value.dtype.itemsize == 4 else 1000)


def negative(value: Value, facts: Facts) -> Value | None:
    x = value.parents[0]
    if x.prim is table.negative:
        return x.parents[0]
    if x.prim is table.subtract and value.dtype.kind in "iu" and alike(x):
        return made(table.subtract, *x.parents[::-1])
    if x.prim is table.multiply and alike(x) and facts.once(x):
        for y, c in (x.parents, x.parents[::-1]):
            if number(c) is not None:
                return made(table.multiply, y, opposite(c))
    return None


def even(value: Value, facts: Facts) -> Value | None:
    """A function for which signs do not count."""
    x = value.parents[0]
    if x.prim in (table.negative, table.abs_) and value.dtype.kind == "f":
        return made(value.prim, x.parents[0])
    return None


def size(value: Value, facts: Facts) -> Value | None:
    """The size of what has no sign."""
    x = value.parents[0]
    return x if value.dtype.kind == "f" and facts.range(x).positive else even(value, facts)


def larger(value: Value, facts: Facts) -> Value | None:
    """The larger or smaller of equals; of what was limited by the same before."""
    x, y = value.parents
    if x is y and alike(value):
        return x
    if x.prim is value.prim and y is x.parents[1] and alike(value) and alike(x):
        return x if x.shape == value.shape else None
    return None


def relu(value: Value, facts: Facts) -> Value | None:
    x = value.parents[0]
    same = x.prim is table.relu or facts.range(x).positive
    return x if same and x.dtype == value.dtype else None  # that of bools has int64


def recast(value: Value, facts: Facts) -> Value | None:
    """A cast of a cast that lost nothing."""
    x = value.parents[0]
    if x.prim is not cast:
        return None
    first = x.parents[0].dtype
    if not holds(x.dtype, first) or (first.kind == "f" and value.dtype.kind in "iu"):
        return None
    return made(cast, x.parents[0], dtype=value.dtype)


def holds(wide: Any, dtype: Any) -> bool:
    """Whether `wide` has every number of `dtype`."""
    if dtype.kind == "b" or wide == dtype:
        return True
    if wide.kind == "f" and dtype.kind in "iu":
        return 8 * dtype.itemsize <= (24 if wide.itemsize == 4 else 53)
    if wide.kind == dtype.kind:
        return wide.itemsize >= dtype.itemsize
    return wide.kind == "i" and dtype.kind == "u" and wide.itemsize > dtype.itemsize


RULES: Rules = {
    table.add: [plus],
    table.subtract: [minus],
    table.multiply: [times],
    table.divide: [over],
    table.negative: [negative],
    table.square: [even],
    table.cos: [even],
    table.cosh: [even],
    table.abs_: [size],
    table.relu: [relu],
    **{
        prim: [larger]
        for prim in (table.maximum, table.minimum, table.clip_below, table.clip_above)
    },
    cast: [recast],
}
