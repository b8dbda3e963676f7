"""Faults measured in small engines, each a test here: layers, optimizers, loaders, side effects."""

import copy
import itertools
import pickle
import threading
import tracemalloc

import numpy as np
import pytest

import tidegrad as tg
from tidegrad import nn, optim
from tidegrad.data import DataLoader
from tidegrad.nn import functional as F

KERNELS = np.array([[[[1.0, 0], [0, -1]]], [[[2, 1], [0, 1]]]])


def by_loops(x, w, stride, padding, dilation):
    """Cross-correlation as its definition says, one output at a time."""
    x = np.pad(x, ((0, 0), (0, 0), (padding,) * 2, (padding,) * 2))
    spans = [dilation * (k - 1) + 1 for k in w.shape[2:]]
    sizes = [(n - span) // stride + 1 for n, span in zip(x.shape[2:], spans, strict=True)]
    out = np.zeros((len(x), len(w), *sizes))
    for i, j in itertools.product(*map(range, sizes)):
        at = tuple(slice(s, s + n, dilation) for s, n in zip((i * stride, j * stride), spans))
        out[:, :, i, j] = np.einsum("nchw,ochw->no", x[(..., *at)], w)
    return out


def test_convolution_by_hand():
    x = tg.tensor(np.arange(1.0, 10).reshape(1, 1, 3, 3), requires_grad=True)
    w = tg.tensor(KERNELS, requires_grad=True)
    y = F.conv2d(x, w)
    assert y.tolist() == [[[[-4, -4], [-4, -4]], [[9, 13], [21, 25]]]]
    y.backward(np.array([[[[1.0, 0], [0, 0]], [[0, 0], [0, 2]]]]))
    assert x.grad.tolist() == [[[[1, 0, 0], [0, 3, 2], [0, 0, 2]]]]
    assert w.grad.tolist() == [[[[1, 2], [4, 5]]], [[[10, 12], [16, 18]]]]


def test_strided_and_padded_convolution_by_hand():
    x = tg.tensor(np.arange(16.0).reshape(1, 1, 4, 4))
    w = tg.tensor(np.ones((1, 1, 2, 2)), requires_grad=True)
    y = F.conv2d(x, w, stride=2)
    y.sum().backward()
    assert y.tolist() == [[[[10, 18], [42, 50]]]] and w.grad.tolist() == [[[[20, 24], [36, 40]]]]
    padded = F.conv2d(x, w, padding=2)
    assert padded.shape == (1, 1, 7, 7) and padded.sum().item() == 480


@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("padding", [0, 2])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_convolution_is_its_definition(stride, padding, dilation, rng):
    x, w = rng.normal(size=(4, 3, 7, 6)), rng.normal(size=(5, 3, 2, 3))
    a, b = tg.tensor(x, requires_grad=True), tg.tensor(w, requires_grad=True)
    y = F.conv2d(a, b, stride=stride, padding=padding, dilation=dilation)
    np.testing.assert_allclose(y.numpy(), by_loops(x, w, stride, padding, dilation))
    g, dx, dw = rng.normal(size=y.shape), rng.normal(size=x.shape), rng.normal(size=w.shape)
    y.backward(g)
    for grad, t, change in [
        (a.grad, dx, by_loops(dx, w, stride, padding, dilation)),
        (b.grad, dw, by_loops(x, dw, stride, padding, dilation)),
    ]:
        np.testing.assert_allclose((grad.numpy() * t).sum(), (g * change).sum())


def test_convolution_layers_without_bias_and_pooling_with_strides():
    layer = nn.Conv2d(3, 2, 3, stride=2, bias=False)
    assert layer(tg.ones((4, 3, 7, 7))).shape == (4, 2, 3, 3) and "bias=False" in repr(layer)
    bound = (3 * 3 * 3) ** -0.5
    assert abs(layer.weight.numpy()).max() <= bound
    x = tg.tensor(np.arange(25.0).reshape(1, 1, 5, 5), requires_grad=True)
    y = F.max_pool2d(x, 2, stride=2)
    y.sum().backward()
    assert y.tolist() == [[[[6, 8], [16, 18]]]]
    assert np.flatnonzero(x.grad.numpy()).tolist() == [6, 8, 16, 18]
    assert F.avg_pool2d(x, 2, stride=2).tolist() == [[[[3, 5], [13, 15]]]]


def test_masked_places_have_no_gradient():
    x = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    (tg.masked_fill(x, tg.tensor([True, False, True]), 5.0) * 7).sum().backward()
    assert x.grad.tolist() == [0, 7, 0]
    q, k, v = (tg.random.normal((1, 2, 4)) for _ in range(3))
    q.requires_grad = True
    seen = tg.tensor([[True, False], [False, False]])
    F.scaled_dot_product_attention(q, k, v, attn_mask=seen).sum().backward()
    assert np.isfinite(q.grad.numpy()).all() and abs(q.grad.numpy()).max() < 10


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtypes_are_kept(dtype):
    x = tg.tensor(np.ones((2, 3), dtype), requires_grad=True)
    whole = np.arange(6).reshape(2, 3)
    for y in (x + 1, 1 - x, x / 2, 2.0**x, tg.exp(x), x.mean(), x.std(), x * whole, x @ whole.T):
        assert y.dtype == dtype
        y.sum().backward()
        assert x.grad.dtype == dtype
    assert tg.zeros(3, dtype=dtype).dtype == dtype
    for y in (tg.exp(whole), tg.mean(whole), tg.tensor(whole) / 2, tg.tensor(whole) * 0.5):
        assert y.dtype == np.float32


def test_importing_and_using_changes_nothing_of_the_process(alone):
    program = """
        import builtins, os, random, signal, sys, threading
        import numpy as np
        known = (np.geterr(), np.get_printoptions(), np.random.get_state()[1].tolist(),
                 random.getstate(), signal.getsignal(signal.SIGINT), threading.active_count(),
                 sys.getrecursionlimit(), vars(builtins).copy(), dict(os.environ))
        import tidegrad as tg
        from tidegrad import data, nn, optim, training
        model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 2))
        optimizer = optim.Adam(model.parameters(), lr=0.1)
        tg.random.seed(0)
        for x in data.DataLoader(tg.random.normal((8, 3)), batch_size=4, shuffle=True):
            tg.nn.cross_entropy(model(x), tg.tensor([0, 1, 1, 0])).backward()
            optimizer.step()
        again = (np.geterr(), np.get_printoptions(), np.random.get_state()[1].tolist(),
                 random.getstate(), signal.getsignal(signal.SIGINT), threading.active_count(),
                 sys.getrecursionlimit(), vars(builtins).copy(), dict(os.environ))
        assert known == again
        heavy = {"torch", "jax", "scipy", "matplotlib", "tqdm", "sklearn", "llvmlite"}
        assert not heavy & set(sys.modules), heavy & set(sys.modules)
    """
    assert alone(program) == ""


def test_a_star_import_shadows_no_builtin(alone):
    program = """
        import builtins
        from tidegrad import *
        shadowed = [n for n in vars(builtins) if n in globals() and not n.startswith("__")]
        assert not shadowed, shadowed
        assert sum([1, 2]) == 3 and tensor([1.0]).shape == (1,)
    """
    assert alone(program) == ""


def test_layers_take_any_batch_and_keep_their_shapes():
    layer = nn.Linear(3, 2)
    before = {name: p.shape for name, p in layer.named_parameters()}
    for batch in (4, 2, 1, 0, 7):
        layer(tg.ones((batch, 3))).sum().backward()
        assert {name: p.grad.shape for name, p in layer.named_parameters()} == before


def test_memory_is_that_of_the_activations():
    model = nn.Sequential(nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))
    x, y = tg.random.normal((256, 784)), tg.zeros(256, dtype=tg.int64)
    nn.cross_entropy(model(x), y).backward()
    tracemalloc.start()
    nn.cross_entropy(model(x), y).backward()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3e6  # the weights are 0.3 MB, the activations 0.25 MB


