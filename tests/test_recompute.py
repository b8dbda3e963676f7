"""checkpoint, by itself and around and inside everything else: as if it were not there."""

import threading

import numpy as np
import pytest

import tidegrad as tg

START = np.array([0.5, 1.2])


@tg.custom_vjp
def cube(x):
    return x**3


cube.defvjp(lambda x: (x**3, x), lambda x, g: (3 * x * x * g,))


def rebinding(v, w):
    v *= 2
    v[0] = v[1]
    return (v * v * w).sum()


# Functions of x and a weight that they close over, and each without custom_vjp and checkpoint.
INNER = {
    "plain": (lambda x, w: tg.sin(x * w).sum(), lambda x, w: tg.sin(x * w).sum()),
    "custom_vjp": (lambda x, w: (cube(x) * w).sum(), lambda x, w: (x**3 * w).sum()),
    "grad": (
        lambda x, w: tg.grad(lambda v: (v**3 * w * x).sum())(x).sum(),
        lambda x, w: (3 * x**3 * w).sum(),
    ),
    "jvp": (
        lambda x, w: tg.jvp(lambda v: (v**3 * w * x).sum(), [x], [x])[1],
        lambda x, w: (3 * x**4 * w).sum(),
    ),
    "vjp": (
        lambda x, w: tg.vjp(lambda v: v**3 * w * x, x)[1](x)[0].sum(),
        lambda x, w: (3 * x**4 * w).sum(),
    ),
    "hvp": (
        lambda x, w: tg.hvp(lambda v: (v**3 * w * x).sum(), x, x).sum(),
        lambda x, w: (6 * x**3 * w).sum(),
    ),
    "grad of custom_vjp": (
        lambda x, w: tg.grad(lambda v: (cube(v) * w * x).sum())(x).sum(),
        lambda x, w: (3 * x**3 * w).sum(),
    ),
    "checkpoint": (
        lambda x, w: tg.checkpoint(lambda v: (tg.sin(v * w) * x).sum())(x * 2),
        lambda x, w: (tg.sin(2 * x * w) * x).sum(),
    ),
    "checkpoint of custom_vjp": (
        lambda x, w: tg.checkpoint(cube)(x * w).sum(),
        lambda x, w: ((x * w) ** 3).sum(),
    ),
    "grad of checkpoint": (
        lambda x, w: tg.grad(tg.checkpoint(lambda v: (v**3 * w * x).sum()))(x).sum(),
        lambda x, w: (3 * x**3 * w).sum(),
    ),
    "grad of what rebinds": (
        lambda x, w: tg.grad(lambda v: rebinding(v, w))(x).sum(),
        lambda x, w: 8 * x[1] * (w[0] + w[1]),
    ),
    "rebinding": (
        lambda x, w: rebinding(x * 1, w),
        lambda x, w: 4 * x[1] * x[1] * (w[0] + w[1]),
    ),
}


def watched(f):
    def inside(*args):
        with tg.detect_anomaly():
            return f(*args)

    return inside


AROUND = {
    "nothing": lambda f: f,
    "checkpoint": tg.checkpoint,
    "twice": lambda f: tg.checkpoint(tg.checkpoint(f)),
    "a part of it": lambda f: tg.checkpoint(lambda x: tg.checkpoint(f)(x) * 1),
    "detect_anomaly": lambda f: tg.checkpoint(watched(f)),
}


