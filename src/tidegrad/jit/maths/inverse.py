"""Floor 6. asin, acos, atan and atan2.

asin(x) = x + x**3 P(x**2) where |x| <= 1/2, else pi / 2 - 2 asin(sqrt((1 - |x|) / 2)).
atan(t) = t + t**3 P(t**2) where |t| <= tan(pi / 8); a larger t is turned by pi / 4 or pi / 2.
"""

from __future__ import annotations

import math

import numpy as np

from ..lane import Lane, Operand, same, select
from .coefficients import ASIN, ATAN
from .exact import copysign, maximum, signbit, sqrt
from .parts import fma, format_of, polynomial

__all__ = ["acos", "asin", "atan", "atan2"]

# pi / 2 and what is missing from it.
QUARTER = {
    4: (1.5707963705062866, -4.371139000186241e-08),
    8: (math.pi / 2, 6.123233995736766e-17),
}
TURNED, TWICE = math.tan(math.pi / 8), math.tan(3 * math.pi / 8)
HUGE = {4: 2.0**125, 8: 2.0**1021}


def arc(x: Lane) -> tuple[Lane, Lane]:
    """Whether |x| > 1/2; and asin(|x|), or where it is, asin(sqrt((1 - |x|) / 2))."""
    a = abs(x)
    large = a > 0.5
    rest = (1 - a) * 0.5
    square, base = select(large, rest, a * a), select(large, sqrt(rest), a)
    return large, fma(base * square, polynomial(square, ASIN), base)


def asin(x: Lane) -> Lane:
    high, low = QUARTER[x.dtype.itemsize]
    large, y = arc(x)
    return copysign(select(large, high - (y + y - low), y), x)


def acos(x: Lane) -> Lane:
    high, low = QUARTER[x.dtype.itemsize]
    large, y = arc(x)
    twice = y + y
    outer = select(x < 0, 2 * high - (twice - 2 * low), twice)
    return select(large, outer, high - (copysign(y, x) - low))


def atan(x: Lane) -> Lane:
    return copysign(angle(abs(x), x.full(1)), x)


def atan2(y: Operand, x: Operand) -> Lane:
    y, x = same(y, x)
    high, low = QUARTER[x.dtype.itemsize]
    a, b = abs(y), abs(x)
    digits, _, _, tiny = format_of(x)
    largest = maximum(a, b)
    # Where the larger is subnormal, its multiples that `angle` compares with would be rough.
    scale = select(largest < tiny * 2.0**digits, a.full(2.0 ** (digits + 2)), 1)
    scale = select(largest > HUGE[x.dtype.itemsize], 0.25, scale)
    infinite = (a == np.inf) & (b == np.inf)
    b = select(infinite | ((a == 0) & (b == 0)), 1, b * scale)
    turn = angle(select(infinite, 1, a * scale), b)
    return copysign(select(signbit(x), 2 * high - (turn - 2 * low), turn), y)


def angle(y: Lane, x: Lane) -> Lane:
    """atan(y / x) for y >= 0 and x > 0, from 0 to pi / 2."""
    high, low = QUARTER[x.dtype.itemsize]
    middle, steep = y > x * TURNED, y > x * TWICE
    above = select(steep, -x, select(middle, y - x, y))
    below = select(steep, y, select(middle, y + x, x))
    t = above / below
    square = t * t
    rest = t * square * polynomial(square, ATAN)
    turn = select(steep, t.full(high), select(middle, t.full(high / 2), 0))
    more = select(steep, t.full(low), select(middle, t.full(low / 2), 0))
    return turn + (t + (rest + more))
