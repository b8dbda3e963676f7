"""picograd's `Value`, `Tensor` and networks: cases, habits, README, and none of their faults."""

import copy
import inspect
import pickle
import random
import re
import weakref
from xml.etree import ElementTree

import numpy as np
import pytest

import tidegrad as tg
from examples.dialects import picograd_mlp
from tidegrad.backends import pieces, processes
from tidegrad.dialects.picograd import (
    MLP,
    Layer,
    Neuron,
    Tensor,
    Value,
    get_distributed_config,
    optimize_graph,
    set_distributed_config,
    tensor,
    visualize_graph,
)
from tidegrad.dialects.picograd.nn import generate_dataset, train_model

QUICK_START = """
from tidegrad.dialects.picograd import Value, Tensor

# Create values and perform operations
a = Value(2.0, label='a')
b = Value(3.0, label='b')
c = a * b + a**2
c.backward()

print(f"c = {c.data.data}")  # Forward pass result
print(f"dc/da = {a.grad.data}")  # Gradient of c with respect to a
"""
NETWORK = """
from tidegrad.dialects.picograd.nn import MLP, Value

# Create a multi-layer perceptron: 2 inputs, two hidden layers of 8 neurons, 1 output
model = MLP(2, [8, 8, 1])

# Forward pass
x = [Value(1.0), Value(2.0)]
output = model(x)
"""
DISTRIBUTED = """
from tidegrad.dialects.picograd import Tensor, set_distributed_config
import numpy as np

# Enable distributed computing globally
set_distributed_config(
    enabled=True,
    num_workers=4,  # Number of parallel workers (defaults to CPU count)
    min_elements_for_parallel=10000,  # Minimum tensor size to trigger parallelization
    use_processes=True  # Use processes (True) or threads (False)
)

# Create a large tensor - automatically uses distributed operations
large_tensor = Tensor(np.random.randn(1000000, 100))
print(large_tensor)  # Tensor(shape=(1000000, 100), dtype=float32, distributed=True)

# Operations are automatically parallelized
result = large_tensor * 2 + 1
summed = result.sum()
"""
PER_TENSOR = """
# Force a tensor to use distributed computing
tensor = Tensor(data, distributed=True)

# Disable distributed for a specific tensor
small_tensor = Tensor(data, distributed=False)

# Toggle distributed mode
tensor.enable_distributed()
tensor.disable_distributed()
"""


@pytest.fixture(autouse=True)
def settings_put_back():
    before = get_distributed_config()
    yield
    set_distributed_config(**before)


@pytest.fixture
def python_random():
    state = random.getstate()
    random.seed(0)
    yield random
    random.setstate(state)


def pickled(x):
    return pickle.loads(pickle.dumps(x))


def grads(*values):
    return [v.grad.data.tolist() for v in values]


# --- cases -----------------------------------------------------------------------------------


def test_quick_start(capsys):
    names = {}
    exec(QUICK_START, names)
    assert capsys.readouterr().out == "c = 10.0\ndc/da = 7.0\n"
    assert names["b"].grad.data == 2


def test_network(python_random):
    names = {}
    exec(NETWORK, names)
    output, model = names["output"], names["model"]
    assert len(model.parameters()) == 105
    assert type(output) is Value and -1 < output.data.data < 1


def test_distributed_snippet(numpy_random, capsys):
    """At a hundredth of its size, which changes nothing else."""
    numpy_random.seed(0)
    names = {}
    exec(DISTRIBUTED.replace("1000000, 100", "10000, 100"), names)
    said = capsys.readouterr().out
    assert said == "Tensor(shape=(10000, 100), dtype=float32, distributed=True)\n"
    large, result, summed = names["large_tensor"], names["result"], names["summed"]
    assert np.array_equal(result.data, 2 * large.data + 1) and result.is_distributed
    assert np.isclose(summed.data, result.data.sum(dtype=np.float64), rtol=1e-6)
    assert not summed.is_distributed and summed.shape == ()


def test_per_tensor_snippet():
    names = {"Tensor": Tensor, "data": [1, 2]}
    exec(PER_TENSOR, names)
    assert not names["tensor"].is_distributed and not names["small_tensor"].is_distributed
    names["tensor"].enable_distributed()
    assert repr(names["tensor"]) == "Tensor(data=[1. 2.], distributed=True)"


