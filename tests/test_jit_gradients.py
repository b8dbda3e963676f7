"""Gradients around, inside and through compiled functions, to any order."""

import numpy as np
import pytest
from test_jit_state import twins

import tidegrad as tg
from tidegrad.jit import family
from tidegrad.jit.interpreter import Interpreter
from tidegrad.trees import flatten


@pytest.fixture(autouse=True, params=["interpreter", "machine code"])
def backend(request, monkeypatch):
    if request.param == "interpreter":
        monkeypatch.setattr(family, "Executable", Interpreter)


def model(x, w):
    return tg.tanh(x @ w) * tg.exp(-x.sum(axis=-1, keepdims=True))


@pytest.fixture
def xs():
    tg.random.seed(0)
    return tg.random.normal((3, 4), dtype=tg.float64), tg.random.normal((4, 2), dtype=tg.float64)


def same(a, b, rtol=1e-9):
    for y, z in zip(flatten(a)[0], flatten(b)[0], strict=True):
        np.testing.assert_allclose(y.array, z.array, rtol=rtol, atol=1e-12)


TRANSFORMS = {
    "grad": lambda f: lambda *xs: tg.grad(lambda *ys: f(*ys).sum(), (0, 1))(*xs),
    "value_and_grad": lambda f: lambda *xs: tg.value_and_grad(lambda *ys: f(*ys).sum(), 1)(*xs),
    "vjp": lambda f: lambda *xs: (lambda y, pull: (y, pull(y * 2)))(*tg.vjp(f, *xs)),
    "jvp": lambda f: lambda *xs: tg.jvp(f, xs, [tg.cos(x) for x in xs]),
    "jacobian": lambda f: lambda *xs: tg.jacobian(f, 1)(*xs),
    "hvp": lambda f: lambda *xs: tg.hvp(lambda *ys: (f(*ys) ** 2).sum(), xs, xs),
    "jvp of grad": lambda f: (
        lambda *xs: tg.jvp(tg.grad(lambda x: (f(x, xs[1]) ** 2).sum()), xs[:1], xs[:1])
    ),
    "grad of jvp": lambda f: (
        lambda *xs: tg.grad(lambda x: tg.jvp(lambda y: f(y, xs[1]), [x], [xs[0]])[1].sum())(xs[0])
    ),
    "grad of grad of grad": lambda f: (
        lambda *xs: tg.grad(
            lambda x: tg.grad(lambda y: (tg.grad(lambda z: f(z, xs[1]).sum())(y) ** 2).sum())(
                x
            ).sum()
        )(xs[0])
    ),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms_around_and_inside(name, xs):
    transform = TRANSFORMS[name]
    expected = transform(model)(*xs)
    same(transform(tg.jit(model))(*xs), expected)
    same(tg.jit(transform(model))(*xs), expected)
    same(tg.jit(transform(tg.jit(model)))(*xs), expected)


def test_backward_outside_reaches_leaves_and_operations(xs):
    ends = []
    for compiled in (False, True):
        x, w = (x * 1 for x in xs)
        w.requires_grad = True
        b = tg.zeros(2, dtype=tg.float64, requires_grad=True)
        f = lambda x, b=b, w=w: model(x, w) + b
        f = tg.jit(f) if compiled else f
        (f(x * w.sum()) * f(x)).sum().backward()
        ends += [[w.grad, b.grad]]
    same(*ends)


def test_several_results_and_some_of_them_used(xs):
    def f(x, w):
        y = model(x, w)
        return {"sum": y.sum(), "all": [y, None], "same": x}

    def loss(f):
        def run(x, w):
            out = f(x, w)
            return out["sum"] * 2 + (out["all"][0] ** 2).sum() + out["same"].sum()

        return tg.grad(run, (0, 1))(*xs)

    same(loss(tg.jit(f)), loss(f))
    same(*(tg.grad(lambda x, g=g: g(x, xs[1])["sum"])(xs[0]) for g in (f, tg.jit(f))))


def test_a_graph_may_be_kept_and_followed_twice():
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    f = tg.jit(lambda: (w**3).sum())
    y = f()
    y.backward(retain_graph=True)
    y.backward()
    assert w.grad.tolist() == [6.0, 24.0]
    with pytest.raises(tg.errors.GraphError, match="freed"):
        y.backward()
    w.grad = None
    f().backward(create_graph=True)
    w.grad.sum().backward()
    assert w.grad.tolist() == [3 + 6.0, 12 + 12.0]

    @tg.jit
    def inside():
        w.grad = None
        y = (w**3).sum()
        y.backward(retain_graph=True)
        return y

    y = inside()
    y.backward()
    assert w.grad.tolist() == [6.0, 24.0]


def test_what_was_not_recorded_has_no_gradient():
    w = tg.tensor([1.0, 2.0], requires_grad=True)

    def f(x):
        with tg.no_grad():
            a = w * x
        return a * w + (w * 2).detach() * x + tg.stop_gradient(w)

    for g in (f, tg.jit(f)):
        w.grad = None
        g(tg.tensor([3.0, 4.0])).sum().backward()
        assert w.grad.tolist() == [3.0, 8.0]


def test_custom_rules_and_checkpoints():
    @tg.custom_vjp
    def clipped(x):
        return x * 1

    clipped.defvjp(lambda x: (x * 1, x), lambda x, g: (tg.clip(g, -1, 1) * x,))
    w = tg.tensor([1.0, 2.0], requires_grad=True)

    def f(x):
        y = tg.checkpoint(lambda y: tg.sin(clipped(y) * w) * tg.exp(y))(x)
        return (y * 5 * clipped(w)).sum()

    x = tg.tensor([0.5, -0.5])
    ends = []
    for g in (f, tg.jit(f)):
        w.grad = None
        first = tg.grad(g)(x)
        g(x).backward()
        ends.append([first, w.grad, tg.hessian(g)(x)])
    same(*ends, rtol=1e-5)


def test_a_checkpoint_changes_its_states_once():
    def make():
        return tg.nn.BatchNorm1d(3), tg.nn.Dropout(0.5)

    ends = []
    for compiled, (norm, drop) in zip((False, True), twins(make)):

        def step(x, norm=norm, drop=drop):
            y = tg.checkpoint(lambda x: drop(norm(x)) ** 2)(x)
            y.sum().backward()

        run = tg.jit(step) if compiled else step
        tg.random.seed(4)
        x = tg.random.normal((6, 3))
        for _ in range(2):
            run(x)
        ends.append([norm.running_mean, norm.running_var, norm.weight.grad])
    same(*ends, rtol=1e-4)


def test_gradient_penalty():
    ends = []
    for compiled, net in zip((False, True), twins(lambda: tg.nn.Linear(3, 1))):

        def step(x, net=net):
            net.zero_grad()
            slope = tg.grad(lambda x: (net(x) ** 2).sum())(x)
            ((slope**2).sum(axis=1) - 1).sum().backward()
            return slope

        run = tg.jit(step) if compiled else step
        slope = run(tg.ones((2, 3)))
        ends.append([slope, net.weight.grad, net.bias.grad])
    same(*ends, rtol=1e-5)


def test_infinite_slopes_are_masked_as_they_are_eagerly():
    def f(x):
        return (
            tg.where(x > 0, tg.sqrt(x), 0.0).sum() + (tg.exp(x) * tg.where(x > 100, 0.0, 1.0)).sum()
        )

    x = tg.tensor([0.0, 4.0, 200.0], dtype=tg.float64)
    with np.errstate(all="ignore"):
        same(tg.grad(tg.jit(f))(x), tg.grad(f)(x))
        same(tg.jit(tg.grad(f))(x), tg.grad(f)(x))
    g = lambda x: ((x - 1) ** 2).sum()
    assert tg.hessian(tg.jit(g))(tg.ones(2)).tolist() == [[2, 0], [0, 2]]


def test_a_gradient_of_a_gradient_that_a_step_sets():
    w = tg.tensor([1.0, 2.0], requires_grad=True)

    @tg.jit
    def step():
        w.grad = None
        (w**3).sum().backward(create_graph=True)

    step()
    assert w.grad.requires_grad
    g = w.grad
    w.grad = None
    g.sum().backward()
    assert w.grad.tolist() == [6.0, 12.0]


def test_an_older_graph_keeps_the_values_it_was_made_of():
    w, x = tg.tensor([1.0, 3.0], requires_grad=True), tg.tensor([5.0, 7.0], requires_grad=True)

    @tg.jit
    def double():
        with tg.no_grad():
            w[...] = w * 2

    for _ in range(3):  # from the second call on it writes where the old value lies, if it may
        double()
    eager, compiled = w * w * x, tg.jit(lambda x: w * w * x)(x)
    double()
    assert w.tolist() == [16, 48]
    for older in (eager, compiled):
        w.grad = x.grad = None
        older.sum().backward()
        assert older.tolist() == [64 * 5, 576 * 7]
        assert w.grad.tolist() == [2 * 8 * 5, 2 * 24 * 7] and x.grad.tolist() == [64, 576]


@pytest.mark.parametrize("known", [True, False])
def test_places_of_equal_gradients_are_read(known, rng):
    """A gradient that is the same number everywhere, scattered to places that are data."""
    classes = rng.integers(0, 3, 7)
    x = tg.tensor(rng.normal(size=(7, 3)))

    def slope(x, k):
        return tg.grad(lambda z: tg.nn.functional.cross_entropy(z, k))(x)

    f = tg.jit(lambda x: slope(x, classes)) if known else tg.jit(slope)
    found = f(x) if known else f(x, classes)
    expected = tg.softmax(x, axis=1).array - np.eye(3)[classes]
    np.testing.assert_allclose(found.array, expected / 7, rtol=1e-6)
    places = tg.jit(lambda k: tg.grad(lambda z: z[tg.arange(7), k].sum())(x))(classes)
    np.testing.assert_array_equal(places.array, np.eye(3)[classes])
