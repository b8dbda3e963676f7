"""cond, while_loop and scan in traces: one graph each, whose derivatives are loops again."""

import numpy as np
import pytest
from test_jit_trace import agrees, computed, inputs_of

import tidegrad as tg
from tidegrad.jit.interpreter import Interpreter
from tidegrad.jit.passes import simplified
from tidegrad.jit.regions import Scan
from tidegrad.jit.traced import traced
from tidegrad.jit.verify import verified
from tidegrad.trees import flatten


@pytest.fixture
def drawn(rng):
    w = tg.tensor(rng.normal(size=(3, 3)), requires_grad=True)
    return w, tg.tensor(rng.normal(size=(2, 3))), tg.tensor(rng.normal(size=(5, 2, 3)))


def losses(w):
    """Functions of (h, x) that run one construct each, and close over `w`."""

    def scan(h, x):
        last, ys = tg.scan(lambda h, x: (tg.tanh(h @ w + x), {"y": h * x}), h, x)
        return (last**2).sum() + (ys["y"] ** 2).sum()

    def reverse(h, x):
        (last, _), ys = tg.scan(
            lambda c, x: ((tg.sin(c[0] @ w), c[1] + x), c[0] * c[1]), (h, h * 2), x, reverse=True
        )
        return (last * ys).sum()

    def cond(h, x):
        y = tg.cond(h.sum() > 0, lambda h, x: tg.tanh(h @ w) * x[0], lambda h, x: h * x[1], h, x)
        return (y**2).sum()

    def nested(h, x):
        def step(h, x):
            inner, _ = tg.scan(lambda c, _: (tg.sin(c @ w), None), h, length=2)
            return tg.cond(x.sum() > 0, lambda: inner * x, lambda: inner + h), None

        return tg.scan(step, h, x)[0].sum()

    return [scan, reverse, cond, nested]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("k", range(4))
def test_values_and_derivatives_of_any_order(drawn, k, sign):
    w, h, x = drawn
    f, h = losses(w)[k], h * sign
    agrees(f, h, x)
    agrees(lambda h, x: tg.grad(f, (0, 1))(h, x), h, x)
    agrees(lambda h, x: tg.jvp(f, [h, x], [x[0], x * x]), h, x)
    agrees(lambda h, x: tg.hvp(f, (h, x), (x[0], x)), h, x)
    agrees(lambda h, x: tg.jvp(lambda h: tg.jvp(f, [h, x], [h, x])[1], [h], [h]), h, x)
    agrees(lambda w: tg.hessian(lambda w: losses(w)[k](h, x))(w), w)


def test_a_third_derivative(drawn):
    w, h, x = drawn
    f = losses(w)[0]
    third = lambda h: tg.grad(lambda h: (tg.grad(lambda h: f(h, x))(h) ** 3).sum())
    agrees(lambda h: tg.grad(lambda h: (third(h)(h) ** 2).sum())(h), h)


def test_forward_mode_of_a_while_loop(drawn):
    w, h, _ = drawn
    f = lambda h: tg.while_loop(
        lambda s: (s[0] ** 2).sum() < 100, lambda s: (tg.sin(s[0] @ w) + 2 * s[0], s[1] + 1), (h, 0)
    )
    agrees(f, h)
    agrees(lambda h: tg.jvp(lambda h: f(h)[0], [h], [h * h]), h)
    agrees(lambda h: tg.jvp(lambda h: tg.jvp(lambda h: f(h)[0], [h], [h])[1], [h], [h]), h)
    with pytest.raises(tg.errors.GraphError, match=r"use tg\.scan"):
        computed(lambda h: tg.grad(lambda h: f(h)[0].sum())(h), h)


def same_effects(f, *args):
    """What a graph gives, with the changes of tensors outside, is what eager code gives."""
    found = traced(f, *args)
    out = Interpreter(found.graph)(inputs_of(found, flatten((args, {}))[0]))
    results = [y.array for y in flatten(f(*args))[0]]
    states = [y for y, target in zip(out, found.targets) if target.source is not None]
    held = [target.source.tensor.array for target in found.targets if target.source is not None]
    returned = [y for y, target in zip(out, found.targets) if target.source is None]
    for y, z in zip([*returned, *states], [*results, *held], strict=True):
        np.testing.assert_allclose(y, z, rtol=1e-6)
    return found