def test_optimizing_changes_no_number():
    def once(optimize):
        a, b, c = Value(2), Value(3), Value(10)
        f = optimize((a * b + c).relu())
        f.backward()
        return [f.data.data.item(), *grads(a, b, c)], f

    assert once(lambda f: f)[0] == [16, 3, 2, 1]
    numbers, f = once(optimize_graph)
    assert numbers == [16, 3, 2, 1] and f._op == "FusedReLUAdd"
    assert {v._op for v in f._prev} == {"*", ""}
    x = Value(1)
    y = (x + x).relu()
    assert optimize_graph(y) is y and y.data.data == 2
    y.backward()
    assert x.grad.data == 2
    z = (x * 3).relu() + x.relu()
    assert optimize_graph(z)._op == "+" and {v._op for v in z._prev} == {"ReLU"}


def test_notebook():
    x = Value(3.0)
    y = 3 * x**2 - 4 * x + 5
    y.backward()
    assert (y.data.data, x.grad.data) == (20, 14)
    a, b, c, f = (Value(v) for v in (2, -3, 10, -2))
    loss = (a * b + c) * f
    loss.backward()
    assert loss.data.data == -8 and grads(a, b, c, f) == [6, -4, -2, 4]
    x1, x2, w1, w2, b = (Value(v) for v in (2.0, 0.0, -3.0, 1.0, 6.8813735870195432))
    o = (x1 * w1 + x2 * w2 + b).tanh()
    o.backward()
    assert np.allclose(o.data.data, 0.70710678)
    assert np.allclose(grads(x1, w1, x2, w2), [-1.5, 1.0, 0.5, 0.0])


# --- Value: habits -----------------------------------------------------------------------------


def test_signatures_are_picograds():
    told = {
        Value.__init__: "(self, data, _children=(), _op='', label=None)",
        Tensor.from_array: "(arr, distributed=None)",
        Tensor.zeros: "(shape, dtype=<class 'numpy.float32'>, distributed=None)",
        Tensor.ones: "(shape, dtype=<class 'numpy.float32'>, distributed=None)",
        Tensor.randn: "(*shape, dtype=<class 'numpy.float32'>, distributed=None)",
        Tensor.apply: "(self, op_func, other=None)",
        Tensor.sum: "(self, axis=None, keepdims=False)",
        Tensor.max: "(self, axis=None, keepdims=False)",
        Tensor.reshape: "(self, *shape)",
        Tensor.transpose: "(self, *axes)",
        set_distributed_config: "(enabled=None, num_workers=None, "
        "min_elements_for_parallel=None, use_processes=None)",
        get_distributed_config: "()",
        visualize_graph: "(root, filename='computational_graph')",
        Neuron.__init__: "(self, nin)",
        Layer.__init__: "(self, nin, nout)",
        MLP.__init__: "(self, nin, nouts)",
        generate_dataset: "(n)",
    }
    for function, text in told.items():
        bare = re.sub(r": [^,=)]+?(?= =|[,)])", "", str(inspect.signature(function)))
        assert bare.partition(" ->")[0].replace(" = ", "=") == text
    first = list(inspect.signature(Tensor).parameters.values())[:3]
    assert [p.name for p in first] == ["data", "dtype", "distributed"]
    assert [p.default for p in first[1:]] == [np.float32, None]


def test_labels():
    assert repr(Value(10)) == "Value(10.0000)" and repr(Value([1, 2])) == "Value(shape=(2,))"
    assert repr(Value(1, label="a")) == "a" and Value([[3]]).label == "Value(3.0000)"
    x = Value(1)
    x.data.data[...] = 5
    assert x.label == "Value(1.0000)"  # as it was made
    x.label = "x"
    assert repr(x) == "x" and repr(x * 2) == "Value(10.0000)"


def test_the_graph():
    x = Value(2)
    y = x * 3 + x
    assert y._op == "+" and x in y._prev and len(y._prev) == 2 and type(y._prev) is set
    assert (x * x)._prev == {x} and (x**2)._op == "**2" and x.relu()._op == "ReLU"
    assert [f()._op for f in (x.tanh, x.exp, x.log)] == ["tanh", "exp", "log"]
    assert x.is_constant and not y.is_constant and x._prev == set() and x._op == ""
    assert {v.data.data.item() for v in (x * 3)._prev} == {2, 3}
    assert Value(1, (x,), "mine")._prev == {x} and not Value(1, (x,)).is_constant


