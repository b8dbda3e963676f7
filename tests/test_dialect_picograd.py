"""picograd's `tensor`: its cases, its habits, its README, and none of its faults."""

import copy
import gc
import inspect
import io
import pickle
import re
import time
import weakref

import numpy as np
import pytest

import tidegrad as tg
from tidegrad.dialects import picograd as pg
from tidegrad.dialects.picograd.pico import (
    cos,
    exp,
    expand,
    glorot_normal,
    glorot_uniform,
    identity,
    ones,
    ones_like,
    rand,
    relu,
    reshape,
    sigmoid,
    sin,
    softmax,
    squeeze,
    tensor,
    tile,
    to_tensor,
    unsqueeze,
    zeros,
    zeros_like,
)

NN, train_model = pg.NN.NN, pg.NN.train_model

README = """
from tidegrad.dialects.picograd import *

x = tensor([[1, 2, 3]])

print(x) # tensor<(1, 3)>

y = tensor([
    [1],
    [3],
    [5],
], grad = True)

#equivalent to 
y = tensor([
    [1],
    [3],
    [5],
]).track()

z = x @ y # 22
z.reverse()

print(x.grad) # [1, 3, 5]
print(y.grad) # [[1], [2], [3]]
"""  # noqa: W291

DEMO = """
from tidegrad.dialects.picograd import *

#simple tensors:
c = tensor(grad = True)

#normally generated:
x = rand(5, 7).track()
y = rand(7, 9).track()


# z is now automatically tracked
z = (x @ y) #(5, 9)
ctile = tile(tile(c, 9), 5) # () -> (5, 9)
z = z + ctile

#calculate some loss
target = rand(5, 9)
loss = sum(sum(((target - z) ** 2) / (5 * 9), 0))

#flow the gradients back
loss.reverse()


print(x.grad)
print()
print(y.grad)
print()
print(c.grad)
"""


def pickled(x):
    return pickle.loads(pickle.dumps(x))


def total(x):
    return pg.sum(reshape(x, (x.size,)))


# --- cases -----------------------------------------------------------------------------------


def test_readme(capsys):
    names = {}
    exec(README, names)
    assert capsys.readouterr().out == "tensor<(1, 3)>\nNone\n[[1.]\n [2.]\n [3.]]\n"
    assert names["z"].value == [[22]] and names["z"].item == 22
    x = tensor([[1, 2, 3]], grad=True)
    (x @ names["y"]).reverse()
    assert x.grad.tolist() == [[1, 3, 5]]


def test_readme_demo(numpy_random, capsys):
    numpy_random.seed(0)
    names = {}
    exec(DEMO, names)
    assert capsys.readouterr().out.count("\n\n") == 2
    x, y, z, target, loss, c = (names[name] for name in ["x", "y", "z", "target", "loss", "c"])
    assert np.isclose(loss.item, 0.00255833, rtol=1e-5)
    assert np.isclose(c.grad, -0.03099464, rtol=1e-5)
    slope = -2 * (target.value - z.value) / 45
    assert np.allclose(x.grad, slope @ y.value.T, rtol=1e-5, atol=1e-9)
    assert np.allclose(y.grad, x.value.T @ slope, rtol=1e-5, atol=1e-9)


def test_repeated_elements_have_the_sum_of_their_gradients():
    x = tensor([[1], [2], [3]], grad=True)
    total(tile(x, 5)).reverse()
    assert (x.grad == 5).all()
    x.clear_grads()
    total(expand(x, 5)).reverse()
    assert (x.grad == 5).all() and x.grad.shape == (3, 1)


def test_doublings_take_linear_time():
    x = start = tensor(1, grad=True)
    for _ in range(18):
        x = x + x
    began = time.perf_counter()
    x.reverse()
    assert time.perf_counter() - began < 0.5
    assert start.grad == 262144
    x.clear_grads()
    assert start.grad == 0


def test_softmax_case():
    x = tensor([[1, 2, 3]], grad=True)
    s = softmax(x, -1)
    (s @ [[1], [0], [0]]).reverse()
    assert np.allclose(s.value, [[0.09003057, 0.24472847, 0.66524096]])
    assert np.allclose(x.grad, [[0.08192507, -0.02203304, -0.05989202]])
    y = tensor([[1, 2, 3]], grad=True)
    total(softmax(y, 1) * [[1, 2, 0.0]]).reverse()
    s = s.value
    assert np.allclose(y.grad, s * ([[1, 2, 0]] - (s * [[1, 2, 0]]).sum()), atol=1e-6)


