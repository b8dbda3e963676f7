"""Floor 3. The table of elementwise operations: one line each, every derivative stated once."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..kinds import Map, where
from ..special import erf as erf_kernel
from ..special import sigmoid as sigmoid_kernel
from ..special import softplus as softplus_kernel

# ruff: noqa: E501, RUF100

LOG2, LOG10 = math.log(2), math.log(10)
BELL = 2 / math.sqrt(math.pi)  # erf'(0)
HALF_ROOT = math.sqrt(0.5)


def whole(kernel: Callable) -> Callable:
    """`kernel`, which rounds, for floats; integers are whole already."""
    return lambda x: x if x.dtype.kind in "iub" else kernel(x)


def ties(above: Any, equal: Any) -> Any:
    """The slope of a maximum: equal inputs share it."""
    return where(above, 1.0, where(equal, 0.5, 0.0))


def over(x: Any, z: Any) -> Any:
    """`x / z`, and 0 where `z` is 0: the slope of a length at the origin."""
    return where(z == 0, 0, x / where(z == 0, 1, z))


def tame(x: Any) -> Any:
    """`x` without its infinities, for products with something that has vanished long before."""
    return minimum(maximum(x, -1e5), 1e5)


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
positive      = Map("positive",      "x",            (lambda: 1,), kernel=np.positive)
stop_gradient = Map("stop_gradient", "x")
negative      = Map("negative",      "-x",           (lambda: -1,))
add           = Map("add",           "x + y",        (lambda: 1, lambda: 1))
subtract      = Map("subtract",      "x - y",        (lambda: 1, lambda: -1))
multiply      = Map("multiply",      "x * y",        (lambda y: y, lambda x: x))
divide        = Map("divide",        "x / y",        (lambda y: 1 / y, lambda y, z: -z / y), floats=True, singular=True)
floor_divide  = Map("floor_divide",  "x // y",       (lambda: False, lambda: False))
remainder     = Map("remainder",     "x % y",        (lambda: 1, lambda x, y: -(x // y)))
power         = Map("pow",           "x ** y",       (power_slope, exponent_slope), singular=True)
square        = Map("square",        "x * x",        (lambda x: 2 * x,))
reciprocal    = Map("reciprocal",    "1 / x",        (lambda z: -z * z,), floats=True, singular=True)
sqrt          = Map("sqrt",          "sqrt(x)",      (lambda z: 0.5 / z,), floats=True, singular=True)
length        = Map("length",        "sqrt(x)",      (lambda z: over(0.5, z),), floats=True)
hypot         = Map("hypot",         "hypot(x, y)",  (lambda x, z: over(x, z), lambda y, z: over(y, z)), floats=True)

exp           = Map("exp",           "exp(x)",       (lambda z: z,), floats=True)
expm1         = Map("expm1",         "expm1(x)",     (lambda z: z + 1,), floats=True)
log           = Map("log",           "log(x)",       (lambda x: 1 / x,), floats=True, singular=True)
log1p         = Map("log1p",         "log1p(x)",     (lambda x: 1 / (1 + x),), floats=True, singular=True)
log2          = Map("log2",          "log2(x)",      (lambda x: 1 / (x * LOG2),), floats=True, singular=True)
log10         = Map("log10",         "log10(x)",     (lambda x: 1 / (x * LOG10),), floats=True, singular=True)
logaddexp     = Map("logaddexp",     "logaddexp(x, y)", (
    lambda x, y: where(x == y, 0.5, sigmoid(x - y)), lambda x, y: where(x == y, 0.5, sigmoid(y - x))), floats=True)

sin           = Map("sin",           "sin(x)",       (lambda x: cos(x),), floats=True)
cos           = Map("cos",           "cos(x)",       (lambda x: -sin(x),), floats=True)
tan           = Map("tan",           "tan(x)",       (lambda z: 1 + z * z,), floats=True)
asin          = Map("asin",          "asin(x)",      (lambda x: 1 / sqrt((1 - x) * (1 + x)),), floats=True, singular=True)
acos          = Map("acos",          "acos(x)",      (lambda x: -1 / sqrt((1 - x) * (1 + x)),), floats=True, singular=True)
atan          = Map("atan",          "atan(x)",      (lambda x: 1 / (1 + x * x),), floats=True)
atan2         = Map("atan2",         "atan2(x, y)",  (
    lambda x, y: y / hypot(x, y) / hypot(x, y), lambda x, y: -x / hypot(x, y) / hypot(x, y)), floats=True, singular=True)
sinh          = Map("sinh",          "sinh(x)",      (lambda x: cosh(x),), floats=True)
cosh          = Map("cosh",          "cosh(x)",      (lambda x: sinh(x),), floats=True)
tanh          = Map("tanh",          "tanh(x)",      (lambda z: 1 - z * z,), floats=True)
asinh         = Map("asinh",         "asinh(x)",     (lambda x: 1 / hypot(x, 1.0),), floats=True)
acosh         = Map("acosh",         "acosh(x)",     (lambda x: 1 / sqrt((x - 1) * (x + 1)),), floats=True, singular=True)
atanh         = Map("atanh",         "atanh(x)",     (lambda x: 1 / ((1 - x) * (1 + x)),), floats=True, singular=True)
erf           = Map("erf",           "erf(x)",       (lambda x: BELL * exp(-x * x),), floats=True, kernel=erf_kernel)

abs_          = Map("abs",           "abs(x)",       (lambda x: sign(x),))
sign          = Map("sign",          "sign(x)",      (lambda: False,))
floor         = Map("floor",         "floor(x)",     (lambda: False,), kernel=whole(np.floor))
ceil          = Map("ceil",          "ceil(x)",      (lambda: False,), kernel=whole(np.ceil))
trunc         = Map("trunc",         "trunc(x)",     (lambda: False,), kernel=whole(np.trunc))
round_        = Map("round",         "rint(x)",      (lambda: False,), kernel=whole(np.rint))
copysign      = Map("copysign",      "copysign(x, y)", (lambda x, y: sign(x) * copysign(1.0, y), lambda: False), floats=True)
nextafter     = Map("nextafter",     "nextafter(x, y)", (lambda: 1, lambda: False), floats=True)

maximum       = Map("maximum",       "maximum(x, y)", (lambda x, y: ties(x > y, x == y), lambda x, y: ties(y > x, x == y)))
minimum       = Map("minimum",       "minimum(x, y)", (lambda x, y: ties(x < y, x == y), lambda x, y: ties(y < x, x == y)))
clip          = Map("clip",          "minimum(maximum(x, y), w)", (
    lambda x, y, w: (x >= y) & (x <= w), lambda x, y: x < y, lambda x, w: x > w))
clip_below    = Map("clip_below",    "maximum(x, y)", (lambda x, y: x >= y, lambda x, y: x < y))
clip_above    = Map("clip_above",    "minimum(x, y)", (lambda x, y: x <= y, lambda x, y: x > y))

relu          = Map("relu",          "maximum(x, 0)", (lambda z: z > 0,))
sigmoid       = Map("sigmoid",       "1 / (1 + exp(-x))", (lambda z: z * (1 - z),), floats=True, kernel=sigmoid_kernel)
softplus      = Map("softplus",      "maximum(x, 0) + log1p(exp(-abs(x)))", (lambda x: sigmoid(x),), floats=True, kernel=softplus_kernel)
silu          = Map("silu",          "maximum(x, -1e5) / (1 + exp(-x))", (lambda x: silu_slope(tame(x)),), floats=True,
                    kernel=lambda x: np.maximum(x, -1e5) * sigmoid_kernel(x))
gelu          = Map("gelu",          "maximum(x, -1e5) * (0.5 + 0.5 * erf(x * 0.7071067811865476))", (lambda x: gelu_slope(tame(x)),),
                    floats=True, kernel=lambda x: np.maximum(x, -1e5) * (0.5 + 0.5 * erf_kernel(x * HALF_ROOT)))
leaky_relu    = Map("leaky_relu",    "where(x > 0, x, negative_slope * x)", (
    lambda x, *, negative_slope: where(x > 0, 1.0, negative_slope),), floats=True)
elu           = Map("elu",           "where(x > 0, x, alpha * expm1(minimum(x, 0)))", (
    lambda x, z, *, alpha: where(x > 0, 1.0, z + alpha),), floats=True)

equal         = Map("equal",         "x == y",       dtype=bool)
not_equal     = Map("not_equal",     "x != y",       dtype=bool)
less          = Map("less",          "x < y",        dtype=bool)
less_equal    = Map("less_equal",    "x <= y",       dtype=bool)
greater       = Map("greater",       "x > y",        dtype=bool)
greater_equal = Map("greater_equal", "x >= y",       dtype=bool)
isnan         = Map("isnan",         "isnan(x)",     dtype=bool)
isinf         = Map("isinf",         "isinf(x)",     dtype=bool)
isfinite      = Map("isfinite",      "isfinite(x)",  dtype=bool)
signbit       = Map("signbit",       "signbit(x)",   dtype=bool)
logical_not   = Map("logical_not",   "logical_not(x)",    dtype=bool)
logical_and   = Map("logical_and",   "logical_and(x, y)", dtype=bool)
logical_or    = Map("logical_or",    "logical_or(x, y)",  dtype=bool)
logical_xor   = Map("logical_xor",   "logical_xor(x, y)", dtype=bool)

bitwise_invert      = Map("bitwise_invert",      "~x")
bitwise_and         = Map("bitwise_and",         "x & y")
bitwise_or          = Map("bitwise_or",          "x | y")
bitwise_xor         = Map("bitwise_xor",         "x ^ y")
bitwise_left_shift  = Map("bitwise_left_shift",  "x << y")
bitwise_right_shift = Map("bitwise_right_shift", "x >> y")
# fmt: on
