"""Ten thousand steps with the garbage collector off leave nothing behind."""

import gc
import weakref

import numpy as np
import pytest
from peaks import PEAK

import tidegrad as tg

STEPS = 10_000

# What is measured: the process's memory, the collector's objects, and Python's blocks of memory.
HARNESS = (
    PEAK
    + """
import gc, sys
import numpy as np
import tidegrad as tg

w = tg.tensor([1.0, 2.0], dtype=tg.float64, requires_grad=True)
x = tg.tensor([3.0, 4.0], dtype=tg.float64)
loss = lambda w: (tg.sin(w * x) + w**3).sum()

class Stop(Exception):
    pass

{setup}

def step():
    global w
{body}

gc.collect()
gc.disable()
for _ in range(2500):  # caches and free lists fill
    step()
w.grad = None
objects, blocks, before = len(gc.get_objects()), sys.getallocatedblocks(), memory()
for _ in range({steps}):
    step()
w.grad = None
assert memory() - before < 1_000_000, f"memory grew by {{memory() - before}} bytes"
assert len(gc.get_objects()) - objects < 10, len(gc.get_objects()) - objects
assert sys.getallocatedblocks() - blocks < 100, sys.getallocatedblocks() - blocks
"""
)

# What is done before, and a step.
KINDS = {
    "plain": ("", "loss(w).backward()"),
    "never backward": ("", "loss(w)"),
    "retained": ("", "y = loss(w); y.backward(retain_graph=True); y.backward()"),
    "in place": ("", "y = w * 2; y[0] = y[1]; y += x; y *= y; y.sum().backward()"),
    "rebound parameter": (
        "",
        "loss(w).backward()\nwith tg.no_grad():\n    w -= 1e-6 * w.grad\nw.grad = None",
    ),
    "exception in forward": (
        "",
        "try:\n    h = tg.sin(w) * x\n    h @ tg.ones((3, 3))\nexcept ValueError:\n    pass",
    ),
    "exception in backward": (
        "bad = tg.custom_vjp(lambda a: a * 1)\n"
        "def pull(kept, g):\n    raise Stop\n"
        "bad.defvjp(lambda a: (a * 1, a), pull)",
        "try:\n    loss(bad(w * 2)).backward()\nexcept Stop:\n    pass\nassert w.grad is None",
    ),
    "create_graph": (
        "",
        "w.grad = None\nloss(w).backward(create_graph=True)\ng = w.grad\n(g * g).sum().backward()",
    ),
    "create_graph alone": ("", "w.grad = None\nloss(w).backward(create_graph=True)"),
    "checkpoint": ("f = tg.checkpoint(loss)", "f(w).backward()"),
    "checkpoint, create_graph": (
        "f = tg.checkpoint(loss)",
        "w.grad = None\nf(w).backward(create_graph=True)\ng = w.grad\n(g * g).sum().backward()",
    ),
    "grad of grad": ("f = tg.grad(lambda v: tg.grad(loss)(v).sum())", "f(w)"),
    "hessian": ("f = tg.hessian(loss)", "f(x)"),
    "jvp and vjp": ("", "tg.jvp(loss, [x], [x])\ny, pull = tg.vjp(loss, x)\npull(1.0)"),
    "hvp": ("", "tg.hvp(loss, x, x)"),
    "gradient penalty": ("", "g = tg.grad(lambda v: loss(v * w))(x)\n(g * g).sum().backward()"),
    "custom rule": (
        "f = tg.custom_vjp(loss)\n"
        "f.defvjp(lambda a: (loss(a), a), lambda a, g: (g * (x * tg.cos(a * x) + 3 * a * a),))",
        "f(w).backward()\ntg.jvp(f, [x], [x])",
    ),
    "detect_anomaly": ("", "with tg.detect_anomaly():\n    loss(w).backward()"),
    "shared memory": (
        "array = np.ones(2)",
        "t = tg.asarray(array, copy=False)\n(w * t).sum().backward()\nnp.from_dlpack(t.detach())",
    ),
    "exception in a transform": (
        "def f(v):\n    h = v * w\n    raise Stop",
        "try:\n    tg.grad(f)(x)\nexcept Stop:\n    pass\nassert tg.is_grad_enabled()",
    ),
    "a network": (
        "net = tg.nn.Sequential(tg.nn.Linear(2, 4), tg.nn.Dropout(0.5), tg.nn.Linear(4, 1))\n"
        "opt = tg.optim.Adam(net.parameters(), lr=1e-3)\ndata = tg.ones((3, 2))",
        "opt.zero_grad()\nnet(data).sum().backward()\nopt.step()",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_steps_leave_nothing(alone, kind):
    setup, body = KINDS[kind]
    lines = body.replace("; ", "\n").splitlines()
    indented = "\n".join("    " + line for line in lines)
    alone(HARNESS.format(setup=setup, body=indented, steps=STEPS))


@pytest.fixture
def uncollected():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def graph(x):
    """A result, and weak references to everything that it was made of."""
    y = (tg.sin(x * 2) * x).sum()
    nodes, found = [y.node], []
    while nodes:
        node = nodes.pop()
        if node is not None:
            found.append(weakref.ref(node))
            nodes += node.parents
    return y, found


@pytest.mark.parametrize("create", [False, True])
def test_a_graph_goes_with_its_last_name(uncollected, create):
    x = tg.ones(1000, requires_grad=True)
    array = weakref.ref(x.array)
    y, nodes = graph(x)
    y.backward(create_graph=create)
    del y
    x.grad = None
    assert [n() for n in nodes if n() is not None and n() is not x.node] == []
    node = weakref.ref(x.node)
    del x
    assert node() is None and array() is None


def test_backward_frees_saved_arrays_as_it_passes(uncollected):
    x = tg.ones(1000, requires_grad=True)
    h = tg.exp(x)
    kept = weakref.ref(h.array)
    y = h.sum()
    del h
    assert kept() is not None
    y.backward()
    assert kept() is None


def failing(where):
    """A function whose backward raises once, when `where` says so."""
    f = tg.custom_vjp(lambda a: a * 1)

    def pull(kept, g):
        if where["broken"]:
            raise ArithmeticError("in the middle")
        return (g,)

    f.defvjp(lambda a: (a * 1, None), pull)
    return f


@pytest.mark.parametrize("create", [False, True])
def test_an_exception_in_the_middle_of_backward_leaves_all_as_it_was(create):
    where = {"broken": True}
    x, w = tg.tensor([1.0, 2.0], requires_grad=True), tg.tensor([3.0, 4.0], requires_grad=True)
    before = x.grad = tg.tensor([10.0, 10.0])
    h = x * w
    y = (failing(where)(h) + w).sum()
    other = (x * x).sum()
    for recording in (True, False):
        with (tg.enable_grad if recording else tg.no_grad)():
            with pytest.raises(ArithmeticError):
                y.backward(retain_graph=True, create_graph=create)
            assert tg.is_grad_enabled() is recording
    assert x.grad is before and before.tolist() == [10, 10] and w.grad is None
    assert np.geterr() == np.seterr()
    other.backward()
    assert x.grad.tolist() == [12, 14]
    where["broken"] = False
    y.backward()
    assert w.grad.tolist() == [2, 3] and x.grad.tolist() == [15, 18]


def test_an_exception_in_a_transform_leaves_recording_as_it_was():
    def f(x):
        raise KeyError("mine")

    for context in (tg.no_grad, tg.enable_grad):
        with context():
            wanted = tg.is_grad_enabled()
            for call in (
                lambda: tg.grad(f)(1.0),
                lambda: tg.vjp(f, 1.0),
                lambda: tg.jvp(f, [1.0], [1.0]),
                lambda: tg.checkpoint(f)(tg.tensor(1.0, requires_grad=True)),
            ):
                with pytest.raises(KeyError):
                    call()
                assert tg.is_grad_enabled() is wanted
    assert (tg.tensor(1.0, requires_grad=True) * 2).requires_grad


def test_an_anomaly_leaves_recording_as_it_was():
    x = tg.tensor([0.0, 1.0], requires_grad=True)
    with pytest.raises(FloatingPointError), tg.detect_anomaly():
        tg.log(x)
    y = tg.log(x + 1).sum()
    y.backward()
    assert x.grad.tolist() == [1, 0.5]
