"""Random programs of many operations: values and gradients are PyTorch's.

A program is planned on PyTorch's float64 values, so that every statement fits its operands, stays
of moderate size, and keeps away from ties and kinks.  float32 agrees to 1e-5 and float64 to 1e-12
of the size of the result; only where PyTorch's own float32 is off by more than a tenth of that
from its float64 is a program ill-conditioned, and the bound grows with PyTorch's error.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from profiles import many

import tidegrad as tg

torch = pytest.importorskip("torch", reason="PyTorch is not installed: make oracles")
SHAPES = [(3, 4), (4,), (3, 1), (2, 3, 4), (), (4, 4)]


def always(x, y, k):
    return True


def apart(values):
    """Whether no two of `values` nearly meet along the last axis."""
    gaps = values.sort(-1).values.diff(dim=-1)
    return bool((gaps.abs() > 1e-3).all())


def away_from_zero(x, y, k):
    return bool((x.abs() > 1e-3).all())


def operands_apart(x, y, k):
    return bool(((x - y).abs() > 1e-3).all())


def elements_apart(x, y, k):
    return x.ndim > 0 and apart(x.reshape(1, -1))


def away_from_whole(x, y, k):
    return bool(((x - x.round()).abs() > 1e-3).all())


def axes(x, y, k):
    return x.ndim > 0


def matrices(x, y, k):
    return x.ndim > 1 and y.ndim > 0 and x.shape[-1] == y.shape[-1]


def flat_fits(x, y, k):
    return x.ndim == y.ndim > 0 and x.shape[1:] == y.shape[1:]


class Op:
    """An operation as text: of values x and y, a number k and an axis a; here and in PyTorch.

    Where the text is one, `m` is either library.
    """

    def __init__(self, ours, theirs=None, fits=always):
        self.text, self.fits = ours, fits
        self.functions = {
            library: eval(f"lambda x, y, k, a: {text}", {"m": library, **NAMES})
            for library, text in ((tg, ours), (torch, theirs or ours))
        }

    def __repr__(self):
        return self.text

    def __call__(self, library, x, y, k):
        return self.functions[library](x, y, k, k % max(x.ndim, 1))


NAMES = {"tg": tg, "torch": torch, "F": torch.nn.functional}
ONE = [
    *[
        Op(f"m.{name}(x)")
        for name in "sin cos tanh sigmoid atan erf square expm1 asinh exp".split()
    ],
    *[Op(f"tg.{name}(x)", f"F.{name}(x)") for name in ("softplus", "silu", "gelu")],
    *[Op(f"m.{name}(x)", None, away_from_zero) for name in ("relu", "abs", "sign", "reciprocal")],
    Op("tg.elu(x)", "F.elu(x)", away_from_zero),
    Op("tg.leaky_relu(x)", "F.leaky_relu(x)", away_from_zero),
    Op("m.sqrt(x * x + 1)"),
    Op("m.log(x * x + 0.5)"),
    Op("x**3 - x**2 / 2"),
    Op("2.0**x / 3"),
    Op("m.clip(x, 0, None) * 2 - 1 + k", None, away_from_zero),
    Op("(k - x) / (1 + x * x) - m.floor(x) * 0.5", None, away_from_whole),
    Op("(1 - x) % 0.75", None, lambda x, y, k: away_from_whole((1 - x) / 0.75, y, k)),
]
TWO = [
    *[Op(f"x {sign} y") for sign in "+-*"],
    Op("x / (y * y + 1)"),
    Op("m.maximum(x, y)", None, operands_apart),
    Op("m.minimum(x, y)", None, operands_apart),
    Op("m.where(x > y, x * 2, m.sin(y))", None, operands_apart),
    Op("m.atan2(x, y * y + 1)"),
    Op("m.hypot(x, y * y + 1)"),
    Op("m.logaddexp(x, y)"),
    Op("m.pow(x * x + 0.5, m.tanh(y))"),
]
FOLDS = [
    Op("x.sum(a)", None, axes),
    Op("x.mean(a, keepdims=True)", "x.mean(a, keepdim=True)", axes),
    Op("x.max(a)", "x.amax(a)", elements_apart),
    Op("x.min(a)", "x.amin(a)", elements_apart),
    Op("x.prod(a)", None, axes),
    Op("tg.var(x, axis=a)", "x.var(a, correction=0)", axes),
    Op("tg.std(x)", "x.std(correction=0)", elements_apart),
    Op("tg.linalg.vector_norm(x)", "x.norm()", away_from_zero),
    *[Op(f"m.{name}(x, a)", None, axes) for name in ("logsumexp", "softmax", "log_softmax")],
    Op("tg.cumulative_sum(x, axis=a)", "x.cumsum(a)", axes),
    Op("tg.cumulative_prod(x, axis=a)", "x.cumprod(a)", axes),
    Op("tg.sort(x, axis=a)", "x.sort(a).values", elements_apart),
]
MOVES = [
    Op("x.reshape(-1)"),
    Op("m.swapaxes(x, 0, -1)", None, axes),
    Op("tg.flip(x, axis=a)", "x.flip(a)", axes),
    Op("tg.roll(x, k, axis=a)", "x.roll(k, a)", axes),
    Op("x[None]"),
    Op("x[k % x.shape[0]]", None, axes),
    Op("x[..., ::2]", None, axes),
    Op("x[[k % x.shape[0], 0, -1]]", None, axes),
    Op("x[x > 0]", None, away_from_zero),
    Op("tg.pad(x, [(0, 0)] * (x.ndim - 1) + [(1, 2)])", "F.pad(x, (1, 2))", axes),
    Op("m.stack([x, x * k], a)"),
    Op("m.concat([x, y])", None, flat_fits),
    Op("m.tile(x, (2,))"),
    Op("m.tril(x)", None, lambda x, y, k: x.ndim > 1),
    Op("tg.repeat(x, 2, axis=a)", "x.repeat_interleave(2, a)", axes),
    Op("x @ (y.mT if y.ndim > 1 else y)", None, matrices),
]
OPS = ONE + TWO + FOLDS + MOVES
GROUPS = [ONE, TWO, FOLDS, MOVES]
NUMBER = st.integers(0, 20)
STATEMENT = st.sampled_from(GROUPS).flatmap(
    lambda group: st.tuples(st.sampled_from(group), NUMBER, NUMBER, st.integers(0, 5))
)
PROGRAMS = st.lists(STATEMENT, min_size=3, max_size=12)


def operands(env, i, j, two):
    """Two values; the second is averaged where an elementwise operation could not broadcast it."""
    x, y = env[i % len(env)], env[j % len(env)]
    if two:
        try:
            np.broadcast_shapes(tuple(x.shape), tuple(y.shape))
        except ValueError:
            y = y.mean()
    return x, y


def planned(statements, leaves):
    """The statements that fit, by PyTorch's float64 values."""
    env, kept = list(leaves), []
    for op, i, j, k in statements:
        x, y = operands(env, i, j, op in TWO)
        if op.fits(x, y, k):
            z = op(torch, x, y, k)
            if 0 < z.numel() <= 200 and z.ndim < 5 and z.abs().max() < 50:
                env.append(z)
                kept.append((op, i, j, k))
    return kept


