"""Large products: read panel by panel, results kept in panels, and no copy of a whole side."""

from itertools import pairwise

import numpy as np
import pytest
from jit_lowering import compared, graph_of, on, x

import tidegrad as tg
from tidegrad.jit.lower import columns
from tidegrad.jit.passes.making import made, reshaped
from tidegrad.kinds import sum_
from tidegrad.ops import elementwise as table
from tidegrad.ops.contractions import contract


@pytest.fixture
def large(monkeypatch):
    """What is large begins with little."""
    monkeypatch.setattr(columns, "LARGE", 1 << 10)
    monkeypatch.setattr(columns, "MANY", 2)


def product(a, b, spec="ij,jk->ik"):
    return made(contract, a, b, spec=spec)


def by_columns(*outputs):
    """How many products of a graph have results in panels."""
    specs = [
        v.params["spec"] for v in columns.packed(graph_of(*outputs)).order() if v.prim is contract
    ]
    return sum("->P" in spec for spec in specs)


def total(v, axis=0, keepdims=False):
    return made(sum_, v, axes=(axis,), keepdims=keepdims)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("spec", ["ij,jk->ik", "ij,kj->ik"])
def test_a_chain_of_products(dtype, spec, large):
    turn = slice(None, None, 1 if spec == "ij,jk->ik" else -1)
    w, u = (x(*shape[turn], dtype=dtype) for shape in ((90, 208), (208, 320)))
    a = x(40, 90, dtype=dtype)
    hidden = made(table.relu, made(table.add, product(a, w, spec), x(208, dtype=dtype)))
    steep = made(table.tanh, product(hidden, u, spec))
    out = made(table.multiply, steep, x(40, 1, dtype=dtype))
    found = (
        total(out),
        total(out, 1, True),
        product(hidden, out, "ij,ik->jk"),
        total(hidden, 0, True),
    )
    assert by_columns(*found) == 2
    compared(*found, threads=(1, 2, 3))


def test_rows_of_several_axes_and_what_is_no_map(large):
    a, w, u = x(2, 9, 48), x(48, 96), x(96, 160)
    hidden = made(table.exp, product(a, w, "ijk,kl->ijl"))
    mean = total(hidden, 2, True)
    out = made(table.subtract, product(hidden, u, "ijk,kl->ijl"), x(160))
    both = made(table.add, out, made(table.multiply, mean, x(9, 160)))
    turned = product(reshaped(both, (18, 160)), x(18, 7), "ij,ik->kj")
    assert by_columns(turned, total(both, 1)) == 2
    compared(turned, total(both, 1), total(both, 2))


def test_both_sides_are_panels_and_are_summed_over(large):
    a, b, w = x(17, 33), x(18, 33), x(33, 64)
    one, other = (made(table.relu, product(v, w)) for v in (a, b))
    found = made(table.exp, total(product(one, other, "ij,kj->ik"), 1))
    assert by_columns(found) == 2
    compared(found)


def test_panels_that_are_rows_of_another_product(monkeypatch):
    monkeypatch.setattr(columns, "by_columns", lambda v, sides, out: out == sides.rows + sides.j)
    hidden = made(table.relu, product(x(20, 30), x(30, 48)))
    turned = made(table.exp, product(hidden, x(20, 64), "ij,ik->jk"))
    assert by_columns(total(turned, 1)) == 2
    compared(total(turned, 1), total(turned))


def wide(sizes, batch):
    layers = [tg.nn.Linear(n, m) for n, m in pairwise(sizes)]
    net = tg.nn.Sequential(*[part for layer in layers for part in (layer, tg.nn.ReLU())][:-1])
    opt = tg.optim.Adam(net.parameters(), lr=1e-3)
    data = tg.random.normal((batch, sizes[0])), tg.random.integers(0, sizes[-1], (batch,))

    def step(x, y):
        opt.zero_grad()
        loss = tg.nn.functional.cross_entropy(net(x), y)
        loss.backward()
        opt.step()
        return loss

    return net, step, data


SIZES = 256, 640, 640, 10  # weights of 0.7 and 1.6 MB, and activations of 0.16


def test_a_step_has_no_copy_of_its_weights():
    with on(2):
        _, step, data = wide(SIZES, 64)
        cost = tg.jit(step).cost(*data)
    activation = 4 * 64 * 640
    assert cost.arena < 6 * activation < 4 * 640 * 640 < cost.outputs
    assert cost.scratch < 4 * 640 * 640


def test_a_step_that_reads_weights_late_writes_them_in_place():
    with on(2):
        net, step, data = wide(SIZES, 64)
        step = tg.jit(step)
        for _ in range(3):
            step(*data)
        places = [p.array.ctypes.data for p in net.parameters()]
        step(*data)
        assert [p.array.ctypes.data for p in net.parameters()] == places


@pytest.mark.parametrize("threads", [1, 2])
def test_steps_are_those_of_eager_mode(threads):
    losses = []
    for change in (tg.jit, lambda f: f):
        tg.random.seed(3)
        with on(threads):
            net, step, data = wide(SIZES, 64)
            step = change(step)
            losses.append([float(step(*data)) for _ in range(6)])
            losses[-1] += [float(abs(p.grad).sum()) for p in net.parameters()]
    np.testing.assert_allclose(*losses, rtol=2e-4)


def test_batches_of_any_size_have_one_program():
    with on(2):
        net, _, _ = wide(SIZES, 64)
        f = tg.jit(lambda x: net(x).sum(axis=1))
        for n in (64, 48, 33, 100, 7):
            x = tg.random.normal((n, 256))
            np.testing.assert_allclose(f(x).array, net(x).sum(axis=1).array, atol=1e-4)


def test_gradients_take_the_places_of_what_is_done_with():
    """Of a layer there are three at a time, of four: each row of the last follows one of others."""

    def deep(x, *weights):
        def loss(*weights):
            h = x
            for w in weights:
                h = tg.gelu(h @ w)
            return (h**2).sum()

        return tg.grad(loss, argnums=tuple(range(len(weights))))(*weights)

    def kept(count):
        shapes = [(512, 64), *[(64, 64)] * count]
        return tg.jit(deep).cost(*map(tg.random.normal, shapes)).arena

    with on(2):
        each = (kept(6) - kept(4)) / 2
    assert each < 3.5 * 4 * 512 * 64
