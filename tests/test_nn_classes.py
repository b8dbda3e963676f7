"""Cross entropy and nll: every option beside PyTorch, the extremes, and what bad classes get."""

import numpy as np
import pytest
from nn_oracle import beside, gradients  # noqa: F401

import tidegrad as tg
from tidegrad.nn import functional as F

REDUCTIONS = ["mean", "sum", "none"]
SHAPES = [(5,), (4, 5), (4, 5, 3), (2, 5, 3, 2)]


def case(beside, shape):
    target = shape[:1] + shape[2:] if len(shape) > 1 else ()
    return beside.normal(*shape), np.asarray(beside.rng.integers(0, 5, target))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
def test_class_indices(beside, shape, reduction, smoothing, weighted):
    torch_loss = beside.torch.nn.functional.cross_entropy
    weight = np.array([1.0, 0.5, 2.0, 0.1, 1.0]) if weighted else None

    def ours(x, y):
        return F.cross_entropy(x, y, weight, reduction=reduction, label_smoothing=smoothing)

    def theirs(x, y):
        w = None if weight is None else beside.torch.tensor(weight)
        return torch_loss(x, y, w, reduction=reduction, label_smoothing=smoothing)

    beside.call(ours, theirs, case(beside, shape))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("ignored", [-100, 2])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
def test_ignored_classes(beside, reduction, ignored, smoothing, weighted):
    x, y = case(beside, (6, 5, 2))
    y[1], y[3, 0] = ignored, ignored
    options = {"ignore_index": ignored, "reduction": reduction, "label_smoothing": smoothing}
    weight = np.arange(1, 6) / 3.0
    torch_weight = beside.torch.tensor(weight) if weighted else None
    beside.call(
        lambda x, y: F.cross_entropy(x, y, weight if weighted else None, **options),
        lambda x, y: beside.torch.nn.functional.cross_entropy(x, y, torch_weight, **options),
        (x, y),
    )


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
def test_class_probabilities(beside, shape, reduction, smoothing, weighted):
    axis = min(len(shape) - 1, 1)
    target = beside.rng.uniform(size=shape)
    target /= target.sum(axis=axis, keepdims=True)
    options = {"reduction": reduction, "label_smoothing": smoothing}
    weight = np.arange(1, 6) / 3.0
    torch_weight = beside.torch.tensor(weight) if weighted else None
    beside.call(
        lambda x, y: F.cross_entropy(x, y, weight if weighted else None, **options),
        lambda x, y: beside.torch.nn.functional.cross_entropy(x, y, torch_weight, **options),
        (beside.normal(*shape), target),
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_nll(beside, reduction):
    x, y = case(beside, (6, 5, 2))
    y[0, 0] = -1
    options = {"ignore_index": -1, "reduction": reduction}
    beside.call(
        lambda x, y: F.nll_loss(x, y, np.arange(1, 6) / 3.0, **options),
        lambda x, y: beside.torch.nn.functional.nll_loss(
            x, y, beside.torch.arange(1, 6, dtype=beside.torch.float64) / 3.0, **options
        ),
        (x, y),
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_extreme_logits(dtype, smoothing):
    x = np.array([[1e4, 0, -1e4], [-1e4, 1e4, 0]], dtype)
    loss, (g,) = gradients(
        lambda x: F.cross_entropy(x, tg.tensor([2, 1]), label_smoothing=smoothing), x
    )
    expected = 0.5 * ((1 - smoothing) * 2e4 + smoothing / 3 * (3e4 + 3e4))
    assert loss == pytest.approx(expected, rel=1e-6)
    even, hot = smoothing / 3, 1 - smoothing
    wanted = np.array([[1 - even, -even, -even - hot], [-even, 1 - even - hot, -even]]) / 2
    np.testing.assert_allclose(g, wanted, atol=1e-6)


def test_an_impossible_class_among_the_logits():
    x = np.array([[0.0, 0.0, -np.inf]])
    loss, (g,) = gradients(lambda x: F.cross_entropy(x, tg.tensor([0])), x)
    assert loss == pytest.approx(np.log(2))
    np.testing.assert_allclose(g, [[-0.5, 0.5, 0.0]])


def test_few_operations():
    """log_softmax and mean are two each; a gather and a sign are between them."""
    x = tg.tensor(np.ones((4, 5)), requires_grad=True)
    node, names = F.cross_entropy(x, tg.tensor([0, 1, 2, 3])).node, []
    while node.prim is not None:
        names.append(node.prim.name)
        node = node.parents[0]
    assert len(names) <= 6


@pytest.mark.parametrize(
    "target, kind, words",
    [
        ([0, 3], IndexError, "index 3 is out of range for 3 classes; use 0 to 2"),
        ([0, -1], IndexError, "index -1 is out of range for 3 classes"),
        ([0, 1, 2], ValueError, r"3 classes on axis 1 .* shape \(2,\), not \(3,\)"),
        ([0.0, 1.0], TypeError, "must be integers, not float32; convert with .astype"),
        ([[0, 1, 0], [0, 0, 1]], TypeError, "holds probabilities and must be floating, not int64"),
    ],
)
def test_bad_targets(target, kind, words):
    with pytest.raises(kind, match=words):
        F.cross_entropy(tg.zeros((2, 3)), tg.tensor(target))


def test_other_errors():
    x, y = tg.zeros((2, 3)), tg.tensor([0, 1])
    with pytest.raises(ValueError, match="label_smoothing 2.0 is not within 0 to 1"):
        F.cross_entropy(x, y, label_smoothing=2.0)
    with pytest.raises(ValueError, match=r"shape \(2,\), but there are 3 classes"):
        F.cross_entropy(x, y, weight=tg.ones(2))
    with pytest.raises(ValueError, match="0-d input has no axis of classes"):
        F.cross_entropy(tg.zeros(()), tg.tensor(0))
    with pytest.raises(ValueError, match="reduction 'all'"):
        F.nll_loss(x, y, reduction="all")


def test_an_empty_batch():
    x = tg.tensor(np.zeros((0, 3)), requires_grad=True)
    assert F.cross_entropy(x, tg.tensor(np.zeros(0, int)), reduction="sum").item() == 0.0


def test_nothing_but_ignored_classes():
    """The mean of no losses is NaN, with NumPy's warning, as in PyTorch; their sum is 0."""
    x, y = tg.ones((2, 3)), tg.tensor([-100, -100])
    assert F.cross_entropy(x, y, reduction="sum").item() == 0.0
    with pytest.warns(RuntimeWarning, match="invalid value"):
        assert np.isnan(F.cross_entropy(x, y).item())
