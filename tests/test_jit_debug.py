"""Debug mode: every intermediate is NumPy's, bit for bit where it can be, and frames stay whole."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jit_lowering import HARD, on
from profiles import many
from test_jit_targets import PROGRAMS
from test_operations import CASES, inputs

import tidegrad as tg
from tidegrad.errors import AnomalyError
from tidegrad.jit import debug
from tidegrad.jit.canaries import Guarded, GuardedVariant
from tidegrad.jit.interpreter import Interpreter


def test_every_intermediate_is_compared():
    f = tg.jit(lambda x: (tg.tanh(x) @ x).sum(), debug=True)
    x = tg.random.normal((3, 3))
    np.testing.assert_allclose(f(x).array, (tg.tanh(x) @ x).sum().array, rtol=1e-5)
    whole = f.lower(x).executable.whole
    assert isinstance(whole, Guarded)
    assert len(whole.graph.outputs) == 4


def test_an_operation_that_is_wrong_is_named(monkeypatch):
    class Wrong(Interpreter):
        def step(self, v, found):
            return super().step(v, found) * (1.01 if v.prim.name == "exp" else 1)

    monkeypatch.setattr(debug, "Interpreter", Wrong)
    f = tg.jit(lambda x: tg.exp(x * 2) + 1, debug=True)
    with pytest.raises(AnomalyError, match=r"jit: exp of .*test_jit_debug.py.* where NumPy has"):
        f(tg.ones(3))


def test_what_cancels_out_is_no_error():
    tg.random.seed(0)
    net = tg.nn.Sequential(tg.nn.Linear(5, 9), tg.nn.BatchNorm1d(9), tg.nn.Linear(9, 3))
    opt = tg.optim.Adam(net.parameters())

    @tg.jit(debug=True)
    def step(x):
        opt.zero_grad()
        loss = (net(x) ** 2).mean()
        loss.backward()  # the gradient of the first bias is 0, but for rounding
        opt.step()
        return loss

    for _ in range(3):
        step(tg.random.normal((8, 5)))


@pytest.mark.parametrize("name", ["input 0", "result 0", "the arena", "scratch"])
def test_a_program_that_leaves_its_memory_is_an_error(monkeypatch, name):
    """Such a program is not known, so its write is made for it."""

    def run(self, arrays, made):
        self.canaries.frames[name][1][0] = 0
        whole(self, arrays, made)

    whole = GuardedVariant.run
    monkeypatch.setattr(GuardedVariant, "run", run)
    w = tg.ones(3, requires_grad=True)
    f = tg.jit(lambda x: (w * x).sum(), debug=True)
    with pytest.raises(MemoryError, match=f"wrote behind the memory of {name}"):
        f(tg.ones(3))


def test_a_training_step_in_debug_mode_is_the_same_step():
    found = []
    for wrap in (lambda f: f, tg.jit(debug=True)):
        tg.random.seed(0)
        net = tg.nn.Sequential(tg.nn.Linear(5, 9), tg.nn.Dropout(0.3), tg.nn.Linear(9, 3))
        opt = tg.optim.Adam(net.parameters(), lr=0.1)

        def step(x, y):
            opt.zero_grad()  # noqa: B023
            loss = tg.nn.functional.cross_entropy(net(x), y)  # noqa: B023
            loss.backward()
            opt.step()  # noqa: B023
            return loss

        step, x, y = wrap(step), tg.random.normal((7, 5)), tg.asarray(np.arange(7) % 3)
        found.append([step(x, y).item() for _ in range(5)])
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_operation_and_its_gradient_pass(dtype):
    for _, f, _, shapes in CASES:
        xs = [tg.tensor(x.astype(dtype)) for x in inputs(shapes)]

        def total(*xs, f=f):
            y = f(*xs)
            return (y * y).sum() if y.dtype.kind == "f" else xs[0].sum()

        tg.jit(f, debug=True)(*xs)
        tg.jit(tg.grad(total, tuple(range(len(xs)))), debug=True)(*xs)


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_pass(name):
    f, *args = PROGRAMS[name]()
    tg.jit(f, debug=True)(*args)


# Operations that are the same bits in every order of evaluation that keeps their own.
EXACT = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y,
    "sum of products": lambda x, y: x * y + x,
    "square root": lambda x, y: tg.sqrt(x),
    "less": lambda x, y: tg.where(x < y, x, y),
    "equal": lambda x, y: (x == y).astype(x.dtype) - y,
    "maximum": lambda x, y: tg.maximum(x, y),
    "turned": lambda x, y: x.swapaxes(0, -1) if x.ndim > 1 else x,
    "flipped": lambda x, y: tg.flip(x),
    "steps": lambda x, y: x[..., ::2],
    "joined": lambda x, y: tg.concat([x, x]),
    "flat": lambda x, y: x.reshape(-1),
    "framed": lambda x, y: tg.pad(x, [(1, 2)] * x.ndim),
}


def grown(plan, xs):
    """Every value of a plan: statements of two earlier values each, where these fit."""
    values = list(xs)
    for name, i, j in plan:
        x, y = values[i % len(values)], values[j % len(values)]
        try:
            np.broadcast_shapes(x.shape, y.shape)
        except ValueError:
            y = x
        if x.ndim and x.size < 2000 and y.size < 2000:
            values.append(EXACT[name](x, y))
    return values[len(xs) :]


STATEMENTS = st.tuples(st.sampled_from(sorted(EXACT)), st.integers(0, 20), st.integers(0, 20))


@settings(max_examples=many(60, 1000))
@given(
    st.lists(STATEMENTS, min_size=1, max_size=12),
    st.sampled_from([3, 8, 17, 33]),
    st.sampled_from(["float32", "float64"]),
    st.booleans(),
)
def test_random_programs_have_the_bits_of_eager_ones(plan, n, dtype, hard):
    rng = np.random.default_rng(0)
    shapes = [(n, 4), (4,), (n, 1), (2, n, 4)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # what is not finite is compared too
        made = [rng.choice(HARD, s) if hard else rng.normal(size=s) for s in shapes]
        xs = [tg.asarray(a.astype(dtype)) for a in made]
        expected = grown(plan, xs)
        program = tg.jit(lambda *xs: grown(plan, xs), debug=True)
        for count in (1, 2):
            with on(count):
                for y, z in zip(expected, program(*xs), strict=True):
                    assert y.dtype == z.dtype
                    np.testing.assert_array_equal(y.array, z.array)
