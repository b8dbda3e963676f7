"""Scans as loops of compiled programs, on one thread and on several, give what eager code gives."""

import numpy as np
import pytest

import tidegrad as tg
from tidegrad.jit import executable, settings
from tidegrad.jit.executable import Executable, Variant
from tidegrad.jit.lower.nested import Nested
from tidegrad.jit.lower.stages import Call
from tidegrad.jit.native import threads
from tidegrad.jit.traced import traced
from tidegrad.trees import flatten


@pytest.fixture(params=[1, 2])
def opened(request, monkeypatch):
    """The loops of a function's program for some number of threads, whose results are checked."""
    monkeypatch.setattr(executable, "SMALL", 0)  # so that small programs, too, have threads
    monkeypatch.setattr(threads, "count", request.param)

    def opened(f, *args, rtol=1e-5):
        found = traced(f, *args)
        whole = Executable(found.graph)
        leaves = flatten((args, {}))[0]
        held = [leaves[s.place] if s.place >= 0 else s.tensor for s in found.sources]
        arrays = [np.ascontiguousarray(x.array) for x in held]
        expected = [y.array for y in flatten(f(*args))[0]]
        for _ in range(2):  # what one call leaves in memory does not matter to the next
            for y, z in zip(whole(arrays), expected, strict=True):
                np.testing.assert_allclose(y, z, rtol=rtol, atol=rtol)
        variant: Variant = whole.variant()
        stages = [s for group in variant.schedule.groups() for s in group.stages]
        assert not any(isinstance(s, Call) and s.python for s in stages)
        return [s for s in stages if isinstance(s, Nested)]

    return opened


def both(net):
    """A function of an input that gives a loss and its gradient."""
    return lambda x: [y.detach() for y in tg.value_and_grad(lambda x: (net(x)[0] ** 2).sum())(x)]


@pytest.mark.parametrize("batch", [1, 3, 32])
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_recurrent_layers(opened, kind, batch):
    net = getattr(tg.nn, kind)(5, 12)
    loops = opened(both(net), tg.random.normal((7, batch, 5)))
    assert len(loops) == 2 and all(loop.by_rows for loop in loops if batch == 32)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_the_program_does_not_grow_with_the_length(kind):
    net = getattr(tg.nn, kind)(5, 16)
    opt = tg.optim.Adam(net.parameters())

    def step(x):
        opt.zero_grad()
        loss = (net(x)[0] ** 2).mean()
        loss.backward()
        opt.step()
        return loss

    lengths = (1024, 8192)  # for both of which long sums are laid out anew
    found = [tg.jit(step) for _ in lengths]
    xs = [tg.random.normal((n, 3, 5)) for n in lengths]
    short, long = (f.source(x).splitlines() for f, x in zip(found, xs))
    assert abs(len(long) - len(short)) < len(short) / 50
    short, long = (f.graph(x, optimized=False).order() for f, x in zip(found, xs))
    assert len(short) == len(long)


def test_stacked_layers_in_both_directions(opened):
    net = tg.nn.LSTM(5, 6, num_layers=2, bidirectional=True)
    assert len(opened(both(net), tg.random.normal((4, 3, 5)))) == 8


def test_gradients_of_weights(opened):
    net = tg.nn.GRU(5, 8)
    weights = [p.detach() for p in net.parameters()]

    def f(x, *weights):
        def loss(*weights):
            w = dict(zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), weights))
            state = (tg.zeros((x.shape[1], 8)),)
            return (tg.nn.functional.recur("gru", x, state, tuple(w.values()))[0] ** 2).sum()

        return tg.grad(loss, (0, 1, 2, 3))(*weights)

    opened(f, tg.random.normal((6, 16, 5)), *weights)


def test_carries_that_all_rows_read(opened, rng):
    w = tg.tensor(rng.normal(size=(8, 8)) / 4)

    def f(h, xs):
        def step(c, x):
            h, total, n = c
            h = tg.tanh(w @ h + x) + tg.softmax(h, axis=0)
            return (h, total + h.sum(), n + 1), (h[0], total * n)

        return tg.scan(step, (h, tg.zeros((), dtype=tg.float64), 0), xs, reverse=True)

    (loop,) = opened(f, tg.tensor(rng.normal(size=(8, 40))), tg.tensor(rng.normal(size=(9, 8, 40))))
    assert not loop.by_rows


def test_carries_that_change_places(opened, rng):
    def f(a, b, xs):
        return tg.scan(lambda c, x: ((c[1], c[0] + x), (c[0], c[0], x)), (a, b), xs)

    a, b, xs = (tg.tensor(rng.normal(size=s)) for s in ((4, 5), (4, 5), (3, 4, 5)))
    opened(f, a, b, xs)
    opened(lambda *args: f(*args)[1], a, b, xs)
    opened(lambda *args: f(*args)[0], a, b, xs[:1])


