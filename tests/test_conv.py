"""Convolutions beside PyTorch and beside loops: values, gradients, gradients of gradients."""

import itertools

import numpy as np
import pytest
from differences import assert_derivatives, numbers
from peaks import PEAK

import tidegrad as tg
from tidegrad.nn import functional as F


@pytest.fixture
def compare(oracle):
    """Value, gradients and second gradients of one function of nn.functional, to 1e-10."""
    threads = oracle.get_num_threads()
    oracle.set_num_threads(1)  # its threads wait for each other longer than these take

    def run(name, *shapes, **options):
        arrays = [numbers(s, -1, 1, seed=i) for i, s in enumerate(shapes)]
        ours = [tg.tensor(a, requires_grad=True) for a in arrays]
        theirs = [oracle.tensor(a, requires_grad=True) for a in arrays]
        y = getattr(F, name)(*ours, **options)
        z = getattr(oracle.nn.functional, name)(*theirs, **options)
        same(y, z)
        g = numbers(y.shape, -1, 1, seed=9)
        first = oracle.autograd.grad(z, theirs, oracle.tensor(g) + 0 * z, create_graph=True)
        (y * tg.tensor(g)).sum().backward(create_graph=True)
        grads = [t.grad for t in ours]
        for a, b in zip(grads, first, strict=True):
            same(a, b)
        for t in ours:
            t.grad = None
        linked = [(a, b) for a, b in zip(grads, first, strict=True) if b.grad_fn is not None]
        total = sum((a * a * a).sum() for a, b in linked if a.requires_grad)
        beyond = sum((b**3).sum() for a, b in linked if a.requires_grad)
        total.backward()
        second = oracle.autograd.grad(beyond, theirs, allow_unused=True)
        for t, b in zip(ours, second, strict=True):
            if t.grad is not None:
                same(t.grad, b)

    yield run
    oracle.set_num_threads(threads)


