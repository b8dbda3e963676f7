"""Random functions and their gradients, compiled for one thread and for two: as eager ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jit_lowering import NEAR, on
from profiles import many

import tidegrad as tg
from tidegrad.jit.interpreter import Interpreter

# Each of two values, a number and an axis; what decides by elements asks what is exactly known.
ONE = {
    "sine": lambda x, y, k, a: tg.sin(x),
    "tanh": lambda x, y, k, a: tg.tanh(x) * k,
    "exp": lambda x, y, k, a: tg.exp(tg.sin(x)),
    "log": lambda x, y, k, a: tg.log(x * x + 0.5),
    "root": lambda x, y, k, a: tg.sqrt(x * x + 1),
    "gelu": lambda x, y, k, a: tg.gelu(x),
    "softplus": lambda x, y, k, a: tg.softplus(x),
    "power": lambda x, y, k, a: tg.sin(x) ** 3 - x / (1 + k),
    "other dtype": lambda x, y, k, a: x.astype(tg.float64).astype(x.dtype) + k,
}
TWO = {
    "sum": lambda x, y, k, a: x + y,
    "difference": lambda x, y, k, a: x - k * y,
    "product": lambda x, y, k, a: tg.sin(x) * y,
    "quotient": lambda x, y, k, a: x / (y * y + 1),
    "atan2": lambda x, y, k, a: tg.atan2(x, y * y + 1),
    "logaddexp": lambda x, y, k, a: tg.logaddexp(x, y),
    "matmul": lambda x, y, k, a: tg.sin(x) @ tg.cos(y.mT if y.ndim > 1 else y),
}
FOLDS = {
    "total": lambda x, y, k, a: x.sum(a),
    "mean": lambda x, y, k, a: x.mean(a, keepdims=True),
    "variance": lambda x, y, k, a: tg.var(x, axis=a),
    "softmax": lambda x, y, k, a: tg.softmax(x, axis=a),
    "logsumexp": lambda x, y, k, a: tg.logsumexp(x, axis=a),
    "running": lambda x, y, k, a: tg.cumulative_sum(tg.sin(x), axis=a),
    "layer norm": lambda x, y, k, a: tg.nn.functional.layer_norm(x, x.shape[-1:]),
}
MOVES = {
    "flat": lambda x, y, k, a: x.reshape(-1),
    "turned": lambda x, y, k, a: x.swapaxes(0, -1),
    "flipped": lambda x, y, k, a: tg.flip(x, axis=a),
    "rolled": lambda x, y, k, a: tg.roll(x, k, axis=a),
    "steps": lambda x, y, k, a: x[..., ::2],
    "backwards": lambda x, y, k, a: x[::-1, ...][k % x.shape[0] :],
    "chosen": lambda x, y, k, a: x[[k % x.shape[0], 0, -1]],
    "framed": lambda x, y, k, a: tg.pad(x, [(0, 0)] * (x.ndim - 1) + [(1, 2)]),
    "stacked": lambda x, y, k, a: tg.stack([x, x * k], a),
    "repeated": lambda x, y, k, a: tg.repeat(x, 2, axis=a),
    "lower": lambda x, y, k, a: tg.tril(x) if x.ndim > 1 else x,
    "written": lambda x, y, k, a: written(x, k),
}
OPS = ONE | TWO | FOLDS | MOVES
SHAPES = [(3, 4), (4,), (3, 1), (2, 3, 4), (17, 4), (5, 33)]
PLAN = st.lists(
    st.sampled_from([ONE, TWO, FOLDS, MOVES]).flatmap(
        lambda group: st.tuples(
            st.sampled_from(sorted(group)), *[st.integers(0, 20)] * 2, st.integers(0, 4)
        )
    ),
    min_size=2,
    max_size=10,
)


def written(x, k):
    y = x * 1
    y[k % len(y)] = 0.25
    return y


def fit(name, x, y):
    """Whether two shapes go together."""
    if name == "matmul":
        return x.ndim > 1 and y.ndim > 0 and x.shape[-1] == y.shape[-1] and y.ndim <= 2
    try:
        return len(np.broadcast_shapes(x.shape, y.shape)) > 0
    except ValueError:
        return False


def run(plan, xs):
    """A sum of all that a plan computes, each statement of earlier values, and the last value."""
    values = list(xs)
    for name, i, j, k in plan:
        x, y = values[i % len(values)], values[j % len(values)]
        if name in TWO and not fit(name, x, y):
            y = x if name != "matmul" else y
        if not x.ndim or x.size > 3000 or (name == "matmul" and not fit(name, x, y)):
            continue
        values.append(OPS[name](x, y, k, k % x.ndim))
    return sum((tg.sin(v).mean() for v in values), tg.zeros((), dtype=xs[0].dtype)), values[-1]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@settings(max_examples=many(30, 1000))
@given(PLAN, st.sampled_from(["float32", "float64"]))
def test_values_and_gradients(plan, dtype):
    rng = np.random.default_rng(0)
    xs = tuple(tg.asarray(rng.normal(size=shape).astype(dtype)) for shape in SHAPES)

    def derived(*xs):
        def total(*xs):
            return run(plan, xs)[0]

        return [*run(plan, xs), *tg.grad(total, tuple(range(len(xs))))(*xs)]

    expected, program = derived(*xs), tg.jit(derived)
    made = program.lower(*xs)
    way = Interpreter(made.graph).everything(made.gathered(list(xs)))
    floats = [a for a in way.values() if type(a) is np.ndarray and a.dtype.kind == "f"]
    most = max(np.abs(a).max(initial=0) for a in floats)
    for count in (1, 2):
        with on(count):
            for y, z in zip(expected, program(*xs), strict=True):
                assert z.shape == y.shape and z.dtype == y.dtype
                near = NEAR[y.array.dtype] * most
                np.testing.assert_allclose(z.array, y.array, rtol=0, atol=near)
