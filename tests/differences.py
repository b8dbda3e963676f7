"""Derivatives by differences of values: the truth that gradients are held against."""

import numpy as np

import tidegrad as tg

STEPS = (-3, -2, -1, 1, 2, 3)
WEIGHTS = (-1 / 60, 3 / 20, -3 / 4, 3 / 4, -3 / 20, 1 / 60)  # sixth order, central


def numbers(shape, low=-2.0, high=2.0, seed=0):
    """Float64 values in [low, high), none near 0 or an integer or each other, where slopes jump."""
    count = int(np.prod(shape))
    order = np.random.Generator(np.random.Philox(seed)).permutation(count)
    return (low + (high - low) * (order + 0.37) / max(count, 1)).reshape(shape)


def along(f, xs, ts, h=1e-3):
    """The derivative of `f` (float64 arrays in, one array out) at `xs` along `ts`."""
    steps = zip(STEPS, WEIGHTS, strict=True)
    return sum(w * f(*[x + k * h * t for x, t in zip(xs, ts, strict=True)]) for k, w in steps) / h


def value(f):
    """`f` of tensors as a function of arrays."""

    def on_arrays(*xs):
        with tg.no_grad():
            return f(*[tg.tensor(x) for x in xs]).numpy()

    return on_arrays


def assert_derivatives(f, xs, order=2, rtol=1e-6, h=1e-3, seed=1):
    """Reverse and forward mode of `f` at `xs` agree with differences, and so do theirs."""
    random = np.random.Generator(np.random.Philox(seed))
    ts = [random.uniform(0.5, 1.5, np.shape(x)) for x in xs]
    expected = along(value(f), xs, ts, h)
    y, pushed = tg.jvp(f, xs, ts)
    close("forward mode", pushed.numpy(), expected, rtol)
    g = random.uniform(0.5, 1.5, y.shape)
    _, pull = tg.vjp(f, *xs)
    pulled = pull(g)
    for x, p in zip(xs, pulled, strict=True):
        assert p.shape == np.shape(x) and p.dtype == np.float64
    both = sum(float((p.numpy() * t).sum()) for p, t in zip(pulled, ts, strict=True))
    close("reverse mode", both, float((g * expected).sum()), rtol, np.abs(g * expected).sum())
    if order > 1:
        # The cotangent depends on the result, so that a linear operation has a second derivative.
        def reverse(*ys):
            out, pull = tg.vjp(f, *ys)
            parts = pull(out * 0.7 + 0.3)
            return tg.concat([p.reshape(-1) for p in parts])

        assert_derivatives(reverse, xs, order - 1, rtol, h, seed + 1)
        forward = lambda *ys: tg.jvp(f, ys, [tg.tensor(t) for t in ts])[1]
        assert_derivatives(forward, xs, order - 1, rtol, h, seed + 2)


def close(what, found, expected, rtol, scale=None):
    size = max(np.abs(expected).max(initial=0.0) if scale is None else scale, 1e-2)
    error = np.abs(found - expected).max(initial=0.0) / size
    assert error <= rtol, f"{what} is off by {error:.2g}: {found} for {expected}"
