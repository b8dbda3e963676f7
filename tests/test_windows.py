"""Sliding windows: what they see, that sums over them are transposes, and never out of bounds."""

import itertools

import numpy as np
import pytest
from differences import assert_derivatives, numbers

import tidegrad as tg
from tidegrad.nn import functional as F
from tidegrad.ops.windows import overlap_add, peaks, spread_windows, sum_windows, window

# Shape, size, stride, dilation.
CASES = [
    ((2, 7), (3,), (1,), (1,)),
    ((2, 7), (3,), (2,), (3,)),
    ((1, 8), (2,), (3,), (2,)),
    ((2, 5, 6), (3, 2), (1, 2), (1, 3)),
    ((2, 6, 5), (2, 5), (2, 1), (4, 1)),
    ((5, 4), (1, 1), (1, 3), (1, 1)),
    ((3, 4, 5), (2, 2, 2), (1, 2, 1), (1, 1, 3)),
]


def naive(x, size, stride, dilation):
    """Windows one by one."""
    lead = x.ndim - len(size)
    reach = [d * (k - 1) + 1 for k, d in zip(size, dilation, strict=True)]
    starts = [range(0, n - r + 1, s) for n, r, s in zip(x.shape[lead:], reach, stride, strict=True)]
    out = np.empty((*x.shape[:lead], *map(len, starts), *size))
    for place in itertools.product(*map(enumerate, starts)):
        key = [slice(a, a + r, d) for (_, a), r, d in zip(place, reach, dilation, strict=True)]
        out[(..., *(i for i, _ in place), *[slice(None)] * len(size))] = x[(..., *key)]
    return out


@pytest.mark.parametrize("shape, size, stride, dilation", CASES)
def test_windows_and_their_transpose(shape, size, stride, dilation):
    params = {"size": size, "stride": stride, "dilation": dilation}
    x = numbers(shape)
    seen = window(tg.tensor(x), **params)
    expected = naive(x, size, stride, dilation)
    assert np.array_equal(seen.numpy(), expected)
    assert window.infer(x, **params) == (expected.shape, x.dtype)
    # <window(x), y> = <x, overlap_add(y)> for all x defines overlap_add.
    y = numbers(expected.shape, seed=1)
    added = overlap_add(tg.tensor(y), **params, shape=shape)
    assert added.shape == shape
    np.testing.assert_allclose((expected * y).sum(), (x * added.numpy()).sum(), rtol=1e-12)
    assert_derivatives(lambda t: window(t, **params) ** 2, [x])
    assert_derivatives(lambda t: overlap_add(t, **params, shape=shape) ** 2, [y])


def test_windows_added_into_more_room_than_they_fill():
    """One more window would fit into the result than there are: it is not one of them."""
    params = {"size": (2,), "stride": (1,), "dilation": (3,), "shape": (2, 7)}
    y = numbers((2, 2, 2))
    found = overlap_add(tg.tensor(y), **params).numpy()
    assert not found[:, 5:].any() and np.array_equal(found[:, :2], y[..., 0])
    assert_derivatives(lambda t: overlap_add(t, **params) ** 2, [y])


@pytest.mark.parametrize("shape, size, stride, _", CASES)
def test_sums_of_windows(shape, size, stride, _):
    x = numbers(shape)
    expected = naive(x, size, stride, (1,) * len(size))
    axes = tuple(range(-len(size), 0))
    summed = sum_windows(tg.tensor(x), size=size, stride=stride)
    np.testing.assert_allclose(summed.numpy(), expected.sum(axes), rtol=1e-12, atol=1e-13)
    assert sum_windows.infer(x, size=size, stride=stride) == (summed.shape, x.dtype)
    y = numbers(summed.shape, seed=1)
    spread = spread_windows(tg.tensor(y), size=size, stride=stride, shape=shape).numpy()
    np.testing.assert_allclose((summed.numpy() * y).sum(), (x * spread).sum(), rtol=1e-12)
    assert_derivatives(lambda t: sum_windows(t, size=size, stride=stride) ** 2, [x])
    assert_derivatives(lambda t: spread_windows(t, size=size, stride=stride, shape=shape) ** 2, [y])


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "bool"])
@pytest.mark.parametrize("shape, size, stride, dilation", CASES)
def test_peaks_are_the_first_largest(shape, size, stride, dilation, dtype):
    x = (np.random.default_rng(0).integers(0, 4, shape) % 3).astype(dtype)  # many ties
    params = {"size": size, "stride": stride, "dilation": dilation, "pads": ((0, 0),) * len(size)}
    found = peaks(tg.tensor(x), **params)
    seen = naive(x, size, stride, dilation)
    lead = x.ndim - len(size)
    planes = np.arange(np.prod(shape[lead:])).reshape(shape[lead:])
    where = naive(np.broadcast_to(planes, shape), size, stride, dilation)
    flat = seen.reshape(*found.shape, -1).argmax(-1)[..., None]
    expected = np.take_along_axis(where.reshape(*found.shape, -1), flat, -1)[..., 0]
    assert np.array_equal(found.numpy(), expected) and found.dtype == tg.int64
    assert peaks.infer(x, **params) == (found.shape, found.dtype)


def test_strided_and_read_only_memory_is_seen_as_it_is():
    x = np.arange(48.0).reshape(4, 12)
    frozen = x.copy()
    frozen.flags.writeable = False
    params = {"size": (2, 2), "stride": (1, 2), "dilation": (1, 1)}
    for array in (x[::-1, ::2], x[:, ::-1], x.T, np.broadcast_to(x[:1], (4, 12)), frozen):
        seen = window(tg.asarray(array, copy=False), **params).numpy()
        assert np.array_equal(seen, naive(array, **params))


@pytest.mark.parametrize(
    "shape, size, dilation", [((2, 3), (4,), (1,)), ((2, 3), (2,), (3,)), ((0,), (1,), (1,))]
)
def test_a_window_never_reaches_beyond_the_array(shape, size, dilation):
    x = tg.zeros(shape)
    with pytest.raises(ValueError, match="does not fit into the axes"):
        window(x, size=size, stride=(1,), dilation=dilation)
    with pytest.raises(ValueError, match="does not fit into the axes"):
        peaks(x, size=size, stride=(2,), dilation=dilation, pads=((0, 0),))


def test_unfold(oracle):
    x = numbers((2, 3, 7, 6))
    for options in (
        {"kernel_size": 3},
        {"kernel_size": (2, 3), "stride": (1, 2), "padding": (1, 0), "dilation": (3, 1)},
    ):
        found = F.unfold(tg.tensor(x), **options)
        expected = oracle.nn.functional.unfold(oracle.tensor(x), **options).numpy()
        assert np.array_equal(found.numpy(), expected)
        assert np.array_equal(F.unfold(tg.tensor(x[0]), **options).numpy(), expected[0])
        assert_derivatives(lambda t, options=options: F.unfold(t, **options) ** 2, [x])
    with pytest.raises(ValueError, match="does not fit"):
        F.unfold(tg.tensor(x), 8)
    with pytest.raises(ValueError, match="unfold: takes"):
        F.unfold(tg.ones((3, 3)), 2)