def derivatives(f, w):
    """First and second derivatives of `f`, by x and by the weight `w`, in every way there is."""
    x = tg.tensor(START, requires_grad=True)
    w.grad = None
    f(x).backward()
    found = [x.grad, w.grad]
    x.grad = w.grad = None
    f(x).backward(create_graph=True)
    by_x, by_w, x.grad, w.grad = x.grad, w.grad, None, None
    ((by_x * by_x).sum() + (by_w * by_w).sum()).backward()
    found += [x.grad, w.grad, tg.hessian(f)(START), tg.grad(f)(START)]
    found += [tg.jvp(f, [START], [START])[1], tg.jvp(tg.grad(f), [START], [START])[1]]
    return [d.detach().numpy() for d in found]


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
@pytest.mark.parametrize("inner", INNER.values(), ids=INNER)
def test_derivatives_are_those_of_the_function_alone(inner, around):
    f, plain = inner
    w = tg.tensor([0.3, 0.7], dtype=tg.float64, requires_grad=True)
    expected = derivatives(lambda x: plain(x, w), w)
    for one, other in zip(derivatives(around(lambda x: f(x, w)), w), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


def dropped(x, generator=None):
    for _ in range(3):
        x = x * tg.random.bernoulli(0.5, x.shape, tg.float32, generator=generator) * 2 + 0
    return x


DROPPING = {
    "once": tg.checkpoint(dropped),
    "twice": tg.checkpoint(tg.checkpoint(dropped)),
    "inside": tg.checkpoint(lambda x: dropped(tg.checkpoint(dropped)(dropped(x)))),
    "own generator": tg.checkpoint(lambda x: dropped(x, GENERATOR)),
}
GENERATOR = tg.random.Generator(3)


def wrong(f, times):
    """How often the mask of the gradient was not that of the value."""
    found = 0
    for _ in range(times):
        x = tg.ones(64, requires_grad=True)
        y = f(x)
        y.sum().backward()
        found += not np.array_equal(x.grad.numpy(), y.numpy())
    return found


@pytest.mark.parametrize("f", DROPPING.values(), ids=DROPPING)
def test_random_numbers_are_drawn_again_whatever_other_threads_draw(f):
    assert wrong(f, 3) == 0
    found = []
    threads = [threading.Thread(target=lambda: found.append(wrong(f, 40))) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert found == [0] * 4


@pytest.mark.parametrize("f", [DROPPING["once"], DROPPING["twice"]])
def test_running_again_draws_nothing_new(f):
    def after(run):
        tg.random.seed(5)
        x = tg.ones(8, requires_grad=True)
        y = run(x)
        y.sum().backward()
        return y.numpy().tolist(), tg.random.uniform((3,)).tolist()

    assert after(f) == after(dropped)


def test_what_a_function_rebinds_changes_once():
    mean = tg.zeros(2)

    def f(x):
        with tg.no_grad():
            mean.data = mean * 0.5 + x * 0.5
        return (x * x * mean.detach()).sum()

    x = tg.tensor([2.0, 4.0], requires_grad=True)
    y = tg.checkpoint(f)(x)
    assert mean.tolist() == [1, 2]
    mean.data = [100.0, 100.0]
    y.backward()
    assert mean.tolist() == [100, 100] and x.grad.tolist() == [4, 16]


def test_parameters_that_moved_on_are_replayed_as_they_were():
    layer = tg.nn.Linear(2, 2)
    weight = layer.weight.numpy().copy()
    x = tg.tensor([[1.0, 2.0]], requires_grad=True)
    y = tg.checkpoint(layer)(x).sum()
    with tg.no_grad():
        layer.weight *= 0
    y.backward()
    np.testing.assert_allclose(x.grad.numpy(), weight.sum(0)[None])
    assert layer.weight.grad.tolist() == [[1, 2], [1, 2]] and not layer.weight.numpy().any()


def test_trees_go_in_and_out():
    f = tg.checkpoint(lambda d, scale=1.0: {"sum": d["a"] + d["b"], "parts": [d["a"] * scale]})
    a, b = tg.tensor(2.0, requires_grad=True), tg.tensor(3.0)
    out = f({"a": a, "b": b}, scale=4.0)
    (out["sum"] * out["parts"][0]).backward()
    assert a.grad.item() == 8 + 4 * 5 and b.grad is None
    with tg.no_grad():
        assert not f({"a": a, "b": b})["sum"].requires_grad
    assert not f({"a": b, "b": b})["sum"].requires_grad


def test_only_the_inputs_are_kept():
    x = tg.ones(1000, requires_grad=True)
    y = tg.checkpoint(lambda x: tg.exp(tg.exp(tg.exp(x))).sum())(x)
    (kept,) = y.node.saved
    assert kept is x.array


def test_a_result_that_is_no_tensor_is_an_error():
    with pytest.raises(TypeError, match="checkpoint: must return a Tensor"):
        tg.checkpoint(lambda x: (x * x).item())(tg.tensor(1.0, requires_grad=True))
