"""The kernels NumPy lacks, against mpmath: every range, the edges, and no warning anywhere."""

import mpmath as mp
import numpy as np
import pytest

from tidegrad import special
from tidegrad.special import erf, erf_table, log, logaddexp, normal_quantile, sigmoid, softplus

BOTH = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


@pytest.fixture(autouse=True)
def forty_digits():
    with mp.workdps(40):
        yield


def ulps(f, truth, x):
    """The largest error of `f` on `x`, in units of the true result's last place."""
    worst = 0.0
    for at, found in zip(x, f(x), strict=True):
        true = truth(mp.mpf(float(at)))
        unit = mp.mpf(float(np.spacing(x.dtype.type(abs(float(true))))))
        worst = max(worst, float(abs(mp.mpf(float(found)) - true) / unit))
    return worst


def spread_out(rng, dtype, count, low, high):
    """Numbers of either sign whose sizes go evenly through the powers of two, and neighbours."""
    sizes = np.exp2(rng.uniform(low, high, count)).astype(dtype)
    return np.concatenate([sizes, -sizes, np.nextafter(sizes, dtype(0))])


@BOTH
def test_erf_is_within_two_ulp(rng, dtype):
    smallest = -149 if dtype is np.float32 else -1074
    steps = np.arange(1, 6 * special.STEPS, 7) / special.STEPS
    edges = np.concatenate([steps, steps + 0.5 / special.STEPS]).astype(dtype)
    parts = [spread_out(rng, dtype, 300, smallest, 3), rng.uniform(-6, 6, 2000), edges]
    parts += [np.nextafter(edges, dtype(0)), np.nextafter(edges, dtype(9))]
    x = np.concatenate([part.astype(dtype) for part in parts])
    assert erf(x).dtype == dtype
    assert ulps(erf, mp.erf, x) <= 2


def test_erf_of_every_hundredth_float32():
    first, last = (np.float32(n).view(np.int32) for n in (1e-6, 4.1))
    x = np.arange(first, last, 101, dtype=np.int32).view(np.float32)
    # The kernel for float64 has been compared with mpmath; here it is exact enough.
    wide = erf(x.astype(np.float64))
    assert (np.abs(erf(x) - wide) <= 2 * np.spacing(wide.astype(np.float32))).all()


@BOTH
def test_erf_at_the_edges(dtype):
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 6.0, -1e30, np.finfo(dtype).max], dtype)
    with np.errstate(all="raise"):
        z = erf(x)
    np.testing.assert_array_equal(z, np.array([0, -0.0, 1, -1, np.nan, 1, -1, 1], dtype))
    assert np.signbit(z[1]) and not np.signbit(z[0])
    tiny = np.finfo(dtype).smallest_subnormal
    with np.errstate(all="raise"):
        assert erf(np.array([tiny, -tiny])).tolist() == [tiny, -tiny]


