"""Lanes against NumPy, dtype by dtype: what a Map's text computes in generated code."""

import operator

import numpy as np
import pytest
from lane_loops import applied

from tidegrad.errors import DTypeError
from tidegrad.jit.lanes import FUNCTIONS, Module, cast, evaluate, literal, select
from tidegrad.ops import elementwise
from tidegrad.partials import NUMPY

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of 0 / 0 and such

INTEGERS = [np.dtype(f"{kind}{size}") for kind in "iu" for size in (1, 2, 4, 8)]
FLOATS = [np.dtype("f4"), np.dtype("f8")]
WIDTHS = pytest.mark.parametrize("width", [1, 8])

BOTH = {
    **{name: getattr(operator, name) for name in ("add", "mul", "floordiv", "mod")},
    **{name: getattr(operator, name) for name in ("lt", "le", "eq", "ne", "gt", "ge")},
}
WHOLE = {name: getattr(operator, name) for name in ("and_", "or_", "xor", "lshift", "rshift")}
ONE = ("sign", "isnan", "isinf", "isfinite", "signbit", "abs", "logical_not")
ROUNDING = ("rint", "floor", "ceil", "trunc", "sqrt")
TWO = ("maximum", "minimum", "logical_and", "logical_or", "logical_xor")


def pairs(dtype, rng):
    """Every pair of: the ends of the range, small numbers, any numbers."""
    if dtype.kind == "f":
        of = np.finfo(dtype)
        ends = [0.0, -0.0, 0.5, 1.0, -1.5, 2.5, -3.0, 1e10, 2.0**23 + 1, of.max, -of.max, of.tiny]
        ends += [np.inf, -np.inf, np.nan, of.smallest_subnormal, -7 * of.smallest_subnormal]
        sizes = np.exp2(rng.uniform(np.log2(of.tiny), np.log2(of.max), 40))
        values = np.concatenate([ends, 20 * rng.normal(size=40), sizes * rng.choice([-1, 1], 40)])
    else:
        of = np.iinfo(dtype)
        few = range(max(of.min, -4), 9)
        any_ = rng.integers(of.min, of.max, 60, dtype, endpoint=True)
        values = [of.min, of.min + 1, of.max - 1, of.max, *few, *any_.tolist()]
    values = np.array(values).astype(dtype)
    return [a.ravel() for a in np.meshgrid(values, values)]


def check(function, expected, *arrays, signs=True, **options):
    z = applied(function, *arrays, contract=False, **options)
    assert z.dtype == expected.dtype
    np.testing.assert_array_equal(z, expected)
    if signs and z.dtype.kind == "f":
        known = ~np.isnan(z)
        np.testing.assert_array_equal(np.signbit(z)[known], np.signbit(expected)[known])


def test_there_is_a_function_for_every_name_of_the_language():
    assert set(NUMPY) | {"erf"} <= set(FUNCTIONS)


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_integers(dtype, rng):
    x, y = pairs(dtype, rng)
    width = 1 if dtype in (np.int32, np.uint8) else 8
    for f in [*BOTH.values(), *WHOLE.values(), operator.sub]:
        check(f, f(x, y), x, y, width=width)
    for f in (operator.invert, operator.neg):
        check(f, f(x), x, width=width)
    for name in ONE:
        check(FUNCTIONS[name], getattr(np, name)(x), x, width=width)
    for name in TWO:
        check(FUNCTIONS[name], getattr(np, name)(x, y), x, y, width=width)
    power = np.where(y < 0, 0, x ** np.where(y < 0, 0, y)).astype(dtype)
    check(operator.pow, power, x, y, width=width)
    check(lambda x: x**3, x**3, x, width=width)
    check(lambda x: x**5, x**5, x, width=width)


@pytest.mark.parametrize("target", ["host", "sse2"])
@WIDTHS
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_floats(dtype, width, target, rng):
    x, y = pairs(dtype, rng)
    options = {"width": width, "target": target}
    for f in [*BOTH.values(), operator.sub, operator.truediv]:
        check(f, f(x, y), x, y, **options)
    for name in ONE + ROUNDING:
        check(FUNCTIONS[name], getattr(np, name)(x), x, **options)
    for name in TWO:  # which zero is larger, NumPy leaves open
        check(FUNCTIONS[name], getattr(np, name)(x, y), x, y, signs=False, **options)
    for name in ("copysign", "nextafter"):
        check(FUNCTIONS[name], getattr(np, name)(x, y), x, y, **options)
    check(operator.neg, -x, x, **options)


def test_bools():
    x, y = np.array([False, False, True, True] * 4), np.array([False, True] * 8)
    for f in [*BOTH.values(), *WHOLE.values(), operator.pow]:
        check(f, f(x, y), x, y, width=16)
    check(operator.invert, ~x, x, width=16)
    for name in TWO:
        check(FUNCTIONS[name], getattr(np, name)(x, y), x, y, width=16)
    for f in (operator.sub, lambda x, y: -x):
        with pytest.raises(DTypeError, match="not defined for bool"):
            applied(f, x, y)


