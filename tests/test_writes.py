"""Reading and writing parts of tensors in every way: values are NumPy's, derivatives exact."""

import numpy as np
import pytest
from differences import assert_derivatives, numbers

import tidegrad as tg

SHAPE = (2, 3, 4)
X = numbers(SHAPE)
MASK = numbers(SHAPE, seed=1) > 0.2

KEYS = {
    "a number": 1, "from the end": (-1, ..., -2), "all numbers": (0, 1, 2), "nothing": (),
    "slices": (slice(None), slice(1, 3), slice(None, None, 2)), "beyond": slice(-100, 100),
    "backwards": (slice(None, None, -1), slice(2, 0, -1)), "none of it": slice(2, 1),
    "backwards from before": slice(-9, None, -2), "dots for no axis": ([0, 1], ..., 0, [1, 2]),
    "new axes": (None, 0, None, slice(1, None)), "an ellipsis": (..., 0),
    "NumPy's int": np.int8(-1), "a tensor": tg.tensor(1), "a list": [1, 0, 1],
    "a column": (slice(None), [[2], [0]]),
    "two arrays": ([0, 1, 1], [2, 0, 0]), "three arrays": ([[0], [1]], [0, 2], 3),
    "arrays apart": ([0, 1], slice(None), [3, 0]), "apart by a new axis": ([1, 0], None, [2, 2]),
    "a number and an array": (1, slice(None), [0, 0, 3]), "after a slice": (slice(0, 2), [2, 0]),
    "unsigned": (slice(None), np.array([2, 0, 2], np.uint64)), "small": np.array([-1, 0], np.int8),
    "a mask": MASK, "a mask of rows": np.array([False, True]), "a mask of all": MASK & False,
    "a mask of an axis": (slice(None), np.array([True, False, True])),
    "a mask of two": (MASK[..., 0], slice(1, 3)), "and an array": (np.array([True, True]), [0, 2]),
    "a range": range(1, -1, -1), "ranges": (range(2), ..., range(2, 0, -1)),
    "an empty list": [], "an empty range": range(0), "true": True, "false": (False, 0),
}  # fmt: skip
EVERY_KEY = pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)


def plain(key):
    """The key as NumPy takes it."""
    if isinstance(key, tg.Tensor):
        return key.numpy()
    return np.array([], int) if isinstance(key, list) and not key else key


def written(value):
    """The tensor that a statement leaves, as a function of what it starts from."""

    def function(key, x, v):
        y = x * 1
        y[key] = value(v)
        return y

    return function


@EVERY_KEY
def test_reading(key):
    found, expected = tg.tensor(X)[key], X[plain(key)]
    assert found.shape == expected.shape and np.array_equal(found.numpy(), expected)
    assert_derivatives(lambda x: x[key], [X])


@EVERY_KEY
def test_writing_a_tensor(key):
    v = numbers(X[plain(key)].shape, seed=2)
    expected = X.copy()
    if len(np.unique(np.arange(X.size).reshape(SHAPE)[plain(key)])) == v.size:
        expected[plain(key)] = v
    else:  # places that are named twice: the last value stays
        for place, element in zip(np.arange(X.size).reshape(SHAPE)[plain(key)].flat, v.flat):
            expected.flat[place] = element
    assert np.array_equal(written(lambda v: v)(key, tg.tensor(X), tg.tensor(v)).numpy(), expected)
    assert_derivatives(lambda x, v: written(lambda v: v**2)(key, x, v), [X, v])


@EVERY_KEY
def test_writing_what_is_spread(key):
    v = numbers((), seed=3)
    expected = X.copy()
    expected[plain(key)] = v
    assert np.array_equal(written(lambda v: v)(key, tg.tensor(X), tg.tensor(v)).numpy(), expected)
    assert_derivatives(lambda x, v: written(lambda v: v * x.sum())(key, x, v), [X, v])


@EVERY_KEY
def test_adding_to_a_part(key):
    def augmented(x):
        y = x * 1
        y[key] += x[key] * 2
        y[key] *= 1.5
        return y

    expected = X.copy()
    expected[plain(key)] += X[plain(key)] * 2
    expected[plain(key)] *= 1.5
    np.testing.assert_allclose(augmented(tg.tensor(X)).numpy(), expected, rtol=1e-15)
    assert_derivatives(augmented, [X])


def test_writing_from_itself():
    def shifted(x):
        y = x * 1
        y[1:] = y[:-1]
        y[:, ::-1] = y
        y[..., [0, 1]] = y[..., [1, 0]]
        y[y > 0] **= 2
        return y

    y = X.copy()
    y[1:] = y[:-1].copy()
    y[:, ::-1] = y.copy()
    y[..., [0, 1]] = y[..., [1, 0]]
    y[y > 0] **= 2
    np.testing.assert_allclose(shifted(tg.tensor(X)).numpy(), y, rtol=1e-15)
    assert_derivatives(shifted, [X])


@pytest.mark.parametrize("value", [1, 2.7, True, np.float64(0.5), [1.5, 2, 3, 4], np.arange(4)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8", "bool"])
def test_what_is_written_takes_the_tensors_dtype(value, dtype):
    expected = np.zeros((2, 4), dtype)
    x = tg.zeros((2, 4), dtype=dtype)
    expected[1] = value
    x[1] = value
    assert x.dtype == dtype and np.array_equal(x.numpy(), expected)


def test_parts_are_values():
    x = tg.tensor(X)
    row, turned = x[0], x.T
    row[...] = 9
    turned[0] = 9
    x[0][1] = 9
    assert np.array_equal(x.numpy(), X)
    x[0, 0, 0] = 5
    assert x[0, 0, 0].item() == 5 and row[0, 0].item() == 9


def test_several_names_are_one_tensor():
    x = tg.ones(2)
    same = x
    x += 1
    x[0] = 7
    assert same is x and same.tolist() == [7, 2]
    x = x + 1
    assert same.tolist() == [7, 2]