def test_data_and_grad_are_tensors():
    x = Value([1, 2])
    assert type(x.data) is Tensor and type(x.grad) is Tensor and x.data is x.data
    assert x.grad.data.tolist() == [0, 0] and x.grad is x.grad
    t = Tensor([1, 2])
    assert Value(t).data is t


def test_gradients_add_up():
    x = Value(2)
    y = 3 * x
    z = y * y
    z.backward()
    assert grads(x, y, z) == [36, 12, 1]
    z.backward()
    assert grads(x, y, z) == [72, 24, 1]
    x.grad.data = 0
    z.backward()
    assert grads(x) == [36]
    x.grad = Tensor(5)
    z.backward()
    assert grads(x) == [41]


def test_backward_of_an_array_seeds_ones():
    x = Value([1, 2, 3])
    (x * x).backward()
    assert grads(x) == [[2, 4, 6]]
    x.backward()
    assert grads(x) == [[1, 1, 1]]


def test_steps_as_programs_write_them():
    steps = [
        "p.data.data -= 0.1 * p.grad.data",
        "p.data.data = p.data.data - 0.1 * p.grad.data",
        "p.data = p.data - 0.1 * p.grad",
        "p.data -= p.grad * 0.1",
        "p.data = Tensor(p.data.data - 0.1 * p.grad.data)",
        "p.data = p.data.data - 0.1 * p.grad.data",
        "p.data.data[...] = p.data.data - 0.1 * p.grad.data",
    ]
    for step in steps:
        p = Value([1, 2, 3])
        for wanted in ([0.8, 1.6, 3], [0.64, 1.28, 3], [0.512, 1.024, 3]):
            p.grad.data = 0
            ((p - [0, 0, 3]) ** 2).backward()
            exec(step)
            assert np.allclose(p.data.data, wanted), step
            assert np.allclose((p * 1).data.data, wanted), step
        assert p.data.dtype == np.float32 and not p.data.requires_grad


def test_writing_between_forward_and_backward_spoils_nothing():
    for edit in ("p.data.data[...] = 100", "p.data.data = 100", "p.data = 100"):
        p = Value(1)
        z = p * p * p
        exec(edit)
        z.backward()
        assert p.grad.data == 3 and p.data.data == 100 and (p * 2).data.data == 200
    y = Value([1, 2]) * 2
    y.data.data[0] = 5
    with pytest.raises(RuntimeError, match="Value: this is the result"):
        y + 1


def test_powers_of_everything():
    x, y = Value(2), Value(3)
    z = x**y
    z.backward()
    assert np.allclose(grads(x, y), [12, 8 * np.log(2)])
    z = 2**y
    z.backward()
    assert np.allclose(y.grad.data, 16 * np.log(2))
    assert (z._op, (x**-1)._op) == ("**", "**-1")


# --- Value: faults -----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_broadcasting(dtype, oracle, rng):
    shapes = [((2, 3), (3,)), ((2, 3), (2, 1)), ((2, 3), ()), ((), (4,)), ((2, 1, 3), (4, 1))]
    operators = [lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / b]
    operators += [lambda a, b: a**b, lambda a, b: -a * 2 + 1 - b / 2 + 3 / a]
    for op in operators:
        for s, t in shapes:
            a, b = (rng.uniform(0.5, 2, shape).astype(dtype) for shape in (s, t))
            p, q = (oracle.tensor(v, requires_grad=True) for v in (a, b))
            r = op(p, q)
            r.backward(oracle.ones_like(r))
            for cls in (lambda v: Value(Tensor(v, dtype)), lambda v: Tensor(v, dtype, None, True)):
                x, y = cls(a), cls(b)
                z = op(x, y)
                z.backward()
                for ours, theirs in ((x, p), (y, q)):
                    assert ours.grad.data.dtype == dtype and ours.grad.shape == theirs.shape
                    assert np.allclose(ours.grad.data, theirs.grad, rtol=1e-5)
                got = z.data.data if isinstance(z, Value) else z.data
                assert got.dtype == dtype and np.allclose(got, r.detach(), rtol=1e-5)


