"""NumPy's functions on tensors, ndarrays from tensors, DLPack, copies, and Python's protocols."""

import copy
import math
import operator
import pickle

import numpy as np
import pytest

import tidegrad as tg

A = np.array([[0.1, 0.5, -0.3], [0.9, -0.7, 0.2]])


def tracked(array=A):
    return tg.tensor(array, requires_grad=True)


FUNCTIONS = {
    "sin": np.sin, "exp": np.exp, "tanh": np.tanh, "arcsin": np.arcsin, "abs": np.abs,
    "absolute": np.absolute, "negative": np.negative, "square": np.square, "sign": np.sign,
    "power": lambda x: np.power(x, 2), "power of": lambda x: np.power(2.0, x),
    "add": lambda x: np.add(A, x), "subtract": lambda x: np.subtract(1.0, x),
    "multiply": lambda x: np.multiply(x, A), "true_divide": lambda x: np.true_divide(A, x + 2),
    "arctan2": lambda x: np.arctan2(x, A), "maximum": lambda x: np.maximum(x, 0.15),
    "hypot": lambda x: np.hypot(x, A), "logaddexp": lambda x: np.logaddexp(x, A),
    "sum": np.sum, "sum of an axis": lambda x: np.sum(x, axis=1, keepdims=True),
    "mean": lambda x: np.mean(x, axis=0), "std": lambda x: np.std(x, ddof=1), "var": np.var,
    "max": np.max, "amin": lambda x: np.amin(x, axis=1), "prod": np.prod,
    "reshape": lambda x: np.reshape(x, (3, 2)), "transpose": np.transpose, "ravel": np.ravel,
    "concatenate": lambda x: np.concatenate([x, A, x], axis=1),
    "stack": lambda x: np.stack([x, x * 2]), "where": lambda x: np.where(A > 0, x, A),
    "clip": lambda x: np.clip(x, -0.2, 0.4), "cumsum": lambda x: np.cumsum(x, axis=1),
    "matmul": lambda x: np.matmul(x, A.T), "einsum": lambda x: np.einsum("ij,kj->ik", x, A),
    "tensordot": lambda x: np.tensordot(x, A, axes=2), "flip": np.flip, "squeeze": np.squeeze,
    "roll": lambda x: np.roll(x, 1, axis=1), "expand_dims": lambda x: np.expand_dims(x, 0),
    "take": lambda x: np.take(x, [2, 0], axis=1), "sort": lambda x: np.sort(x, axis=1),
    "pad": lambda x: np.pad(x, 1), "tile": lambda x: np.tile(x, 2), "tril": np.tril,
    "split": lambda x: np.split(x, 3, axis=1)[1], "swapaxes": lambda x: np.swapaxes(x, 0, 1),
    "add.reduce": np.add.reduce, "maximum.reduce": lambda x: np.maximum.reduce(x, axis=1),
    "multiply.reduce": lambda x: np.multiply.reduce(x, axis=None),
    "ndarray + t": lambda x: A + x, "ndarray - t": lambda x: A - x, "ndarray * t": lambda x: A * x,
    "ndarray / t": lambda x: A / (x + 3), "ndarray ** t": lambda x: (A + 2) ** x,
    "ndarray @ t": lambda x: A.T @ x, "t @ ndarray": lambda x: x @ A.T,
    "list @ t": lambda x: x.T.__rmatmul__([[1.0, 2.0, 3.0]]),
    "NumPy scalar * t": lambda x: np.float64(3) * x, "t ** scalar": lambda x: x ** np.int64(2),
    "vstack": lambda x: np.vstack([x[0], A, [0.0, 1.0, 2.0]]),
    "hstack": lambda x: np.hstack([x, A]), "hstack of vectors": lambda x: np.hstack([x[0], 3.0]),
    "trace": lambda x: np.trace(x[:, :2]), "norm": np.linalg.norm,
    "norm of vectors": lambda x: np.linalg.norm(x, axis=1, keepdims=True),
    "1-norm": lambda x: np.linalg.norm(x, 1, axis=0),
    "Frobenius": lambda x: np.linalg.norm(x, "fro"),
    "infinity norm": lambda x: np.linalg.norm(x[0], np.inf),
    "einsum's way": lambda x: np.einsum("ij,kj", x, A, optimize=True),
    "a_min": lambda x: np.clip(x, a_min=-0.2, a_max=None),
    "kind": lambda x: np.sort(x, kind="stable"),
    "0-d array - t": lambda x: np.array(2.0) - x, "list + t": lambda x: [1.0, 2.0, 3.0] + x,
}  # fmt: skip


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
def test_numpys_functions_take_tensors_and_stay_differentiable(f):
    x = tracked()
    y = f(x)
    assert type(y) is tg.Tensor and y.requires_grad
    expected = np.asarray(f(A)) if f is not FUNCTIONS["list @ t"] else np.array([[1.0, 2, 3]]) @ A.T
    assert y.shape == expected.shape and y.dtype == np.float64
    np.testing.assert_allclose(y.detach().numpy(), expected, rtol=1e-14, atol=1e-15)
    y.backward(np.ones(y.shape))
    if f is not np.sign:
        assert x.grad.numpy().any()