def test_sin_cos_case():
    x = tensor(2, grad=True)
    y = sin(x) * cos(x)
    y.reverse()
    assert np.isclose(y.item, -0.37840125) and np.isclose(x.grad, -0.65364362)


# --- names and habits --------------------------------------------------------------------------


def test_a_star_import_brings_what_both_picograds_bring():
    names = {}
    exec("from tidegrad.dialects.picograd import *", names)
    wanted = """tensor to_tensor rand glorot_uniform glorot_normal zeros zeros_like ones ones_like
        identity sin cos exp sigmoid sum tile squeeze unsqueeze expand softmax relu reshape NN pico
        np Any Callable Value Tensor optimize_graph visualize_graph set_distributed_config
        get_distributed_config Neuron Layer MLP"""
    assert set(wanted.split()) == names.keys() - {"__builtins__"}
    assert inspect.ismodule(names["NN"]) and names["NN"].NN is NN and names["np"] is np
    assert len(pg.__all__) == len(set(pg.__all__))


def test_signatures_are_picograds():
    told = {
        tensor.__init__: "(self, value=0, rev_op=None, args=None, grad=False)",
        rand: "(*shape, sigma=0.05, mu=0)",
        glorot_uniform: "(*shape, in_size, out_size)",
        glorot_normal: "(*shape, in_size, out_size)",
        tile: "(x, n, axis=0)",
        squeeze: "(x, axis=-1)",
        unsqueeze: "(x, axis=-1)",
        expand: "(x, n, axis=-1)",
        softmax: "(x, axis)",
        relu: "(x, threshold=0)",
        reshape: "(x, new_shape)",
        NN.__init__: "(self, input_size, output_size, hiddens=None, init=None)",
        train_model: "(model, X, Y, batch_size=64, alpha=0.1, beta=1000.0, epochs=1)",
    }
    for function, text in told.items():
        bare = re.sub(r": [^,=)]+?(?= =|[,)])", "", str(inspect.signature(function)))
        assert bare.partition(" ->")[0].replace(" = ", "=") == text


@pytest.mark.parametrize("value", [3, 3.5, [1, 2], np.arange(3), np.float64(2), np.ones((2, 2))])
def test_everything_is_float32(value):
    x = tensor(value, grad=True)
    y = (x * 2.5 + np.float64(1)) ** 2 / np.ones(1)
    y.reverse()
    assert {a.dtype for a in (x.value, x.grad, y.value, y.grad)} == {np.dtype("float32")}
    assert type(x.value) is np.ndarray and x.size == np.size(value)
    assert x.shape == np.shape(value)


def test_printed_forms():
    assert repr(tensor([[1, 2, 3]])) == "tensor<(1, 3)>"
    assert str(tensor([[1], [2], [3]], grad=True)) == "tensor(tracked)<(3, 1)>"
    assert repr(tensor()) == "tensor<()>"


def test_roots_and_results():
    x, w = tensor([1, 2]), tensor([3, 4], grad=True)
    y, z = x * 2, x * w
    assert x.isroot and not x.isintermediate and x.rev_op is None and x.children == []
    assert y.isintermediate and not y.has_grad and y.children == [] and y.grad is None
    assert z.isintermediate and z.has_grad and z.children == [x, w] and not z.isroot
    assert w.grad.tolist() == [0, 0] and z.grad.tolist() == [0, 0]


def test_track_and_untrack():
    x = tensor([1, 2])
    assert x.track() is x and x.has_grad and x.grad.tolist() == [0, 0]
    assert x.untrack() is x and not x.has_grad and x.grad is None
    x.grad = np.ones(2)
    assert x.has_grad
    x.grad = None
    assert not x.has_grad
    y = (tensor(3, grad=True) * 2).untrack()
    assert not (y * y).has_grad and y.children == []


def test_gradients_add_up_also_in_between():
    x = tensor(2, grad=True)
    y = 3 * x
    z = y * y
    z.reverse()
    assert (x.grad, y.grad, z.grad) == (36, 12, 1)
    z.reverse()
    assert (x.grad, y.grad, z.grad) == (72, 24, 1)
    z.clear_grads()
    assert (x.grad, y.grad, z.grad) == (0, 0, 0)
    z.grad = 10
    z.flow_back()
    assert x.grad == 360
    x.grad[...] = 7
    z.reverse()
    assert x.grad == 43