def test_functions(oracle, rng):
    x, p = Value(rng.uniform(-2, 2, 5)), None
    p = oracle.tensor(x.data.data.copy(), requires_grad=True)
    y = x.tanh() + x.exp() + (x * x).log() + x.relu()
    q = p.tanh() + p.exp() + (p * p).log() + p.relu()
    y.backward()
    q.sum().backward()
    assert np.allclose(y.data.data, q.detach()) and np.allclose(x.grad.data, p.grad, rtol=1e-5)
    zero = Value(0)
    zero.relu().backward()
    assert zero.grad.data == 0


def test_the_idiom_of_clearing_keeps_the_shape():
    p, x = Value(2), Value([1, 2, 3])
    p.grad.data = 0
    (p * 1 + x * 0).backward()
    assert p.grad.data == 3 and p.grad.shape == ()


def test_numpy_on_the_left():
    a = np.array([1.0, 2.0])
    operators = [lambda a, x: a + x, lambda a, x: a - x, lambda a, x: a * x, lambda a, x: a / x]
    operators += [lambda a, x: a @ x, lambda a, x: (a + 1) ** x]
    for op in operators:
        for made in (Value([3, 4]), Tensor([3, 4], requires_grad=True)):
            y = op(a, made)
            assert type(y) is type(made)
            number = y.data.data if isinstance(y, Value) else y.data
            assert np.allclose(number, op(a, np.array([3.0, 4.0])))
            y.backward()
            assert np.all(made.grad.data != 0)
    mixed = Tensor([1, 2]) * Value([3, 4])
    assert type(mixed) is Value and mixed.data.data.tolist() == [3, 8]
    assert (np.float64(2) * Value(3)).data.data == 6 and (np.float64(2) * Tensor(3)).data == 6


def test_long_chains_and_doublings():
    x = y = Value(1)
    for _ in range(20_000):
        y = y + 0
    y.backward()
    assert x.grad.data == 1
    assert optimize_graph(y) is y
    del y
    x = y = Value(1)
    for _ in range(18):
        y = y + y
    y.backward()
    assert x.grad.data == 262144


def test_extreme_numbers():
    x = Value([-1000, 0, 1000])
    x.tanh().backward()
    assert grads(x) == [[0, 1, 0]]


def test_nothing_is_kept_where_nothing_needs_it():
    x = Tensor(np.ones(100))
    first = weakref.ref(x)
    for _ in range(3):
        x = x * 2 + 1
    assert first() is None
    v = Value(1)
    with tg.no_grad():
        y = v * 2
    assert y._prev == set()
    w = v * 3
    w.backward()
    gone = weakref.ref(w)
    del w
    assert gone() is None


@pytest.mark.parametrize(
    "again", [lambda x: pickle.loads(pickle.dumps(x)), copy.deepcopy, copy.copy]
)
def test_copies_and_pickles_are_leaves(again, python_random):
    x = Value([1, 2], label="x")
    y = x * x
    y.backward()
    for v in (x, y):
        made = again(v)
        assert made.is_constant and made.label == v.label and made._op == ""
        assert grads(made) == grads(v)
        made.backward()
        made.data.data[...] = 9
        assert grads(x, y) == [[2, 4], [1, 1]] and x.data.data.tolist() == [1, 2]
    t = again(Tensor([1, 2], np.float64, True, True))
    assert t.dtype == np.float64 and t.is_distributed and t.requires_grad
    if again is not copy.copy:
        net = MLP(2, [3, 1])
        assert again(net)([1, 2]).data.data == net([1, 2]).data.data


# --- Tensor ------------------------------------------------------------------------------------


def test_tensor_names(numpy_random):
    t = Tensor([[1, 2, 3], [4, 5, 6]])
    assert t.shape == (2, 3) and t.dtype == np.float32 and len(t) == 2 and len(Tensor(3)) == 1
    assert (
        t.T.shape == (3, 2) and t.transpose(1, 0).shape == (3, 2) and t.transpose().shape == (3, 2)
    )
    assert t.reshape(3, 2).shape == t.reshape((3, 2)).shape == (3, 2) and t.reshape(-1).shape == (
        6,
    )
    assert t[0].data.tolist() == [1, 2, 3] and t[:, 1].data.tolist() == [2, 5]
    assert t.sum().data == 21 and t.mean(axis=0).data.tolist() == [2.5, 3.5, 4.5]
    assert t.max(axis=1, keepdims=True).data.tolist() == [[3], [6]] and t.min(-1).data.tolist() == [
        1,
        4,
    ]
    assert t.mean((0, 1)).data == 3.5
    got = t.to_numpy()
    got[...] = 0
    assert t.data.any()
    assert Tensor.zeros((2,)).data.tolist() == [0, 0] and Tensor.ones((1, 2)).shape == (1, 2)
    assert Tensor.from_array(np.arange(2)).dtype == np.float32
    numpy_random.seed(0)
    drawn = Tensor.randn(2, 3)
    numpy_random.seed(0)
    assert np.array_equal(drawn.data, numpy_random.randn(2, 3).astype(np.float32))