def test_loops_in_loops(opened, rng):
    w = tg.tensor(rng.normal(size=(6, 6)) / 2)

    def f(h, xs):
        def step(h, x):
            inner = lambda c, y: (tg.tanh(c @ w + y), c.sum(-1))
            last, sums = tg.scan(inner, h, x)
            return last * 0.5, sums

        return tg.scan(step, h, xs)

    opened(f, tg.tensor(rng.normal(size=(8, 6))), tg.tensor(rng.normal(size=(3, 4, 8, 6))))


def test_other_dtypes_and_constants(opened):
    def f(xs):
        def step(c, x):
            up, n = c
            return (tg.where(x > n, x, up), n + x), (up > 2, tg.ones(3) * up)

        return tg.scan(step, (tg.tensor(0), tg.tensor(0)), xs)

    opened(f, tg.tensor([3, 1, 7, 2]))


def test_debugging_and_costs_know_loops():
    net, x = tg.nn.GRU(5, 8), tg.random.normal((6, 4, 5))
    f = tg.jit(lambda x: (net(x)[0] ** 2).sum(), debug=True)
    np.testing.assert_allclose(f(x).item(), (net(x)[0] ** 2).sum().item(), rtol=1e-6)
    assert f.cost(x).operations > 6 * 4 * 8 * 24


def test_determinism_over_numbers_of_threads(monkeypatch):
    monkeypatch.setattr(executable, "SMALL", 0)
    monkeypatch.setattr(settings, "deterministic", True)
    net, x = tg.nn.LSTM(5, 8), tg.random.normal((6, 16, 5))
    found = []
    for count in (1, 2, 3, 8):
        monkeypatch.setattr(threads, "count", count)
        f = tg.jit(lambda x: tg.grad(lambda x: (net(x)[0] ** 2).sum())(x))
        found.append(f(x).array)
    assert all((y == found[0]).all() for y in found)


def test_an_lstm_learns_compiled_as_it_does_eagerly():
    def trained(compiled):
        tg.random.seed(0)
        net, x = tg.nn.LSTM(4, 6, batch_first=True), tg.random.normal((8, 5, 4))
        opt = tg.optim.Adam(net.parameters(), lr=0.01)

        def step(x):
            opt.zero_grad()
            loss = ((net(x)[0] - 0.5) ** 2).mean()
            loss.backward()
            opt.step()
            return loss

        step = tg.jit(step) if compiled else step
        return [step(x).item() for _ in range(10)]

    np.testing.assert_allclose(trained(True), trained(False), rtol=1e-5)


def test_branches(opened, rng):
    w = tg.tensor(rng.normal(size=(6, 6)))

    def f(x, y):
        both = tg.cond(x.sum() > 0, lambda x: (x @ w, x), lambda x: (x * 2, tg.exp(x)), x)
        return *both, tg.cond(y.sum() > 0, lambda: (x[0], y), lambda: (y[0], x + np.arange(6.0)))[1]

    for sign in (1, -1):
        x, y = (tg.tensor(abs(rng.normal(size=(8, 6))) * sign) for _ in range(2))
        assert len(opened(f, x, -y)) == 2


def test_while_loops(opened, rng):
    w = tg.tensor(rng.normal(size=(6, 6)) / 4)

    def f(x, limit):
        body = lambda s: (tg.tanh(s[0] @ w) + s[0] * 2, s[1] + 1, s[0])
        return tg.while_loop(lambda s: (s[0] ** 2).sum() < limit, body, (x, 0, x))

    for limit in (-1.0, 50.0, 1e3, 1e6):
        x = tg.tensor(rng.normal(size=(8, 6)) / 4)
        assert len(opened(f, x, tg.tensor(limit, dtype=tg.float64))) == 1
        opened(lambda x, limit: f(x, limit)[1], x, tg.tensor(limit, dtype=tg.float64))


def test_branches_and_loops_in_loops(opened, rng):
    def f(h, xs):
        def step(h, x):
            big = tg.cond((h**2).sum() > 20, lambda: h * 0.5, lambda: h * x + 1)
            found = tg.while_loop(
                lambda s: s[0].sum() > 2, lambda s: (s[0] * 0.7, s[1] + 1), (big, 0)
            )
            return found

        return tg.scan(step, h, xs)

    opened(f, tg.tensor(rng.normal(size=(4, 5))), tg.tensor(rng.normal(size=(7, 4, 5))))


def test_derivatives_of_branches(opened, rng):
    w = tg.tensor(rng.normal(size=(5, 5)))

    def f(x):
        loss = lambda x: (
            tg.cond(x.sum() > 0, lambda x: tg.tanh(x @ w), lambda x: x**3, x) ** 2
        ).sum()
        return tg.grad(loss)(x), tg.jvp(loss, [x], [x])[1]

    x = tg.tensor(abs(rng.normal(size=(4, 5))))
    opened(f, x)
    opened(f, -x)