def test_reverse_of_something_untracked_is_refused():
    """What is tracked too late would get a gradient of zero, without a word."""
    x = tensor([1, 2])
    y = x * x
    for tracked in (x, x.track()):
        with pytest.raises(RuntimeError, match=r"not tracked then.*call track\(\) before"):
            y.reverse()
        assert y.grad is None and not np.any(tracked.grad)
    (x * x).reverse()
    assert x.grad.tolist() == [2, 4]
    x.untrack().reverse()
    assert x.grad.tolist() == [1, 1]


def test_clone_is_no_part_of_the_graph():
    x = tensor([1, 2], grad=True)
    total(x * x).reverse()
    y = x.clone()
    assert y.grad.tolist() == [2, 4] and y.isroot
    y.value[0] = y.grad[0] = 9
    assert x.value.tolist() == [1, 2] and x.grad.tolist() == [2, 4]
    assert tensor([1]).clone().grad is None


def test_items_are_arrays_and_can_be_set():
    x = tensor([[1, 2], [3, 4]])
    assert type(x[0]) is np.ndarray and x[:, 1].tolist() == [2, 4]
    x[0, 0] = 9
    assert total(x).item == 18
    w = tensor([1, 2, 3], grad=True)
    y = w * 2
    y[1] = 7
    total(y * y).reverse()
    assert y.value.tolist() == [2, 7, 6] and w.grad.tolist() == [8, 0, 24]


def test_creation(numpy_random):
    numpy_random.seed(3)
    drawn = [rand(2, 3), rand(4, sigma=2, mu=1), glorot_uniform(2, 3, in_size=3, out_size=2)]
    drawn += [glorot_normal(2, in_size=1, out_size=1), rand()]
    numpy_random.seed(3)
    a, b = 0.05 * numpy_random.randn(2, 3), 1 + 2 * numpy_random.randn(4)
    c = numpy_random.uniform(-(1.2**0.5), 1.2**0.5, (2, 3))
    d, e = numpy_random.randn(2), 0.05 * numpy_random.randn()
    for x, y in zip(drawn, [a, b, c, d, e], strict=True):
        assert not x.has_grad and np.array_equal(x.value, np.float32(y))
    assert zeros(2, 1).value.tolist() == [[0], [0]] and ones(2).value.tolist() == [1, 1]
    assert zeros_like([[1, 2]]).shape == ones_like(tensor([[1, 2]])).shape == (1, 2)
    assert identity(2).value.tolist() == [[1, 0], [0, 1]]
    assert to_tensor(drawn[0]) is drawn[0] and to_tensor(3).value == 3


def test_relu_has_slope_1_at_the_threshold():
    x = tensor([-1, 0, 1, 2, np.nan], grad=True)
    total(relu(x)).reverse()
    assert x.grad.tolist() == [0, 1, 1, 1, 1]
    y = relu(x, 1)
    assert y.value[:4].tolist() == [0, 0, 1, 2] and np.isnan(y.value[4])
    x.clear_grads()
    y.reverse()
    assert x.grad[:4].tolist() == [0, 0, 1, 1]


def test_sum_keeps_the_axis_and_leaves_the_builtin():
    x = np.arange(24.0).reshape(2, 3, 4)
    for axis in (-3, -2, -1, 0, 1, 2, (0, 2), (-1, 1)):
        t = tensor(x, grad=True)
        y = pg.sum(t, axis)
        assert np.array_equal(y.value, x.sum(axis, keepdims=True))
        (y * y).reverse()
        assert np.allclose(t.grad, np.broadcast_to(2 * y.value, x.shape))
    assert pg.sum(tensor([1, 2])).shape == (1,) and pg.sum(x).shape == (2, 3, 1)
    assert pg.sum([1, 2, 3]) == 6 and pg.sum([1, 2], -1) == 2 and pg.sum([[1], [2]], []) == [1, 2]
    assert pg.sum([tensor(1), tensor(2)]).item == 3


def test_moving():
    x = tensor(np.arange(6).reshape(1, 2, 3), grad=True)
    y = unsqueeze(tile(squeeze(x, 0), 4, -1), 1)
    assert y.shape == (2, 1, 3, 4)
    z = expand(reshape(x, [3, 1, 2]), 5, 1)
    assert np.array_equal(z.value, np.tile(x.value.reshape(3, 1, 2), [1, 5, 1]))
    assert np.array_equal(expand(x, 2, 1).value, np.tile(x.value, (1, 2, 1)))
    total(y).reverse()
    total(z).reverse()
    assert (x.grad == 9).all()