@pytest.mark.parametrize(
    "mixed", ["i8 u8", "u8 i8", "i4 u4", "i4 f4", "i8 f8", "f4 f8", "i1 u8", "b1 f4", "b1 i4"]
)
def test_comparisons_of_mixed_dtypes_are_exact(mixed, rng):
    first, second = map(np.dtype, mixed.split())
    x = rng.integers(0, 2, 10000).astype(bool) if first.kind == "b" else pairs(first, rng)[0]
    y = pairs(second, rng)[1]
    count = min(x.size, y.size)
    for name in ("lt", "le", "eq", "ne", "gt", "ge"):
        f = getattr(operator, name)
        check(f, f(x[:count], y[:count]), x[:count], y[:count], width=8)


@pytest.mark.parametrize("dtype", [np.dtype(bool), *INTEGERS, *FLOATS], ids=str)
def test_casts(dtype, rng):
    for other in [np.dtype(bool), *INTEGERS, *FLOATS]:
        if dtype.kind == "b":
            x = rng.integers(0, 2, 64).astype(bool)
        elif dtype.kind == "f" and other.kind in "iu":  # what fits: the rest is up to the machine
            x = rng.uniform(0, 100, 500) * (1 if other.kind == "u" else rng.choice([-1, 1], 500))
            x = x.astype(dtype)
        else:
            x = pairs(dtype, rng)[0]
        check(lambda x, to=other: cast(x, to), x.astype(other), x, width=8)
        check(lambda x, to=other: cast(x, to), x.astype(other), x)


def test_literals_are_exact(rng):
    x = np.zeros(4, "f4")
    for dtype in FLOATS:
        of = np.finfo(dtype)
        for value in (0.1, -0.0, np.inf, -np.inf, np.nan, of.smallest_subnormal, of.max, 1 / 3):
            expected = np.full(4, value, dtype)
            for width in (1, 4):
                check(
                    lambda x, v=value, d=dtype, w=width: literal(x.code, v, d, w),
                    expected,
                    x,
                    width=width,
                )
    for dtype in INTEGERS:
        for value in (np.iinfo(dtype).min, np.iinfo(dtype).max):
            expected = np.full(4, value, dtype)
            check(lambda x, v=value, d=dtype: literal(x.code, v, d, 4), expected, x, width=4)


def test_an_integer_that_does_not_fit_is_refused():
    with pytest.raises(OverflowError):
        applied(lambda n: n + 300, np.zeros(4, "u1"))
    with pytest.raises(OverflowError):
        applied(lambda n: n * -1, np.zeros(4, "u8"))


def test_numbers_are_weak_and_scalars_are_spread():
    x = np.array([1.5, -2.0, 3.0, 0.25], "f4")
    check(lambda x: 2 * x + 0.1 - True, 2 * x + np.float32(0.1) - 1, x, width=4)
    n = np.array([1, 2, 3, 4], "i2")
    check(lambda n: 7 - n * 3, 7 - n * 3, n, width=4)
    check(lambda n: n + 0.5, (n + 0.5).astype("f4"), n, width=4)  # the default dtype
    check(lambda n: n / 2, (n / 2).astype("f4"), n, width=4)
    check(lambda x: x + literal(x.code, 2.0, x.dtype), x + 2, x, width=4)
    check(lambda x: select(x > 0, 1, 0), (x > 0).astype("i8"), x, width=4)
    check(lambda x: select(True, x, 0), x, x, width=4)
    check(lambda x: select(x, x, 9), np.where(x, x, 9), x, width=4)


def test_what_a_block_has_computed_is_not_computed_again():
    code = Module().function("f", "void", [("float", "%x")])
    x = literal(code, 2.0, np.dtype("f4")) * 3
    before = len(code.lines)
    assert (literal(code, 2.0, np.dtype("f4")) * 3).name == x.name and len(code.lines) == before
    code.place(code.label("next"))
    assert (literal(code, 2.0, np.dtype("f4")) * 3).name != x.name


MAPS = [prim for prim in vars(elementwise).values() if isinstance(prim, elementwise.Map)]
PARAMS = {"leaky_relu": {"negative_slope": 0.1}, "elu": {"alpha": 1.3}}
BITS = ("bitwise_invert", "bitwise_and", "bitwise_or", "bitwise_xor")
BITS += ("bitwise_left_shift", "bitwise_right_shift")
# Sums of terms that may cancel are right to so many last places of 1.
CANCELLING = {"logaddexp": 8, "gelu": 8}


@pytest.mark.parametrize("prim", [m for m in MAPS if m.name not in BITS], ids=repr)
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_the_text_of_every_map_computes_what_it_computes_eagerly(prim, dtype, rng):
    of = np.finfo(dtype)
    edges = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 1e-30, -1e5, 1e5, of.max, -of.max, 88.0]
    edges += [-88.0, -100.0, -104.0, -700.0, 700.0, 0.3]
    values = np.concatenate([edges, rng.normal(size=30), 30 * rng.normal(size=20)]).astype(dtype)
    arrays = [a.ravel() for a in np.meshgrid(*[values] * prim.inputs)]
    params = PARAMS.get(prim.name, {})
    z = applied(
        lambda *xs: evaluate(prim.text, {**dict(zip("xyw", xs)), **params}), *arrays, width=8
    )
    expected = prim.run(*arrays, **params)
    assert z.dtype == expected.dtype
    near = CANCELLING.get(prim.name, 0) * of.eps + 4 * of.smallest_subnormal
    np.testing.assert_allclose(z, expected, rtol=16 * of.eps, atol=near)
