"""Floor 6. Powers and hypot.

x**y = exp(y log x).  In float32 that is computed in float64.  In float64 the logarithm is a sum
of two floats, right to 2**-64: with s = f / (2 + f) as such a sum, log(1 + f) is
2 s + 2/3 s**3 + s**5 P(s**2), of which the first two terms need two floats.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..lane import BOOL, Lane, Operand, cast, same, select
from .coefficients import LOG_TAIL
from .exact import maximum, minimum, rint, signbit, sqrt
from .exponential import LEAST, LOG2, MOST, clamped, exp, powers, reduced
from .logarithm import log
from .parts import DOUBLE, SINGLE, fma, format_of, polynomial, product, split
from .routine import looped, routine

__all__ = ["hypot", "power"]

TWO_THIRDS = (2 / 3, 3.700743415417188e-17)


def power(x: Operand, y: Operand) -> Lane:
    """x ** y; an integer to a negative power is 0."""
    x, y = same(x, y)
    if x.dtype == BOOL:
        x, y = same(x, y, dtype=np.dtype("i1"))
    short = SHORT.get(y.value) if y.value is not None else None
    if short is not None and (x.dtype.kind == "f" or y.value in (0, 1, 2, 3)):
        return short(x)
    return routine(float_power if x.dtype.kind == "f" else integer_power, x, y)


SHORT: dict[float, Callable[[Lane], Lane]] = {
    0: lambda x: x.full(1),
    1: lambda x: x,
    2: lambda x: x * x,
    3: lambda x: x * x * x,
    0.5: sqrt,
    -1: lambda x: 1 / x,
}


def integer_power(x: Lane, y: Lane) -> Lane:
    def step(total: Lane, base: Lane, left: Lane) -> tuple[Lane, ...]:
        return select((left & 1) != 0, total * base, total), base * base, left >> 1

    start = (x.full(1), x, select(y < 0, 0, y))
    total, *_ = looped(start, lambda total, base, left: left != 0, step)
    return select(y < 0, 0, total)


def float_power(x: Lane, y: Lane) -> Lane:
    a = abs(x)
    size = size_single(a, y) if x.dtype == SINGLE else size_double(a, y)
    size = select((a == 1) | (y == 0), 1, size)
    whole, half = rint(y) == y, y * 0.5
    turned = select(whole & (rint(half) != half), -size, size)
    result = select(signbit(x), turned, size)
    real = whole | (x >= 0) | (x == -np.inf) | (x != x)
    result = select(real, result, np.nan)
    return select(y != y, select(x == 1, 1, y), select((x != x) & (y != 0), x, result))


def size_single(a: Lane, y: Lane) -> Lane:
    return cast(exp(log(cast(a, DOUBLE)) * cast(y, DOUBLE)), SINGLE)


def size_double(a: Lane, y: Lane) -> Lane:
    high, low = log_sum(a)
    above, below = product(y, high)
    below = below + y * low
    below = select(abs(above) < 2000, below, 0)
    above = clamped(above, LEAST[8], MOST[8])
    n, p = reduced(above, 2 * format_of(a).bias, below)
    one, two = powers(n, a)
    return (p + 1) * one * two


def log_sum(a: Lane) -> tuple[Lane, Lane]:
    """log(a) as a sum of two floats, the second not for 0 and infinity."""
    m, e = split(a)
    f = m - 1
    d = f + 2
    lost = f - (d - 2)
    s = f / d
    back, error = product(s, d)
    s_low = (f - back - error - s * lost) / d
    square, square_low = product(s, s)
    square_low = fma(s * 2, s_low, square_low)
    cube, cube_low = product(s, square)
    cube_low = cube_low + s * square_low + s_low * square
    third, third_low = product(cube, cube.full(TWO_THIRDS[0]))
    third_low = third_low + fma(cube, TWO_THIRDS[1], cube_low * TWO_THIRDS[0])
    high, low = LOG2[8]
    large, twice = e * high, s * 2
    first = large + twice
    total = first + third
    rest = (twice - (first - large)) + (third - (total - first))
    rest = rest + fma(e, low, s_low * 2 + third_low + cube * square * polynomial(square, LOG_TAIL))
    result = total + rest
    odd = select(a == 0, -np.inf, a)
    return select((a > 0) & (a < np.inf), result, odd), rest - (result - total)


def hypot(x: Operand, y: Operand) -> Lane:
    """sqrt(x**2 + y**2), scaled where squares could be out of range."""
    x, y = same(x, y)
    digits, bias, *_ = format_of(x)
    a, b = maximum(abs(x), abs(y)), minimum(abs(x), abs(y))
    far = 2.0 ** (3 * bias // 4)
    up, down = a < 1 / 2.0 ** (bias // 2 - digits), a > 2.0 ** (bias // 2 - 1)
    scale = select(down, a.full(1 / far), select(up, a.full(far), 1))
    back = select(down, a.full(far), select(up, a.full(1 / far), 1))
    a, b = a * scale, b * scale
    length = sqrt(fma(a, a, b * b)) * back
    return select((abs(x) == np.inf) | (abs(y) == np.inf), np.inf, length)