def test_an_operation_of_ones_own():
    def cube(x):
        rule = (lambda x, z: z * 3 * x**2,)
        return tensor(value=x.value**3, rev_op=rule, args=[x], grad=x.has_grad)

    x, y = tensor([1, 2], grad=True), tensor([1, 1])
    z = cube(x)
    assert z.children == [x] and z.isintermediate
    total(z * z).reverse()
    assert x.grad.tolist() == [6, 192]
    assert not cube(y).has_grad
    both = (lambda x, y, z: z * y, lambda x, y, z: z * x)
    product = tensor(x.value * 5, both, [x, 5], True)
    x.clear_grads()
    product.reverse()
    assert x.grad.tolist() == [5, 5]
    wrong = tensor(x.value.sum(), (lambda x, z: z * np.ones(3),), [x], True)
    with pytest.raises(ValueError, match=r"shape \(2,\)"):
        wrong.reverse()
    assert x.grad.tolist() == [5, 5]


def test_the_network(numpy_random):
    numpy_random.seed(0)
    net = NN(3, 2)
    assert net.size == 3 * 16 + 16 + 16 * 16 + 16 + 16 * 2 + 2
    assert [w.shape for w, _ in net.layers] == [(16, 3), (16, 16), (2, 16)]
    assert all(w.has_grad and b.has_grad for w, b in net.layers)
    assert net(numpy_random.randn(5, 3, 1)).shape == (5, 2, 1)
    file = io.BytesIO()
    net.save(file)
    file.seek(0)
    again = NN.load(file)
    x = rand(4, 3, 1)
    assert np.array_equal(again(x).value, net(x).value) and again.size == net.size
    again(x).reverse()
    assert again.layers[0][0].grad.any() and not net.layers[0][0].grad.any()


def test_the_network_has_whole_gradients(oracle, numpy_random):
    numpy_random.seed(1)
    net, x, y = NN(3, 2, [5]), numpy_random.randn(8, 3, 1), numpy_random.randn(8, 2, 1)
    error = net(x) - y
    total(error * error / 8).reverse()
    pairs = [
        (oracle.tensor(w.value, requires_grad=True), oracle.tensor(b.value, requires_grad=True))
        for w, b in net.layers
    ]
    (w, b), (v, c) = pairs
    out = v @ oracle.relu(w @ oracle.tensor(x).float() + b) + c
    ((out - oracle.tensor(y).float()) ** 2 / 8).sum().backward()
    for ours, theirs in zip(net.layers, pairs):
        for p, q in zip(ours, theirs):
            assert np.allclose(p.grad, q.grad, rtol=1e-4, atol=1e-5)


def test_training(numpy_random, capsys):
    numpy_random.seed(1)
    x = numpy_random.uniform(-1, 1, 100)
    y = (x - 0.743) * (x - 0.097) * (x + 0.787)
    net = NN(input_size=1, output_size=1, hiddens=[32, 32])
    losses = train_model(net, x.reshape(-1, 1, 1), y.reshape(-1, 1, 1), epochs=150, alpha=1)
    assert len(losses) == 150 and type(losses[0]) is float
    assert min(losses[-20:]) < 0.005 < losses[0]
    said = capsys.readouterr().out
    assert said.count("\r") == 150 and f"Epoch  150/150: {losses[-1]:.6f}" in said


def test_training_takes_the_last_samples_too(numpy_random, capsys):
    """All of 10 samples, in batches of 4, 4 and 2; steps as picograd's, by plain arithmetic."""
    numpy_random.seed(2)
    x, y = numpy_random.randn(10, 1, 1), numpy_random.randn(10, 1, 1)
    net = NN(1, 1, [])
    ((w, b),) = net.layers
    u, c = w.value.item(), b.value.item()
    for k in (0, 4, 8):
        p, q = x[k : k + 4].ravel(), y[k : k + 4].ravel()
        error = 2 * (u * p + c - q) / len(p)
        u, c = u - 0.1 / 4 * (error @ p), c - 0.1 / 4 * error.sum()
    (loss,) = train_model(net, tensor(x), tensor(y), batch_size=4)
    assert np.allclose([w.item, b.item], [u, c], rtol=1e-5)
    assert np.isclose(loss, ((u * x + c - y) ** 2).mean(), rtol=1e-5)
    assert w.grad == 0
    capsys.readouterr()


