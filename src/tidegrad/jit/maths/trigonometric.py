"""Floor 6. sin, cos and tan.

|x| = n pi / 2 + r with |r| <= pi / 4, by subtracting n times the parts of pi / 2 one by one.  The
first difference is exact, and the parts reach so far that r is right to the last place even where
it nearly vanishes.  Larger arguments are reduced in integers, one by one (`reduction`).
"""

from __future__ import annotations

import math

from ..lane import Lane, cast, select
from .coefficients import COS, SIN
from .parts import DOUBLE, SINGLE, bits_of, float_of, fma, format_of, polynomial
from .reduction import reduced_far

__all__ = ["cos", "sin", "tan"]

# Parts of pi / 2 as long as a float, and of 33 bits, whose products with n are exact.
PARTS = {
    4: (1.5707963705062866, -4.3711388286737929e-08, -1.7151245100058817e-15),
    8: (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33),
}
SHORT = (1.5707963267341256, 6.077100506303966e-11, 2.0222662487111665e-21, 8.4784276603689e-32)
# How far the parts reach.
NEAR = {4: 2.0**17, 8: 2.0**20}


def sin(x: Lane) -> Lane:
    r, n = reduced(abs(x))
    sine, cosine = both(r)
    turned = select(odd(n), cosine, sine)
    return flipped(turned, n << sign_place(n, 2) ^ bits_of(x))


def cos(x: Lane) -> Lane:
    r, n = reduced(abs(x))
    sine, cosine = both(r)
    turned = select(odd(n), sine, cosine)
    return flipped(turned, (n + 1) << sign_place(n, 2))


def tan(x: Lane) -> Lane:
    r, n = reduced(abs(x))
    sine, cosine = both(r)
    swap = odd(n)
    ratio = select(swap, cosine, sine) / select(swap, sine, cosine)
    return flipped(ratio, n << sign_place(n, 1) ^ bits_of(x))


def both(r: Lane) -> tuple[Lane, Lane]:
    """sin(r) and cos(r)."""
    square = r * r
    sine = fma(r * square, polynomial(square, SIN), r)
    return sine, fma(square * square, polynomial(square, COS), fma(square, -0.5, 1))


def odd(n: Lane) -> Lane:
    return (n & 1) != 0


def sign_place(n: Lane, bit: int) -> int:
    """How far bit number `bit`, counted from 1, is from the sign."""
    return 8 * n.dtype.itemsize - bit


def flipped(x: Lane, sign: Lane) -> Lane:
    """`x` with its sign changed where this integer's sign bit is set."""
    return float_of(bits_of(x) ^ (sign & -(1 << (8 * sign.dtype.itemsize - 1))))


def reduced(a: Lane) -> tuple[Lane, Lane]:
    """r and, in the last two bits of an integer, n."""
    r, n = reduced_near(a)
    return reduced_far(a, a > NEAR[a.dtype.itemsize], r, n)


def reduced_near(a: Lane) -> tuple[Lane, Lane]:
    shift = format_of(a).one_and_a_half
    moved = fma(a, 2 / math.pi, shift)
    n = moved - shift
    if a.code.module.fma:
        parts: tuple[float, ...] = PARTS[a.dtype.itemsize]
    elif a.dtype == SINGLE:  # the products are exact in float64
        wide, times = cast(a, DOUBLE), cast(n, DOUBLE)
        return cast(wide - times * SHORT[0] - times * SHORT[1], SINGLE), bits_of(moved)
    else:
        parts = SHORT
    for part in parts:
        a = fma(n, -part, a)
    return a, bits_of(moved)