def test_comparisons_with_arrays_give_tensors():
    x = tracked()
    for compare in (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge):
        for one, two in ((A, x), (x, A), (x, 0.1), (np.float64(0.1), x)):
            found = compare(one, two)
            raw = [t.detach().numpy() if t is x else t for t in (one, two)]
            assert type(found) is tg.Tensor and np.array_equal(found.numpy(), compare(*raw))


def test_numpy_asks_for_shapes():
    x = tracked()
    assert np.shape(x) == (2, 3) and np.ndim(x) == 2 and np.size(x) == 6 and np.size(x, 1) == 3
    assert np.zeros_like(x).tolist() == [[0, 0, 0]] * 2
    assert np.array_equal(x, A) and np.array_equal(A, x) and not np.array_equal(x, x * 2)
    assert np.shares_memory(x, x.detach()) and not np.may_share_memory(x, x * 2)


# What NumPy can do and a tensor cannot, and the words for it.
REFUSED = {
    "out": (lambda x: np.add(x, 1, out=np.zeros((2, 3))), "out= is not supported on tensors"),
    "in place": (lambda x: operator.iadd(A.copy(), x), "out= is not supported on tensors"),
    "where": (lambda x: np.add(x, 1, where=A > 0), "where= is not supported"),
    "at": (lambda x: np.add.at(A.copy(), [0], x), r"np.add.at has no differentiable"),
    "accumulate": (lambda x: np.add.accumulate(x), "np.add.accumulate has no differentiable"),
    "outer": (lambda x: np.multiply.outer(x, x), "np.multiply.outer has no differentiable"),
    "a ufunc": (lambda x: np.frexp(x), r"np.frexp has no .* use x.numpy\(\) to leave the graph"),
    "a function": (lambda x: np.fft.fft(x), "np.fft has no differentiable counterpart"),
    "a matrix norm": (lambda x: np.linalg.norm(x, 2), "norm: ord=2 of a matrix is not diff"),
    "copyto": (lambda x: np.copyto(A.copy(), x), "np.copyto has no differentiable counterpart"),
    "asarray": (np.asarray, r"np.asarray: .* requires a gradient.*use .detach\(\).numpy\(\)"),
    "array of a list": (lambda x: np.array([x, x]), "requires a gradient"),
    "tensor of a list": (lambda x: tg.tensor([x[0, 0], x[0, 1]]), "requires a gradient"),
    "operand in a list": (lambda x: tg.ones(2) * [x[0, 0], x[0, 1]], "requires a gradient"),
    "DLPack of a result": (lambda x: np.from_dlpack(x * 2), r"use .detach\(\)"),
}


@pytest.mark.parametrize("call, words", REFUSED.values(), ids=REFUSED)
def test_no_gradient_is_lost_silently(call, words):
    with pytest.raises((TypeError, RuntimeError), match=words):
        call(tracked())


def test_arrays_of_tensors_without_gradient():
    x = tg.tensor(A)
    array = np.asarray(x)
    assert np.shares_memory(array, x.numpy()) and not array.flags.writeable
    assert np.array(x).flags.writeable and np.array(x, copy=True).base is None
    assert np.asarray(x, dtype=np.float32).dtype == np.float32
    with pytest.raises(ValueError):
        np.asarray(x, dtype=np.float32, copy=False)
    np.testing.assert_array_equal(x, A)
    assert np.array([tg.tensor(1.0), tg.tensor(2.0)]).tolist() == [1, 2]
    assert tg.tensor([tg.tensor(1.0, dtype=tg.float64)]).dtype == tg.float64


def test_dlpack_is_zero_copy_both_ways(oracle):
    for dtype in ("float32", "float64", "int8", "int32", "int64", "uint8"):
        x = tg.asarray(np.arange(6).reshape(2, 3), dtype=dtype)
        theirs = oracle.from_dlpack(x)
        assert theirs.data_ptr() == x.numpy().ctypes.data and tuple(theirs.shape) == (2, 3)
        back = tg.from_dlpack(theirs.T)
        assert back.numpy().ctypes.data == theirs.data_ptr() and back.shape == (3, 2)
        assert back.dtype == x.dtype and back.numpy().strides == x.numpy().T.strides
    assert x.__dlpack_device__() == (1, 0)
    for make in (tg.asarray, tg.tensor, tg.abs):
        copied = make(theirs)
        assert copied.dtype == x.dtype and copied.tolist() == x.tolist()
        assert copied.numpy().ctypes.data != theirs.data_ptr()
    with pytest.raises(BufferError, match="requires? grad"):
        tg.tensor(oracle.ones(2, requires_grad=True))


def test_dlpack_from_jax(jax):
    theirs = jax.numpy.arange(3.0)
    x = tg.from_dlpack(theirs)
    x.requires_grad = True
    (x * x).sum().backward()
    assert x.grad.tolist() == [0, 2, 4] and x.numpy().ctypes.data == theirs.unsafe_buffer_pointer()