def test_erf_takes_what_a_numpy_function_takes():
    assert erf(0.5) == erf(np.float64(0.5)) and isinstance(erf(0.5), np.float64)
    assert isinstance(erf(np.array(0.5, np.float32)), np.float32)
    assert erf(np.arange(3)).tolist() == erf(np.arange(3.0)).tolist()
    assert erf(np.empty((0, 3))).shape == (0, 3)
    x = np.linspace(-2, 2, 24).reshape(4, 6)
    for view in (x.T, x[::-1, ::2], np.asfortranarray(x), np.broadcast_to(x[0], (3, 6))):
        np.testing.assert_array_equal(erf(view), erf(view.copy(order="C")))
    long = np.tile(x.ravel(), 2 * special.BLOCK // 24 + 1)
    np.testing.assert_array_equal(erf(long), np.tile(erf(x.ravel()), len(long) // 24))
    assert x[0, 0] == -2  # what is given stays as it was


def test_the_table_of_erf_is_correctly_rounded():
    values, slopes = erf_table(np.dtype(np.float64))
    for k in range(0, len(values), 31):
        c = mp.mpf(k) / special.STEPS
        assert values[k] == float(mp.erf(c))
        assert slopes[k] == pytest.approx(float(2 / mp.sqrt(mp.pi) * mp.exp(-c * c)), rel=1e-15)


def test_log_is_within_one_ulp(rng):
    near_one = 1 + rng.uniform(-1, 1, 500) * 10.0 ** rng.uniform(-15, 0, 500)
    sizes = np.abs(spread_out(rng, np.float64, 300, -1074, 1024))
    root = np.exp2(rng.integers(-20, 20, 50) - 0.5)
    x = np.concatenate([near_one, sizes, root, np.nextafter(root, 0), np.nextafter(root, 9e9)])
    assert ulps(log, mp.log, x) <= 1
    assert log(np.float32(2)) == np.float32(np.log(2))


def test_log_at_the_edges():
    with np.errstate(all="raise"):
        z = log(np.array([0.0, -0.0, -1.0, np.inf, -np.inf, np.nan, 1.0]))
    np.testing.assert_array_equal(z, [-np.inf, -np.inf, np.nan, np.inf, np.nan, np.nan, 0.0])


def test_log_and_quantile_give_the_same_bits_everywhere():
    """Correctly rounded operations in a fixed order, done here one number at a time."""
    p = np.array([2.0**-53, 1e-12, 1e-6, 0.07, 0.075, 0.3, 0.5, 0.6, 0.925, 0.93, 1 - 2.0**-53])
    assert normal_quantile(p).tolist() == [slow_quantile(v) for v in p.tolist()]
    assert log(p).tolist() == [slow_log(v) for v in p.tolist()]


def slow_log(x):
    mantissa, e = np.frexp(x)
    mantissa, e = float(mantissa), int(e)
    if mantissa < special.ROOT_HALF:
        mantissa, e = mantissa * 2, e - 1
    f = mantissa - 1
    s = f / (f + 2)
    w = s * s
    half = f * 0.5 * f
    tail = s * (horner(special.LOGARITHM, w) * w + half) + e * special.LOG2_LOW
    return e * special.LOG2_HIGH - (half - tail - f)


def slow_quantile(p):
    q = p - 0.5
    r = 0.180625 - q * q
    if abs(q) <= 0.425:
        return horner(special.MIDDLE[0], r) * q / horner(special.MIDDLE[1], r)
    r = np.sqrt(-slow_log(p if q < 0 else 1 - p)).item()
    above, below = special.TAIL if r <= 5 else special.FAR
    r -= 1.6 if r <= 5 else 5
    return float(np.copysign(horner(above, r) / horner(below, r), q))


def horner(coefficients, x):
    total = coefficients[0]
    for c in coefficients[1:]:
        total = total * x + c
    return total


def test_normal_quantile_inverts_the_distribution(rng):
    low = np.concatenate([10.0 ** rng.uniform(-300, -1, 300), rng.uniform(0, 0.5, 300)])
    low = np.concatenate([low, [0.075, np.nextafter(0.075, 0), np.exp(-25), 2.0**-53]])
    for p, z in zip(low, normal_quantile(low), strict=True):
        # One step of Newton from what was found tells how far the true quantile is.
        z = mp.mpf(float(z))
        step = (mp.ncdf(z) - mp.mpf(float(p))) / mp.npdf(z)
        assert abs(step) <= 1e-15 * abs(z), p


def test_normal_quantile_is_odd_and_complete(rng):
    p = rng.integers(1, 2**52, 1000) * 2.0**-53
    np.testing.assert_array_equal(normal_quantile(1 - p), -normal_quantile(p))
    with np.errstate(all="raise"):
        z = normal_quantile(np.array([0.0, 0.5, 1.0, -0.1, 1.1, np.nan]))
    np.testing.assert_array_equal(z, [-np.inf, 0.0, np.inf, np.nan, np.nan, np.nan])
    assert normal_quantile(np.float32(0.5)).dtype == np.float32


def test_normal_quantile_agrees_with_scipy(rng):
    ndtri = pytest.importorskip("scipy.special").ndtri
    p = np.concatenate([rng.uniform(0, 1, 10_000), np.exp2(rng.uniform(-1000, -1, 10_000))])
    np.testing.assert_allclose(normal_quantile(p), ndtri(p), rtol=2e-15, atol=2e-16)


@BOTH
def test_sigmoid_and_softplus_are_right_in_both_tails(rng, dtype):
    bottom = -87 if dtype is np.float32 else -708
    parts = [rng.uniform(bottom, 40, 600), rng.uniform(-2, 2, 300), rng.normal(0, 1e-5, 100)]
    x = np.concatenate(parts).astype(dtype)
    # NumPy's exp and log1p in float32 are themselves up to 3 ulp off.
    bound = 5 if dtype is np.float32 else 3
    assert ulps(sigmoid, lambda v: 1 / (1 + mp.exp(-v)), x) <= bound
    assert ulps(softplus, lambda v: mp.log1p(mp.exp(v)), x) <= bound


@BOTH
def test_sigmoid_and_softplus_at_the_edges(dtype):
    x = np.array([0.0, -0.0, 1e30, -1e30, np.inf, -np.inf, np.nan], dtype)
    half, two = dtype(0.5), dtype(np.log(2))
    np.testing.assert_array_equal(sigmoid(x), np.array([half, half, 1, 0, 1, 0, np.nan], dtype))
    expected = np.array([two, two, 1e30, 0, np.inf, 0, np.nan], dtype)
    np.testing.assert_allclose(softplus(x), expected, rtol=2 * np.finfo(dtype).eps)
    assert sigmoid(x).dtype == softplus(x).dtype == dtype


@BOTH
def test_logaddexp_agrees_with_numpy(rng, dtype):
    x, y = (rng.normal(0, 30, 2000).astype(dtype) for _ in range(2))
    ends = np.array([0, -0.0, 1e30, -1e30, np.inf, -np.inf, np.nan], dtype)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(logaddexp(x, y), np.logaddexp(x, y), rtol=4 * eps, atol=4 * eps)
    with np.errstate(invalid="ignore"):  # NumPy's warns of the NaN it was given
        expected = np.logaddexp(ends[:, None], ends)
    np.testing.assert_allclose(logaddexp(ends[:, None], ends), expected, rtol=4 * eps)