# --- faults ------------------------------------------------------------------------------------


def test_broadcasting(oracle, rng, capsys):
    """Every binary operator, and batched matmul."""
    shapes = [((2, 3), (3,)), ((2, 3), (2, 1)), ((2, 3), ()), ((), (4,)), ((2, 1, 3), (4, 1))]
    operators = [lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / b]
    operators += [lambda a, b: a**b]
    cases = [(op, *pair) for op in operators for pair in shapes]
    products = [((4, 2, 3), (3, 4)), ((2, 3), (5, 3, 2)), ((1, 2, 3), (5, 3, 2)), ((3,), (3,))]
    products += [((2, 3), (3,)), ((3,), (3, 2)), ((3,), (4, 3, 2)), ((4, 2, 3), (3,))]
    cases += [(lambda a, b: a @ b, *pair) for pair in products]
    for op, s, t in cases:
        a, b = rng.uniform(0.5, 2, s), rng.uniform(0.5, 2, t)
        x, y = tensor(a, grad=True), tensor(b, grad=True)
        p, q = (oracle.tensor(v).float().requires_grad_() for v in (a, b))
        z, r = op(x, y), op(p, q)
        z.reverse()
        r.backward(oracle.ones_like(r))
        for ours, theirs in ((x, p), (y, q)):
            assert ours.grad.shape == ours.shape
            assert np.allclose(ours.grad, theirs.grad, rtol=1e-5, atol=1e-5)
        assert np.allclose(z.value, r.detach(), rtol=1e-5)
    assert not capsys.readouterr().out


def test_diamonds():
    x = tensor(3, grad=True)
    y = 2 * x
    (y + y).reverse()
    assert x.grad == 4
    x = tensor(1.137, grad=True)
    y = x * x
    (y * y).reverse()
    assert np.isclose(x.grad, 5.879, atol=1e-3)


def test_a_second_reverse_doubles():
    x = tensor(2, grad=True)
    y = (3 * x) ** 2
    y.reverse()
    assert x.grad == 36
    y.reverse()
    assert x.grad == 72


def test_numpy_on_the_left():
    a = np.array([[1.5, 2.0], [3.0, 4.0]])
    x = tensor([[1, 2], [3, 5]], grad=True)
    operators = [lambda a, x: a + x, lambda a, x: a - x, lambda a, x: a * x, lambda a, x: a / x]
    operators += [lambda a, x: a @ x, lambda a, x: a**x]
    for op in operators:
        for left in (a, a.tolist(), *([np.float64(2), 2, 2.0] if op is not operators[4] else [])):
            y = op(left, x)
            assert type(y) is tensor and np.allclose(y.value, op(np.float64(left), x.value))
            x.clear_grads()
            y.reverse()
            assert np.all(x.grad != 0)


def test_long_chains_and_their_end():
    x = y = tensor(1, grad=True)
    for _ in range(30_000):
        y = y + 0
    y.reverse()
    assert x.grad == 1
    y.clear_grads()
    assert x.grad == 0
    del y


def test_nothing_is_kept_where_nothing_is_tracked():
    x = tensor(np.ones(1000))
    first = weakref.ref(x)
    for _ in range(5):
        x = x * 1.01 + 1
    assert first() is None and x.children == []
    w = tensor([1], grad=True)
    with tg.no_grad():
        assert not (w * w).has_grad


def test_memory_is_freed_without_the_garbage_collector():
    gc.disable()
    try:
        x = tensor([1, 2], grad=True)
        y = x * x
        z = sin(y)
        z.reverse()
        gone = [weakref.ref(t) for t in (y, z)]
        del y, z
        assert all(ref() is None for ref in gone)
    finally:
        gc.enable()


def test_saturation(capsys):
    x = tensor([-1000, -88, 0, 88, 1000], grad=True)
    y = sigmoid(x)
    y.reverse()
    assert y.value[[0, 2, 4]].tolist() == [0, 0.5, 1] and x.grad[[0, 2, 4]].tolist() == [0, 0.25, 0]
    s = tensor([[1000, 0, -1000]], grad=True)
    p = softmax(s, -1)
    (p * [[1, 2, 3]]).reverse()
    assert p.value.tolist() == [[1, 0, 0]] and s.grad.tolist() == [[0, 0, 0]]
    assert exp(tensor(0, grad=True)).item == 1