COPIES = {
    "copy": copy.copy, "deepcopy": copy.deepcopy,
    **{f"pickle {n}": lambda x, n=n: pickle.loads(pickle.dumps(x, n)) for n in range(2, 6)},
}  # fmt: skip


@pytest.mark.parametrize("duplicate", COPIES.values(), ids=COPIES)
def test_copies_are_leaves_with_the_same_values(duplicate):
    x = tracked()
    (x * x).sum().backward()
    for original in (x, x * 2, x.detach(), tg.tensor([1, 2]), tg.tensor(True), x[0, ::2], x.T):
        made = duplicate(original)
        assert made.is_leaf and made.requires_grad is original.requires_grad
        assert made.dtype is original.dtype and made.tolist() == original.tolist()
        assert not np.shares_memory(made.numpy(), original.numpy())
    made = duplicate(x)
    assert made.grad.tolist() == x.grad.tolist()
    (made * 3).sum().backward()
    assert made.grad.tolist() == (x.grad + 3).tolist() and x.grad.tolist() == (2 * A).tolist()


def test_deep_copies_keep_what_is_one_one():
    x = tracked()
    one, (two, other) = copy.deepcopy((x, [x, x * 1]))
    assert one is two and other is not one and one is not x


def test_unpickled_tensors_compute_with_others():
    x = pickle.loads(pickle.dumps(tg.ones(2)))
    y = tg.ones(2, requires_grad=True)
    (x * y + x).sum().backward()
    assert y.grad.tolist() == [1, 1] and (x + y).dtype == tg.float32


def test_formatting():
    assert f"{tg.tensor(0.12345):.3f}" == "0.123" and f"{tg.tensor(7):04d}" == "0007"
    assert f"{tg.tensor(2.5)}" == "2.5" and f"{tg.tensor([1, 2])}" == "tensor([1, 2])"
    assert f"{tracked(np.array(2.0)):.1e}" == "2.0e+00"
    assert repr(tracked(np.ones(1))) == "tensor([1.], dtype=float64, requires_grad=True)"
    assert repr(tg.zeros((0, 2))) == "tensor([], shape=(0, 2))"
    with pytest.raises(TypeError, match=r"'.3f' is for numbers, and this has shape \(2, 3\)"):
        f"{tg.tensor(A):.3f}"


def test_numbers():
    x = tracked(np.array([[2.75]]))
    assert float(x) == 2.75 and int(x) == 2 and x.item() == 2.75 and type(x.item()) is float
    assert math.sqrt(tg.tensor(4.0)) == 2 and [10, 20][tg.tensor(1)] == 20
    assert list(range(tg.tensor(3))) == [0, 1, 2] and round(float(tg.tensor(2.5))) == 2
    for convert in (float, int, lambda x: x.item()):
        with pytest.raises(ValueError, match=r"item: shape \(2, 3\) is not a single element"):
            convert(tg.tensor(A))
    with pytest.raises(TypeError):
        [1, 2][tg.tensor(1.0)]
    assert [v.item() for v in divmod(7.0, tg.tensor(2.0))] == [3, 1]
    assert [v.item() for v in divmod(tg.tensor(7.0), 2)] == [3, 1]


def test_truth():
    assert tg.tensor(1.0) and not tg.tensor([[0]]) and tg.tensor([0.5]) > 0
    for x in (tg.ones(2), tg.zeros(0), tg.tensor(A) > 0):
        with pytest.raises(ValueError, match=r"neither true nor false; use .any\(\) or .all\(\)"):
            bool(x)
    assert 0.5 in tg.tensor(A) and 7 not in tg.tensor(A)


def test_iteration_and_unpacking_are_differentiable():
    x = tracked(np.array([1.0, 2.0, 3.0]))
    a, b, c = x
    first, *rest = x
    assert len(x) == 3 and [v.item() for v in rest] == [2, 3]
    (a * b * c + first + sum(row for row in x)).backward()
    assert x.grad.tolist() == [8, 4, 3]
    (left, _), (_, right) = tg.tensor([[1, 2], [3, 4]])
    assert (left.item(), right.item()) == (1, 4)
    for ask in (len, list, iter):
        with pytest.raises(TypeError, match="0-d tensor"):
            ask(tg.tensor(1.0))


def test_tensors_are_known_by_identity():
    x, y = tg.ones(2), tg.ones(2)
    assert len({x, y, x}) == 2 and x in {x} and y not in {x} and {x: 1}[x] == 1
    assert hash(x) == hash(x) and (x == None) is False and x != "text"  # noqa: E711
    x += 1
    assert x in {x}


def test_a_tensor_is_final_and_has_no_stray_attributes():
    with pytest.raises(TypeError, match="Tensor is final"):
        type("Mine", (tg.Tensor,), {})
    with pytest.raises(AttributeError):
        tg.ones(2).gard = None
    with pytest.raises(TypeError, match=r"use tg.tensor\(\.\.\.\)"):
        tg.Tensor([1.0])
