"""Floor 6. exp, expm1, the hyperbolic functions and erf.

x = n log 2 + r with |r| <= log(2) / 2, and e**r - 1 = r + r**2 P(r).  log 2 has two parts, of
which the first times any n is exact.  n stands in the last bits of x / log 2 + 1.5 * 2**digits;
where 2**n could be out of range it is multiplied in as two powers.
"""

from __future__ import annotations

import math

from ..lane import Lane, select
from .coefficients import ERF, ERFC, EXP, SINH
from .exact import copysign, maximum, minimum
from .parts import bits_of, fma, format_of, polynomial, two_to_the

__all__ = ["cosh", "erf", "exp", "expm1", "sinh", "tanh"]

LOG2E = 1 / math.log(2)
LOG2 = {
    4: (0.693359375, -2.12194440e-4),
    8: (float.fromhex("0x1.62e42fefa4p-1"), float.fromhex("-0x1.8432a1b0e2634p-43")),
}
LEAST, MOST = {4: -104.0, 8: -746.0}, {4: 89.0, 8: 710.0}
# From here on 1 - e**x rounds to 1.
GONE = {4: -18.0, 8: -38.0}
# From here on erf has rounded to 1.
ERF_END = {4: 3.95, 8: 6.0}


def clamped(x: Lane, low: float, high: float) -> Lane:
    """`x` between two numbers; NaN stays."""
    return minimum(maximum(x, low), high)


def reduced(x: Lane, offset: int, more: Lane | None = None) -> tuple[Lane, Lane]:
    """n + offset in the last bits of an integer, and e**(r + more) - 1."""
    high, low = LOG2[x.dtype.itemsize]
    shift = format_of(x).one_and_a_half + offset
    moved = fma(x, LOG2E, shift)
    n = moved - shift
    r = fma(n, -low, fma(n, -high, x))
    r = r if more is None else r + more
    return bits_of(moved), fma(r * r, polynomial(r, EXP), r)


def powers(n: Lane, x: Lane) -> tuple[Lane, Lane]:
    """Two powers of two whose product is 2**n; `n` has twice the bias added."""
    half = n >> 1
    digits = format_of(x).digits
    return two_to_the(half, digits), two_to_the(n - half, digits)


def scaled_exp(x: Lane, scale: float = 1.0, more: float = 0.0) -> Lane:
    """scale * e**x; `more` is how much further the range goes."""
    size = x.dtype.itemsize
    x = clamped(x, LEAST[size], MOST[size] + more)
    n, p = reduced(x, 2 * format_of(x).bias)
    one, two = powers(n, x)
    return (p + 1) * one * (two * scale if scale != 1 else two)


def exp(x: Lane) -> Lane:
    return scaled_exp(x)


def expm1(x: Lane) -> Lane:
    """2**n p + 2**n - 1, with 2**n = one * two: one * (two * p + (two - 1 / one))."""
    size, (digits, bias, *_) = x.dtype.itemsize, format_of(x)
    n, p = reduced(clamped(x, 2 * GONE[size], MOST[size]), 2 * bias)
    one, two = powers(n, x)
    inverse = two_to_the(2 * bias - (n >> 1), digits)
    return copysign(one * fma(two, p, two - inverse), x)


def falling(x: Lane) -> Lane:
    """e**x - 1 for x from -60 to 0."""
    digits, bias, *_ = format_of(x)
    n, p = reduced(x, bias)
    scale = two_to_the(n, digits)
    return fma(scale, p, scale - 1)


def tanh(x: Lane) -> Lane:
    """-t / (t + 2) with t = exp(-2 |x|) - 1."""
    t = falling(minimum(abs(x), 20) * -2)
    return copysign(t / (t + 2), x)


def sinh(x: Lane) -> Lane:
    """A polynomial where |x| < 1, else h - 1 / (4 h) with h = exp(|x|) / 2."""
    size = abs(x)
    half = scaled_exp(size, 0.5, more=1.0)
    large = copysign(half - 0.25 / half, x)
    square = x * x
    return select(size < 1, fma(x * square, polynomial(square, SINH), x), large)


def cosh(x: Lane) -> Lane:
    half = scaled_exp(abs(x), 0.5, more=1.0)
    return half + 0.25 / half


def erf(x: Lane) -> Lane:
    size = minimum(abs(x), ERF_END[x.dtype.itemsize])
    return copysign((erf_single if x.dtype.itemsize == 4 else erf_double)(size), x)


def erf_single(a: Lane) -> Lane:
    """1 - exp(-a P(a)): -log(1 - erf(a)) / a is a smooth function throughout."""
    return -falling(-a * polynomial(a, ERF))


def erf_double(a: Lane) -> Lane:
    """a P(a**2) where a < 1, else 1 - exp(-a**2) Q(2 / (2 + a))."""
    square = a * a
    rest = fma(falling(-square) + 1, polynomial(2 / (a + 2), ERFC), 0)
    return select(a < 1, a * polynomial(square, ERF), 1 - rest)
