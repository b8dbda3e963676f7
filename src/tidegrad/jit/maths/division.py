"""Floor 6. Whole quotients and remainders, as NumPy has them: towards minus infinity."""

from __future__ import annotations

import numpy as np

from ..lane import BOOL, Lane, Operand, cast, same, select
from .exact import copysign, floor, trunc
from .parts import DOUBLE, SINGLE, bits_of, float_of, intrinsic
from .routine import looped, routine

__all__ = ["floor_divide", "remainder"]


def floor_divide(x: Operand, y: Operand) -> Lane:
    x, y = numbers(x, y)
    return routine(float_quotient, x, y) if x.dtype.kind == "f" else integer_division(x, y)[0]


def remainder(x: Operand, y: Operand) -> Lane:
    x, y = numbers(x, y)
    return routine(float_remainder, x, y) if x.dtype.kind == "f" else integer_division(x, y)[1]


def numbers(x: Operand, y: Operand) -> list[Lane]:
    x, y = same(x, y)
    return same(x, y, dtype=np.dtype("i1") if x.dtype == BOOL else x.dtype)


def integer_division(x: Lane, y: Lane) -> tuple[Lane, Lane]:
    """By zero both are 0, and the least integer by -1 is itself: division never traps."""
    zero = y == 0
    if x.dtype.kind == "u":
        by = select(zero, 1, y)
        whole = x.like(f"udiv {x.type} {x.name}, {by.name}")
        rest = x - whole * by
    else:
        by = select(zero | ((y == -1) & (x == int(np.iinfo(x.dtype).min))), 1, y)
        whole = x.like(f"sdiv {x.type} {x.name}, {by.name}")
        rest = x - whole * by
        below = (rest != 0) & ((rest ^ by) < 0)
        whole = whole - cast(below, x.dtype)
        rest = rest + select(below, by, 0)
    return select(zero, 0, whole), select(zero, 0, rest)


def float_remainder(x: Lane, y: Lane) -> Lane:
    rest = modulo(x, y)
    moved = select((y < 0) == (rest < 0), rest, rest + y)
    return select(rest == 0, copysign(rest.full(0), y), moved)


def float_quotient(x: Lane, y: Lane) -> Lane:
    """(x - remainder) / y, rounded to the whole number that it is but for rounding."""
    rest = modulo(x, y)
    whole = (x - rest) / y
    whole = select((rest != 0) & ((y < 0) != (rest < 0)), whole - 1, whole)
    below = floor(whole)
    near = select(whole - below > 0.5, below + 1, below)
    near = select(whole == 0, copysign(whole.full(0), x / y), near)
    return select(y == 0, x / y, near)


def modulo(x: Lane, y: Lane) -> Lane:
    """C's fmod: exact, with the sign of x.

    Long division: as many bits of the quotient at once as leave the product exact.
    """
    if x.dtype == SINGLE:
        return cast(modulo_double(cast(x, DOUBLE), cast(y, DOUBLE), 28), SINGLE)
    return modulo_double(x, y, 50 if x.code.module.fma else 24)


def modulo_double(x: Lane, y: Lane, bits: int) -> Lane:
    size, by = abs(x), abs(y)
    place = exponent(by)

    def going(rest: Lane) -> Lane:
        return (rest >= by) & (rest < np.inf) & (by > 0)

    def step(rest: Lane) -> tuple[Lane]:
        gap = exponent(rest) - place - bits
        gap = select(gap > 0, gap, 0)
        third = (gap * 11) >> 5  # about: none of three powers of two overflows
        scaled = by * power_of_two(third) * power_of_two(third) * power_of_two(gap - 2 * third)
        whole = trunc(rest / scaled)
        rest = minus_product(rest, whole, scaled, bits)
        return (select(rest < 0, rest + scaled, rest),)

    (rest,) = looped((size,), going, step)
    rest = select(by == np.inf, size, rest)
    rest = select((size < np.inf) & (by > 0), rest, np.nan)
    return copysign(rest, x)


def minus_product(x: Lane, whole: Lane, y: Lane, bits: int) -> Lane:
    """x - whole * y, exactly; the product of a small `whole` with 26 bits of y is exact."""
    if bits == 28:  # y has 24 bits
        return x - whole * y
    if x.code.module.fma:
        return intrinsic("fma", -whole, y, x)
    high = float_of(bits_of(y) & -(1 << 27))
    return x - whole * high - whole * (y - high)


def exponent(x: Lane) -> Lane:
    """e where 2**e <= x < 2**(e + 1), for x > 0."""
    small = x < np.finfo(DOUBLE).tiny
    scaled = select(small, x * 2.0**54, x)
    bits = bits_of(scaled)
    return (bits >> 52) - select(small, bits.full(1077), 1023)


def power_of_two(e: Lane) -> Lane:
    return float_of((e + 1023) << 52)
