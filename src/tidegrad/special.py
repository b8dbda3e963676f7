"""Floor 0. Kernels that NumPy lacks or does not have in stable form: erf, quantiles, sigmoid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from math import isqrt
from typing import Any

import numpy as np
from numpy import ndarray

__all__ = ["erf", "erf_table", "gap", "gelu", "log", "logaddexp", "normal_quantile", "sigmoid"]
__all__ += ["silu", "softplus", "whole"]

# Elements at a time: what a kernel works on stays in the second-level cache.
BLOCK = 16384

# erf is expanded about the multiples of 1/STEPS up to END, where it has rounded to 1.
STEPS, END = 256, 6
PI = 31415926535897932384626433832795028841971693993751  # times 10**49

# log 2 in two parts: the first times any exponent is exact.
LOG2_HIGH, LOG2_LOW = 0.6931471804855391, 7.440617110012397e-11
ROOT_HALF = 0.7071067811865476
# (log((1 + s) / (1 - s)) / s - 2) / s**2 by powers of s**2, Chebyshev's best for |s| <= 0.1716;
# it is off by 2e-18.
LOGARITHM = (
    *(0.13086767009948175, 0.13268759668560612, 0.15386240205813478, 0.18181795630884753),
    *(0.2222222239180047, 0.2857142857080323, 0.4000000000000088, 0.6666666666666666),
)

# Wichura's rational functions, highest power first: near the middle, in the tails, far out.
MIDDLE = (
    (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457)
    + (13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608),
    (5226.495278852854561, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867)
    + (5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0),
)
TAIL = (
    (7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177)
    + (1.27045825245236838258, 3.64784832476320460504, 5.7694972214606914055)
    + (4.6303378461565452959, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966)
    + (0.14810397642748007459, 0.68976733498510000455, 1.6763848301838038494)
    + (2.05319162663775882187, 1.0),
)
FAR = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.2426609473880784386e-3)
    + (0.026532189526576123093, 0.29656057182850489123, 1.7848265399172913358)
    + (5.4637849111641143699, 6.6579046435011037772),
    (2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5)
    + (7.868691311456132591e-4, 0.0148753612908506148525, 0.13692988092273580531)
    + (0.59983220655588793769, 1.0),
)


def erf(x: Any) -> Any:
    """The error function, within 2 ulp, in float64 or in float32 for float32.

    Taylor's expansion about the nearest multiple of 1/256, from a table that is computed in
    integers: the same bits on every machine.

    >>> from tidegrad.special import erf
    >>> erf(np.array([0.0, 0.5, -np.inf]))
    array([ 0.        ,  0.52049988, -1.        ])
    """
    if getattr(x, "dtype", None) == np.float32:
        return swept(erf_single, x, rows=4, dtype=np.float32)
    return swept(erf_double, x, rows=4)


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), to a few ulp in both tails; nothing overflows.

    >>> from tidegrad.special import sigmoid
    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))


def softplus(x: Any) -> Any:
    """log(1 + exp(x)), to a few ulp in both tails; nothing overflows.

    >>> from tidegrad.special import softplus
    >>> softplus(np.array([-1000.0, 0.0, 100.0]))
    array([  0.        ,   0.69314718, 100.        ])
    """
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def silu(x: Any) -> Any:
    """x sigmoid(x), which is 0 at -inf."""
    return np.maximum(x, -1e5) * sigmoid(x)


def gelu(x: Any) -> Any:
    """x times the normal distribution's CDF at x, which is 0 at -inf."""
    return np.maximum(x, -1e5) * (0.5 + 0.5 * erf(x * ROOT_HALF))


