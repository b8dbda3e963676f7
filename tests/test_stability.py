"""Values and gradients against 50 digits, over all the numbers there are, in units of rounding."""

import mpmath
import numpy as np
import pytest
from mpmath import exp, fsum, log, mpf, sqrt

import tidegrad as tg

DTYPES = ["float32", "float64"]
EVERY_DTYPE = pytest.mark.parametrize("dtype", DTYPES)
sigma = lambda x: 1 / (1 + exp(-x))
below = lambda x: mpmath.ncdf(x) if abs(x) < 1e4 else mpf(x > 0)


@pytest.fixture(autouse=True)
def digits():
    with mpmath.workdps(50):
        yield


def exact(numbers):
    return [mpf(float(n)) for n in np.ravel(numbers)]


def line(dtype, low=-np.inf):
    """Both signs and every size: densely to where exp overflows, sparsely to the largest."""
    limits = np.finfo(dtype)
    sizes = np.r_[
        np.geomspace(limits.smallest_subnormal * 8, 1e-3, 40, dtype=dtype),
        np.linspace(1e-3, np.log(limits.max) + 20, 100, dtype=dtype),
        np.geomspace(2e3, limits.max / 2, 12, dtype=dtype),
    ]
    x = np.r_[-sizes[::-1], 0, sizes].astype(dtype)
    return x[x >= low]


def assert_right(found, expected, errors, dtype, least=4):
    """|found - expected| <= eps * error, or `least` times the smallest number: what underflows."""
    limits = np.finfo(dtype)
    eps, smallest = mpf(float(limits.eps)), mpf(float(limits.smallest_subnormal))
    assert found.dtype == dtype
    for k, (f, e, error) in enumerate(zip(found.ravel(), expected, errors, strict=True)):
        what = f"element {k} is {f!r}, not {mpmath.nstr(e, 17)}"
        if abs(e) > mpf(float(limits.max)):
            assert np.isinf(f) and (f > 0) == (e > 0), what
        else:
            off, bound = abs(mpf(float(f)) - e), eps * error + least * smallest
            assert off <= bound, f"{what}: {mpmath.nstr(off / bound, 4)} times what is allowed"


# The name; the function; its derivative; what eps is multiplied by for the error of each.  For most
# that is the number itself: a few units of rounding.  It is 1 where a formula takes the difference
# of numbers near 1: `1 - z * z` for tanh, `z * (1 - z)` for sigmoid above 0, `1 + erf` for gelu.
own = lambda x, z: 4 * abs(z)
FUNCTIONS = {
    "exp": (exp, exp, own, own),
    "expm1": (mpmath.expm1, exp, own, own),
    "log": (log, lambda x: 1 / x, own, own),
    "log1p": (mpmath.log1p, lambda x: 1 / (1 + x), own, own),
    "sqrt": (sqrt, lambda x: 1 / (2 * sqrt(x)), own, own),
    "asinh": (mpmath.asinh, lambda x: 1 / mpmath.hypot(1, x), own, own),
    "atan": (mpmath.atan, lambda x: 1 / (1 + x * x), own, own),
    "erf": (
        mpmath.erf,
        lambda x: 2 / sqrt(mpmath.pi) * exp(-x * x),
        own,
        lambda x, z: (4 + 2 * x * x) * abs(z),  # the square is rounded before exp
    ),
    "sigmoid": (
        sigma,
        lambda x: sigma(x) * sigma(-x),
        own,
        lambda x, z: 4 * sigma(x) * (1 if x > 0 else sigma(-x)),
    ),
    "tanh": (mpmath.tanh, lambda x: mpmath.sech(x) ** 2, own, lambda x, z: 4),
    "softplus": (
        lambda x: mpmath.log1p(exp(x)) if x < 100 else x + exp(-x),
        sigma,
        own,
        own,
    ),
    "log_sigmoid": (
        lambda x: -mpmath.log1p(exp(-x)) if x > -100 else x - exp(x),
        lambda x: sigma(-x),
        own,
        own,
    ),
    "silu": (
        lambda x: x * sigma(x),
        lambda x: sigma(x) * (1 + x * sigma(-x)),
        own,
        lambda x, z: 4 * sigma(x) * (1 + max(-x, min(x, 40))),  # above 40, 1 - sigma is 0
    ),
    "gelu": (
        lambda x: x * below(x),
        lambda x: below(x) + x * mpmath.npdf(x),
        lambda x, z: 2 * (x if x > 0 else min(-x, 10)),  # below -10, 1 + erf is 0
        lambda x, z: 4,
    ),
}
DOMAIN = {"log": 1e-45, "log1p": -0.9999, "sqrt": 1e-45}
# What is multiplied by x after it has underflowed, or is 1 / x**2 where the square has overflowed.
LEAST = {"silu": lambda dtype: 800, "gelu": lambda dtype: 40, "atan": lambda d: 1 / np.finfo(d).eps}