def same(ours, theirs):
    theirs = theirs.detach().numpy()
    assert ours.shape == theirs.shape
    scale = max(1.0, np.abs(theirs).max(initial=0))
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-10, atol=1e-10 * scale)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": 2},
        {"padding": 2, "dilation": 2},
        {"stride": 3, "padding": 1, "dilation": 2},
        {"padding": "same", "dilation": 3},
        {"padding": "valid", "stride": 2},
    ],
    ids=str,
)
@pytest.mark.parametrize("groups", [1, 4])
def test_conv1d(compare, options, groups):
    compare("conv1d", (2, 4, 11), (4, 4 // groups, 3), (4,), **options, groups=groups)


@pytest.mark.parametrize(
    "kernel, options",
    [
        ((3, 3), {"padding": 1}),
        ((3, 2), {"stride": (2, 3), "padding": (1, 0)}),
        ((2, 3), {"padding": "same", "dilation": (2, 1)}),
        ((4, 4), {"padding": "same"}),
        ((1, 1), {}),
        ((1, 1), {"stride": 2}),
        ((7, 6), {}),
        ((2, 2), {"stride": 3, "dilation": (1, 3), "padding": (0, 2)}),
    ],
    ids=str,
)
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
def test_conv2d(compare, kernel, options, groups):
    compare("conv2d", (2, 4, 7, 6), (6, 4 // groups, *kernel), (6,), **options, groups=groups)


@pytest.mark.parametrize("shape", [(64, 2, 9, 8), (3, 5, 4, 4), (1, 3, 12, 12)], ids=str)
def test_every_plan_of_the_products(compare, shape):
    """Sizes on both sides of where one large product becomes many small ones."""
    compare("conv2d", shape, (4, shape[1], 3, 3), (4,), padding=1)


def test_without_batch_or_bias(compare):
    compare("conv1d", (3, 7), (2, 3, 3))
    compare("conv2d", (3, 7, 5), (2, 3, 3, 3), (2,))
    compare("conv_transpose1d", (3, 7), (3, 2, 3))
    compare("conv_transpose2d", (3, 4, 5), (3, 2, 3, 3), (2,))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": 2, "padding": 1},
        {"stride": 3, "output_padding": 2},
        {"stride": 2, "padding": 2, "output_padding": 1, "dilation": 2},
        {"dilation": 3, "output_padding": 2},
        {"stride": 2, "dilation": 4, "output_padding": 3, "padding": 1},
    ],
    ids=str,
)
@pytest.mark.parametrize("groups", [1, 2])
def test_transposes(compare, options, groups):
    compare("conv_transpose1d", (2, 4, 5), (4, 6 // groups, 3), (6,), **options, groups=groups)
    shapes = [(2, 4, 4, 3), (4, 6 // groups, 3, 2), (6,)]
    compare("conv_transpose2d", *shapes, **options, groups=groups)


def test_sizes_by_axis(compare):
    options = {"stride": (2, 3), "padding": (1, 0), "output_padding": (1, 2), "dilation": (1, 2)}
    compare("conv_transpose2d", (2, 4, 4, 3), (4, 2, 3, 2), **options)


def loops(x, w, stride, padding, dilation):
    """The definition of conv2d."""
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    reach = [dilation * (k - 1) + 1 for k in w.shape[2:]]
    places = [range(0, n - r + 1, stride) for n, r in zip(x.shape[2:], reach, strict=True)]
    out = np.empty((x.shape[0], w.shape[0], *map(len, places)))
    for (i, h), (j, k) in itertools.product(*map(enumerate, places)):
        seen = x[:, :, h : h + reach[0] : dilation, k : k + reach[1] : dilation]
        out[:, :, i, j] = np.einsum("bckl,ockl->bo", seen, w)
    return out


@pytest.mark.parametrize("stride, padding, dilation", [(1, 0, 1), (2, 1, 1), (1, 2, 2), (3, 1, 2)])
def test_the_definition_and_differences(stride, padding, dilation):
    x, w = numbers((2, 3, 6, 7), seed=1), numbers((4, 3, 3, 2), seed=2)
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    found = F.conv2d(tg.tensor(x), tg.tensor(w), **options)
    np.testing.assert_allclose(found.numpy(), loops(x, w, **options), rtol=1e-12, atol=1e-12)
    assert_derivatives(lambda x, w: F.conv2d(x, w, **options), [x, w])


def test_a_transpose_is_the_transpose():
    """<conv(x), y> = <x, conv_transpose(y)> for the same kernel."""
    x, y = numbers((2, 4, 9, 8), seed=1), numbers((2, 6, 4, 4), seed=2)
    w = tg.tensor(numbers((6, 4, 3, 2), seed=3))
    there = (F.conv2d(tg.tensor(x), w, stride=2) * tg.tensor(y)).sum()
    back = (F.conv_transpose2d(tg.tensor(y), w, stride=2) * tg.tensor(x)).sum()
    np.testing.assert_allclose(there.item(), back.item(), rtol=1e-12)
    assert_derivatives(
        lambda x, w: F.conv_transpose2d(x, w, stride=2, dilation=3, output_padding=2),
        [numbers((1, 2, 2, 3), seed=4), numbers((2, 2, 2, 2), seed=5)],
    )


def test_float32_and_no_batch_at_all():
    x, w = tg.ones((0, 3, 8, 8), requires_grad=True), tg.ones((4, 3, 3, 3), requires_grad=True)
    out = F.conv2d(x, w, padding="same")
    assert out.shape == (0, 4, 8, 8) and out.dtype == tg.float32
    out.sum().backward()
    assert x.grad.shape == x.shape and not w.grad.numpy().any()


def test_integers():
    x, w = np.arange(24).reshape(1, 2, 3, 4), np.arange(16).reshape(2, 2, 2, 2)
    found = F.conv2d(tg.tensor(x), tg.tensor(w))
    assert found.dtype == tg.int64 and np.array_equal(found.numpy(), loops(x, w, 1, 0, 1))


def test_memory_stays_near_that_of_the_windows(alone):
    """16 kernels of 3 x 3 over (8, 16, 28, 28): the windows are 3.6 MB, all products 58."""
    alone(
        PEAK
        + """
import numpy as np, tidegrad as tg
x = tg.ones((8, 16, 28, 28), requires_grad=True)
w = tg.ones((16, 16, 3, 3), requires_grad=True)
tg.nn.functional.conv2d(x[:1], w, padding=1).sum().backward()
before = peak()
tg.nn.functional.conv2d(x, w, padding=1).sum().backward()
grown = peak() - before
assert grown < 30e6, grown
"""
    )


def ones(*shape):
    return tg.ones(shape)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: F.conv2d(ones(1, 3, 5, 5), ones(4, 2, 3, 3)), r"takes 2 channels, but .* has 3"),
        (lambda: F.conv2d(ones(1, 4, 5, 5), ones(4, 2, 3, 3), groups=3), "3 groups must divide"),
        (lambda: F.conv2d(ones(1, 4, 5, 5), ones(4, 4, 3, 3), groups=0), "0 groups must divide"),
        (lambda: F.conv2d(ones(1, 4, 5, 5), ones(4, 4, 6, 3)), r"over \(6, 3\) .* \(5, 5\)"),
        (lambda: F.conv1d(ones(1, 1, 5), ones(1, 1, 3), dilation=3), r"over \(7,\)"),
        (lambda: F.conv2d(ones(5, 5), ones(1, 1, 3, 3)), "conv2d: takes .* not shape"),
        (lambda: F.conv1d(ones(1, 1, 1, 5, 5), ones(1, 1, 3)), "conv1d: takes .* not shape"),
        (lambda: F.conv2d(ones(1, 1, 5, 5), ones(1, 1, 3)), "the weight needs 4 axes"),
        (lambda: F.conv2d(ones(1, 1, 5, 5), ones(3)), "the weight needs 4 axes"),
        (lambda: F.conv2d(ones(1, 1, 5, 5), ones(1, 1, 0, 3)), "does not fit"),
        (lambda: F.conv2d(ones(1, 1, 5, 5), ones(2, 1, 3, 3), ones(3)), r"bias has shape \(3,\)"),
        (lambda: F.conv2d(ones(1, 1, 5, 5), ones(2, 1, 3, 3), stride=0), "each 1 or more"),
        (lambda: F.conv2d(ones(1, 1, 5, 5), ones(2, 1, 3, 3), padding=-1), "each 0 or more"),
        (lambda: F.conv2d(ones(1, 1, 5, 5), ones(2, 1, 3, 3), padding=(1, 2, 3)), "or 2, each"),
        (lambda: F.conv2d(ones(1, 1, 5, 5), ones(2, 1, 3, 3), stride=1.5), "one integer or 2"),
        (lambda: F.conv2d(ones(1, 1, 5, 5), ones(2, 1, 3, 3), padding="full"), "not 'full'"),
        (
            lambda: F.conv2d(ones(1, 1, 5, 5), ones(2, 1, 3, 3), padding="same", stride=2),
            'padding="same" needs stride 1',
        ),
        (
            lambda: F.conv_transpose1d(ones(1, 2, 5), ones(3, 1, 3)),
            "takes 3 channels, but the input has 2",
        ),
        (
            lambda: F.conv_transpose1d(ones(1, 2, 5), ones(2, 1, 3), output_padding=1),
            r"output_padding \(1,\) must be less",
        ),
        (
            lambda: F.conv_transpose1d(ones(1, 2, 2), ones(2, 1, 3), padding=2),
            r"padding \(2,\) leaves nothing of the result \(4,\)",
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