def whole(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """`kernel`, which rounds, for floats; integers are whole already."""
    return lambda x: x if x.dtype.kind in "iub" else kernel(x)


def gap(x: Any, y: Any) -> Any:
    """x - y, and 0 between equal infinities."""
    with np.errstate(invalid="ignore"):
        return x - y if np.isfinite(y).all() else np.where(x == y, 0, x - y)


def logaddexp(x: Any, y: Any) -> Any:
    """log(exp(x) + exp(y)) as NumPy has it, several times faster.

    >>> from tidegrad.special import logaddexp
    >>> logaddexp(np.array([1000.0, -np.inf]), np.array([1000.0, -np.inf]))
    array([1000.69314718,         -inf])
    """
    high = np.maximum(x, y)
    with np.errstate(invalid="ignore"):
        # Equal infinities differ by NaN, which fmin replaces; a NaN that was given is in `high`.
        gap = np.fmin(np.minimum(x, y) - high, 0)
    return high + np.log1p(np.exp(gap))


def log(x: Any) -> Any:
    """The natural logarithm, within 1 ulp, the same bits on every machine.

    Only correctly rounded operations of float64, none fused.  The reduction to |s| <= 0.1716 and
    the order of summation are those of Sun's fdlibm; the polynomial is our own.

    >>> from tidegrad.special import log
    >>> log(np.array([0.0, 1.0, np.e]))
    array([-inf,   0.,   1.])
    """
    return swept(log_double, x, rows=4)


def normal_quantile(p: Any) -> Any:
    """The standard normal distribution's inverse CDF, to 1e-15, the same bits on every machine.

    0 and 1 give the infinities, what is outside NaN.  Wichura, Algorithm AS 241 (PPND16), Applied
    Statistics 37 (1988), in correctly rounded operations of float64, none fused.

    >>> from tidegrad.special import normal_quantile
    >>> normal_quantile(np.array([0.0, 0.5, 0.975]))
    array([      -inf, 0.        , 1.95996398])
    """
    return swept(quantile_double, p, rows=3)


@cache
def erf_table(dtype: np.dtype) -> tuple[ndarray, ndarray]:
    """erf and its derivative at k / STEPS for k up to END * STEPS, each rounded once.

    With y the derivative, y' = -2 x y gives the terms of Taylor's series from one multiple to the
    next; all is in integers, in units of 2**-112.
    """
    one = 1 << 112
    value, slope = 0, isqrt(4 * one * one * 10**49 // PI)
    values, slopes = [], []
    for k in range(END * STEPS + 1):
        values.append(value / one)
        slopes.append(slope / one)
        term, before, n = slope, 0, 1
        slope = 0
        while abs(term) > 1 or abs(before) > 1:
            slope += term
            value += term // (n * STEPS)
            term, before = -2 * (k * term + before) // (n * STEPS * STEPS), term
            n += 1
    return np.array(values, dtype), np.array(slopes, dtype)


def swept(kernel: Callable[..., None], x: Any, rows: int, dtype: type = np.float64) -> Any:
    """`kernel(piece, result, *scratch)` block by block in `dtype`, without warnings."""
    x = np.asarray(x)
    out = np.empty(x.shape, dtype)
    flat, result = x.reshape(-1), out.reshape(-1)
    scratch = np.empty((rows, min(BLOCK, x.size)), dtype)
    with np.errstate(all="ignore"):
        for start in range(0, x.size, BLOCK):
            piece = flat[start : start + BLOCK].astype(dtype, copy=False)
            kernel(piece, result[start : start + BLOCK], *scratch[:, : piece.size])
        if x.dtype.kind == "f":
            out = out.astype(x.dtype, copy=False)
    return out if out.ndim else out[()]


def polynomial(coefficients: Sequence[float], x: ndarray, out: ndarray) -> ndarray:
    """Horner's rule, highest power first."""
    np.multiply(x, coefficients[0], out=out)
    for c in coefficients[1:-1]:
        out += c
        out *= x
    out += coefficients[-1]
    return out


def nearest_step(x: ndarray, end: float, h: ndarray, c: ndarray) -> ndarray:
    """|x|, at most `end`, is c + h with c the nearest multiple of 1/STEPS: which one it is."""
    np.abs(x, out=h)
    np.minimum(h, end, out=h)
    np.multiply(h, STEPS, out=c)
    np.rint(c, out=c)
    np.fmin(c, end * STEPS, out=c)  # NaN stays in h, and must not be made an integer
    place = c.astype(np.intp)
    c *= 1 / STEPS
    h -= c
    return place


def erf_double(x: ndarray, z: ndarray, h: ndarray, u: ndarray, a: ndarray, b: ndarray) -> None:
    """erf(c) + erf'(c) h (1 + t), with t a polynomial in u = c h and s = h h."""
    values, slopes = erf_table(x.dtype)
    place = nearest_step(x, END, h, u)
    u *= h
    s = np.multiply(h, h, out=z)
    polynomial((2 / 15, -1 / 3, 2 / 3, -1.0), u, out=a)
    a *= u
    polynomial((-0.4, 0.5, -1 / 3), u, out=b)
    b += np.multiply(s, 0.1, out=u)
    b *= s
    a += b
    linear = np.take(slopes, place, out=b, mode="clip")
    linear *= h
    a *= linear
    a += linear
    a += np.take(values, place, out=b, mode="clip")
    np.copysign(a, x, out=z)


def erf_single(x: ndarray, z: ndarray, h: ndarray, c: ndarray, a: ndarray, b: ndarray) -> None:
    """The same with t = -h (c + h / 3), which is enough for float32."""
    values, slopes = erf_table(x.dtype)
    place = nearest_step(x, 4, h, c)
    np.multiply(h, -1 / 3, out=a)
    a -= c
    a *= h
    linear = np.take(slopes, place, out=b, mode="clip")
    linear *= h
    a *= linear
    a += linear
    a += np.take(values, place, out=b, mode="clip")
    np.copysign(a, x, out=z)


def log_double(x: ndarray, z: ndarray, f: ndarray, s: ndarray, w: ndarray, r: ndarray) -> None:
    """log(2**e (1 + f)) = e log 2 + f - f f / 2 + s (f f / 2 + r), with s = f / (2 + f)."""
    mantissa, e = np.frexp(x)
    low = mantissa < ROOT_HALF
    np.multiply(mantissa, low, out=f)
    f += mantissa
    f -= 1.0
    e -= low
    np.add(f, 2.0, out=s)
    np.divide(f, s, out=s)
    np.multiply(s, s, out=w)
    polynomial(LOGARITHM, w, out=r)
    r *= w
    half = np.multiply(f, 0.5, out=w)
    half *= f
    r += half
    s *= r
    s += e * LOG2_LOW
    half -= s
    half -= f
    np.subtract(e * LOG2_HIGH, half, out=z)
    odd = ~((x > 0) & (x < np.inf))
    if odd.any():
        given = x[odd]
        z[odd] = np.where(given == 0, -np.inf, np.where(given > 0, given, np.nan))


def quantile_double(p: ndarray, z: ndarray, q: ndarray, r: ndarray, a: ndarray) -> None:
    """Rational functions: of (p - 1/2)**2 in the middle, of sqrt(-log p) in the tails."""
    np.subtract(p, 0.5, out=q)
    np.multiply(q, q, out=r)
    np.subtract(0.180625, r, out=r)
    np.multiply(polynomial(MIDDLE[0], r, out=a), q, out=z)
    z /= polynomial(MIDDLE[1], r, out=a)
    tail = np.flatnonzero(np.abs(q, out=a) > 0.425)
    if tail.size:
        side = q[tail]
        beyond = p[tail]
        beyond = np.where(side < 0, beyond, 1.0 - beyond)
        root = np.sqrt(-log(beyond))
        found = ratio(TAIL, root - 1.6)
        far = root > 5.0
        if far.any():
            found[far] = ratio(FAR, root[far] - 5.0)
        found[beyond == 0] = np.inf
        z[tail] = np.copysign(found, side)


def ratio(pair: Sequence[Sequence[float]], r: ndarray) -> ndarray:
    above, below = (polynomial(coefficients, r, out=np.empty_like(r)) for coefficients in pair)
    return above / below
