"""Pooling and interpolation beside PyTorch; ties, infinities, empty batches, bad options."""

import numpy as np
import pytest
from differences import assert_derivatives, numbers

import tidegrad as tg
from tidegrad.nn import functional as F

SIGNAL, IMAGE = (2, 3, 11), (2, 3, 9, 8)

# As both libraries have them; the other options stay as they are by default.
POOLINGS = [
    ("max_pool1d", SIGNAL, {"kernel_size": 2}),
    ("max_pool1d", SIGNAL, {"kernel_size": 3, "stride": 2, "padding": 1, "dilation": 2}),
    ("max_pool1d", SIGNAL, {"kernel_size": 4, "ceil_mode": True, "padding": 2}),
    ("max_pool1d", (3, 11), {"kernel_size": 5, "stride": 1}),
    ("max_pool2d", IMAGE, {"kernel_size": 2}),
    ("max_pool2d", IMAGE, {"kernel_size": 3, "stride": 2, "padding": 1}),
    ("max_pool2d", IMAGE, {"kernel_size": (3, 2), "stride": (1, 3), "dilation": (2, 3)}),
    ("max_pool2d", IMAGE, {"kernel_size": 2, "stride": 3, "ceil_mode": True}),
    ("max_pool2d", IMAGE, {"kernel_size": (4, 3), "padding": (2, 1), "ceil_mode": True}),
    ("max_pool2d", IMAGE, {"kernel_size": 17, "padding": 8, "stride": 1}),
    ("max_pool2d", IMAGE, {"kernel_size": 10, "stride": 4, "ceil_mode": True}),
    ("max_pool2d", (3, 9, 8), {"kernel_size": (9, 8)}),
    ("avg_pool1d", SIGNAL, {"kernel_size": 3}),
    ("avg_pool1d", SIGNAL, {"kernel_size": 4, "stride": 3, "padding": 2, "ceil_mode": True}),
    ("avg_pool1d", (3, 11), {"kernel_size": 3, "padding": 1, "count_include_pad": False}),
    ("avg_pool2d", IMAGE, {"kernel_size": 2}),
    ("avg_pool2d", IMAGE, {"kernel_size": (3, 2), "stride": (1, 3), "padding": (1, 0)}),
    ("avg_pool2d", IMAGE, {"kernel_size": 3, "padding": 1, "count_include_pad": False}),
    ("avg_pool2d", IMAGE, {"kernel_size": 4, "padding": 2, "ceil_mode": True, "stride": 3}),
    (
        "avg_pool2d",
        IMAGE,
        {"kernel_size": 4, "padding": 1, "ceil_mode": True, "count_include_pad": False},
    ),
    ("avg_pool2d", IMAGE, {"kernel_size": 2, "stride": 1, "divisor_override": 3}),
    ("avg_pool2d", (3, 9, 8), {"kernel_size": 1, "stride": 2}),
    ("adaptive_avg_pool1d", SIGNAL, {"output_size": 4}),
    ("adaptive_avg_pool1d", SIGNAL, {"output_size": 1}),
    ("adaptive_avg_pool1d", (3, 4), {"output_size": 7}),
    ("adaptive_avg_pool2d", IMAGE, {"output_size": (3, 4)}),
    ("adaptive_avg_pool2d", IMAGE, {"output_size": (4, 5)}),
    ("adaptive_avg_pool2d", IMAGE, {"output_size": (None, 3)}),
    ("adaptive_avg_pool2d", (3, 9, 8), {"output_size": 1}),
    ("interpolate", SIGNAL, {"scale_factor": 2}),
    ("interpolate", SIGNAL, {"size": 7}),
    ("interpolate", SIGNAL, {"scale_factor": 0.4}),
    ("interpolate", SIGNAL, {"scale_factor": 2.3, "mode": "linear"}),
    ("interpolate", SIGNAL, {"size": 5, "mode": "linear", "align_corners": True}),
    ("interpolate", IMAGE, {"scale_factor": (3, 2)}),
    ("interpolate", IMAGE, {"scale_factor": (1.5, 0.5)}),
    ("interpolate", IMAGE, {"size": (4, 20)}),
    ("interpolate", IMAGE, {"scale_factor": (1.1, 2.2)}),
    ("interpolate", IMAGE, {"scale_factor": 2, "mode": "bilinear"}),
    ("interpolate", IMAGE, {"size": (5, 17), "mode": "bilinear", "align_corners": False}),
    ("interpolate", IMAGE, {"size": (1, 17), "mode": "bilinear", "align_corners": True}),
    ("interpolate", IMAGE, {"scale_factor": (1.1, 1.7), "mode": "bilinear"}),
    ("interpolate", (1, 2, 3, 4, 2), {"scale_factor": 2}),
]


@pytest.mark.parametrize("name, shape, options", POOLINGS, ids=str)
def test_values_and_gradients(oracle, name, shape, options):
    array = numbers(shape)
    x, y = tg.tensor(array, requires_grad=True), oracle.tensor(array, requires_grad=True)
    ours, theirs = getattr(F, name)(x, **options), getattr(oracle.nn.functional, name)(y, **options)
    np.testing.assert_allclose(ours.numpy(), theirs.detach().numpy(), rtol=1e-12, atol=1e-13)
    g = numbers(ours.shape, seed=1)
    ours.backward(g)
    theirs.backward(oracle.tensor(g))
    np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name, shape, options", POOLINGS, ids=str)
