"""maligrad's engine: its cases, its faults, its habits and its README's programs."""

import copy
import gc
import operator
import pickle
import tracemalloc
import weakref
from textwrap import dedent

import numpy as np
import pytest

import tidegrad as tg
from tidegrad.dialects.maligrad.autograd import engine
from tidegrad.dialects.maligrad.autograd.engine import Function, Variable, accumulate_grad
from tidegrad.dialects.maligrad.nn import functional as F

FLOATS = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def leaf(*data, dtype=np.float64):
    return Variable(np.array(data if len(data) > 1 else data[0], dtype), requires_grad=True)


def run(program, **names):
    """Run a program of the engine's README, with its imports before it."""
    exec(dedent(program), names | {"np": np, "Variable": Variable})


# The README's programs.


def test_readme_arrays(capsys):
    run("""
        a = Variable(2 * np.ones((3, 3)), requires_grad=True)
        b = Variable(3 * np.ones((3, 3)))

        # addition
        print(a + b)

        # multiplication
        print(a * b)

        # matrix multiplication
        print(a @ b[0])

        # and much more

        (a[0] * b).sum().backward()
        print(a.grad)
    """)
    row = "[{0} {0} {0}]"
    square = "[" + "\n ".join([row] * 3) + "]"
    assert capsys.readouterr().out == "\n".join(
        [
            f"Variable(data={square.format('5.')})",
            f"Variable(data={square.format('6.')})",
            "Variable(data=[18. 18. 18.])",
            "[[9. 9. 9.]\n [0. 0. 0.]\n [0. 0. 0.]]\n",
        ]
    )


def test_readme_results_are_those_of_two_by_two():
    a, b = leaf(2 * np.ones((2, 2))), Variable(3 * np.ones((2, 2)))
    assert str(a + b) == "Variable(data=[[5. 5.]\n [5. 5.]])"
    assert (a @ b[0]).data.tolist() == [12, 12]
    (a[0] * b).sum().backward()
    assert a.grad.tolist() == [[6, 6], [0, 0]]


def test_readme_graph():
    names = {}
    program = """
        a = Variable(2, requires_grad=True)
        b = Variable(3, requires_grad=True)
        x = a * b # step 1
        y = a + x # step 2

        y.backward()
        seen.update(a=a, b=b, y=y)
    """
    run(program, seen=names)
    assert names["y"].data == 8 and names["a"].grad == 4 and names["b"].grad == 2


# Cases.


@pytest.mark.parametrize("relu", [lambda x: x.maximum(0), F.relu], ids=["maximum", "relu"])
@FLOATS
def test_micrograds_tests(dtype, relu):
    x = leaf(-4.0, dtype=dtype)
    z = 2 * x + 2 + x
    q = relu(z) + z * x
    h = relu(z * z)
    y = h + q + q * x
    y.backward()
    assert y.data == -20 and x.grad == 46 and x.grad.dtype == dtype

    a, b = leaf(-4.0, dtype=dtype), leaf(2.0, dtype=dtype)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + relu(b + a)
    d += 3 * d + relu(b - a)
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    g.backward()
    found = [g.data, a.grad, b.grad]
    np.testing.assert_allclose(found, [24.70408163, 138.83381924, 645.57725948], rtol=1e-6)


@FLOATS
def test_a_product_with_a_vector(dtype):
    a, b = leaf([[1, 2, 3], [4, 5, 7]], dtype=dtype), leaf([1, -1, 2], dtype=dtype)
    c = a @ b
    c.sum().backward()
    assert c.data.tolist() == [5, 13]
    assert a.grad.tolist() == [[1, -1, 2]] * 2 and b.grad.tolist() == [5, 7, 10]


def test_numbers_of_the_page():
    x = leaf(3.0)
    (2**x).backward()
    assert np.isclose(x.grad, 5.54517744)
    assert F.softmax(Variable([1000.0, 0.0])).data.tolist() == [1, 0]
    assert Variable([[1, 5, 2], [4, 0, 9]]).mean(0).data.tolist() == [2.5, 2.5, 5.5]