@EVERY_DTYPE
@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name, dtype):
    value, slope, value_error, slope_error = FUNCTIONS[name]
    x = line(dtype, DOMAIN.get(name, -np.inf))
    leaf = tg.tensor(x, requires_grad=True)
    with np.errstate(over="ignore"):  # exp and expm1, where the right value is too large
        y = getattr(tg, name)(leaf)
    y.backward(np.ones(x.shape))
    least = int(LEAST.get(name, lambda dtype: 4)(dtype))
    for found, right, error in [(y, value, value_error), (leaf.grad, slope, slope_error)]:
        expected = list(map(right, exact(x)))
        assert_right(found.numpy(), expected, map(error, exact(x), expected), dtype, least)


def scores(dtype, spread):
    """Rows whose largest element is far from or near the others, and a cotangent for them."""
    random = np.random.default_rng(int(spread))
    return (random.normal(size=7) * spread + spread).astype(dtype), random.normal(size=7).astype(
        dtype
    )


@EVERY_DTYPE
@pytest.mark.parametrize("spread", [1e-3, 1, 10, 100, 1e4, 1e15])
def test_softmax_and_its_logarithm(dtype, spread):
    """Each exponent x - max is rounded once, which exp turns into an error relative to its size."""
    x, g = scores(dtype, spread)
    points, cotangent = exact(x), exact(g)
    low = [p - max(points) for p in points]
    whole = fsum(map(exp, low))
    p = [exp(v) / whole for v in low]
    away = [8 - v for v in low]  # units of rounding of each probability

    leaf = tg.tensor(x, requires_grad=True)
    y = tg.softmax(leaf)
    y.backward(g)
    assert_right(y.numpy(), p, [a * q for a, q in zip(away, p)], dtype)
    level = fsum(a * b for a, b in zip(p, cotangent))
    noise = 8 + fsum(a * q for a, q in zip(away, p))
    errors = [q * (a + noise) * max(map(abs, cotangent)) for a, q in zip(away, p)]
    assert_right(leaf.grad.numpy(), [q * (c - level) for q, c in zip(p, cotangent)], errors, dtype)

    leaf = tg.tensor(x, requires_grad=True)
    y = tg.log_softmax(leaf)
    y.backward(g)
    # The largest has log(1 + what is small), which knows that only to a rounding of 1.
    assert_right(y.numpy(), [v - log(whole) for v in low], [2 - 2 * v for v in low], dtype)
    total = fsum(cotangent)
    errors = [
        4 * abs(c) + q * (a + noise) * fsum(map(abs, cotangent))
        for a, q, c in zip(away, p, cotangent)
    ]
    assert_right(leaf.grad.numpy(), [c - q * total for q, c in zip(p, cotangent)], errors, dtype)


@EVERY_DTYPE
@pytest.mark.parametrize("spread", [1e-3, 1, 10, 100, 1e4, 1e15])
def test_logsumexp_and_cross_entropy(dtype, spread):
    x, _ = scores(dtype, spread)
    points = exact(x)
    top = max(points)
    whole = fsum(exp(p - top) for p in points)
    share = [exp(p - top) / whole for p in points]
    away = [8 + top - p for p in points]

    leaf = tg.tensor(x, requires_grad=True)
    y = tg.logsumexp(leaf)
    y.backward()
    assert_right(y.numpy(), [top + log(whole)], [4 + abs(top)], dtype)
    assert_right(leaf.grad.numpy(), share, [a * s for a, s in zip(away, share)], dtype)

    for right in range(len(x)):
        leaf = tg.tensor(x, requires_grad=True)
        y = tg.nn.cross_entropy(leaf, tg.tensor(right))
        y.backward()
        assert_right(y.numpy(), [top - points[right] + log(whole)], [2 * away[right]], dtype)
        slopes = [s - (k == right) for k, s in enumerate(share)]
        errors = [a * s + 4 * (k == right) for k, (a, s) in enumerate(zip(away, share))]
        assert_right(leaf.grad.numpy(), slopes, errors, dtype)


