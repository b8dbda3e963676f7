"""Floor 6. Logarithms and the inverse hyperbolic functions.

x = 2**e (1 + f) with 1 + f from sqrt(1/2) to sqrt(2).  In float32 log(1 + f) is
f - f**2 / 2 + f**3 P(f); in float64, with s = f / (2 + f) and h = f**2 / 2, it is
f - (h - s (h + s**2 P(s**2))), the order of summation being that of Sun's fdlibm.
"""

from __future__ import annotations

import math

import numpy as np

from ..lane import Lane, Operand, cast, same, select
from .coefficients import LOG
from .exact import copysign, maximum, minimum, sqrt
from .exponential import LOG2, exp
from .parts import bits_of, float_of, fma, format_of, polynomial, split

__all__ = ["acosh", "asinh", "atanh", "log", "log10", "log1p", "log2", "logaddexp"]

LOG10_2 = {
    4: (0.301025390625, 4.605039e-06),
    8: (float.fromhex("0x1.34413509f7p-2"), float.fromhex("0x1.3fde623e2566bp-43")),
}
LARGE = {4: 2.0**60, 8: 2.0**500}


def beyond(f: Lane) -> Lane:
    """log(1 + f) - f."""
    if f.dtype.itemsize == 4:
        square = f * f
        return fma(square * f, polynomial(f, LOG), square * -0.5)
    s = f / (f + 2)
    square, half = s * s, f * f * 0.5
    return s * fma(square, polynomial(square, LOG), half) - half


def edges(x: Lane, result: Lane) -> Lane:
    """`result`, a logarithm of `x`, but for 0, infinity and what has none."""
    odd = select(x == 0, -np.inf, select(x > 0, x, np.nan))
    return select((x > 0) & (x < np.inf), result, odd)


def log(x: Lane) -> Lane:
    m, e = split(x)
    f = m - 1
    high, low = LOG2[x.dtype.itemsize]
    return edges(x, fma(e, high, f + fma(e, low, beyond(f))))


def log2(x: Lane) -> Lane:
    m, e = split(x)
    f = m - 1
    return edges(x, fma(f + beyond(f), 1 / math.log(2), e))


def log10(x: Lane) -> Lane:
    m, e = split(x)
    f = m - 1
    high, low = LOG10_2[x.dtype.itemsize]
    return edges(x, fma(e, high, fma(f + beyond(f), 1 / math.log(10), e * low)))


def log1p(x: Lane) -> Lane:
    """With u = 1 + x rounded, and what rounding took away, scaled as u is, added to f."""
    digits, bias, root, _ = format_of(x)
    u = x + 1
    part = u - 1
    lost = (1 - (u - part)) + (x - part)
    bits = bits_of(u) - root
    n = bits >> digits
    f = float_of((bits & ((1 << digits) - 1)) + root) - 1
    f = fma(lost, float_of(maximum(bias - n, 0) << digits), f)
    e = cast(n, x.dtype)
    high, low = LOG2[x.dtype.itemsize]
    result = copysign(fma(e, high, f + fma(e, low, beyond(f))), x)
    odd = select(x == -1, -np.inf, select(x > -1, x, np.nan))
    return select((x > -1) & (x < np.inf), result, odd)


def logaddexp(x: Operand, y: Operand) -> Lane:
    x, y = same(x, y)
    high = maximum(x, y)
    gap = minimum(x, y) - high
    # Equal infinities differ by NaN; a NaN that was given is in `high`.
    return high + log1p(exp(select(gap <= 0, gap, 0)))


def asinh(x: Lane) -> Lane:
    """log(a + sqrt(a**2 + 1)), as log1p(a + a**2 / (1 + sqrt(a**2 + 1))), or log(a) + log(2)."""
    a = abs(x)
    large = a > LARGE[x.dtype.itemsize]
    square = a * a
    inner = a + square / (sqrt(square + 1) + 1)
    return copysign(grown(large, a, inner), x)


def acosh(x: Lane) -> Lane:
    """log(x + sqrt(x**2 - 1)), as log1p(t + sqrt(t (t + 2))) with t = x - 1."""
    t = x - 1
    inner = select(t >= 0, t + sqrt(t * (t + 2)), np.nan)
    return grown(x > LARGE[x.dtype.itemsize], x, inner)


def grown(large: Lane, x: Lane, inner: Lane) -> Lane:
    """log(2 x) where `large`, else log1p(inner)."""
    return log1p(select(large, x, inner)) + select(large, x.full(math.log(2)), 0)


def atanh(x: Lane) -> Lane:
    """log1p(2 a / (1 - a)) / 2, the quotient as a sum of which 2 a is exact."""
    a = abs(x)
    twice = a + a
    inner = select(a <= 1, fma(twice, a / (1 - a), twice), np.nan)
    return copysign(log1p(inner) * 0.5, x)