def test_transposed_by_negative_axes():
    x = leaf(np.zeros((2, 2, 3)))
    weights = np.arange(12.0).reshape(2, 3, 2)
    (x.transpose((0, -1, -2)) * weights).sum().backward()
    assert x.grad.tolist() == [[[0, 2, 4], [1, 3, 5]], [[6, 8, 10], [7, 9, 11]]]


# Against PyTorch: every operation, in both dtypes, broadcasting and reuse included.

X, Y, V = (2, 1, 3), (4, 1), (3,)
SAME = {
    "add": lambda x, y, v: x + y, "reflected add": lambda x, y, v: 2 + x,
    "subtract": lambda x, y, v: x - y, "reflected subtract": lambda x, y, v: 2 - x,
    "multiply": lambda x, y, v: x * y * x, "divide": lambda x, y, v: x / y + 1 / x,
    "power": lambda x, y, v: x**y + x**3 + 2**x, "negative": lambda x, y, v: -x + +y,
    "matmul": lambda x, y, v: (x + y) @ (x[:, 0, :, None] * y[:2, 0]),
    "matrix @ vector": lambda x, y, v: (x + y) @ v,
    "vector @ matrix": lambda x, y, v: y[:, 0] @ (x + y),
    "vector @ vector": lambda x, y, v: v @ v, "exp, log": lambda x, y, v: (x.exp() + 1).log(),
    "index": lambda x, y, v: x[0, ..., 1:] * x[1, 0, 0], "no index": lambda x, y, v: x[...],
    "fancy": lambda x, y, v: (x + y)[[0, 1, 1], [2, 0, 0]],
    "new axis": lambda x, y, v: v[:, None] * v,
    "backwards": lambda x, y, v: v[[2, 1, 0]] * v, "a range": lambda x, y, v: v[range(2)],
    "diamond": lambda x, y, v: (x * x) * (x * x) + x,
    "row by row": lambda x, y, v: sum(r * r for r in x),
}  # fmt: skip
OWN = {
    "sum": (lambda x: x.sum(), lambda t, x: x.sum()),
    "sum of an axis": (lambda x: x.sum(-1), lambda t, x: x.sum(-1)),
    "sum of a list": (lambda x: x.sum([0, 2]), lambda t, x: x.sum((0, 2))),
    "sum kept": (lambda x: x.sum(1, keepdims=True), lambda t, x: x.sum(1, keepdim=True)),
    "mean": (lambda x: x.mean(), lambda t, x: x.mean()),
    "mean of axis 0": (lambda x: x.mean(axis=0), lambda t, x: x.mean(0)),
    "mean of a list": (lambda x: x.mean([0]), lambda t, x: x.mean(0)),
    "mean kept": (lambda x: x.mean((0, -1), True), lambda t, x: x.mean((0, -1), keepdim=True)),
    "max": (lambda x: x.max(), lambda t, x: x.max()),
    "max of axes": (lambda x: x.max((0, -1)), lambda t, x: x.amax((0, -1))),
    "max kept": (lambda x: x.max(1, keepdims=True), lambda t, x: x.amax(1, keepdim=True)),
    "min": (lambda x: x.min(), lambda t, x: x.min()),
    "min of an axis": (lambda x: x.min(-1), lambda t, x: x.amin(-1)),
    "maximum": (lambda x: x.maximum(1.5), lambda t, x: x.clamp(min=1.5)),
    "minimum": (lambda x: x.minimum(x[0]), lambda t, x: t.minimum(x, x[:1])),
    "reshape": (lambda x: x.reshape(2, -1), lambda t, x: x.reshape(2, -1)),
    "reshape by a tuple": (lambda x: x.reshape((4, 3)), lambda t, x: x.reshape(4, 3)),
    "transpose": (lambda x: x.transpose(), lambda t, x: x.permute(2, 1, 0)),
    "transpose axes": (lambda x: x.transpose([1, -1, 0]), lambda t, x: x.permute(1, -1, 0)),
    "swap axes": (lambda x: x.swap_axes(0, -1), lambda t, x: x.swapaxes(0, -1)),
    "squeeze": (lambda x: x[:1].squeeze(), lambda t, x: x[0]),
    "squeeze an axis": (lambda x: x[:1].squeeze(0), lambda t, x: x[0]),
    "unsqueeze": (lambda x: x.unsqueeze((0, -1)), lambda t, x: x[None, ..., None]),
    "relu": (lambda x: F.relu(x - 1.2), lambda t, x: t.relu(x - 1.2)),
    "sigmoid": (F.sigmoid, lambda t, x: t.sigmoid(x)),
    "softmax": (lambda x: F.softmax(x, 0), lambda t, x: t.softmax(x, 0)),
    "exp": (F.exp, lambda t, x: t.exp(x)),
}


