"""Losses: PyTorch's values and gradients for every option, and finite ones at the extremes."""

import numpy as np
import pytest
from nn_oracle import beside, gradients  # noqa: F401

import tidegrad as tg
from tidegrad.nn import functional as F

REDUCTIONS = ["mean", "sum", "none"]
REGRESSION = [
    ("mse_loss", {}),
    ("l1_loss", {}),
    ("huber_loss", {}),
    ("huber_loss", {"delta": 0.3}),
    ("smooth_l1_loss", {}),
    ("smooth_l1_loss", {"beta": 0.2}),
    ("smooth_l1_loss", {"beta": 0.0}),
]


def theirs(beside, name):
    return getattr(beside.torch.nn.functional, name)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name, options", REGRESSION)
def test_regression_losses(beside, name, options, reduction):
    x, y = beside.normal(4, 3), beside.normal(4, 3)
    options = dict(options, reduction=reduction)
    beside.call(getattr(F, name), theirs(beside, name), (x, y), **options)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
def test_binary_cross_entropy(beside, reduction, weighted):
    p, y = beside.rng.uniform(0.01, 0.99, (4, 3)), beside.rng.uniform(size=(4, 3))
    options = {"reduction": reduction}
    if weighted:
        options["weight"] = beside.rng.integers(1, 4, (4, 3))
    beside.call(F.binary_cross_entropy, theirs(beside, "binary_cross_entropy"), (p, y), **options)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
def test_binary_cross_entropy_with_logits(beside, reduction, weighted):
    x, y = beside.normal(4, 3) * 5, beside.rng.uniform(size=(4, 3))
    options = {"reduction": reduction}
    if weighted:
        options["pos_weight"] = beside.rng.integers(1, 4, 3)
        options["weight"] = beside.rng.integers(1, 4, (4, 3))
    name = "binary_cross_entropy_with_logits"
    beside.call(getattr(F, name), theirs(beside, name), (x, y), **options)


@pytest.mark.filterwarnings("ignore:reduction")  # PyTorch announces a change
@pytest.mark.parametrize("reduction", [*REDUCTIONS, "batchmean"])
@pytest.mark.parametrize("log_target", [False, True])
def test_kl_div(beside, reduction, log_target):
    log_q, p = beside.normal(4, 3), beside.rng.uniform(0.1, 1.0, (4, 3))
    options = {"reduction": reduction, "log_target": log_target}
    beside.call(F.kl_div, theirs(beside, "kl_div"), (log_q, p), **options)


def test_cosine_similarity_and_normalize(beside):
    x, y = beside.normal(4, 3, 5), beside.normal(4, 3, 5)
    torch_cosine = theirs(beside, "cosine_similarity")
    for axis in (0, 1, -1):
        beside.call(
            lambda a, b, axis=axis: F.cosine_similarity(a, b, axis),
            lambda a, b, axis=axis: torch_cosine(a, b, axis),
            (x, y),
        )
    for p in (1.0, 2.0, 3.0):
        beside.call(
            lambda a, p=p: F.normalize(a, p), lambda a, p=p: theirs(beside, "normalize")(a, p), (x,)
        )


def test_losses_as_modules(beside):
    nn, torch_nn = tg.nn, beside.torch.nn
    x, y = beside.normal(4, 3), beside.rng.uniform(size=(4, 3))
    classes = np.array([0, 2, 1, 0])
    for name, options, args in [
        ("MSELoss", {}, (x, y)),
        ("L1Loss", {"reduction": "sum"}, (x, y)),
        ("HuberLoss", {"delta": 0.5}, (x, y)),
        ("SmoothL1Loss", {"beta": 0.5}, (x, y)),
        ("BCELoss", {}, (y, y[::-1].copy())),
        ("BCEWithLogitsLoss", {}, (x, y)),
        ("CrossEntropyLoss", {"label_smoothing": 0.1}, (x, classes)),
        ("NLLLoss", {"ignore_index": 2}, (x, classes)),
        ("KLDivLoss", {"reduction": "batchmean"}, (x, y)),
        ("CosineSimilarity", {}, (x, y)),
    ]:
        beside.layer(getattr(nn, name)(**options), getattr(torch_nn, name)(**options), *args)


