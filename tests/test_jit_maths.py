"""The compiler's vector maths against mpmath: at most 4 ulp everywhere, and the edges."""

import io
import re
import runpy
from pathlib import Path

import mpmath
import numpy as np
import pytest
from lane_loops import TARGETS, applied, loop, machine, optimised
from mpmath import mp
from profiles import many

from tidegrad import special
from tidegrad.jit.lanes import FUNCTIONS, Module
from tidegrad.jit.maths import coefficients

SINGLE, DOUBLE = np.float32, np.float64
ONE = ["exp", "expm1", "log", "log1p", "log2", "log10", "sin", "cos", "tan", "asin", "acos"]
ONE += ["atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf"]
TWO = ["power", "atan2", "hypot", "logaddexp"]
# What is compiled: a scalar, this machine's vectors, and the oldest x86-64's, without fma.
LANES = [("host", 1), ("host", 16), ("sse2", 4)]
EVERY = pytest.mark.parametrize("name", ONE)
BOTH = pytest.mark.parametrize("dtype", [SINGLE, DOUBLE], ids=["float32", "float64"])
quiet = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, about the edges

# Where a function changes its formula, overflows or vanishes.
PLACES = [0.5, 1.0, 2.0, 10.0, 18.0, 20.0, 38.0, 100.0, 1000.0, 0.41421356, 2.41421356, 0.70710678]
PLACES += [1.41421356, 3.95, 6.0, 1e4, 1e10, 1e30, 2.0**17, 2.0**20, 2.0**60, 2.0**500, 0.34657359]
PLACES += [88.72, 88.73, 89.41, 89.42, 103.28, 103.98, 87.34, 149.0, 126.0, 127.0, 128.0]
PLACES += [709.78, 709.79, 710.47, 710.48, 745.13, 745.14, 708.39]
# Closest of all to multiples of pi / 2.
WORST = {SINGLE: [16367173 * 2.0**72], DOUBLE: [6381956970095103 * 2.0**797, 2.0**1023]}


