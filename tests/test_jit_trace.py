"""Traces: a function's graph, run operation by operation, gives what the function gives."""

import numpy as np
import pytest
from test_operations import CASES, NAMES, inputs

import tidegrad as tg
from tidegrad.abstract import Value
from tidegrad.core import Tensor
from tidegrad.errors import TraceError
from tidegrad.jit import family
from tidegrad.jit.interpreter import Interpreter
from tidegrad.jit.traced import traced
from tidegrad.trees import flatten


def inputs_of(found, leaves):
    """The arrays for the inputs of a traced function."""
    arrays = []
    for source in found.sources:
        held = leaves[source.place] if source.place >= 0 else source.tensor
        held = held._grad if source.gradient else held
        arrays.append(held.array if type(held) is Tensor else np.asarray(held))
    return arrays


def computed(f, *args):
    """What the graph of `f` gives, for each returned tensor."""
    found = traced(f, *args)
    out = Interpreter(found.graph)(inputs_of(found, flatten((args, {}))[0]))
    return [y for y, target in zip(out, found.targets) if target.source is None]


def agrees(f, *args, rtol=1e-6):
    expected = [y.array for y in flatten(f(*args))[0]]
    for y, z in zip(computed(f, *args), expected, strict=True):
        assert y.dtype == z.dtype and y.shape == z.shape
        np.testing.assert_allclose(y, z, rtol=rtol, atol=rtol)


def test_a_training_step_computes_what_it_computes_eagerly():
    tg.random.seed(0)
    net = tg.nn.Sequential(tg.nn.Linear(2, 16), tg.nn.ReLU(), tg.nn.Linear(16, 1))
    opt = tg.optim.Adam(net.parameters(), lr=1e-2)
    x, y = tg.random.normal((10, 2)), tg.random.normal((10, 1))

    def step(x, y):
        opt.zero_grad()
        loss = tg.nn.functional.mse_loss(net(x), y)
        loss.backward()
        opt.step()
        return loss

    step(x, y)
    before = {id(t): t.array for t in [*net.parameters(), opt.param_groups[0].step]}
    found = traced(step, x, y)
    assert all(t.array is before[id(t)] for t in net.parameters())
    out = Interpreter(found.graph)(inputs_of(found, [x, y]))
    loss = step(x, y)
    *out, last = out
    np.testing.assert_allclose(last, loss.array, rtol=1e-6)
    for y, target in zip(out, found.targets):
        held = target.source.tensor
        held = held._grad if target.source.gradient else held
        np.testing.assert_allclose(y, held.array, rtol=1e-6, atol=1e-7)


def test_what_is_met_outside_is_an_input():
    w = tg.tensor([1.0, 2.0])
    found = traced(lambda: (w * 2).sum() + tg.ones(2).sum())
    assert [source.tensor for source in found.sources] == [w]
    w.data = [10.0, 20.0]
    assert Interpreter(found.graph)([w.array])[0] == 62.0


@pytest.mark.parametrize("dtype", [tg.float32, tg.float64, tg.int32, tg.bool], ids=str)
@pytest.mark.parametrize("number", [2, 0.5, True])
def test_numbers_promote_as_they_do_eagerly(dtype, number):
    x = tg.tensor([1, 0, 1], dtype=dtype)
    agrees(lambda x: (x + number, number * x, x < number, tg.where(x > 0, number, x)), x)
    agrees(lambda x, n: (x + n, n / (x + 1.0), x < n), x, number)


def test_values_have_no_elements():
    x = tg.tensor([1.0])
    for use in (bool, float, int, np.asarray, lambda x: x.item(), lambda x: x.numpy()):
        with pytest.raises(TraceError, match="test_jit_trace.py"):
            traced(lambda x: use(x * 2), x)  # noqa: B023


def test_a_tensor_that_escaped_names_where_it_was_made():
    kept = []
    traced(lambda x: kept.append(x * 2), tg.ones(3))
    assert type(kept[0].array) is Value
    with pytest.raises(TraceError, match="has ended, computed at .*test_jit_trace.py"):
        kept[0] + 1


@pytest.fixture(params=["interpreter", "machine code"])
def backend(request, monkeypatch):
    """What runs the graphs of traced functions."""
    if request.param == "interpreter":
        monkeypatch.setattr(family, "Executable", Interpreter)


@pytest.mark.parametrize("name, f, truth, shapes", CASES, ids=NAMES)
def test_every_operation_and_its_derivatives(name, f, truth, shapes, backend):
    xs, g = [tg.tensor(x) for x in inputs(shapes)], tg.jit(f)
    with tg.no_grad():
        np.testing.assert_allclose(g(*xs).array, f(*xs).array, rtol=1e-12)

    def slopes(function):
        def value(*xs):
            y = function(*xs)
            return (y * y).sum() if y.dtype.kind == "f" else xs[0].sum()

        places = tuple(range(len(xs)))
        first = tg.grad(value, places)(*xs)
        return [*first, *flatten(tg.hvp(value, tuple(xs), tuple(tg.cos(x) for x in xs)))[0]]

    for y, z in zip(slopes(g), slopes(f), strict=True):
        np.testing.assert_allclose(y.array, z.array, rtol=1e-10, atol=1e-10)


def test_a_float_is_a_float_also_where_an_array_is_made_of_it():
    def f(x, n):
        made = (tg.tensor(n), tg.asarray(n), tg.full((2,), n), tg.exp(n), tg.stack([n, n * 2]))
        return (*made, x * (n * 2 + 1), tg.tensor(n, dtype=tg.float64), tg.maximum(x, n), n // x)

    agrees(f, tg.tensor([1.0, 2.0]), 0.1)
    agrees(f, tg.tensor([1.0, 2.0], dtype=tg.float64), 0.1)