@EVERY_DTYPE
@pytest.mark.parametrize("scale", [1e-30, 1e-5, 1, 1e5, 1e30])
def test_norm(dtype, scale):
    x = (np.random.default_rng(1).normal(size=50) * scale).astype(dtype)
    leaf = tg.tensor(x, requires_grad=True)
    y = tg.linalg.vector_norm(leaf)
    y.backward()
    norm = sqrt(fsum(p * p for p in exact(x)))
    assert_right(y.numpy(), [norm], [4 * norm], dtype)
    directions = [p / norm for p in exact(x)]
    assert_right(leaf.grad.numpy(), directions, [5 * abs(d) for d in directions], dtype)


@EVERY_DTYPE
@pytest.mark.parametrize("offset", [0, 1, 1e2, 1e4, -1e6])
def test_spread_about_a_far_mean(dtype, offset):
    """What is counted from the first element is as exact as if the mean had been near 0."""
    x = (np.random.default_rng(2).normal(size=1000) + offset).astype(dtype)
    points = exact(x)
    mean = fsum(points) / len(x)
    away = [p - mean for p in points]
    var = fsum(a * a for a in away) / len(x)
    width = max(map(abs, away))
    for name, right, slope in [
        ("var", var, lambda a: 2 * a / len(x)),
        ("std", sqrt(var), lambda a: a / len(x) / sqrt(var)),
    ]:
        leaf = tg.tensor(x, requires_grad=True)
        y = getattr(tg, name)(leaf)
        y.backward()
        assert_right(y.numpy(), [right], [8 * right], dtype)
        # A difference from the mean is as exact as the widest one.
        assert_right(leaf.grad.numpy(), map(slope, away), [8 * slope(width)] * len(x), dtype)


@pytest.mark.parametrize(
    "shape, axis",
    [((1_000_000,), 0), ((1_000_000, 2), 0), ((2, 1_000_000), 1), ((1000, 2, 1000), (0, 2))],
    ids=str,
)
def test_a_million_float32(shape, axis):
    """Sums by halves: a few units of rounding, whichever way the array lies."""
    x = np.random.default_rng(3).random(shape, np.float32) + np.float32(0.1)
    truth = x.astype(np.float64)
    for name in ("sum", "mean", "var", "std"):
        found = getattr(tg, name)(tg.tensor(x), axis=axis).numpy()
        assert found.dtype == np.float32
        expected = getattr(np, name)(truth, axis=axis)
        np.testing.assert_allclose(found, expected, rtol=8 * np.finfo("f4").eps, err_msg=name)


def test_a_million_equal_numbers_have_their_mean_and_no_spread():
    x = np.full((1_000_000, 2), 0.1, np.float32)
    np.testing.assert_allclose(tg.mean(tg.tensor(x), axis=0).numpy(), x[0], rtol=1e-6)
    leaf = tg.tensor(x, requires_grad=True)
    spread = tg.std(leaf, axis=0)
    spread.sum().backward()
    assert not spread.numpy().any() and not leaf.grad.numpy().any()


def test_gradients_summed_over_a_million_rows():
    row = tg.tensor(np.float32([[1.0, 2.0]]), requires_grad=True)
    (row * tg.full((1_000_000, 2), 0.1)).sum().backward()
    np.testing.assert_allclose(row.grad.numpy(), 1_000_000 * np.float64(np.float32(0.1)), rtol=1e-6)


@pytest.mark.parametrize("correction", [2, 3])
def test_spread_with_nothing_left_over_is_that_of_numpy(correction):
    x = [3.0, 5.0]
    for spread, numpys in ((tg.std, np.std), (tg.var, np.var)):
        with pytest.warns(RuntimeWarning, match="divide by zero"):
            found = spread(x, correction=correction)
        with pytest.warns(RuntimeWarning):
            assert found.item() == numpys(x, ddof=correction) == np.inf
