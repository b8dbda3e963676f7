"""The table of elementwise operations is the list of these tests: a new line is tested at once."""

import numpy as np
import pytest
from differences import assert_derivatives, numbers

import tidegrad as tg
from tidegrad.kinds import Map
from tidegrad.ops import elementwise

MAPS = {name: op for name, op in vars(elementwise).items() if isinstance(op, Map)}
MAPS.pop("where")  # has a bool input; tested with the other operations
SMOOTH = [name for name, op in MAPS.items() if op.differentiable]

# Where an operation is not defined, or not smooth, on (-2, 2).
DOMAIN = {
    "log": (0.2, 4), "log2": (0.2, 4), "log10": (0.2, 4), "sqrt": (0.2, 4),
    "log1p": (-0.8, 3), "asin": (-0.9, 0.9), "acos": (-0.9, 0.9), "atanh": (-0.9, 0.9),
    "acosh": (1.2, 4), "power": (0.3, 3), "divide": (0.4, 3),
    "reciprocal": (0.4, 3),  "tan": (-1, 1),
}  # fmt: skip
PARAMS = {"leaky_relu": {"negative_slope": 0.1}, "elu": {"alpha": 0.7}}

# What one element becomes, in float64, where the name is not NumPy's own.
sigmoid = lambda x: 1 / (1 + np.exp(-x))
TRUTH = {
    "abs_": np.abs, "round_": np.rint, "negative": np.negative, "gap": np.subtract,
    "power": np.power, "stop_gradient": lambda x: x, "relu": lambda x: np.maximum(x, 0),
    "sigmoid": sigmoid, "softplus": lambda x: np.log1p(np.exp(x)), "silu": lambda x: x * sigmoid(x),
    "clip_below": np.maximum, "clip_above": np.minimum,
    "elu": lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(x)),
    "leaky_relu": lambda x, negative_slope: np.where(x > 0, x, negative_slope * x),
    "erf": lambda x: np.vectorize(__import__("math").erf)(x),
    "gelu": lambda x: x * 0.5 * (1 + TRUTH["erf"](x / np.sqrt(2))),
}  # fmt: skip

SHAPES = [
    ((3, 4), (3, 4)),
    ((3, 4), (4,)),
    ((3, 1), (1, 4)),
    ((), (2, 3)),
    ((5,), ()),
    ((0, 3), (1, 3)),
]


def arguments(name, shapes, seed=0):
    if name in ("remainder", "floor_divide"):  # the quotient stays between two integers
        domains = [(-0.9, -0.1), (1, 2)]
    else:
        domains = [DOMAIN.get(name, (-2, 2))] * 2
    pairs = enumerate(zip(shapes, domains, strict=False))
    # The second argument is moved a little, so that no two elements are equal.
    return [numbers(s, low + 0.01 * i, high + 0.01 * i, seed + i) for i, (s, (low, high)) in pairs]


def function(name):
    return lambda *xs: MAPS[name](*xs, **PARAMS.get(name, {}))


@pytest.mark.parametrize("name", SMOOTH)
def test_values(name):
    op = MAPS[name]
    xs = arguments(name, [(4, 5)] * op.inputs)
    truth = TRUTH.get(name) or getattr(np, name)
    expected = truth(*xs, **PARAMS.get(name, {}))
    found = function(name)(*[tg.tensor(x) for x in xs])
    assert found.dtype == np.float64
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-14, atol=1e-15)
    single = function(name)(*[tg.tensor(x.astype(np.float32)) for x in xs])
    assert single.dtype == np.float32
    np.testing.assert_allclose(
        single.numpy(),
        truth(*[x.astype("f4").astype("f8") for x in xs], **PARAMS.get(name, {})),
        rtol=3e-6,
        atol=3e-7,
    )


@pytest.mark.parametrize("name", SMOOTH)
def test_first_and_second_derivatives(name):
    op = MAPS[name]
    assert_derivatives(function(name), arguments(name, [(3, 4)] * op.inputs))


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("name", [n for n in SMOOTH if MAPS[n].inputs == 2])
def test_broadcasting(name, shapes):
    assert_derivatives(function(name), arguments(name, shapes), order=1)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 0, 3), (1, 3, 1)], ids=str)