def test_powers_return_tensors_where_numpy_raises():
    x = tensor([-2, 0, 3], grad=True)
    (x**2).reverse()
    assert x.grad.tolist() == [-4, 0, 6]
    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        tensor(1e30) ** 2


def test_writing_between_forward_and_reverse_spoils_nothing():
    for edit in ("w.value[...] = 100", "w.value = w.value + 99", "w.value *= 100", "w[0] = 100"):
        w = tensor([1], grad=True)
        z = w * w * w
        exec(edit)
        z.reverse()
        assert w.grad == 3 and w.value == 100
        assert (w * 2).value == 200


def test_old_arrays_stay_as_they_were():
    w = tensor([1, 2], grad=True)
    old = w.value
    w.value = w.value - 1
    assert old.tolist() == [1, 2] and w.value.tolist() == [0, 1]
    w.value -= 1
    assert (w + 0).value.tolist() == [-1, 0]
    w.value = 0
    assert w.value.tolist() == [0, 0]


def test_a_result_written_into_is_refused_where_it_would_not_flow():
    w = tensor([1, 2], grad=True)
    y = w * 2
    shown = y.value
    shown *= 3  # the program's own business
    with pytest.raises(RuntimeError, match="tensor: this is the result"):
        y + 1
    y.reverse()
    assert w.grad.tolist() == [2, 2]
    with pytest.raises(RuntimeError, match="make a new tensor"):
        y.value = np.zeros(2)
    free = tensor([1, 2]) * 2
    free.value[0] = 5
    assert (free + 0).value.tolist() == [5, 4]


def test_tracking_comes_before_use():
    x, w = tensor([1, 2]), tensor([1, 2], grad=True)
    z = x * w
    x.track()
    with pytest.raises(RuntimeError, match="is tracked now and was not"):
        z.reverse()
    y = w * 2
    z = y * w
    y.untrack()
    with pytest.raises(RuntimeError, match="is untracked now"):
        z.reverse()
    z = w * 3
    w.untrack()
    z.reverse()
    assert w.grad is None


def test_gradient_descent_is_pytorchs():
    x = tensor([1, 2, 3], grad=True)
    for wanted in ([0.8, 1.6, 3], [0.64, 1.28, 3], [0.512, 1.024, 3]):
        x.clear_grads()
        total((x - [0, 0, 3]) ** 2).reverse()
        x.value -= 0.1 * x.grad
        assert np.allclose(x.value, wanted)


@pytest.mark.parametrize("again", [pickled, copy.deepcopy, copy.copy])
def test_copies_and_pickles_are_leaves(again):
    x = tensor([1, 2], grad=True)
    y = x * x
    y.reverse()
    for t in (x, y, tensor(3)):
        made = again(t)
        assert made.isroot and made.has_grad == t.has_grad and made.shape == t.shape
        made.value[...] = 0
        assert t.value.any() and (t.grad is None or np.array_equal(made.grad, t.grad))


def test_a_file_of_picograds_own_is_read():
    """As it pickled: a dictionary of attributes, under the name of its module."""
    layers = [(tensor([[2.0]], grad=True), tensor([[1.0]], grad=True))]
    file = io.BytesIO()
    pickle.dump({"layers": layers, "input_size": 1, "output_size": 1}, file, protocol=0 + 4)
    ours = tensor.__module__.encode()
    theirs = file.getvalue().replace(bytes([len(ours)]) + ours, b"\x0dpicograd.pico")
    frame = theirs.index(b"\x95") + 1
    size = int.from_bytes(theirs[frame : frame + 8], "little") + len("picograd.pico") - len(ours)
    theirs = theirs[:frame] + size.to_bytes(8, "little") + theirs[frame + 8 :]
    assert NN.load(io.BytesIO(theirs))(np.full((1, 1, 1), 3)).item == 7


def test_a_file_that_would_execute_something_is_refused():
    class Trap:
        def __reduce__(self):
            return print, ("sprung",)

    file = io.BytesIO(pickle.dumps({"layers": [Trap()], "input_size": 1, "output_size": 1}))
    with pytest.raises(pickle.UnpicklingError, match="builtins.print"):
        NN.load(file)


# --- wrong input -------------------------------------------------------------------------------


