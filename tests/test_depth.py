"""Graphs far deeper than the recursion limit, each in a process of its own."""

import pytest
from peaks import PEAK

HEAD = (
    PEAK
    + """
import copy, gc, pickle, sys, time
import numpy as np
import tidegrad as tg

assert sys.getrecursionlimit() == 1000
def chain(x, count):
    for _ in range(count):
        x = tg.sin(x)
    return x
"""
)

# One step of a chain; each keeps something else alive between two nodes.
CHAINS = {
    "an operation": "y = y * 0.99999",
    "an assignment": "y[0] = y[1]",
    "an in-place operator": "y += 1e-6",
    "a view": "y = y[::-1].T",
    "a reused value": "y = y + y * y * 1e-9",
    "checkpoint": "y = tg.checkpoint(tg.sin)(y)",
    "custom_vjp": "y = custom(y)",
    "one of two results": "y = pair(y)[0]",
}


def test_a_chain_of_a_million_operations_runs_backward(alone):
    printed = alone(
        HEAD
        + """
x = tg.tensor(1.0, dtype=tg.float64, requires_grad=True)
y, started = x, time.perf_counter()
for _ in range(500_000):
    y = y * 1.000001
    y = y + 1e-6
middle = time.perf_counter()
y.backward()
ended = time.perf_counter()
print(f"forward {middle - started:.1f} s, backward {ended - middle:.1f} s, {peak() / 1e6:.0f} MB")
expected = np.exp(500_000 * np.log1p(1e-6))
assert abs(x.grad.item() / expected - 1) < 1e-9, x.grad
del y
assert gc.collect() < 1000
assert peak() < 1e9, peak()
"""
    )
    print(printed)


def test_a_deep_graph_survives_everything_done_to_it(alone):
    alone(
        HEAD
        + """
x = tg.tensor([0.5, 1.0], dtype=tg.float64, requires_grad=True)
y = chain(x, 100_000)
assert repr(y).startswith("tensor([") and f"{y.sum():.3f}"
for made in (copy.copy(y), copy.deepcopy([y])[0], pickle.loads(pickle.dumps(y))):
    assert made.is_leaf and made.requires_grad and (made.numpy() == y.numpy()).all()
gc.collect()
y.sum().backward(retain_graph=True)
slope = np.ones(2)
value = x.numpy()
for _ in range(100_000):
    slope, value = slope * np.cos(value), np.sin(value)
np.testing.assert_allclose(x.grad.numpy(), slope, rtol=1e-9)
"""
    )


def test_second_derivatives_of_a_deep_graph(alone):
    alone(
        HEAD
        + """
# f = sin(sin(...)): f' is a product of cosines, and f'' follows by the chain rule.
value, slope, bend = 0.5, 1.0, 0.0
for _ in range(100_000):
    s, c = np.sin(value), np.cos(value)
    value, slope, bend = s, c * slope, c * bend - s * slope * slope
x = tg.tensor(0.5, dtype=tg.float64, requires_grad=True)
y = chain(x, 100_000)
y.backward(create_graph=True)
first, x.grad = x.grad, None
assert abs(first.item() / slope - 1) < 1e-9
first.backward()
assert abs(x.grad.item() / bend - 1) < 1e-9, (x.grad, bend)
del y, first
f = lambda x: chain(x, 100_000)
assert abs(tg.jvp(tg.grad(f), [np.array(0.5)], [np.array(1.0)])[1].item() / bend - 1) < 1e-9
"""
    )


@pytest.mark.parametrize("step", CHAINS.values(), ids=CHAINS)
def test_deep_graphs_of_every_kind_go_without_a_trace(alone, step):
    alone(
        HEAD
        + f"""
custom = tg.custom_vjp(lambda x: x * 0.9999)
custom.defvjp(lambda x: (x * 0.9999, x), lambda kept, g: (g * 0.9999,))
pair = tg.checkpoint(lambda x: (x * 0.9999, x + 1))
def run():
    x = tg.tensor([0.5, 1.0], dtype=tg.float64, requires_grad=True)
    y = x * 1
    for _ in range(20_000):
        {step}
    return x, y
gc.collect()
gc.disable()
x, y = run()
y.sum().backward(retain_graph=True)
assert np.isfinite(x.grad.numpy()).all() and x.grad.numpy().any()
del x, y
before = len(gc.get_objects())
run()
assert len(gc.get_objects()) - before < 20
"""
    )


def test_drawing_a_deep_graph(alone):
    alone(
        HEAD
        + """
x = tg.tensor(0.5, requires_grad=True)
drawn = tg.draw(chain(x, 100_000))
svg = drawn._repr_svg_()
assert svg.lstrip().startswith("<svg") and len(svg) < 5_000_000
assert "sin" in svg and "100,000" in svg and "folded" in svg
"""
    )