def test_a_loss_module_keeps_its_weights(beside):
    weight, torch_nn = np.array([1.0, 2.0, 3.0]), beside.torch.nn
    x, classes = beside.normal(4, 3), np.array([0, 2, 1, 0])
    ours = tg.nn.CrossEntropyLoss(weight=weight)
    beside.call(ours, torch_nn.CrossEntropyLoss(beside.torch.tensor(weight)), (x, classes))
    assert ours.state_dict() == {}
    assert ours.astype(tg.float32).weight.dtype == tg.float32
    logits = tg.nn.BCEWithLogitsLoss(pos_weight=weight)
    pos = torch_nn.BCEWithLogitsLoss(pos_weight=beside.torch.tensor(weight))
    beside.call(logits, pos, (x, np.abs(np.sin(x))))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_probabilities(dtype):
    p = np.array([0.0, 1.0, 0.0, 1.0], dtype)
    y = tg.tensor(np.array([0.0, 1.0, 1.0, 0.0], dtype))
    loss, (g,) = gradients(lambda x: F.binary_cross_entropy(x, y, reduction="sum"), p)
    assert loss == 200.0
    # -log(1 - p) has slope 1 at 0 and -log(p) has -1 at 1; at the bound the slope is 0.
    assert g.tolist() == [1.0, -1.0, 0.0, 0.0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_logits(dtype):
    x = np.array([1e4, -1e4, 1e4, -1e4, 30.0], dtype)
    y = tg.tensor(np.array([1, 0, 0, 1, 1], dtype))
    name = "binary_cross_entropy_with_logits"
    loss, (g,) = gradients(lambda x: getattr(F, name)(x, y, reduction="none")[4], x)
    assert loss == pytest.approx(np.exp(-30.0), rel=1e-5)
    loss, (g,) = gradients(lambda x: getattr(F, name)(x, y, reduction="sum"), x)
    assert loss == 2e4
    np.testing.assert_allclose(g, [0, 0, 1, -1, 0], atol=1e-12)


def test_second_derivatives_at_the_kinks():
    x = tg.tensor([0.0, 1.0], dtype=tg.float64)
    for f in (lambda x: F.huber_loss(x, tg.zeros(2, dtype=tg.float64), "sum", delta=2.0),):
        np.testing.assert_allclose(tg.hessian(f)(x).numpy(), np.eye(2))


def test_cosine_of_zero_vectors():
    zero, one = np.zeros((1, 3)), np.ones((1, 3))
    for pair in ((zero, one), (one, zero), (zero, zero)):
        cosine, grads = gradients(lambda a, b: tg.sum(F.cosine_similarity(a, b)), *pair)
        assert cosine == 0.0
        assert all(np.isfinite(g).all() for g in grads)


@pytest.mark.parametrize(
    "call, kind, words",
    [
        (lambda x, y: F.mse_loss(x, y[:, 0]), ValueError, r"mse_loss: .*\(4, 3\).*\(4,\)"),
        (lambda x, y: F.l1_loss(x, y, "average"), ValueError, "'average'.*mean, sum, none"),
        (lambda x, y: F.huber_loss(x, y, delta=0.0), ValueError, "delta must be positive"),
        (lambda x, y: F.smooth_l1_loss(x, y, beta=-1.0), ValueError, "beta must not be negative"),
        (lambda x, y: F.kl_div(x, y, "each"), ValueError, "batchmean"),
    ],
)
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call(tg.ones((4, 3)), tg.ones((4, 3)))


def test_a_scalar_target_and_arrays():
    assert F.mse_loss(np.array([1.0, 3.0]), np.array([1.0, 5.0])).item() == 2.0
    assert F.mse_loss(tg.tensor([1.0, 3.0]), 1.0).item() == 2.0