def test_tensor_printed_forms():
    assert repr(Tensor([1, 2])) == "Tensor(data=[1. 2.])"
    assert repr(Tensor(np.ones(11))) == "Tensor(shape=(11,), dtype=float32)"
    assert repr(Tensor(np.ones(11), distributed=True)).endswith("dtype=float32, distributed=True)")


def test_dtypes_are_kept(numpy_random):
    t = Tensor([1, 2], dtype=np.float64)
    for made in (
        t + 1,
        1 / t,
        t * np.ones(2),
        t**2,
        -t,
        t.sum(),
        t.max(0),
        t.T,
        t[0],
        t.apply(np.sin),
    ):
        assert made.dtype == np.float64
    assert Tensor.zeros(2, np.float64).dtype == Tensor.ones(2, dtype=np.float64).dtype == np.float64
    assert Tensor.randn(2, dtype=np.float64).dtype == np.float64
    assert (Tensor([1, 2]) + np.ones(2)).dtype == np.float32
    assert (Tensor([1, 2], np.int64) * 3).dtype == np.int64
    assert (Tensor([1, 2], np.int64) + np.array([0.5, 0.5])).data.tolist() == [1.5, 2.5]


def test_apply():
    t = Tensor([[-1, 2], [3, -4]], requires_grad=True)
    y = t.apply(lambda x: np.maximum(0, x) * 2)
    assert y.data.tolist() == [[0, 4], [6, 0]]
    y.backward()
    assert t.grad.data.tolist() == [[0, 2], [2, 0]]
    assert t.apply(np.add, Tensor([1, 2])).data.tolist() == [[0, 4], [4, -2]]
    assert t.apply(lambda a, b: a - b, 1).data.tolist() == [[-2, 1], [2, -5]]
    plain = Tensor([1, 8])
    assert np.allclose(plain.apply(np.cbrt).data, [1, 2])
    with pytest.raises(TypeError, match="cbrt has no differentiable counterpart"):
        t.apply(np.cbrt)


def test_tensors_are_differentiable():
    t = Tensor([[1, 2], [3, 4]], requires_grad=True)
    assert t.grad.data.tolist() == [[0, 0], [0, 0]] and Tensor([1]).grad is None
    s = (t * t).sum(axis=0)
    s.max().backward()
    assert t.grad.data.tolist() == [[0, 4], [0, 8]]
    t.min(1).sum().backward()
    t.mean().backward()
    assert t.grad.data.tolist() == [[1.25, 4.25], [1.25, 8.25]]
    t.grad.data = 0
    t.T[0].backward()
    assert t.grad.data.tolist() == [[1, 0], [1, 0]]
    u = Tensor([1.0])
    u.requires_grad = True
    (u * 3).backward()
    assert u.grad.data == 3 and u.requires_grad
    u.requires_grad = False
    assert u.grad is None
    with pytest.raises(RuntimeError, match="requires_grad"):
        (Tensor([1, 2]) * 2).backward()


def test_a_value_of_a_tensor_flows_on():
    t = Tensor([1, 2], requires_grad=True)
    v = Value(t * 3)
    (v * v).backward()
    assert t.grad.data.tolist() == [18, 36] and v.grad.data.tolist() == [6, 12]


# --- working on all cores ----------------------------------------------------------------------


@pytest.fixture
def always_shared(monkeypatch):
    """Work is shared also where it is too small to gain."""
    monkeypatch.setattr(pieces, "ENOUGH", dict.fromkeys(pieces.ENOUGH, 1))