def test_what_a_body_rebinds_is_carried(drawn):
    _, h, x = drawn
    total, count = tg.tensor(0.0, dtype=tg.float64), tg.tensor(0)

    def step(h, x):
        nonlocal total, count
        total += x.sum()
        count += 1
        return h * total, count * 1

    found = same_effects(lambda h, x: tg.scan(step, h, x), h, x)
    assert count.item() == 5 and sum(t.source is not None for t in found.targets) == 2


def test_gradients_flow_through_what_a_body_rebinds(drawn):
    w, h, x = drawn

    def f(w):
        total = tg.zeros((2, 3), dtype=tg.float64)

        def step(h, x):
            nonlocal total
            total += tg.tanh(h @ w)
            return h + x, None

        tg.scan(step, h, x)
        return (total**2).sum()

    agrees(lambda w: tg.grad(f)(w), w)


def test_random_numbers_and_running_statistics(drawn):
    _, _, x = drawn
    norm, generator = tg.nn.BatchNorm1d(3), tg.random.Generator(3)

    def step(h, x):
        x = tg.nn.functional.dropout(norm(x.astype(tg.float32)), 0.5)
        return h + generator.normal((3,)), x

    tg.random.seed(1)
    same_effects(lambda x: (tg.scan(step, tg.zeros(3), x), generator.normal((2,))), x)


def test_a_branch_that_rebinds(drawn):
    _, h, _ = drawn
    generator, state = tg.random.Generator(3), tg.tensor(1.0)

    def draw(h):
        nonlocal state
        state *= 2
        return h + generator.normal((2, 3), dtype=tg.float64)

    for start in (h, -h):
        same_effects(lambda h: tg.cond(h.sum() > 0, draw, lambda h: h, h), start)


def test_checkpoint_around_and_inside(drawn):
    w, h, x = drawn
    step = lambda h, x: (tg.tanh(h @ w + x), x)
    around = tg.checkpoint(lambda h: tg.scan(step, h, x)[0])
    agrees(lambda h: tg.grad(lambda h: (around(h) ** 2).sum())(h), h)
    inside = lambda h: tg.scan(tg.checkpoint(step), h, x)[0]
    agrees(lambda h: tg.grad(lambda h: (inside(h) ** 2).sum())(h), h)


def test_bad_bodies_are_refused_where_they_are_traced(drawn):
    _w, h, x = drawn
    bad = [
        (lambda: tg.scan(lambda h, x: (h[:1], x), h, x), tg.errors.ShapeError, "carry of shape"),
        (lambda: tg.cond(h.sum() > 0, lambda: h, lambda: h[0]), ValueError, "false_fun"),
        (lambda: tg.cond(h.sum() > 0, lambda: h, lambda: (h, h)), TypeError, "false_fun"),
        (lambda: tg.while_loop(lambda s: s, lambda s: s, h), TypeError, "one bool"),
        (
            lambda: tg.scan(lambda h, x: (h * float(x.sum()), x), h, x),
            tg.errors.TraceError,
            "float",
        ),
    ]
    for f, error, text in bad:
        with pytest.raises(error, match=text):
            traced(lambda h, f=f: f(), h)


def test_a_tensor_that_escapes_a_body_is_refused(drawn):
    _, h, x = drawn
    seen = []
    f = lambda h: tg.scan(lambda h, x: (seen.append(h) or h, None), h, x)[0] + seen[0]
    with pytest.raises(tg.errors.TraceError, match="ended"):
        traced(f, h)


def test_a_body_that_adds_to_gradients_is_refused(drawn):
    w, h, x = drawn

    def step(h, x):
        ((h @ w) ** 2).sum().backward()
        return h, None

    with pytest.raises(tg.errors.GraphError, match="sets .grad"):
        traced(lambda: tg.scan(step, h, x))


