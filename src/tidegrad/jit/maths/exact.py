"""Floor 6. Functions whose results are exact: rounding, signs, the larger of two, tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..lane import BOOL, Lane, Operand, same, select, truth
from .parts import bits_of, float_of, intrinsic

__all__ = ["ceil", "copysign", "floor", "isfinite", "isinf", "isnan", "logical_and", "logical_not"]
__all__ += ["logical_or", "logical_xor", "maximum", "minimum", "nextafter", "rint", "sign"]
__all__ += ["signbit", "sqrt", "trunc"]


def sqrt(x: Lane) -> Lane:
    return intrinsic("sqrt", x)


def copysign(x: Operand, y: Operand) -> Lane:
    return intrinsic("copysign", *same(x, y))


def rint(x: Lane) -> Lane:
    """The nearest whole number, the even one between two."""
    if x.dtype.kind != "f":
        return x
    if x.code.module.fma:
        return intrinsic("rint", x)
    # Adding a number that has no digits after the point rounds; what is as large has none itself.
    huge = x.full(2.0 ** np.finfo(x.dtype).nmant)
    size = abs(x)
    plain = size.like(f"fadd {x.type} {size.name}, {huge.name}")
    plain = plain.like(f"fsub {x.type} {plain.name}, {huge.name}")
    return copysign(select(size < huge, plain, size), x)


def floor(x: Lane) -> Lane:
    if x.dtype.kind != "f":
        return x
    if x.code.module.fma:
        return intrinsic("floor", x)
    near = rint(x)
    return copysign(near - select(near > x, x.full(1.0), 0), x)


def ceil(x: Lane) -> Lane:
    return x if x.dtype.kind != "f" else -floor(-x)


def trunc(x: Lane) -> Lane:
    return x if x.dtype.kind != "f" else copysign(floor(abs(x)), x)


def isnan(x: Lane) -> Lane:
    return x != x


def isinf(x: Lane) -> Lane:
    return abs(x) == np.inf if x.dtype.kind == "f" else isnan(x)


def isfinite(x: Lane) -> Lane:
    return abs(x) < np.inf if x.dtype.kind == "f" else x == x


def sign(x: Lane) -> Lane:
    """-1, 0 or 1; NaN for NaN."""
    if x.dtype.kind == "f":
        return select(abs(x) > 0, copysign(x.full(1.0), x), select(x == 0, 0, x))
    return minimum(x, 1) if x.dtype.kind == "u" else maximum(minimum(x, 1), -1)


def signbit(x: Lane) -> Lane:
    return (bits_of(x) if x.dtype.kind == "f" else x) < 0


def extreme(test: str, x: Operand, y: Operand) -> Lane:
    """NaN where either is NaN."""
    x, y = same(x, y)
    if x.value is not None:
        x, y = y, x
    beyond = y > x if test == "gt" else y < x
    if y.value is not None and y.value == y.value:  # then `x` alone may be NaN, and is kept
        return select(beyond, y, x)
    larger = select(beyond, y, x)
    return larger if x.dtype.kind != "f" else select(y == y, larger, y)


def maximum(x: Operand, y: Operand) -> Lane:
    return extreme("gt", x, y)


def minimum(x: Operand, y: Operand) -> Lane:
    return extreme("lt", x, y)


def logical_not(x: Operand) -> Any:
    return ~truths(x)[0]


def logical_and(x: Operand, y: Operand) -> Lane:
    x, y = truths(x, y)
    return x & y


def logical_or(x: Operand, y: Operand) -> Lane:
    x, y = truths(x, y)
    return x | y


def logical_xor(x: Operand, y: Operand) -> Lane:
    x, y = truths(x, y)
    return x ^ y


def truths(*given: Operand) -> list[Lane]:
    return same(*map(truth, given), dtype=BOOL)


def nextafter(x: Operand, y: Operand) -> Lane:
    """The next float after `x` towards `y`: one more or one less in the last place of its bits."""
    x, y = same(x, y)
    bits = bits_of(x)
    # Bits grow with the size: away from zero is up.
    moved = float_of(bits + select((y > x) == (x > 0), bits.full(1), -1))
    moved = select(x == 0, copysign(float_of(bits.full(1)), y), moved)
    moved = select(x == y, y, moved)
    return select((x != x) | (y != y), x + y, moved)