@pytest.mark.parametrize("kind", ["threads", "processes"])
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_parallel_is_serial_in_every_bit(kind, workers, rng, always_shared):
    a, b, row = rng.normal(size=(64, 500)), rng.normal(size=(64, 500)), rng.normal(size=500)

    def numbers(distributed):
        t = Tensor(a, np.float64, distributed, True)
        v = Value(Tensor(b, np.float64, distributed))
        parts = [t + row, row - t, t * 2 + 1, 1 / t, t / b, (t * t) ** 1.5, -t, t.sum(), t.mean(0)]
        parts += [t.max(1), t.min(), t.apply(lambda x: np.exp(x) - 1), t.reshape(-1), t.T, t[3]]
        w = (v * row + v.tanh() - 1 / (v * v + 1)).relu()
        w.backward()
        (parts[2] * parts[0]).sum().backward()
        assert all(p.is_distributed == bool(distributed) for p in (*parts[:7], w, w.data))
        return [p.data for p in parts] + [w.data.data, v.grad.data, t.grad.data]

    serial = numbers(False)
    set_distributed_config(num_workers=workers, use_processes=kind == "processes")
    for x, y in zip(serial, numbers(True), strict=True):
        assert x.dtype == y.dtype and x.tobytes() == y.tobytes()


def test_small_shapes_any_number_of_workers(always_shared):
    s, row = np.arange(16.0).reshape(4, 4), np.array([1.0, 2, 3, 4])
    for workers in (1, 2, 4, 7):
        set_distributed_config(num_workers=workers, use_processes=False)
        assert np.array_equal((Tensor(s, distributed=True) + row).data, s + row)
        assert np.array_equal((Tensor(s[:, :1], distributed=True) * row).data, s[:, :1] * row)
        assert (Tensor(3, distributed=True) * 2).data == 6
        assert np.array_equal((Tensor(s[:1], distributed=True) - s).data, s[:1] - s)


def test_a_worker_that_dies_is_named(always_shared):
    set_distributed_config(num_workers=3)
    t = Tensor(np.ones(4000), np.float32, True, True)
    v = Value(Tensor(np.ones(4000), distributed=True))
    for use in (lambda: t + 1, lambda: (v * 2).exp(), lambda: ((t * t).backward(), t.grad.data)):
        use()
        before = t.grad.data.copy()
        worker = processes.Processes(3).pool.workers[1].process
        worker.kill()
        with pytest.raises(RuntimeError, match=rf"worker 2 \(process {worker.pid}\) ended"):
            use()
        assert np.array_equal(t.grad.data, before) and (t.data == 1).all()
        use()


def test_backward_is_shared_too(always_shared, monkeypatch):
    shared = []
    monkeypatch.setattr(tg.backends, "use", recorder(tg.backends.use, shared))
    set_distributed_config(enabled=True, num_workers=2, min_elements_for_parallel=100)
    v = Value(np.ones(100))
    w = v * v
    assert shared == [("processes", {"workers": 2, "min_elements": 1})]
    set_distributed_config(use_processes=False)
    w.backward()
    Value(2) * 3, Tensor([1, 2]).sum()
    assert shared[1:] == [("threads", {"workers": 2, "min_elements": 1})]


def recorder(use, calls):
    def record(name, **options):
        calls.append((name, options))
        return use(name, **options)

    return record


def test_what_is_distributed():
    set_distributed_config(enabled=True, min_elements_for_parallel=4, use_processes=False)
    assert Tensor(np.ones(4)).is_distributed and not Tensor(np.ones(3)).is_distributed
    assert not Tensor(np.ones(4), distributed=False).is_distributed
    assert (Value(np.ones(4)) * 2).is_distributed and not Value(1).is_distributed
    t = Tensor(np.ones(3), distributed=True)
    for made in (t + 1, 1 - t, 1 / t, -t, t**2, t.apply(np.exp), t.reshape(3, 1)):
        assert made.is_distributed
    for made in (t.sum(), t.mean(), t.T, t[0]):
        assert not made.is_distributed
    t.disable_distributed()
    assert not (t + 1).is_distributed
    t.enable_distributed()
    assert (t + 1).is_distributed