def numbers(dtype, rng, count):
    """Any bits; sizes that matter; around 1, multiples of pi / 4 and `PLACES`; the ends."""
    of, bits = np.finfo(dtype), {SINGLE: np.uint32, DOUBLE: np.uint64}[dtype]
    parts = [rng.integers(0, np.iinfo(bits).max, count, bits, endpoint=True).view(dtype)]
    parts += [np.exp(rng.uniform(-12, 7, count)), 1 + np.exp(rng.uniform(-36, 0, count // 2))]
    parts += [1 - np.exp(rng.uniform(-36, 0, count // 2)), np.arange(1, 200) * np.pi / 4]
    parts += [rng.integers(1, 2**40, count // 4) * (np.pi / 2)]
    ends = [of.max, of.tiny, of.smallest_subnormal, 3 * of.smallest_subnormal]
    with np.errstate(all="ignore"):
        near = np.concatenate([*parts[1:], PLACES, WORST[dtype], ends]).astype(dtype)
        near = near[np.isfinite(near)]
        up, down = np.nextafter(near, dtype(np.inf)), np.nextafter(near, dtype(0))
    near = np.concatenate([near, up, down])
    return np.concatenate([parts[0], near, -near])


def truth(name, *given):
    """mpmath's answer for floats, or None where there is none."""
    x = mpmath.mpf(float(given[0]))
    if name in ODD and abs(x) < mpmath.mpf(2) ** -110:
        return x * ODD[name]
    try:
        if name in PERIODIC and abs(x) > 1000:
            with mp.workprec(1400):
                return None if mp.isinf(x) else getattr(mp, name)(x)
        if name in LIMITED:
            x = max(min(x, LIMITED[name]), -LIMITED[name])
        z = OTHERS.get(name, getattr(mp, name, None))(x, *map(mpmath.mpf, map(float, given[1:])))
    except (ValueError, ZeroDivisionError, mpmath.libmp.ComplexResult):
        return None
    return None if isinstance(z, mpmath.mpc) or mp.isnan(z) else z


ODD = dict.fromkeys(("expm1", "log1p", "sin", "tan", "asin", "atan", "sinh", "tanh", "asinh"), 1)
ODD |= {"atanh": 1, "erf": 2 / mpmath.mp.sqrt(mpmath.mp.pi)}
PERIODIC = ("sin", "cos", "tan")
LIMITED = {"exp": 2000, "expm1": 2000, "sinh": 2000, "cosh": 2000, "tanh": 200, "erf": 200}
OTHERS = {
    "log2": lambda x: mp.log(x, 2),
    "power": lambda x, y: mp.power(x, y),
    "logaddexp": lambda x, y: max(x, y) + mp.log1p(mp.exp(min(x, y) - max(x, y))),
}


def ulps(found, true, dtype):
    """The error in units of the true result's last place; infinity is the float after the last."""
    of = np.finfo(dtype)
    beyond = mpmath.mpf(2) ** of.maxexp
    if np.isnan(found):
        return np.inf
    value = mpmath.mpf(float(found)) if np.isfinite(found) else mp.sign(float(found)) * beyond
    true = max(min(true, beyond), -beyond)
    place = max(mp.frexp(true)[1] - of.nmant - 1, of.minexp - of.nmant) if true else of.minexp
    return float(abs(value - true) / mpmath.mpf(2) ** place)


@pytest.fixture(autouse=True)
def forty_digits():
    with mp.workprec(140):
        yield


def test_the_coefficients_are_those_that_the_tool_computes():
    path = Path(__file__).parents[1] / "tools" / "minimax.py"
    printed = io.StringIO()
    runpy.run_path(str(path))["main"](printed)
    assert printed.getvalue() == Path(coefficients.__file__).read_text(encoding="utf-8")


@EVERY
def test_float64_is_within_four_ulp(name, rng):
    x = numbers(DOUBLE, rng, many(250, 6000))
    x = x[x >= 1] if name == "acosh" else x
    expected = [truth(name, at) for at in x]
    for target, width in LANES:
        z = applied(FUNCTIONS[name], x, width=width, target=target)
        for at, found, true in zip(x, z, expected, strict=True):
            if true is None:
                infinite = np.isinf(found) and name in ("log", "log2", "log10", "log1p", "atanh")
                assert np.isnan(found) or infinite, (name, target, at, found)
            else:
                assert ulps(found, true, DOUBLE) <= 4, (name, target, at, found)


@quiet
@EVERY
def test_float32_is_within_four_ulp(name, rng):
    x = numbers(SINGLE, rng, many(50_000, 2_000_000))
    expected = WIDE.get(name, getattr(np, name, None))(x.astype(DOUBLE))
    for target, width in LANES:
        z = applied(FUNCTIONS[name], x, width=width, target=target)
        assert (worst_single(z, expected) <= 4).all(), (name, target)


WIDE = {"erf": special.erf}
BEYOND = 2.0**128


def worst_single(z, expected):
    """ulps(), for arrays of float32 whose truth is float64."""
    true = np.clip(expected, -BEYOND, BEYOND)
    value = np.clip(z.astype(DOUBLE), -BEYOND, BEYOND)
    place = np.maximum(np.frexp(true)[1] - 24, -149)
    error = np.where(true == value, 0, np.abs(value - true) / np.exp2(place))
    return np.where(np.isnan(true), np.where(np.isnan(z), 0, np.inf), np.nan_to_num(error, nan=1e9))


@quiet
@BOTH
def test_edges(dtype):
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0], dtype)
    for name in ONE:
        expected = WIDE.get(name, getattr(np, name, None))(x)
        for target, width in LANES:
            z = applied(FUNCTIONS[name], x, width=width, target=target)
            np.testing.assert_allclose(z, expected, rtol=4 * np.finfo(dtype).eps, err_msg=name)
            zero = expected == 0
            np.testing.assert_array_equal(z[zero], 0)
            np.testing.assert_array_equal(np.signbit(z[zero]), np.signbit(expected[zero]))


@quiet
@BOTH
@pytest.mark.parametrize("name", TWO)
def test_two_arguments(name, dtype, rng):
    x, y = pairs(name, dtype, rng)
    expected = [truth(name, *at) for at in zip(x, y)]
    for target, width in LANES:
        z = applied(FUNCTIONS[name], x, y, width=width, target=target)
        for a, b, found, true in zip(x, y, z, expected):
            if name == "logaddexp":  # to the last place of the larger number
                near = 4 * float(np.spacing(max(abs(a), abs(b), abs(found))))
                assert abs(mpmath.mpf(float(found)) - true) <= near, (target, a, b, found)
            else:
                assert ulps(found, true, dtype) <= 4, (target, a, b, found)


def pairs(name, dtype, rng):
    """Pairs of positive numbers (of any, but for power) with results throughout the range."""
    of, count = np.finfo(dtype), many(400, 20000)
    low, high = np.log2(float(of.smallest_subnormal)), np.log2(float(of.max))
    size = rng.uniform(low, high, count)
    x = np.exp2(size)
    if name == "power":
        x[: count // 4] = 1 + rng.normal(size=count // 4) * np.exp2(
            rng.uniform(-40, -1, count // 4)
        )
        x = np.abs(x).astype(dtype)
        x[x == 0] = 1
        logarithm = np.log2(x.astype(DOUBLE))
        logarithm[logarithm == 0] = 1
        y = (rng.uniform(low - 3, high + 3, count) / logarithm).astype(dtype)
        return x, np.where(np.isfinite(y), y, 1).astype(dtype)
    if name == "logaddexp":
        return (rng.normal(size=(2, count)) * 10 ** rng.uniform(-2, 2, (2, count))).astype(dtype)
    with np.errstate(over="ignore", under="ignore"):
        y = np.exp2(np.clip(size + rng.normal(size=count) * 4, low, high - 0.001))
    x[:50], y[:50] = rng.integers(1, 60, (2, 50)) * of.smallest_subnormal
    signs = rng.choice([-1, 1], (2, count))
    return (signs * [x, y]).astype(dtype)


@quiet
@BOTH
@pytest.mark.parametrize("name", TWO)
def test_edges_of_two_arguments(name, dtype):
    of = np.finfo(dtype)
    ends = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 0.5, -0.5, 1e30]
    ends += [of.max, -of.max, of.tiny, of.smallest_subnormal, -of.smallest_subnormal, 2.5]
    ends += [2.0**of.nmant + 1, -(2.0**of.nmant + 1)]
    x, y = (a.ravel() for a in np.meshgrid(*[np.array(ends, dtype)] * 2))
    numpy = {"atan2": np.arctan2}.get(name, getattr(np, name, None))
    expected = numpy(x, y)
    for target, width in LANES:
        z = applied(FUNCTIONS[name], x, y, width=width, target=target)
        tiny = 4 * of.smallest_subnormal
        np.testing.assert_allclose(z, expected, rtol=4 * of.eps, atol=tiny)
        known = ~np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(z[known]), np.signbit(expected[known]))


@BOTH
@pytest.mark.parametrize("exponent", [0, 1, 2, 3, -1, 0.5, 4, 1.5, -2.0])
def test_known_exponents(exponent, dtype):
    x = np.array([0.0, 0.3, 1.0, 7.5, 1e10, np.inf, np.nan, 1e-20], dtype)
    z = applied(lambda x: x**exponent, x, width=8)
    with np.errstate(divide="ignore", over="ignore"):
        np.testing.assert_allclose(z, x**exponent, rtol=4 * np.finfo(dtype).eps)
    z = applied(lambda x: 1.5**x, x, width=8)
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(z, dtype(1.5) ** x, rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("target", TARGETS)
def test_no_target_calls_a_library(target):
    """Every function as a scalar and as the target's vectors, down to assembly."""
    module = Module(fma=TARGETS[target][2])
    wide = {"sse2": 4, "aarch64": 4, "avx2": 8}.get(target, 16)
    names = [name for name in FUNCTIONS if name != "where"]
    inputs = {n: 2 for n in (*TWO, "maximum", "minimum", "copysign", "nextafter", "floor_divide")}
    inputs |= {"remainder": 2, "logical_and": 2, "logical_or": 2, "logical_xor": 2}
    for size, count in ((4, wide), (8, wide // 2)):
        for width in (1, count):
            for name in names:
                dtypes = [np.dtype(f"f{size}")] * inputs.get(name, 1)
                loop(module, FUNCTIONS[name], dtypes, width, f"{name}.{size}.{width}")
    assembly = machine(target).emit_assembly(optimised(module, target))
    called = set(re.findall(r"\t(?:callq?|jmp|bl|b)\s+([A-Za-z_][\w.]*)", assembly))
    assert {name for name in called if not name.startswith("tg.")} == set()