def compare(oracle, ours, theirs, arrays):
    """Values and all gradients, for a cotangent that differs everywhere."""
    mine = [Variable(a, requires_grad=True) for a in arrays]
    peers = [oracle.tensor(a, requires_grad=True) for a in arrays]
    y, wanted = ours(*mine), theirs(*peers)
    rtol = 1e-5 if arrays[0].dtype == np.float32 else 1e-10
    np.testing.assert_allclose(y.data, wanted.detach().numpy(), rtol=rtol)
    assert y.dtype == arrays[0].dtype and y.requires_grad
    weights = np.arange(1.0, y.size + 1).reshape(y.shape).astype(y.dtype)
    y.backward(weights)
    wanted.backward(oracle.tensor(weights))
    for v, t in zip(mine, peers):
        if t.grad is None:
            assert v.grad is None
        else:
            np.testing.assert_allclose(v.grad, t.grad.numpy(), rtol=rtol, atol=rtol)
            assert v.grad.dtype == v.dtype and v.grad.shape == v.shape


@FLOATS
@pytest.mark.parametrize("f", SAME.values(), ids=SAME)
def test_operators_are_pytorchs(oracle, rng, f, dtype):
    compare(oracle, f, f, [rng.uniform(0.5, 2, shape).astype(dtype) for shape in (X, Y, V)])


@FLOATS
@pytest.mark.parametrize(("ours", "theirs"), OWN.values(), ids=OWN)
def test_methods_are_pytorchs(oracle, rng, ours, theirs, dtype):
    x = rng.permutation(np.linspace(0.5, 2, 12)).reshape(2, 2, 3).astype(dtype)
    compare(oracle, ours, lambda t: theirs(oracle, t), [x])


REFLECTED = ["add", "sub", "mul", "truediv", "pow", "matmul"]


@pytest.mark.parametrize("name", REFLECTED)
@pytest.mark.parametrize("left", [np.array([2.0, 3.0]), [2.0, 3.0], (2.0, 3.0), np.float64(2), 2])
def test_what_stands_on_the_left(name, left):
    x = leaf(0.5, 1.5)
    operate = getattr(operator, name)
    if name == "matmul" and np.ndim(left) == 0:
        with pytest.raises((TypeError, ValueError)):
            operate(left, x)
        return
    found = operate(left, x)
    assert isinstance(found, Variable)
    np.testing.assert_allclose(found.data, operate(np.asarray(left), x.data))
    assert found.requires_grad


@pytest.mark.parametrize("name", ["gt", "ge", "lt", "le", "eq", "ne"])
def test_comparisons_are_bool_without_gradient(name):
    compare = getattr(operator, name)
    x, y = leaf(1.0, 2.0, 3.0), np.array([2.0, 2.0, 2.0])
    for left, right in ((x, y), (x, leaf(*y)), (x, 2), (y, x)):
        found = compare(left, right)
        assert isinstance(found, Variable) and not found.requires_grad
        assert found.data.tolist() == compare(np.asarray(left), np.asarray(right)).tolist()
    assert (~(x > 2)).data.tolist() == [True, True, False]


def test_truth_is_the_datas():
    assert Variable(3) > 2 and not Variable(1) > 2
    assert Variable(3.0) not in [Variable(1.0), Variable(2.0)]
    with pytest.raises(ValueError, match="ambiguous"):
        bool(Variable([1, 2]) > 0)


X3 = leaf(np.arange(9.0).reshape(3, 3))
KEYS = {
    "a row": (1, 1), "an element": ((1, 1), (1, 1)), "a column": ((slice(None), 1),) * 2,
    "duplicates": ([0, 1, 1], [0, 1, 1]), "a condition": (X3 > 5, X3.data > 5),
    "a Variable": (Variable([2, 0]), [2, 0]), "in a tuple": ((Variable([0]), 1), ([0], 1)),
    "ranges": ((range(3), range(3)[::-1]), (range(3), range(3)[::-1])),
    "new axes": ((None, ..., -1), (None, ..., -1)), "a mask": (np.eye(3, dtype=bool),) * 2,
}  # fmt: skip