@pytest.mark.parametrize("name", [n for n in SMOOTH if MAPS[n].inputs == 1])
def test_odd_shapes(name, shape):
    assert_derivatives(function(name), arguments(name, [shape]), order=1)


@pytest.mark.parametrize("name", SMOOTH)
def test_strides_do_not_matter(name):
    op = MAPS[name]
    xs = arguments(name, [(6, 8)] * op.inputs)
    views = [x[::2, ::-2].T for x in xs]
    plain = [np.ascontiguousarray(v) for v in views]
    for one, two in zip(
        tg.vjp(function(name), *[tg.tensor(x)[::2, ::-2].T for x in xs])[1](np.ones((4, 3))),
        tg.vjp(function(name), *plain)[1](np.ones((4, 3))),
        strict=True,
    ):
        assert np.array_equal(one.numpy(), two.numpy())


@pytest.mark.parametrize("name", SMOOTH)
def test_float32_gradients_are_those_of_float64(name):
    op = MAPS[name]
    xs = [x.astype(np.float32) for x in arguments(name, [(3, 4)] * op.inputs)]
    single = tg.vjp(function(name), *xs)[1](np.ones((3, 4)))
    double = tg.vjp(function(name), *[x.astype(np.float64) for x in xs])[1](np.ones((3, 4)))
    for s, d in zip(single, double, strict=True):
        assert s.dtype == np.float32
        np.testing.assert_allclose(s.numpy(), d.numpy(), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", MAPS)
def test_the_shape_rule_agrees_with_what_runs(name):
    op = MAPS[name]
    kinds = ["bool", "int32"] if name.startswith(("bitwise", "logical")) else ["float32", "float64"]
    for dtype in kinds:
        if "shift" in name and dtype == "bool":
            continue
        xs = [
            tg.tensor(np.abs(x) + 0.1).astype(dtype)
            for x in arguments(name, SHAPES[1][: op.inputs])
        ]
        out = function(name)(*xs)
        assert op.infer(*xs, **PARAMS.get(name, {})) == (out.shape, out.dtype)


COMPARISONS = ["equal", "not_equal", "less", "less_equal", "greater", "greater_equal"]


@pytest.mark.parametrize("name", COMPARISONS + ["logical_and", "logical_or", "logical_xor"])
def test_comparisons_are_numpys_and_have_no_gradient(name):
    x = np.array([[0.0, 1.0, -0.0, np.nan, np.inf]])
    y = x.T
    leaf = tg.tensor(x, requires_grad=True)
    out = MAPS[name](leaf, tg.tensor(y))
    assert not out.requires_grad and out.dtype == bool
    assert np.array_equal(out.numpy(), getattr(np, name)(x, y))


@pytest.mark.parametrize("name", ["isnan", "isinf", "isfinite", "signbit", "logical_not"])
def test_questions_are_numpys(name):
    x = np.array([0.0, 1.0, -0.0, np.nan, np.inf, -np.inf])
    assert np.array_equal(MAPS[name](tg.tensor(x)).numpy(), getattr(np, name)(x))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "uint64"])
def test_bitwise_operations_are_numpys(dtype):
    x, y = np.array([1, 2, 3, 100], dtype), np.array([3, 1, 2, 5], dtype)
    a, b = tg.tensor(x), tg.tensor(y)
    for found, expected in [
        (a & b, x & y),
        (a | b, x | y),
        (a ^ b, x ^ y),
        (~a, ~x),
        (a << b, x << y),
        (a >> b, x >> y),
    ]:
        assert np.array_equal(found.numpy(), expected) and found.dtype == expected.dtype


@np.errstate(all="ignore")
@pytest.mark.parametrize("name", MAPS)
def test_bools_become_what_numpy_makes_of_them(name):
    """Compiled as well: int8 of a shift or a power, where elements are more than 0 and 1."""
    xs = [tg.tensor([True, True])] * MAPS[name].inputs
    f = function(name)
    try:
        expected = f(*xs)
    except tg.errors.DTypeError:
        with pytest.raises(tg.errors.DTypeError):
            tg.jit(f)(*xs)
        return
    found = tg.jit(f)(*xs)
    assert MAPS[name].infer(*xs, **PARAMS.get(name, {})) == (expected.shape, expected.dtype)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-6)