def test_wrong_shapes_are_named(numpy_random):
    x = tensor([[1, 2, 3]], grad=True)
    with pytest.raises(ValueError, match=r"add: shapes \(1, 3\) and \(2,\)"):
        x + [1, 2]
    with pytest.raises(ValueError, match="matmul"):
        x @ x
    with pytest.raises(ValueError, match=r"float32\[2\] does not fit"):
        x.value = [1, 2]
    with pytest.raises(IndexError, match="axis"):
        pg.sum(x, 5)
    with pytest.raises(ValueError, match="item"):
        x.item  # noqa: B018
    with pytest.raises(ValueError, match="mse_loss"):
        train_model(NN(1, 1), np.ones((5, 1, 1)), np.ones(5))
    assert x.value.tolist() == [[1, 2, 3]] and not x.grad.any()


def test_wrong_values_are_named():
    for value in ("a", None, [1, [2, 3]], {}):
        with pytest.raises((TypeError, ValueError), match="tensor"):
            tensor(value)
    with pytest.raises(TypeError, match="axis"):
        softmax(tensor([1, 2]))


def test_names_that_are_lacking(numpy_random):
    with pytest.raises(AttributeError, match=r"picograd has no tensor.backward; tidegrad has tg"):
        tensor(1).backward()
    with pytest.raises(AttributeError, match="picograd has no tanh; tidegrad has tg.tanh"):
        pg.pico.tanh  # noqa: B018
    with pytest.raises(ImportError, match="picograd has no gelu; tidegrad has tg.gelu"):
        exec("from tidegrad.dialects.picograd import gelu")
    with pytest.raises(AttributeError, match="no NN.forward"):
        NN(1, 1).forward  # noqa: B018


# --- running programs --------------------------------------------------------------------------


def test_programs_run_unchanged(alone, tmp_path):
    program = DEMO.replace("tidegrad.dialects.", "").replace(
        "x = rand", "np.random.seed(0)\nx = rand"
    )
    (tmp_path / "program.py").write_text(program)
    said = alone(
        "from tidegrad.__main__ import main; main(['run', '--as', 'picograd', 'program.py'])"
    )
    assert said.strip().endswith("-0.030994643")


def test_its_modules_run_as_programs(alone):
    said = alone(
        """
        import numpy as np, sys
        from tidegrad.__main__ import main
        import tidegrad.dialects.picograd.NN as module
        np.random.seed(1)
        module.main.__defaults__ = (100, 1000)
        main(["run", "--as", "picograd", "-m", "picograd.NN"])
        assert "matplotlib" not in sys.modules
        """
    )
    assert float(re.search(r"to (0\.\d+)\.", said)[1]) < 0.005


def test_both_spellings_are_modules_everywhere(alone):
    alone(
        """
        import tidegrad.dialects.picograd.NN as dense
        import tidegrad.dialects.picograd.nn as neurons
        from tidegrad.dialects.picograd import NN
        assert dense is NN and dense.NN and neurons.MLP and not hasattr(neurons, "NN")
        from tidegrad.dialects.running import answered
        with answered("picograd"):
            import picograd.NN, picograd.nn, picograd.pico, picograd.engine
            from picograd.NN import NN, train_model
            from picograd.pico import tensor
            from picograd.nn import MLP, Value
        assert NN is dense.NN and MLP is neurons.MLP
        """
    )


def test_importing_changes_nothing(alone):
    said = alone(
        """
        import sys, numpy as np
        before = np.geterr(), np.random.get_state()[1].tobytes(), np.get_printoptions()
        import tidegrad.dialects.picograd
        after = np.geterr(), np.random.get_state()[1].tobytes(), np.get_printoptions()
        assert before == after
        assert not {"matplotlib", "graphviz", "torch"} & sys.modules.keys()
        """
    )
    assert not said


class Named(tensor):
    def __init__(self, value, name):
        super().__init__(value, grad=True)
        self.name = name


def test_copies_of_a_class_of_ones_own():
    x = Named([1.0, 2.0], "x")
    (x * 3).reverse()
    for other in (copy.deepcopy(x), copy.copy(x), pickle.loads(pickle.dumps(x))):
        assert (type(other), other.name) == (Named, "x")
        assert other.value.tolist() == [1, 2] and other.grad.tolist() == [3, 3]
        (other * 2).reverse()
    assert x.grad.tolist() == [3, 3]