@pytest.mark.parametrize(("key", "plain"), KEYS.values(), ids=KEYS)
def test_every_index(key, plain):
    x = leaf(X3.data)
    x[key].sum().backward()
    counts = np.zeros((3, 3))
    np.add.at(counts, plain, 1)
    assert x.grad.tolist() == counts.tolist()
    assert x[key].data.tolist() == x.data[plain].tolist()


def test_wrong_indices_and_assignment():
    with pytest.raises(IndexError, match="out of range"):
        X3[3]
    with pytest.raises(NotImplementedError, match=r"write in \.data"):
        X3[0] = 1


# What the engine chose, and what is kept.


def test_relu_has_slope_one_at_zero():
    x = leaf(-1.0, 0.0, 1.0)
    F.relu(x).sum().backward()
    assert x.grad.tolist() == [0, 1, 1]


def test_every_maximum_gets_the_whole_gradient():
    x = leaf([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    (x.max(1) * np.array([1.0, 10.0])).sum().backward()
    assert x.grad.tolist() == [[0, 1, 1], [10, 10, 10]]
    x.grad = None
    x.min(0, keepdims=True).sum().backward()
    assert x.grad.tolist() == [[1, 0, 0], [0, 1, 1]]
    y = leaf(5.0)
    y.max().backward()
    assert y.grad == 1


def test_the_left_one_of_equals_is_followed():
    x, y = leaf(1.0, 2.0), leaf(1.0, 3.0)
    (x.maximum(y) + 10 * x.minimum(y)).sum().backward()
    assert x.grad.tolist() == [11, 10] and y.grad.tolist() == [0, 1]


def test_infinite_and_undefined_numbers():
    inf, nan = np.inf, np.nan
    assert F.relu(Variable([-inf, inf, -0.0])).data.tolist() == [0, inf, 0]
    assert Variable([-inf, 1, inf]).max().data == inf and Variable([-inf, -inf]).max().data == -inf
    assert np.isnan(Variable([nan, 1]).maximum(0).data[0])
    assert np.isnan(Variable([1, 0]).maximum(np.array([nan, 0])).data[0])
    assert np.isnan(Variable([nan, 1]).max().data)


@FLOATS
def test_zeros_keep_their_sign_in_max_and_min(dtype):
    low, high = leaf(0, 1, dtype=dtype), leaf(-0.0, -1, dtype=dtype)
    assert not np.signbit(low.min().data) and np.signbit(high.max().data)
    assert not np.signbit(low.min(0).data) and np.signbit(high.max(0).data)


@FLOATS
def test_saturated_functions_are_finite(dtype):
    x = leaf(-1e4, 0, 1e4, dtype=dtype)
    (F.sigmoid(x) * np.array([1, 2, 4], dtype)).sum().backward()
    assert F.sigmoid(x).data.tolist() == [0, 0.5, 1] and x.grad.tolist() == [0, 0.5, 0]
    x.grad = None
    F.softmax(x)[2].backward()
    assert x.grad.tolist() == [0, 0, 0]
    x.grad = None
    F.categorical_crossentropy(F.softmax(x).reshape(1, 3), np.array([0])).backward()
    assert np.isfinite(x.grad).all()


def test_gradients_add_up_until_they_are_cleared():
    x = leaf(1.0, 2.0)
    assert x.grad is None
    (x * x).sum().backward()
    (3 * x).sum().backward()
    assert x.grad.tolist() == [5, 7]
    before = x.grad
    x.grad = None
    assert x.grad is None
    (3 * x).sum().backward()
    assert x.grad.tolist() == [3, 3] and before.tolist() == [5, 7]
    x.grad *= 2
    (3 * x).sum().backward()
    assert x.grad.tolist() == [9, 9]


def test_intermediates_and_constants_have_no_gradient():
    x, c = leaf(1.0), Variable(2.0)
    y = x * c
    z = y * y
    z.backward()
    assert y.grad is None and z.grad is None and c.grad is None and x.grad == 8
    assert not (c * c).requires_grad and y.requires_grad


def test_where_backward_begins():
    x = leaf(1.0, 2.0)
    with pytest.raises(AssertionError, match=r"shape \(2,\) is no single number"):
        (x * 2).backward()
    with pytest.raises(AssertionError, match="does not require grad"):
        Variable(1.0).backward()
    with pytest.raises(AssertionError, match="does not require grad"):
        (x > 1).backward(np.ones(2))
    with pytest.raises(ValueError, match="broadcast_to: shape"):
        (x * 2).backward(np.ones((3, 2)))
    assert x.grad is None
    (x * 2).backward(np.array([1, 3]))
    assert x.grad.tolist() == [2, 6]
    (x * 2).backward(1)
    assert x.grad.tolist() == [4, 8]
    (x * 2)[:1].backward()
    assert x.grad.tolist() == [6, 8]


def test_backward_of_a_leaf():
    x = leaf(3.0)
    x.backward()
    assert x.grad == 1


def test_a_second_backward_is_refused():
    x = leaf(2.0)
    y = (3 * x) ** 2
    y.backward()
    with pytest.raises(RuntimeError, match="freed by an earlier backward"):
        y.backward()
    assert x.grad == 36


# Arrays that a program writes in.


def test_data_is_a_copy():
    given = np.ones(2)
    x = Variable(given)
    given[0] = 7
    assert x.data.tolist() == [1, 1]
    y = Variable(x)
    x.data[0] = 3
    assert y.data.tolist() == [1, 1]


@pytest.mark.parametrize("shape", [(), (2,)])
def test_an_edit_leaves_older_graphs_right(shape):
    w = leaf(np.full(shape, 2.0))
    old = (w**3).sum()
    w.data -= 1
    new = (w**3).sum()
    w.data[...] = 5
    newest = (w**3).sum()
    w.data = w.data + 1
    last = (w**3).sum()
    w.data = np.zeros(shape)
    for loss, slope in ((old, 12), (new, 3), (newest, 75), (last, 108)):
        loss.backward()
        assert np.all(w.grad == slope)
        w.grad = None


def test_an_array_from_before_is_kept_when_data_is_replaced():
    w = leaf(1.0, 2.0)
    best = w.data
    w.data = w.data - 1
    assert best.tolist() == [1, 2] and (w * 1).data.tolist() == [0, 1]


def test_constants_and_free_results_may_be_written_in():
    c = Variable(np.ones(2))
    c.data[0] = 7
    free = c * 2
    free.data[1] = 0
    assert (free * 1).data.tolist() == [14, 0]


def test_recorded_results_are_not_written_in():
    y = leaf(1.0, 2.0) * 2
    with pytest.raises(ValueError, match="read-only"):
        y.data[0] = 3
    with pytest.raises(AttributeError, match="not replaced; make a new Variable"):
        y.data = np.ones(2)
    assert y.data.tolist() == [2, 4]


def test_another_shape_is_another_leaf():
    x = leaf(1.0, 2.0)
    (x * x).sum().backward()
    x.data = np.ones((3, 1))
    x.grad = None
    (x * 2).sum().backward()
    assert x.shape == x.grad.shape == (3, 1)


def test_a_gradient_asked_for_later():
    x = Variable([1, 2])
    x.requires_grad = True
    (x * x).sum().backward()
    assert x.grad.tolist() == [2, 4] and x.dtype == np.float64
    x.requires_grad = False
    assert not (x * x).requires_grad
    y = leaf(3.0) * 2
    y.requires_grad = False
    assert not (y * y).requires_grad
    free = Variable(2.0) * 1
    free.requires_grad = True
    (free * free).backward()
    assert free.grad == 4


# Dtypes.


@FLOATS
def test_a_dtype_is_kept(dtype):
    x = leaf(1, 2, 3, dtype=dtype)
    results = [x + 1, x * 2.5, 2**x, x**2, x / 3, 1 / x, x @ x, -x, x.mean(), x.mean(0), x.max(),
               x.exp(), x.log(), x.maximum(0.5), F.relu(x), F.sigmoid(x), F.softmax(x), F.exp(x),
               x.min(), x.sum(), x[0], x * np.arange(3), x + Variable(2)]  # fmt: skip
    assert [r.dtype for r in results] == [dtype] * len(results)
    assert Variable(np.arange(3, dtype=np.int8)).dtype == np.int8
    assert (Variable([1, 2]) * 2).dtype == np.int64
    with pytest.raises(TypeError, match="float16 is not supported"):
        Variable(np.ones(2, np.float16)) + 1


MEETINGS = {
    "a number": lambda x: x * 0.5, "division": lambda x: x / 2, "its base": lambda x: 0.5**x,
    "a Variable": lambda x: x / Variable(2), "exp": lambda x: x.exp(), "log": lambda x: x.log(),
    "mean": lambda x: x.mean(), "softmax": lambda x: F.softmax(x)[0],
}  # fmt: skip


@pytest.mark.parametrize("f", MEETINGS.values(), ids=MEETINGS)
def test_integers_meet_floats(f):
    x, c = Variable([1, 3], requires_grad=True), Variable([1, 3])
    y = f(x)
    np.testing.assert_allclose(y.data, f(leaf(1.0, 3.0)).data, rtol=1e-15)
    assert f(c).dtype == y.dtype == np.float64
    y.sum().backward()
    assert x.grad.dtype == np.float64 and np.any(x.grad != 0)


def test_lists_are_as_exact_as_arrays():
    assert (Variable([1.0, 2.0]) * [0.1, 0.2]).data.tolist() == [0.1, 0.4]


def test_bools_have_no_gradient():
    mask = Variable(np.array([True, False]), True)
    assert (~mask).data.tolist() == [False, True]
    with pytest.raises(TypeError, match="only floating tensors have gradients, not bool"):
        mask * 2.0


# Functions.


class Cube(Function):
    def forward(self, x, scale):
        self.save_for_backprop(x, scale)
        return (scale * x**3,)

    def backward(self, partial):
        x, scale = self.saved_ctx
        return 3 * scale * x**2 * partial, None


class Affine(Function):
    """Two results, and partials that are not un-broadcast."""

    def forward(self, x, w, b):
        self.save_for_backprop(x, w)
        return x * w + b, x.sum(keepdims=True)

    def backward(self, partial, total):
        x, w = self.saved_ctx
        return w * partial + total, x * partial, partial


@FLOATS
def test_a_function_of_ones_own(dtype):
    x = leaf(1.0, 2.0, dtype=dtype)
    h = x * 2
    y = Cube()(h, 2.0)
    assert y.data.tolist() == [16, 128] and y.dtype == dtype
    (y * x).sum().backward()
    assert x.grad.tolist() == [4 * 16, 4 * 128] and x.grad.dtype == dtype


def test_a_function_of_several_inputs_and_results():
    x, w, b = leaf([[1.0, 2.0], [3.0, 4.0]]), leaf(3.0, 5.0), leaf(1.0)
    y, total = Affine()(x, w, b)
    assert total.data.tolist() == [[10]]
    (y.sum() + 100 * total).backward()
    assert x.grad.tolist() == [[103, 105], [103, 105]]
    assert w.grad.tolist() == [4, 6] and b.grad == 4
    one, _ = Affine()(x, Variable([1.0, 1.0]), 0.0)
    x.grad = None
    one.sum().backward()
    assert x.grad.tolist() == [[1, 1], [1, 1]]


def test_an_input_without_gradient_in_a_function():
    class Gate(Function):
        def forward(self, x, gate):
            self.save_for_backprop(gate)
            return x * gate, gate

        def backward(self, partial, _):
            return partial * self.saved_ctx[0], None

    x, gate = leaf(1.0, 2.0), leaf(0.0, 1.0)
    y, same = Gate()(x, gate)
    (y * 3).sum().backward()
    assert x.grad.tolist() == [0, 3] and gate.grad is None and same.data.tolist() == [0, 1]


def test_one_function_object_may_be_called_again():
    cube, x = Cube(), leaf(2.0)
    first, second = cube(x, 1.0), cube(x * 2, 1.0)
    (first + second).backward()
    assert x.grad == 12 + 2 * 48


def test_a_function_sees_what_it_was_called_with():
    cube, x = Cube(), leaf(2.0)
    y = cube(x, 1.0)
    x.data += 1
    y.backward()
    assert x.grad == 12


def test_a_function_without_gradient():
    class Largest(Function):
        is_differentiable = False

        def forward(self, x):
            return (x.argmax(),)

    found = Largest()(leaf(1.0, 5.0, 2.0))
    assert found.data == 1 and not found.requires_grad
    assert not Cube()(Variable(2.0), 1.0).requires_grad


def test_functions_that_are_wrong():
    class Bare(Function):
        def forward(self, x):
            return x * 2

    class Half(Function):
        def forward(self, x):
            return (x / 2,)

    class Short(Cube):
        def backward(self, partial):
            return ()

    class Misshapen(Cube):
        def backward(self, partial):
            return np.ones(3), None

    with pytest.raises(NotImplementedError, match=r"Function\.forward is not written"):
        Function()(leaf(1.0))
    with pytest.raises(TypeError, match=r"Bare\.forward returns a tuple, not ndarray"):
        Bare()(leaf(1.0, 2.0))
    with pytest.raises(NotImplementedError, match=r"Half\.backward is not written"):
        Half()(leaf(1.0)).backward()
    with pytest.raises(ValueError, match=r"Short\.backward returned 0 partials for 2 inputs"):
        Short()(leaf(1.0), 2.0).backward()
    with pytest.raises(ValueError, match=r"a partial of shape \(3,\) does not fit shape \(2,\)"):
        Misshapen()(leaf(1.0, 2.0), 2.0).sum().backward()
    with pytest.raises(TypeError, match="made by calling it"):
        Variable(1.0, True, Cube())


OPERATIONS = {
    "Add": ((leaf(1.0, 2.0), leaf(3.0)), [4, 5]), "Mul": ((leaf(1.0, 2.0), leaf(3.0)), [3, 6]),
    "Pow": ((leaf(1.0, 2.0), leaf(3.0)), [1, 8]), "Log": ((leaf(1.0),), 0),
    "Matmul": ((leaf(1.0, 2.0), leaf(3.0, 4.0)), 11), "Slice": ((leaf(1.0, 2.0), 1), 2),
    "Invert": ((Variable([True]),), [False]), "Reshape": ((leaf(1.0, 2.0), (2, 1)), [[1], [2]]),
    "Sum": ((leaf(1.0, 2.0), None, False), 3), "Max": ((leaf(1.0, 2.0), 0, True), [2]),
    "Transpose": ((leaf([[1.0, 2.0]]), None), [[1], [2]]),
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_engines_own_functions(name):
    inputs, wanted = OPERATIONS[name]
    function = getattr(engine, name)()
    assert isinstance(function, Function) and type(function).__name__ == name
    assert function(*inputs).data.tolist() == wanted
    assert function(*inputs).requires_grad == function.is_differentiable == (name != "Invert")


def test_compare_takes_the_comparison():
    greater = engine.Compare(operator.gt)
    found = greater(leaf(1.0, 3.0), Variable(2))
    assert found.data.tolist() == [False, True] and not found.requires_grad
    assert not greater.is_differentiable


@pytest.mark.parametrize("shape", [(3,), (1, 3), (2, 3), (5, 2, 3), (), (2, 1)])
def test_accumulate_grad(shape):
    grad, one = np.zeros((2, 3)), np.zeros((1, 3))
    accumulate_grad(grad, np.ones(shape))
    accumulate_grad(one, np.ones(shape))
    whole = np.broadcast_to(np.ones(shape), np.broadcast_shapes(shape, (2, 3)))
    assert (grad == whole.sum(tuple(range(whole.ndim - 2)))).all()
    assert one.shape == (1, 3) and (one == one[0, 0]).all()


# Size, depth, copies, and what stays as it was.


def test_deep_graphs():
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1
    y.backward()
    assert x.grad == 1


def test_doublings_take_linear_time():
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad == 2.0**60


def test_memory_is_freed_without_the_collector():
    gc.disable()
    try:
        x = leaf(np.ones(1000))
        y = Cube()(x * 2, 2.0).max() * x
        gone = weakref.ref(y._tensor)
        y.sum().backward()
        del y
        assert gone() is None
    finally:
        gc.enable()


def test_nothing_is_kept_where_nothing_needs_a_gradient():
    x = Variable(np.ones(1000))
    tracemalloc.start()
    try:
        for _ in range(500):
            x = x * 1.01
        assert tracemalloc.get_traced_memory()[0] < 100_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_copies_are_leaves(copied):
    x = leaf(1.0, 2.0)
    (x * x).sum().backward()
    for v in (copied(x), copied(x * 2)):
        v.grad = None
        (v * v).sum().backward()
        assert (v.grad == 2 * v.data).all() and v.requires_grad
    assert copied(x).grad.tolist() == x.grad.tolist() == [2, 4]
    again = copied(x)
    again.data[0] = 9
    assert x.data.tolist() == [1, 2]


def test_numpy_reads_the_data():
    x = leaf([[1.0, 3.0], [4.0, 2.0]])
    assert np.argmax(x, axis=-1).tolist() == [1, 0]
    assert np.asarray(x, dtype=np.float32).dtype == np.float32
    assert np.asarray(x) is x.data and np.array(x) is not x.data
    assert [v.data.tolist() for v in x] == [[1, 3], [4, 2]]
    assert hash(x) == hash(x) and len({x, x}) == 1 and Variable.ensure(x) is x
    assert isinstance(Variable.ensure([1]), Variable)


LACKING = {
    "tanh": (lambda: leaf(1.0).tanh(), "no Variable.tanh; tidegrad has tg.tanh"),
    "T": (lambda: leaf(1.0).T, "no Variable.T; tidegrad has tg.Tensor.T"),
    "item": (lambda: leaf(1.0).item(), "no Variable.item; tidegrad has tg.Tensor.item"),
    "Concat": (lambda: engine.Concat, "no Concat; docs/coming-from.md"),
    "gelu": (lambda: F.gelu, "no gelu; tidegrad has tg.gelu"),
}


@pytest.mark.parametrize(("ask", "text"), LACKING.values(), ids=LACKING)
def test_a_name_that_is_lacking_is_named(ask, text):
    with pytest.raises(AttributeError, match=f"the dialect maligrad has {text}"):
        ask()


WRONG = {
    "add": (lambda: leaf(1.0, 2.0) + leaf(1.0, 2.0, 3.0), r"add: shapes \(2,\) and \(3,\)"),
    "matmul": (lambda: leaf(1.0, 2.0) @ leaf(1.0, 2.0, 3.0), r"matmul: shapes \(2,\) and \(3,\)"),
    "reshape": (lambda: leaf(1.0, 2.0).reshape(3), "reshape: 2 elements do not fill"),
    "squeeze": (lambda: leaf(1.0, 2.0).squeeze(0), "squeeze: axis 0"),
    "transpose": (lambda: leaf([[1.0]]).transpose((0, 0)), "permute|transpose"),
    "sum": (lambda: leaf(1.0, 2.0).sum(1), "sum: axis 1"),
    "unsqueeze": (lambda: leaf(1.0, 2.0).unsqueeze(5), "expand_dims: axis 5"),
}


@pytest.mark.parametrize(("compute", "text"), WRONG.values(), ids=WRONG)
def test_wrong_shapes_are_errors(compute, text):
    with pytest.raises((ValueError, IndexError), match=text):
        compute()


def test_tidegrads_own_state_is_left_alone():
    before = tg.default_dtype(), tg.is_grad_enabled()
    with tg.no_grad():
        assert not (leaf(1.0) * 2).requires_grad
    assert (tg.default_dtype(), tg.is_grad_enabled()) == before


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int64, np.uint64, np.float32])
def test_extremes_of_every_dtype(dtype, rng):
    """The least is no longer minus the greatest of what was negated: 0 of unsigned numbers."""
    kind = np.dtype(dtype).kind
    data = rng.integers(0, 2, (4, 5)).astype(dtype)
    if kind in "iu":
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        data[0, :3], data[1, :2] = (low, high, 5), (0, low)
    for name in ("max", "min"):
        for axis in (None, 0, (0, 1)):
            found = getattr(Variable(data), name)(axis)
            assert found.dtype == dtype
            assert np.array_equal(found.data, getattr(np, name)(data, axis))