def test_settings():
    defaults = get_distributed_config()
    assert defaults.keys() == {
        "enabled",
        "num_workers",
        "min_elements_for_parallel",
        "use_processes",
    }
    assert not defaults["enabled"] and defaults["use_processes"]
    assert defaults["min_elements_for_parallel"] == 10000 and defaults["num_workers"] >= 1
    set_distributed_config(enabled=True)
    assert get_distributed_config() == defaults | {"enabled": True}
    get_distributed_config()["enabled"] = "changed in a copy"
    assert get_distributed_config()["enabled"] is True


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"num_workers": 0}, ValueError),
        ({"num_workers": -1}, ValueError),
        ({"num_workers": 1.5}, TypeError),
        ({"num_workers": True}, TypeError),
        ({"min_elements_for_parallel": -1}, ValueError),
        ({"use_processes": "threads"}, TypeError),
        ({"enabled": 1}, TypeError),
    ],
)
def test_wrong_settings_change_nothing(wrong, error):
    before = get_distributed_config()
    with pytest.raises(error, match=next(iter(wrong))):
        set_distributed_config(**{"enabled": True} | wrong)
    assert get_distributed_config() == before


# --- networks and drawings ---------------------------------------------------------------------


def test_networks(python_random):
    neuron = Neuron(3)
    assert len(neuron.w) == 3 and len(neuron.parameters()) == 4 and neuron.b.data.data == 0
    python_random.seed(0)
    drawn = [python_random.uniform(-1, 1) for _ in range(3)]
    assert np.allclose([w.data.data for w in neuron.w], np.float32(drawn))
    out = neuron([1.0, Value(2), 3])
    assert np.isclose(out.data.data, np.tanh(drawn @ np.array([1, 2, 3])))
    layer = Layer(2, 3)
    assert len(layer.neurons) == 3 and len(layer([1, 2])) == 3 and len(layer.parameters()) == 9
    assert len(MLP(2, [4, 2])([1, 2])) == 2 and type(MLP(2, [4, 1])([1, 2])) is Value


def test_a_network_on_arrays_has_pytorchs_gradients(oracle, python_random, rng):
    """Each input a Value of the whole batch: broadcasting does in one pass what loops would."""
    net, x, y = MLP(2, [3, 1]), rng.normal(size=(2, 8)), rng.normal(size=8)
    loss = (net([Value(row) for row in x]) - y) ** 2
    loss.backward()
    theirs = [oracle.tensor(p.data.data.copy(), requires_grad=True) for p in net.parameters()]
    h = [oracle.tensor(row).float() for row in x]
    p = iter(theirs)
    for size in (3, 1):
        rows = [[next(p) for _ in range(len(h) + 1)] for _ in range(size)]
        h = [oracle.tanh(sum(w * xi for w, xi in zip(row, h)) + row[-1]) for row in rows]
    ((h[0] - oracle.tensor(y).float()) ** 2).sum().backward()
    for ours, q in zip(net.parameters(), theirs):
        assert np.allclose(ours.grad.data, q.grad, rtol=1e-4, atol=1e-6)


def test_data_and_training(python_random, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    data = generate_dataset(50)
    assert len(data) == 50 and {y.data.data.item() for _, y in data} == {1, -1}
    assert all(len(x) == 2 and max(map(abs, x)) <= 1 for x, _ in data)
    model = train_model(epochs=3, points=10)
    assert len(model.parameters()) == 105
    assert "Epoch 0, Loss: " in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "graph").iterdir()} == {
        "initial_model.svg",
        "trained_model.svg",
    }


def test_a_drawing_is_a_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    a, b = Value(2, label="a"), Value([1, 2])
    f = optimize_graph((a * 3 + b).relu())
    f.backward()
    drawing = visualize_graph(f)
    svg = (tmp_path / "graph" / "computational_graph.svg").read_text()
    assert svg == drawing.svg and "computational_graph.svg" in capsys.readouterr().out
    words = "".join(ElementTree.fromstring(svg).itertext())
    for text in ("FusedReLUAdd", "Value(shape=(2,))", "value = 6.0000", "grad = 6.0000", "a"):
        assert text in words
    assert len(drawing.picture.boxes) == 5 and len(drawing.picture.arrows) == 4
    visualize_graph(a, "one")
    assert (tmp_path / "graph" / "one.svg").exists()


def test_the_example_draws(tmp_path, monkeypatch, python_random):
    monkeypatch.chdir(tmp_path)
    words = "".join(ElementTree.fromstring(picograd_mlp.draw().svg).itertext())
    assert "tanh" in words and "x" in words and (tmp_path / "graph" / "mlp.svg").exists()