def test_many_training_steps_are_one_scan(rng):
    def trained(compiled):
        tg.random.seed(0)
        net = tg.nn.Sequential(tg.nn.Linear(3, 8), tg.nn.Dropout(0.2), tg.nn.Linear(8, 1))
        opt = tg.optim.Adam(net.parameters(), lr=0.1)

        def step(_, x):
            opt.zero_grad()
            loss = (net(x) ** 2).mean()
            loss.backward()
            opt.step()
            return None, loss

        run = tg.jit(lambda x: tg.scan(step, None, x)[1]) if compiled else None
        run = run or (lambda x: tg.scan(step, None, x)[1])
        losses = [run(x).tolist() for _ in range(2)]
        return losses, [p.grad.numpy() for p in net.parameters()], net.state_dict()

    x = tg.tensor(rng.normal(size=(6, 4, 3)).astype("float32"))
    (losses, grads, state), (found, others, same) = trained(False), trained(True)
    np.testing.assert_allclose(found, losses, rtol=1e-5)
    for y, z in zip([*others, *same.values()], [*grads, *state.values()]):
        np.testing.assert_allclose(y, z, rtol=1e-4, atol=1e-6)


def test_graphs_stay_right_when_they_are_simplified(drawn):
    w, h, x = drawn
    for f in losses(w):
        found = traced(lambda h, x, f=f: tg.grad(f, (0, 1))(h, x), h, x)
        graph = verified(simplified(verified(found.graph)), found.graph)
        assert sum(isinstance(v.prim, Scan) for v in graph.order()) <= 2
        arrays = inputs_of(found, [h, x])
        for y, z in zip(Interpreter(graph)(arrays), Interpreter(found.graph)(arrays)):
            np.testing.assert_allclose(y, z, rtol=1e-10)


def test_no_steps_in_a_trace(drawn):
    w, h, _ = drawn
    f = losses(w)[0]
    agrees(
        lambda h, x: (f(h, x), tg.grad(f, (0, 1))(h, x)), h, tg.zeros((0, 2, 3), dtype="float64")
    )


@pytest.mark.parametrize("k", range(4))
def test_compiled_values_and_gradients(drawn, k):
    w, h, x = drawn
    f = losses(w)[k]
    both = lambda h, x: (f(h, x), tg.grad(f, (0, 1))(h, x))
    for start in (h, -h):
        expected = flatten(both(start, x))[0]
        for y, z in zip(flatten(tg.jit(both)(start, x))[0], expected, strict=True):
            np.testing.assert_allclose(y.array, z.array, rtol=1e-10)


def test_a_compiled_while_loop(drawn):
    w, h, _ = drawn
    f = lambda h: tg.while_loop(
        lambda s: (s[0] ** 2).sum() < 100, lambda s: (tg.sin(s[0] @ w) + 2 * s[0], s[1] + 1), (h, 0)
    )
    with tg.no_grad():
        (y, n), (z, m) = tg.jit(f)(h), f(h)
    np.testing.assert_allclose(y, z, rtol=1e-12)
    assert n.item() == m.item()


def test_a_compiled_while_loop_says_why_it_has_no_reverse():
    w = tg.tensor(1.5, requires_grad=True)
    y = tg.jit(lambda x: tg.while_loop(lambda s: s < 100, lambda s: s * w, x))(2.0)
    assert y.item() == pytest.approx(115.33008)
    with pytest.raises(tg.errors.GraphError, match=r"tg\.scan"):
        y.backward()


def test_what_only_a_derivative_reads_is_an_input_too(drawn):
    w, h, x = drawn
    scale = tg.tensor(np.arange(3.0))

    @tg.custom_vjp
    def scaled(x):
        return tg.sin(x)

    scaled.defvjp(lambda x: (tg.sin(x), x), lambda x, g: (g * tg.exp(x * scale),))

    def loss(h, x):
        last, ys = tg.scan(lambda h, x: (scaled(h @ w) + x, scaled(h)), h, x)
        return (last * 2).sum() + (ys**2).sum()

    agrees(lambda h, x: tg.grad(loss, (0, 1))(h, x), h, x)
    agrees(lambda h: tg.hessian(lambda h: loss(h, x))(h), h)
