"""Floor 3. The table of elementwise operations: one line each, every derivative stated once."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from .. import special
from ..kinds import Map, where

Smooth = partial(Map, floats=True)
Steep = partial(Map, floats=True, singular=True)

LOG2, LOG10 = math.log(2), math.log(10)
BELL = 2 / math.sqrt(math.pi)  # erf'(0)
HALF_ROOT = math.sqrt(0.5)


def ties(behind: Any, equal: Any) -> Any:
    """The slope of a maximum: equal inputs share it, and a NaN passes it on."""
    return where(behind, 0.0, where(equal, 0.5, 1.0))


def direction(x: Any, z: Any) -> Any:
    """`x / z`, a coordinate over the length: 0 at the origin, 1 or -1 where it is infinite."""
    known = (z == 0) | isinf(x)
    return where(known, sign(x), x / where(known, 1, z))


def tame(x: Any) -> Any:
    """`x` without its infinities, for products with something that has vanished long before."""
    return minimum(maximum(x, -1e5), 1e5)


def inverse(y: Any) -> Any:
    """`1 / y`, also for the number 0."""
    return math.copysign(math.inf, y) if type(y) in (int, float) and y == 0 else 1 / y


def power_slope(x: Any, y: Any) -> Any:
    """d(x**y)/dx, which is 0 for y = 0 everywhere."""
    if type(y) in (int, float):
        return False if y == 0 else True if y == 1 else 2 * x if y == 2 else y * x ** (y - 1)
    return where(y == 0, 0, y * x ** where(y == 0, 1, y - 1))


def exponent_slope(x: Any, y: Any, z: Any) -> Any:
    """d(x**y)/dy, which is 0 for x = 0 wherever 0**y is finite."""
    still = (x == 0) & (y >= 0)
    return where(still, 0, z * log(where(still, 1, x)))


def silu_slope(x: Any) -> Any:
    s = sigmoid(x)
    return s + x * s * (1 - s)


def gelu_slope(x: Any) -> Any:
    return 0.5 + 0.5 * erf(x * HALF_ROOT) + x * exp(-0.5 * x * x) * (0.5 * BELL * HALF_ROOT)


# fmt: off
stop_gradient = Map("stop_gradient", "x")
positive     = Map("positive",       "x",        (lambda: 1,), kernel=lambda x: x.copy())
negative     = Map("negative",       "-x",       (lambda: -1,))
add          = Map("add",            "x + y",    (lambda: 1, lambda: 1))
subtract     = Map("subtract",       "x - y",    (lambda: 1, lambda: -1))
gap          = Smooth("gap",         "where(x == y, 0, x - y)", (lambda: 1, lambda: -1),
                      kernel=special.gap)
multiply     = Map("multiply",       "x * y",    (lambda y: y, lambda x: x))
divide       = Steep("divide",       "x / y",    (inverse, lambda y, z: -z / y))
floor_divide = Map("floor_divide",   "x // y",   (lambda: False, lambda: False))
remainder    = Map("remainder",      "x % y",    (lambda: 1, lambda x, y: -(x // y)))
power        = Map("pow",            "x ** y",   (power_slope, exponent_slope), singular=True)
square       = Map("square",         "x * x",    (lambda x: 2 * x,))
reciprocal   = Steep("reciprocal",   "1 / x",    (lambda z: -z * z,))
sqrt         = Steep("sqrt",         "sqrt(x)",  (lambda z: 0.5 / z,))
hypot        = Smooth("hypot",       "hypot(x, y)", (
    lambda x, z: direction(x, z), lambda y, z: direction(y, z)))

exp          = Smooth("exp",         "exp(x)",   (lambda z: z,))
expm1        = Smooth("expm1",       "expm1(x)", (lambda x: exp(x),))
log          = Steep("log",          "log(x)",   (lambda x: 1 / x,))
log1p        = Steep("log1p",        "log1p(x)", (lambda x: 1 / (1 + x),))
log2         = Steep("log2",         "log2(x)",  (lambda x: 1 / (x * LOG2),))
log10        = Steep("log10",        "log10(x)", (lambda x: 1 / (x * LOG10),))
logaddexp    = Smooth("logaddexp",   "logaddexp(x, y)", (
    lambda x, y: sigmoid(gap(x, y)),
    lambda x, y: sigmoid(gap(y, x))), kernel=special.logaddexp)

sin          = Smooth("sin",         "sin(x)",   (lambda x: cos(x),))
cos          = Smooth("cos",         "cos(x)",   (lambda x: -sin(x),))
tan          = Smooth("tan",         "tan(x)",   (lambda z: 1 + z * z,))
asin         = Steep("asin",         "asin(x)",  (lambda x: 1 / sqrt((1 - x) * (1 + x)),))
acos         = Steep("acos",         "acos(x)",  (lambda x: -1 / sqrt((1 - x) * (1 + x)),))
atan         = Smooth("atan",        "atan(x)",  (lambda x: 1 / (1 + x * x),))
atan2        = Steep("atan2",        "atan2(x, y)", (
    lambda x, y: direction(y, hypot(x, y)) / hypot(x, y),
    lambda x, y: -direction(x, hypot(x, y)) / hypot(x, y)))
sinh         = Smooth("sinh",        "sinh(x)",  (lambda x: cosh(x),))
cosh         = Smooth("cosh",        "cosh(x)",  (lambda x: sinh(x),))
tanh         = Smooth("tanh",        "tanh(x)",  (lambda z: 1 - z * z,))
asinh        = Smooth("asinh",       "asinh(x)", (lambda x: 1 / hypot(x, 1.0),))
acosh        = Steep("acosh",        "acosh(x)", (lambda x: 1 / (sqrt(x - 1) * sqrt(x + 1)),))
atanh        = Steep("atanh",        "atanh(x)", (lambda x: 1 / ((1 - x) * (1 + x)),))
erf          = Smooth("erf",         "erf(x)",
                      (lambda x: BELL * exp(-x * x),), kernel=special.erf)

abs_         = Map("abs",            "abs(x)",   (lambda x: sign(x),))
sign         = Map("sign",           "sign(x)",  (lambda: False,))
floor        = Map("floor",          "floor(x)", (lambda: False,), kernel=special.whole(np.floor))
ceil         = Map("ceil",           "ceil(x)",  (lambda: False,), kernel=special.whole(np.ceil))
trunc        = Map("trunc",          "trunc(x)", (lambda: False,), kernel=special.whole(np.trunc))
round_       = Map("round",          "rint(x)",  (lambda: False,), kernel=special.whole(np.rint))
nextafter    = Smooth("nextafter",   "nextafter(x, y)", (lambda: 1, lambda: False))
copysign     = Smooth("copysign",    "copysign(x, y)", (
    lambda x, y: sign(x) * copysign(1.0, y), lambda: False))

maximum      = Map("maximum",        "maximum(x, y)", (
    lambda x, y: ties(x < y, x == y),
    lambda x, y: ties(y < x, x == y)))
minimum      = Map("minimum",        "minimum(x, y)", (
    lambda x, y: ties(x > y, x == y),
    lambda x, y: ties(y > x, x == y)))
clip_below   = Map("clip_below",     "maximum(x, y)", (lambda x, y: x >= y, lambda x, y: x < y))
clip_above   = Map("clip_above",     "minimum(x, y)", (lambda x, y: x <= y, lambda x, y: x > y))

relu         = Map("relu",           "maximum(x, 0)", (lambda z: z > 0,))
sigmoid      = Smooth("sigmoid",     "where(x < 0, exp(-abs(x)), 1) / (1 + exp(-abs(x)))",
                      (lambda z: z * (1 - z),), kernel=special.sigmoid)
softplus     = Smooth("softplus",    "maximum(x, 0) + log1p(exp(-abs(x)))",
                      (lambda x: sigmoid(x),), kernel=special.softplus)
silu = Smooth("silu", "maximum(x, -1e5) * where(x < 0, exp(-abs(x)), 1) / (1 + exp(-abs(x)))",
                      (lambda x: silu_slope(tame(x)),), kernel=special.silu)
gelu         = Smooth("gelu",        "maximum(x, -1e5) * (0.5 + 0.5 * erf(x * 0.7071067811865476))",
                      (lambda x: gelu_slope(tame(x)),), kernel=special.gelu)
leaky_relu   = Smooth("leaky_relu",  "where(x > 0, x, negative_slope * x)", (
    lambda x, *, negative_slope: where(x > 0, 1.0, negative_slope),))
elu          = Smooth("elu",         "where(x > 0, x, alpha * expm1(minimum(x, 0)))", (
    lambda x, z, *, alpha: where(x > 0, 1.0, z + alpha),))

equal         = Map("equal",         "x == y",   dtype=bool)
not_equal     = Map("not_equal",     "x != y",   dtype=bool)
less          = Map("less",          "x < y",    dtype=bool)
less_equal    = Map("less_equal",    "x <= y",   dtype=bool)
greater       = Map("greater",       "x > y",    dtype=bool)
greater_equal = Map("greater_equal", "x >= y",   dtype=bool)
isnan         = Map("isnan",         "isnan(x)", dtype=bool)
isinf         = Map("isinf",         "isinf(x)", dtype=bool)
isfinite      = Map("isfinite",      "isfinite(x)", dtype=bool)
signbit       = Map("signbit",       "signbit(x)", dtype=bool)
logical_not   = Map("logical_not",   "logical_not(x)", dtype=bool)
logical_and   = Map("logical_and",   "logical_and(x, y)", dtype=bool)
logical_or    = Map("logical_or",    "logical_or(x, y)", dtype=bool)
logical_xor   = Map("logical_xor",   "logical_xor(x, y)", dtype=bool)

bitwise_invert      = Map("bitwise_invert", "~x")
bitwise_and         = Map("bitwise_and", "x & y")
bitwise_or          = Map("bitwise_or", "x | y")
bitwise_xor         = Map("bitwise_xor", "x ^ y")
bitwise_left_shift  = Map("bitwise_left_shift", "x << y")
bitwise_right_shift = Map("bitwise_right_shift", "x >> y")
# fmt: on
