"""The models of the examples, compiled: losses and gradients are those of eager steps."""

import numpy as np
import pytest
from test_examples import EXAMPLES, example  # noqa: F401

import tidegrad as tg
from tidegrad import nn

STEPS = 4


def digits(module):
    images, labels = tg.random.uniform((20, 1, 8, 8)), np.arange(20) % 10
    return module.Reader(8), nn.cross_entropy, (images, tg.asarray(labels))


def spiral(module):
    x, y = tg.data.spiral(20, classes=3, seed=0)
    return nn.Sequential(nn.Linear(2, 100), nn.ReLU(), nn.Linear(100, 3)), nn.cross_entropy, (x, y)


def characters(module):
    codes = np.random.default_rng(0).integers(0, 21, (6, 18))
    return module.Writer(21, 16), module.bits, (tg.asarray(codes[:, :-1]), tg.asarray(codes[:, 1:]))


MODELS = {f.__name__: f for f in (digits, spiral, characters)}


def test_every_example_is_compiled():
    tests = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert {path.stem for path in EXAMPLES.glob("*.py")} <= tests | MODELS.keys()


@pytest.mark.parametrize("name", MODELS)
def test_a_model_trains_as_it_does_eagerly(name, example):
    found = []
    for wrap in (lambda f: f, tg.jit):
        tg.random.seed(0)
        net, loss_of, (x, y) = MODELS[name](example(name))
        opt = tg.optim.Adam(net.parameters(), lr=1e-3)

        def step(x, y):
            opt.zero_grad()  # noqa: B023
            loss = loss_of(net(x), y)  # noqa: B023
            loss.backward()
            tg.optim.clip_grad_norm(net.parameters(), max_norm=1.0)  # noqa: B023
            opt.step()  # noqa: B023
            return loss

        step = wrap(step)
        losses, grads = [], None
        for _ in range(STEPS):
            losses.append(step(x, y).item())
            grads = grads or [p.grad.numpy().copy() for p in net.parameters()]
        found.append((losses, grads))
    (losses, grads), (compiled, compiled_grads) = found
    np.testing.assert_allclose(compiled, losses, rtol=1e-4)
    for g, h in zip(grads, compiled_grads, strict=True):
        np.testing.assert_allclose(h, g, rtol=0, atol=1e-5 * np.abs(g).max())


def test_minimize(example):
    energy = tg.jit(example("minimize").energy)
    places = np.random.default_rng(0).normal(size=22)
    plain = example("minimize").energy
    for transform in (lambda f: f, tg.grad, tg.hessian):
        expected = tg.asarray(transform(plain)(places)).numpy()
        found = tg.asarray(transform(energy)(places)).numpy()
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.abs(expected).max())