def test_constants_are_no_parameters():
    model = nn.Linear(3, 2)
    model.shift = tg.ones(2)
    assert [name for name, _ in model.named_parameters()] == ["weight", "bias"]
    x = tg.tensor(np.ones((20, 20)), requires_grad=True)
    y = x @ np.ones((20, 10))
    assert [p for p in y.node.parents if p is not None] == [x.node]
    y.sum().backward()
    assert (x.grad.numpy() == 10).all()
    left, right = tg.ones((20, 20)), tg.ones((20, 10))
    left.requires_grad = right.requires_grad = True
    (left @ right).sum().backward()
    assert (left.grad.numpy() == 10).all() and (right.grad.numpy() == 20).all()


STEPS = {
    "SGD": ({}, [[0.8, 1.6, 3], [0.64, 1.28, 3], [0.512, 1.024, 3]]),
    "momentum": ({"momentum": 0.9}, [[0.8, 1.6, 3], [0.46, 0.92, 3], [0.062, 0.124, 3]]),
    "RMSprop": (
        {"alpha": 0.9},
        [[0.683772, 1.683772, 3], [0.498871, 1.473875, 3], [0.369181, 1.308718, 3]],
    ),
    "Adam": ({}, [[0.9, 1.9, 3], [0.800412, 1.800166, 3], [0.701586, 1.700623, 3]]),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", STEPS)
def test_three_steps_of_each_optimizer(name, dtype):
    options, expected = STEPS[name]
    x = nn.Parameter(np.array([1, 2, 3], dtype))
    twin = nn.Parameter(np.array([1, 2, 3], dtype))  # a second parameter takes the same steps
    target = tg.tensor(np.array([0, 0, 3], dtype))
    optimizer = getattr(optim, name if name != "momentum" else "SGD")([x, twin], lr=0.1, **options)
    for values in expected:
        optimizer.zero_grad()
        (((x - target) ** 2).sum() + ((twin - target) ** 2).sum()).backward()
        optimizer.step()
        np.testing.assert_allclose(x.numpy(), values, atol=2e-6)
        assert x.dtype == dtype and np.array_equal(x.numpy(), twin.numpy())


def test_descent_by_hand():
    """A hundred steps of SGD on ((x**2 + 1) - 1.5)**2 from 1; a scalar parameter."""
    x = nn.Parameter(np.array(1.0))
    optimizer = optim.SGD([x], lr=0.01)
    for _ in range(100):
        optimizer.zero_grad()
        y = x**2 + 1
        loss = (y - 1.5) ** 2
        loss.backward()
        optimizer.step()
    last = [x.item(), y.item(), loss.item()]
    np.testing.assert_allclose(last, [0.7100436, 1.50433688, 1.88085134e-05], rtol=1e-7)


def test_dropout_keeps_the_mean():
    tg.random.seed(0)
    x = tg.ones(100_000)
    y = F.dropout(x, 0.5, training=True)
    assert set(np.unique(y.numpy())) == {0, 2} and abs(y.numpy().mean() - 1) < 0.02
    assert F.dropout(x, 0.5, training=False).tolist() == x.tolist()


@pytest.mark.parametrize("prefetch", [0, 2])
def test_every_item_comes_once_in_an_order_that_the_seed_says(prefetch):
    read = lambda **options: [b.tolist() for b in DataLoader(range(5), 2, **options)]
    assert read(prefetch=prefetch) == [[0, 1], [2, 3], [4]]
    shuffled = read(shuffle=True, seed=3, prefetch=prefetch)
    assert [len(b) for b in shuffled] == [2, 2, 1]
    assert sorted(itertools.chain(*shuffled)) == [0, 1, 2, 3, 4]
    assert shuffled == read(shuffle=True, seed=3)
    assert len({str(read(shuffle=True, seed=s)) for s in range(9)}) > 1


def test_looking_at_a_graph_and_threads_change_no_gradient():
    def step():
        a, b, c = (tg.tensor(v, requires_grad=True) for v in (2.0, 3.0, 10.0))
        y = tg.relu(a * b + c)
        tg.draw(y), repr(y), copy.deepcopy(y)
        y.backward()
        return y.item(), a.grad.item(), b.grad.item(), c.grad.item()

    found = []
    threads = [threading.Thread(target=lambda: found.append(step())) for _ in range(4)]
    [t.start() for t in threads], [t.join() for t in threads]
    assert found == [(16, 3, 2, 1)] * 4


def test_nothing_is_kept_where_nothing_needs_a_gradient():
    w = tg.ones(1000)
    tracemalloc.start()
    for _ in range(500):
        w = w * 1.0
    assert w.node is None and tracemalloc.get_traced_memory()[0] < 50_000
    tracemalloc.stop()


@pytest.mark.parametrize("again", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy])
def test_parameters_and_models_are_pickled(again):
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.BatchNorm1d(2))
    model(tg.ones((4, 3))).sum().backward()
    twin = again(model)
    for (name, p), (same, q) in zip(model.named_parameters(), twin.named_parameters(), strict=True):
        assert name == same and np.array_equal(p.numpy(), q.numpy()) and q.requires_grad
        assert q is not p
    assert again(nn.Parameter(tg.ones(2))).requires_grad


def test_editing_between_forward_and_backward_is_harmless():
    w = tg.tensor(2.0, requires_grad=True)
    y = w**3
    with tg.no_grad():
        w -= 1.0
    y.backward()
    assert w.item() == 1 and w.grad.item() == 12
    array = np.array([1.0, 2.0])
    x = tg.tensor(array, requires_grad=True)
    z = x * x
    array[:] = 9
    z.sum().backward()
    assert x.grad.tolist() == [2, 4]
    a, b = tg.tensor([4.0]), tg.tensor([2.0])
    a - b, a / b
    assert a.tolist() == [4] and b.tolist() == [2]