def test_higher_derivatives(name, shape, options):
    # The square makes the second derivative of a linear operation differ from zero.
    small = numbers(shape)
    assert_derivatives(lambda x: getattr(F, name)(x, **options) ** 2, [small])


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 2},
        {"kernel_size": 3, "stride": 1, "padding": 1},
        {"kernel_size": (3, 2), "stride": 2, "padding": (1, 0), "dilation": (2, 1)},
        {"kernel_size": (2, 4), "ceil_mode": True, "padding": (1, 2)},
    ],
    ids=str,
)
def test_the_first_of_equals_wins(oracle, options, dtype):
    array = (np.random.default_rng(0).integers(0, 3, IMAGE)).astype(dtype)
    ours, places = F.max_pool2d(tg.tensor(array), **options, return_indices=True)
    theirs, indices = oracle.nn.functional.max_pool2d(
        oracle.tensor(array), **options, return_indices=True
    )
    assert np.array_equal(ours.numpy(), theirs.numpy()) and ours.dtype == dtype
    assert np.array_equal(places.numpy(), indices.numpy())


def test_ties_nan_and_infinities():
    x = tg.tensor([[[2.0, 2.0, 1.0, 2.0]]], requires_grad=True)
    F.max_pool1d(x, 4).sum().backward()
    assert x.grad.tolist() == [[[1.0, 0.0, 0.0, 0.0]]]
    nan, inf = float("nan"), float("inf")
    y = tg.tensor([[1.0, nan, 3.0, -inf, -inf, inf, 5.0, -inf]], requires_grad=True)
    found, places = F.max_pool1d(y, 2, return_indices=True)
    np.testing.assert_array_equal(found.numpy(), np.array([[nan, 3.0, inf, 5.0]], np.float32))
    assert places.tolist() == [[1, 2, 5, 6]]
    # Where everything is -inf the first element wins, and never the padding.
    z = tg.full((1, 4), -inf, requires_grad=True)
    out, places = F.max_pool1d(z, 3, stride=2, padding=1, return_indices=True)
    out.backward(np.ones((1, 2), np.float32))
    assert places.tolist() == [[0, 1]] and z.grad.tolist() == [[1.0, 1.0, 0.0, 0.0]]


@pytest.mark.parametrize("bad", [np.inf, np.nan])
@pytest.mark.parametrize(
    "pooled",
    [
        lambda x: F.avg_pool2d(x, 2),
        lambda x: F.adaptive_avg_pool2d(x, 4),
        lambda x: F.interpolate(x, scale_factor=0.5),
    ],
)
def test_what_is_not_finite_stays_in_its_own_windows(pooled, bad):
    x = np.ones((1, 1, 8, 8))
    x[..., 0, 0] = bad
    found = pooled(tg.tensor(x)).numpy()
    assert not np.isfinite(found[..., 0, 0]) and np.isfinite(found.ravel()[1:]).all()


def test_empty_batches_have_gradients():
    for f in (
        lambda x: F.max_pool2d(x, 2),
        lambda x: F.avg_pool2d(x, 2),
        lambda x: F.adaptive_avg_pool2d(x, (2, 3)),
        lambda x: F.interpolate(x, scale_factor=2),
        lambda x: F.interpolate(x, size=(3, 9), mode="bilinear"),
    ):
        x = tg.ones((0, 3, 6, 8), requires_grad=True)
        out = f(x)
        assert out.shape[:2] == (0, 3)
        out.sum().backward()
        assert x.grad.shape == x.shape


def ones(*shape):
    return tg.ones(shape)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: F.max_pool2d(ones(1, 1, 3, 3), 4), "a window of 4 does not fit an axis of size 3"),
        (lambda: F.max_pool1d(ones(1, 5), 3, dilation=3), "a window of 7 does not fit"),
        (lambda: F.max_pool2d(ones(3, 3), 2), "max_pool2d: takes .* not shape"),
        (lambda: F.max_pool2d(ones(1, 4, 4), 2, padding=2), "padding 2 is more than half"),
        (lambda: F.avg_pool1d(ones(1, 4), 3, padding=2), "padding 2 is more than half"),
        (lambda: F.max_pool1d(ones(1, 1), 3, 3, 1, 2, ceil_mode=True), "nothing but padding"),
        (lambda: F.max_pool1d(ones(1, 0), 2, padding=1), "does not fit an axis of size 0"),
        (lambda: F.avg_pool2d(ones(1, 4, 4), (2, 2, 2)), "must be one integer or 2"),
        (lambda: F.avg_pool2d(ones(1, 4, 4), 2, stride=0), "each 1 or more"),
        (lambda: F.max_pool2d(ones(1, 4, 4), 0), "each 1 or more"),
        (lambda: F.avg_pool2d(ones(1, 4, 4), 2, divisor_override=0), "divisor_override is 0"),
        (lambda: F.adaptive_avg_pool2d(ones(1, 4, 4), (1, 2, 3)), "one integer or 2"),
        (lambda: F.adaptive_avg_pool2d(ones(1, 0, 4), 1), "nothing to take means of"),
        (lambda: F.interpolate(ones(1, 1, 4)), "either size or scale_factor"),
        (lambda: F.interpolate(ones(1, 1, 4), 2, 2.0), "either size or scale_factor"),
        (lambda: F.interpolate(ones(1, 1, 4), 2, mode="bilinear"), '"bilinear" for 4'),
        (lambda: F.interpolate(ones(1, 4, 4), 2, mode="cubic"), "not 'cubic'"),
        (lambda: F.interpolate(ones(1, 1, 4), 2, align_corners=True), "for linear and bilinear"),
        (lambda: F.interpolate(ones(1, 1, 4), (2, 2)), "must be one number or 1"),
        (lambda: F.interpolate(ones(1, 1, 4), scale_factor=0.1), "from size 4 to 0"),
        (lambda: F.interpolate(ones(1, 1, 4), 2.5), "from size 4 to 2.5"),
        (lambda: F.interpolate(ones(4, 4), 2), "not shape"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
