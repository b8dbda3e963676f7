"""cond, while_loop and scan as Python runs them: values, gradients, and what bad input gets."""

import numpy as np
import pytest

import tidegrad as tg


def test_scan_is_a_loop(rng):
    xs = rng.normal(size=(5, 3))
    last, ys = tg.scan(lambda c, x: (c + x, {"twice": 2 * x, "sum": c}), np.zeros(3), xs)
    np.testing.assert_allclose(last, xs.sum(0))
    np.testing.assert_allclose(ys["twice"], 2 * xs)
    np.testing.assert_allclose(ys["sum"], np.cumsum(xs, 0) - xs)


def test_reverse_begins_at_the_end_and_keeps_places(rng):
    xs = rng.normal(size=(5, 3))
    last, ys = tg.scan(lambda c, x: (c + x, c + x), np.zeros(3), xs, reverse=True)
    np.testing.assert_allclose(ys, np.cumsum(xs[::-1], 0)[::-1])
    np.testing.assert_allclose(last, ys[0])


def test_scan_agrees_with_jax(rng, jax):
    w, xs, h = rng.normal(size=(3, 3)), rng.normal(size=(4, 2, 3)), rng.normal(size=(2, 3))

    def of(np_, scan):
        def loss(w, xs, h):
            last, ys = scan(lambda h, x: (np_.tanh(h @ w + x), h * x), h, xs)
            return (last**2).sum() + (ys**2).sum()

        return loss

    expected = jax.grad(of(jax.numpy, jax.lax.scan), (0, 1, 2))(w, xs, h)
    for found, wanted in zip(tg.grad(of(tg, tg.scan), (0, 1, 2))(w, xs, h), expected):
        np.testing.assert_allclose(found, wanted, rtol=1e-10)


def test_scan_without_xs_takes_a_length():
    last, ys = tg.scan(lambda c, x: (c * 2, (c, x)), tg.tensor(1.0), length=4)
    assert last.item() == 16
    assert ys[0].tolist() == [1, 2, 4, 8] and ys[1] is None


def test_a_scan_of_no_steps_gives_what_went_in_and_empty_stacks():
    calls = []
    x = tg.tensor(3.0)

    def step(c, x):
        calls.append(1)
        return c + x.sum(), (x * 2, c > 0)

    last, (ys, more) = tg.scan(step, x, tg.zeros((0, 4)))
    assert last is x and ys.shape == (0, 4) and more.shape == (0,) and more.dtype == bool


def test_gradients_of_what_is_closed_over():
    layer = tg.nn.Linear(3, 3)
    x = tg.ones((4, 2, 3))
    last, _ = tg.scan(lambda h, x: (tg.tanh(layer(h) + x), None), tg.zeros((2, 3)), x)
    last.sum().backward()
    grads = [p.grad.numpy() for p in layer.parameters()]
    layer.zero_grad()
    h = tg.zeros((2, 3))
    for t in range(4):
        h = tg.tanh(layer(h) + x[t])
    h.sum().backward()
    for g, p in zip(grads, layer.parameters()):
        np.testing.assert_allclose(g, p.grad, rtol=1e-6)


def test_cond_runs_one_branch():
    calls = []

    def branch(name):
        return lambda x: calls.append(name) or x * 2

    assert tg.cond(True, branch("yes"), branch("no"), 1.5).item() == 3
    tg.cond(tg.tensor(0.0) > 1, branch("yes"), branch("no"), tg.tensor(1.0))
    assert calls == ["yes", "no"]


def test_gradients_of_cond_and_while_loop():
    f = lambda x: tg.cond(x > 0, lambda x: x**2, lambda x: -x, x)
    assert tg.grad(f)(3.0) == 6 and tg.grad(f)(-3.0) == -1
    g = lambda x: tg.while_loop(lambda s: s < 100, lambda s: s * s, x)
    assert g(3.0).item() == 6561 and tg.grad(g)(3.0) == 8 * 3**7


@pytest.mark.parametrize(
    ("step", "init", "error", "text"),
    [
        (lambda c, x: (c[:1], x), np.zeros(2), tg.errors.ShapeError, r"carry of shape \(1,\)"),
        (lambda c, x: (c > 0, x), np.zeros(2), tg.errors.DTypeError, "carry as bool"),
        (lambda c, x: ((c, c), x), np.zeros(2), TypeError, r"carry\[0\], carry\[1\]"),
        (lambda c, x: c, np.zeros(2), TypeError, r"a pair \(carry, y\)"),
        (lambda c, x: (c * 1.5, x), 0, tg.errors.DTypeError, "astype"),
        (lambda c, x: ({"h": c["h"][:1]}, x), {"h": np.zeros(2)}, ValueError, r"carry\['h'\]"),
    ],
)
def test_a_carry_keeps_its_form(step, init, error, text):
    with pytest.raises(error, match=text):
        tg.scan(step, init, np.zeros(3))


def test_lengths_have_to_agree():
    step = lambda c, x: (c, None)
    with pytest.raises(tg.errors.ShapeError, match=r"xs\[0\] has 3 and xs\[1\] has 4"):
        tg.scan(step, 0.0, (np.zeros(3), np.zeros(4)))
    with pytest.raises(tg.errors.ShapeError, match="xs has 3 and length has 2"):
        tg.scan(step, 0.0, np.zeros(3), length=2)
    with pytest.raises(tg.errors.ShapeError, match="no axis"):
        tg.scan(step, 0.0, np.zeros(()))
    with pytest.raises(ValueError, match="length has to be given"):
        tg.scan(step, 0.0)


@pytest.mark.parametrize(
    ("pred", "error"),
    [(1, TypeError), (tg.tensor(1.0), TypeError), (tg.tensor([True, False]), ValueError)],
)
def test_a_predicate_is_one_bool(pred, error):
    with pytest.raises(error, match="one bool"):
        tg.cond(pred, lambda: 1.0, lambda: 2.0)
    with pytest.raises(error, match="one bool"):
        tg.while_loop(lambda s: pred, lambda s: s, 1.0)


def test_a_state_keeps_its_form():
    with pytest.raises(tg.errors.ShapeError, match="body_fun gave init of shape"):
        tg.while_loop(lambda s: s.sum() < 1, lambda s: tg.concat([s, s]), np.zeros(2))


def test_the_order_of_keys_does_not_matter():
    def step(c, x):
        return {"b": c["b"] + 1, "a": c["a"] + x}, None

    last, _ = tg.scan(step, {"a": 0.0, "b": 0}, tg.tensor([1.0, 2.0]))
    assert list(last) == ["a", "b"] and last["a"].item() == 3 and last["b"].item() == 2
