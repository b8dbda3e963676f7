"""Passes on scans: what is left in the bodies, and that results stay."""

import numpy as np
import pytest
from test_jit_trace import inputs_of

import tidegrad as tg
from tidegrad.jit.interpreter import Interpreter
from tidegrad.jit.passes import simplified
from tidegrad.jit.regions import Scan
from tidegrad.jit.traced import traced
from tidegrad.jit.verify import verified
from tidegrad.ops.contractions import Contract
from tidegrad.trees import flatten


def simpler(f, *args):
    """The simplified graph of `f`, which gives what the graph as it was traced gives."""
    found = traced(f, *args)
    graph = verified(simplified(found.graph), found.graph)
    for v in graph.order():
        if isinstance(v.prim, Scan):
            verified(v.params["body"])
    arrays = inputs_of(found, flatten((args, {}))[0])
    for y, z in zip(Interpreter(graph)(arrays), Interpreter(found.graph)(arrays), strict=True):
        np.testing.assert_allclose(y, z, rtol=1e-5, atol=1e-6)
    return graph


def scans(graph):
    return [v for v in graph.order() if isinstance(v.prim, Scan)]


def products(graph):
    return sum(isinstance(v.prim, Contract) for v in graph.order())


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_a_recurrent_layer_has_one_product_in_each_body(kind):
    net = getattr(tg.nn, kind)(3, 4)
    opt = tg.optim.SGD(net.parameters(), lr=0.1)

    def step(x):
        opt.zero_grad()
        loss = (net(x)[0] ** 2).sum()
        loss.backward()
        opt.step()
        return loss

    forward, backward = scans(simpler(step, tg.random.normal((5, 2, 3))))
    assert products(forward.params["body"]) == products(backward.params["body"]) == 1
    assert backward.params["carries"] == forward.params["carries"]


def test_products_of_slices_are_one_product_before(rng):
    w, u = tg.tensor(rng.normal(size=(3, 4))), tg.tensor(rng.normal(size=(4, 4)))

    def f(xs, h):
        return tg.scan(lambda h, x: (tg.tanh((x * 2) @ w + h @ tg.exp(u)), h), h, xs)

    graph = simpler(f, tg.tensor(rng.normal(size=(5, 2, 3))), tg.zeros((2, 4), dtype=tg.float64))
    (scan,) = scans(graph)
    body = scan.params["body"]
    assert products(body) == 1 and products(graph) == 1
    assert not any(v.prim is not None and v.prim.name == "exp" for v in body.order())


def test_sums_over_time_are_taken_after(rng):
    def f(xs, ys):
        def step(c, xy):
            x, y = xy
            total, outer, count, h = c
            h = tg.tanh(h + x[0])
            return (total + x.sum(0), outer + h[:, None] * y, count + 1, h), None

        start = (np.zeros(3), np.zeros((3, 3)), 0, np.zeros(3))
        return tg.scan(step, start, (xs, ys))[0]

    xs, ys = tg.tensor(rng.normal(size=(5, 2, 3))), tg.tensor(rng.normal(size=(5, 3)))
    (scan,) = scans(simpler(f, xs, ys))
    assert scan.params["carries"] == 1


def test_what_nobody_uses_falls(rng):
    xs = tg.tensor(rng.normal(size=(5, 3)))

    def f(xs):
        (a, _), (ys, _) = tg.scan(
            lambda c, x: ((c[0] + x * c[0], c[1] * 2), (x, c[1])), (xs[0], xs[1]), xs
        )
        return a, ys

    (scan,) = scans(simpler(f, xs))
    assert scan.params["carries"] == len(scan.params["results"]) == 1
    assert not scans(simpler(lambda xs: f(xs)[1], xs))


def test_equal_and_unchanging_inputs(rng):
    xs, b = tg.tensor(rng.normal(size=(5, 3))), tg.tensor(rng.normal(size=3))

    def f(xs, b):
        spread = tg.broadcast_to(b, (5, 3))
        step = lambda c, x: ((tg.sin(c[0] * c[1] + x[0] + x[1] + x[2]), c[1]), (c[1], x[2]))
        return tg.scan(step, (b, b * 2), (xs, xs, spread))

    (scan,) = scans(simpler(f, xs, b))
    assert scan.params["carries"] == scan.params["xs"] == len(scan.params["results"]) == 1


def test_reversed_and_nested_scans_stay_right(rng):
    w = tg.tensor(rng.normal(size=(3, 3)), requires_grad=True)

    def f(xs):
        def step(h, x):
            return tg.scan(lambda c, _: (tg.sin(c @ w + x @ w), None), h, length=3)[0], h

        last, ys = tg.scan(step, xs[0], xs, reverse=True)
        return (last * ys).sum()

    simpler(lambda xs: (f(xs), tg.grad(f)(xs)), tg.tensor(rng.normal(size=(4, 2, 3))))