def run(statements, leaves, library):
    """The last values, weighed together, and their gradients by the leaves."""
    env = list(leaves)
    for op, i, j, k in statements:
        x, y = operands(env, i, j, op in TWO)
        env.append(op(library, x, y, k))
    total = sum((z * z * (0.1 + n / 10)).sum() for n, z in enumerate(env[-4:] + leaves))
    total.backward()
    values = [z.detach().numpy() for z in env[len(leaves) :]] + [total.detach().numpy()]
    return values, [leaf.grad.numpy() for leaf in leaves]


def off(found, truth):
    """The largest error of each array against the largest size that anything has there."""
    errors = []
    for a, b in zip(found, truth, strict=True):
        assert a.shape == b.shape
        errors.append(float(np.abs(a - b).max(initial=0) / max(1, np.abs(b).max(initial=0))))
    return max(errors, default=0.0)


def inputs(seed):
    rngs = (np.random.default_rng(seed + n) for n in range(len(SHAPES)))
    return [r.uniform(-1.5, 1.5, s).astype(np.float32) for r, s in zip(rngs, SHAPES, strict=True)]


@settings(max_examples=many(250, 5000))
@given(PROGRAMS, st.integers(0, 99))
def test_values_and_gradients_are_pytorchs(statements, seed):
    arrays = inputs(seed)
    statements = planned(statements, [torch.tensor(a).double() for a in arrays])
    results = {}
    for dtype in ("float32", "float64"):
        theirs = [torch.tensor(a, dtype=getattr(torch, dtype), requires_grad=True) for a in arrays]
        ours = [tg.tensor(a, dtype=dtype, requires_grad=True) for a in arrays]
        results[dtype] = [run(statements, ours, tg), run(statements, theirs, torch)]
    for what in (0, 1):
        (ours, theirs), (exact, truth) = (
            [side[what] for side in results[dtype]] for dtype in ("float32", "float64")
        )
        assert {a.dtype for a in ours} == {np.dtype("float32")}
        assert {a.dtype for a in exact} == {np.dtype("float64")}
        rounding = off(theirs, truth)
        assert off(ours, truth) <= max(1e-5, 10 * rounding)
        assert off(exact, truth) <= max(1e-12, 1e-8 * rounding)


def test_the_programs_are_not_all_trivial():
    """Every operation is reached by some program: it fits at least one pair of the leaves."""
    leaves = [torch.tensor(a).double() for a in inputs(0)]
    for op in OPS:
        pairs = ((op, i, j, 1) for i in range(len(SHAPES)) for j in range(len(SHAPES)))
        assert any(planned([statement], leaves) for statement in pairs), op