def test_the_demo_it_ships_runs_unchanged(alone, tmp_path):
    """The names and steps of its test.py."""
    (tmp_path / "demo.py").write_text(
        "from picograd.engine import Value, optimize_graph, visualize_graph\n"
        "a, b, c = Value(2.0, label='a'), Value(3.0, label='b'), Value(10.0, label='c')\n"
        "f = (a * b + c).relu()\n"
        "b.exp(), (a * b + c).log()\n"
        "visualize_graph(f, 'initial_graph')\n"
        "f = optimize_graph(f)\n"
        "visualize_graph(f, 'optimized_graph')\n"
        "f.backward()\n"
        "visualize_graph(f, 'backward_graph')\n"
        "print(a.grad.data, b.grad.data, c.grad.data)\n"
    )
    said = alone("from tidegrad.__main__ import main; main(['run', '--as', 'picograd', 'demo.py'])")
    assert said.endswith("3.0 2.0 1.0\n") and len(list((tmp_path / "graph").iterdir())) == 3


# --- wrong input -------------------------------------------------------------------------------


def test_wrong_shapes_are_named(python_random):
    with pytest.raises(ValueError, match=r"add: shapes \(3,\) and \(2,\)"):
        Value([1, 2, 3]) + Value([1, 2])
    with pytest.raises(ValueError, match=r"multiply: shapes \(3,\) and \(2,\)"):
        Tensor([1, 2, 3]) * [1, 2]
    p = Value([1, 2])
    with pytest.raises(ValueError, match="does not fit"):
        p.data.data = [1, 2, 3]
    with pytest.raises(ValueError, match="does not fit"):
        p.data = Tensor([1, 2, 3])
    with pytest.raises(ValueError, match="does not fit"):
        p.grad.data = [1, 2, 3]
    with pytest.raises(ValueError, match="2 weights do not fit 3 inputs"):
        MLP(2, [1])([1, 2, 3])
    assert p.data.data.tolist() == [1, 2] and (p + 0).data.data.tolist() == [1, 2]


def test_wrong_values_are_named():
    for value in ("a", None, [1, [2]]):
        for cls in (Value, Tensor):
            with pytest.raises((TypeError, ValueError), match="tensor"):
                cls(value)
    with pytest.raises(TypeError, match="int64"):
        Value(Tensor([1, 2], dtype=np.int64))
    with pytest.raises(TypeError):
        Value(1) + "a"


def test_what_would_lose_a_gradient_is_refused():
    tracked = Value(1)
    for use in (lambda: tensor([1, 2]) * tracked, lambda: Tensor(tracked), lambda: tensor(tracked)):
        with pytest.raises(TypeError, match="tracked Value cannot be made into another"):
            use()
    assert Tensor(Tensor([1, 2])).data.tolist() == [1, 2]


def test_names_that_are_lacking():
    with pytest.raises(AttributeError, match=r"no Value.sigmoid; tidegrad has tg.sigmoid"):
        Value(1).sigmoid()
    with pytest.raises(AttributeError, match=r"no Tensor.exp; tidegrad has tg.exp"):
        Tensor(1).exp()
    with pytest.raises(AttributeError, match="no Value._backward"):
        Value(1)._backward = lambda: None
    with pytest.raises(AttributeError, match="no MLP.zero_grad"):
        MLP(1, [1]).zero_grad()


class Named(Value):
    def __init__(self, data, unit):
        super().__init__(data, label="x")
        self.unit = unit


def test_copies_of_a_class_of_ones_own():
    x = Named(2.0, "m")
    (x * 3).backward()
    for other in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert (type(other), other.unit, other.label) == (Named, "m", "x")
        assert other.data.data == 2 and other.grad.data == 3


def test_numpy_sees_the_array_of_a_tensor():
    """Its length and items made NumPy build an empty array of shape (2, 0)."""
    t = Tensor([1.0, 2.0], dtype=np.float64)
    assert np.array_equal(np.asarray(t), [1, 2]) and np.asarray(t).dtype == np.float64
    assert np.allclose(t, [1.0, 2.0]) and np.stack([t, t]).shape == (2, 2)
    np.asarray(t)[0] = 9
    assert np.array(t, np.float32).dtype == np.float32 and t.data.tolist() == [1, 2]
    t.data[0] = 5
    assert np.asarray(t).tolist() == [5, 2]
    with pytest.raises(tg.errors.GraphError, match="requires a gradient"):
        np.asarray(Tensor([1.0, 2.0], requires_grad=True))
