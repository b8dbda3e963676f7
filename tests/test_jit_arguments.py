"""Arguments of compiled functions: arrays of every layout and dtype that NumPy has."""

import numpy as np
import pytest

import tidegrad as tg
from tidegrad.errors import DTypeError


def double(x):
    return tg.jit(lambda x: tg.asarray(x) * 2)(x)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([1, "a"], dtype=object), "argument x: dtype object is not supported"),
        (np.array([1.0], np.float16), "argument x: dtype float16 .* convert to float32"),
        (np.array([1j]), "argument x: dtype complex128 .* convert to a real dtype"),
        (np.array(["a"]), "argument x: dtype <U1 is not supported"),
        (np.array(["2020-01-01"], np.datetime64), "argument x: dtype datetime64"),
        (np.zeros(2, [("a", "f4")]), "argument x: dtype .* is not supported"),
        (np.longdouble(1), "argument x: dtype .* is not supported"),
    ],
)
def test_dtypes_that_there_are_not(array, message):
    with pytest.raises(DTypeError, match=message):
        double(array)


@pytest.mark.parametrize("dtype", [">f4", ">f8", ">i2", ">u8"])
def test_bytes_in_the_other_order(dtype):
    array = np.arange(7, dtype=dtype)
    found = double(array)
    assert found.dtype == array.dtype.newbyteorder("=")
    np.testing.assert_array_equal(found.array, 2 * array)


def test_arrays_between_whole_addresses():
    memory = np.zeros(41, np.uint8)
    array = memory[1:].view(np.float32)
    array[:] = np.arange(10)
    np.testing.assert_array_equal(double(array).array, 2 * array)


@pytest.mark.parametrize("cut", [np.s_[::-1, ::2], np.s_[:, ::-3], np.s_[3:3], np.s_[1:2, 5]])
def test_arrays_that_are_cut_and_turned(cut):
    whole = np.asfortranarray(np.arange(63.0).reshape(7, 9))
    whole.flags.writeable = False
    np.testing.assert_array_equal(double(whole[cut]).array, 2 * whole[cut])


def test_results_and_states_are_no_memory_of_the_callers():
    kept = tg.zeros(3)

    @tg.jit
    def keep(x):
        kept[...] = x
        return tg.asarray(x) * 1

    array = np.array([1.0, 2.0, 3.0], np.float32)
    found = keep(array)
    array[:] = -1
    np.testing.assert_array_equal(found.array, [1, 2, 3])
    np.testing.assert_array_equal(kept.array, [1, 2, 3])
    shared = tg.asarray(array, copy=False)
    found = tg.jit(lambda x: x * 1)(shared)
    array[:] = -2
    np.testing.assert_array_equal(found.array, [-1, -1, -1])


def test_derivatives_keep_no_memory_of_the_callers():
    w = tg.ones(3, requires_grad=True)
    array = np.array([1.0, 2.0, 3.0], np.float32)
    loss = tg.jit(lambda x: (w * x).sum())(array)
    array[:] = -1
    loss.backward()
    np.testing.assert_array_equal(w.grad.array, [1, 2, 3])


FLOATS = {
    "where": lambda x, a: tg.where(x > 0, a, x),
    "where of two": lambda x, a: tg.where(x > 0, a, 1.0),
    "compared": lambda x, a: tg.where(tg.asarray(a > 0), x, -x),
    "linspace": lambda x, a: tg.linspace(0, a, 5),
    "uniform": lambda x, a: tg.random.uniform((3,), -a, a + 1),
    "normal": lambda x, a: tg.random.normal((3,), a, a),
    "ones_like": lambda x, a: x * tg.ones_like(a),
    "empty_like": lambda x, a: x * (0 * tg.empty_like(a) + 1),
    "float64": lambda x, a: x * tg.asarray(a, dtype=tg.float64),
    "tensor": lambda x, a: tg.tensor(a) * x,
    "clip": lambda x, a: tg.clip(x, -a, a),
    "concat": lambda x, a: tg.concat([x, tg.stack([a])]),
    "full": lambda x, a: tg.full((2,), a, dtype=tg.float64),
    "full_like": lambda x, a: tg.full_like(x, a),
    "scan": lambda x, a: tg.scan(lambda c, v: (c * a + v, c), a, x)[0],
    "integers": lambda x, a: tg.arange(3) * a,
}


@pytest.mark.parametrize("f", FLOATS.values(), ids=FLOATS)
def test_floats_have_no_dtype_of_their_own(f):
    x = tg.tensor([-1.0, 2.0, 0.5])
    tg.random.seed(1)
    expected = f(x, 0.7)
    tg.random.seed(1)
    found = tg.jit(f)(x, 0.7)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found.array, expected.array, rtol=1e-6)
    kind = tg.jit(lambda x, a: tg.zeros(2, dtype=tg.result_type(x, a)))(x, 0.7)
    assert kind.dtype == tg.float32
