"""Coefficients of the compiler's vector maths: Remez's exchange algorithm in mpmath.

    python tools/minimax.py > src/tidegrad/jit/maths/coefficients.py

A line of FITS is a function g, an interval, a degree, and how much an error at x matters: the
polynomial is the one whose largest weighted error is least.  Coefficients are rounded to the
dtype; those that the mathematics gives (1 in 1 + x + ...) are not fitted.
"""

import sys

import numpy as np
from mpmath import mp, mpf

mp.dps = 60


def fitted(g, low, high, degree, weight=lambda x: 1):
    """Coefficients from x**0 up, and the largest weighted error."""
    low, high = mpf(low), mpf(high)
    count = degree + 2
    middle, half = (low + high) / 2, (high - low) / 2
    points = [middle - half * mp.cos(mp.pi * k / (count - 1)) for k in range(count)]
    grid = [middle - half * mp.cos(mp.pi * k / (24 * count)) for k in range(24 * count + 1)]
    known = [(x, g(x), weight(x)) for x in grid]
    for _ in range(12):
        system, values = mp.matrix(count, count), mp.matrix(count, 1)
        for row, x in enumerate(points):
            for power in range(degree + 1):
                system[row, power] = x**power
            system[row, degree + 1] = (-1) ** row / mpf(weight(x))
            values[row] = g(x)
        solved = mp.lu_solve(system, values)
        found = [solved[k] for k in range(degree + 1)]
        errors = [(x, w * (y - mp.polyval(found[::-1], x))) for x, y, w in known]
        peaks = extremes(errors, count)
        largest = max(abs(e) for _, e in errors)
        if peaks is None or largest <= abs(solved[degree + 1]) * mpf("1.02"):
            break
        points = peaks
    return found, largest


def extremes(errors, count):
    """The places of `count` largest errors of alternating sign."""
    runs = []
    for x, e in errors:
        if runs and (runs[-1][1] > 0) == (e > 0):
            runs[-1] = max(runs[-1], (x, e), key=lambda p: abs(p[1]))
        else:
            runs.append((x, e))
    while len(runs) > count:
        runs.pop(0 if abs(runs[0][1]) < abs(runs[-1][1]) else -1)
    return [x for x, _ in runs] if len(runs) == count else None


def of_square(f):
    """f, a function of s, as a function of t = s**2."""
    return lambda t: f(mp.sqrt(max(t, mpf(10) ** -24)))


def near_zero(f, *series):
    """f(x), or the beginning of its series where f cancels."""
    return lambda x: mp.polyval(series[::-1], x) if abs(x) < mpf(10) ** -12 else f(x)


def erf_exponent(a):
    return -mp.log(mp.erfc(a)) / a if a else 2 / mp.sqrt(mp.pi)


def erf_weight(a):
    v = a * erf_exponent(a)
    return (v / mp.expm1(v) if v else 1) / erf_exponent(a) + mpf(2) ** -40


def erfc_scaled(t):
    a = 2 / t - 2
    return mp.exp(a * a) * mp.erfc(a)


HALF, R2, TAN8, QUARTER = mp.log(2) / 2, mp.sqrt(2), mp.sqrt(2) - 1, mp.pi / 4
WIDER = mpf("1.0005")  # what rounding may add at an interval's ends
EXP = near_zero(lambda x: (mp.expm1(x) - x) / x**2, mpf(1) / 2, mpf(1) / 6)
LOG = near_zero(lambda f: (mp.log1p(f) - f + f * f / 2) / f**3, mpf(1) / 3, -mpf(1) / 4)
LOG_S = of_square(lambda s: (2 * mp.atanh(s) - 2 * s) / s**3)
LOG_S5 = of_square(lambda s: (2 * mp.atanh(s) - 2 * s - 2 * s**3 / 3) / s**5)
SIN = of_square(lambda s: (mp.sin(s) - s) / s**3)
COS = of_square(lambda s: (mp.cos(s) - 1 + s * s / 2) / s**4)
ASIN = of_square(lambda s: (mp.asin(s) - s) / s**3)
ATAN = of_square(lambda s: (mp.atan(s) - s) / s**3)
SINH = of_square(lambda s: (mp.sinh(s) - s) / s**3)
ERF = of_square(lambda s: mp.erf(s) / s)
S2 = (TAN8 / (R2 + 1)) ** 2 * WIDER  # the largest s**2 of a logarithm


def first(x):
    return abs(x) + mpf(10) ** -30


def second(x):
    return x * x + mpf(10) ** -30


# name: bytes of the float, function, interval, degree, weight
FITS = [
    ("EXP", 4, EXP, -HALF * WIDER, HALF * WIDER, 4, first),
    ("EXP", 8, EXP, -HALF * WIDER, HALF * WIDER, 9, first),
    ("LOG", 4, LOG, 1 / R2 - 1, R2 - 1, 7, second),
    ("LOG", 8, LOG_S, 0, S2, 6, first),
    ("LOG_TAIL", 8, LOG_S5, 0, S2, 6, second),
    ("SIN", 4, SIN, 0, (QUARTER * WIDER) ** 2, 2, first),
    ("SIN", 8, SIN, 0, (QUARTER * WIDER) ** 2, 5, first),
    ("COS", 4, COS, 0, (QUARTER * WIDER) ** 2, 2, second),
    ("COS", 8, COS, 0, (QUARTER * WIDER) ** 2, 5, second),
    ("ASIN", 4, ASIN, 0, 0.25, 4, first),
    ("ASIN", 8, ASIN, 0, 0.25, 11, first),
    ("ATAN", 4, ATAN, 0, (TAN8 * WIDER) ** 2, 3, first),
    ("ATAN", 8, ATAN, 0, (TAN8 * WIDER) ** 2, 10, first),
    ("SINH", 4, SINH, 0, 1, 3, first),
    ("SINH", 8, SINH, 0, 1, 6, first),
    ("ERF", 4, erf_exponent, 0, mpf("3.95"), 8, erf_weight),
    ("ERF", 8, ERF, 0, 1, 11, lambda t: 1),
    ("ERFC", 8, erfc_scaled, 0.25, 2 / mpf(3), 11, lambda t: mp.exp(-((2 / t - 2) ** 2))),
]


def printed(coefficients, size):
    kind = np.float32 if size == 4 else np.float64
    return [str(kind(float(c))) for c in coefficients]


def main(out):
    print(
        '"""Floor 6. Coefficients of the vector maths, as tools/minimax.py computes them."""\n',
        file=out,
    )
    tables = {}
    for name, size, g, low, high, degree, weight in FITS:
        coefficients, largest = fitted(g, low, high, degree, weight)
        tables.setdefault(name, []).append((size, coefficients, largest))
    quoted = ", ".join(f'"{name}"' for name in tables)
    print(f"__all__ = [{quoted}]\n", file=out)
    print("# By the size of the float in bytes, from the constant term up.", file=out)
    print("# fmt: off", file=out)
    for name, entries in tables.items():
        print(f"{name} = {{", file=out)
        for size, coefficients, largest in entries:
            print(f"    {size}: (  # off by 2**{float(mp.log(largest, 2)):.1f}", file=out)
            texts = printed(coefficients, size)
            line = 16 // size + 1  # so many fit
            for k in range(0, len(texts), line):
                print("        " + " ".join(f"{c}," for c in texts[k : k + line]), file=out)
            print("    ),", file=out)
        print("}", file=out)
    print("# fmt: on", file=out)


if __name__ == "__main__":
    main(sys.stdout)
