"""Linear, embedding, norms, activations, dropout: PyTorch's values and gradients, and errors."""

import numpy as np
import pytest
from nn_oracle import beside, gradients  # noqa: F401

import tidegrad as tg
from tidegrad import nn
from tidegrad.nn import functional as F


@pytest.mark.parametrize("shape", [(3,), (5, 3), (2, 5, 3)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear(beside, shape, bias):
    torch_layer = beside.torch.nn.Linear(3, 4, bias=bias)
    beside.layer(nn.Linear(3, 4, bias=bias), torch_layer, beside.normal(*shape))


@pytest.mark.parametrize("padding", [None, 0, -1])
def test_embedding(beside, padding):
    index = np.array([[0, 2, 2], [5, 1, 0]])
    ours = nn.Embedding(6, 3, padding_idx=padding)
    beside.layer(ours, beside.torch.nn.Embedding(6, 3, padding_idx=padding), index)
    if padding is not None:
        assert ours.weight.numpy()[padding].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "name, options",
    [
        ("ReLU", {}),
        ("SiLU", {}),
        ("Sigmoid", {}),
        ("LogSigmoid", {}),
        ("Tanh", {}),
        ("LeakyReLU", {"negative_slope": 0.2}),
        ("ELU", {"alpha": 0.5}),
        ("GELU", {}),
        ("GELU", {"approximate": "tanh"}),
        ("Softplus", {}),
        ("Softmax", {"axis": 1}),
        ("LogSoftmax", {"axis": -1}),
    ],
)
def test_activations(beside, name, options):
    theirs = {"dim" if k == "axis" else k: v for k, v in options.items()}
    x = beside.normal(2, 4, 3) * 4
    beside.layer(getattr(nn, name)(**options), getattr(beside.torch.nn, name)(**theirs), x)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("options", [{}, {"momentum": None}, {"affine": False}])
@pytest.mark.parametrize("name, shape", [("1d", (6, 3)), ("1d", (4, 3, 5)), ("2d", (4, 3, 2, 5))])
def test_batch_norm(beside, name, shape, options, training):
    ours = getattr(nn, f"BatchNorm{name}")(3, **options)
    theirs = getattr(beside.torch.nn, f"BatchNorm{name}")(3, **options).double()
    for _ in range(2):
        theirs(beside.torch.tensor(beside.normal(*shape) * 2 + 1))
    beside.layer(ours, theirs.train(training), beside.normal(*shape))


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_without_statistics(beside, training):
    options = {"track_running_stats": False}
    theirs = beside.torch.nn.BatchNorm1d(3, **options).train(training)
    beside.layer(nn.BatchNorm1d(3, **options), theirs, beside.normal(6, 3))


@pytest.mark.parametrize(
    "name, args, options",
    [
        ("LayerNorm", (5,), {}),
        ("LayerNorm", ((6, 5),), {"eps": 1e-3}),
        ("LayerNorm", (5,), {"elementwise_affine": False}),
        ("LayerNorm", (5,), {"bias": False}),
        ("RMSNorm", (5,), {}),
        ("RMSNorm", ((6, 5),), {"eps": 1e-3, "elementwise_affine": False}),
        ("GroupNorm", (3, 6), {}),
        ("GroupNorm", (1, 6), {"affine": False}),
    ],
)
def test_other_norms(beside, name, args, options):
    x = beside.normal(4, 6, 5)
    beside.layer(
        getattr(nn, name)(*args, **options), getattr(beside.torch.nn, name)(*args, **options), x
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [0.0, 0.1, 1e4, -1e4])
def test_norms_of_constant_rows(dtype, value):
    x = np.full((2, 6, 4), value, dtype)
    weights = tg.tensor(np.arange(48).reshape(2, 6, 4).astype(dtype))
    for f in (
        lambda x: F.layer_norm(x, (4,)),
        lambda x: F.group_norm(x, 2),
        lambda x: F.batch_norm(x, None, None, training=True),
        lambda x: F.rms_norm(x, (4,)),
    ):
        out, (g,) = gradients(lambda x, f=f: tg.sum(f(x) * weights), x)
        assert np.isfinite(out) and np.isfinite(g).all()


def test_running_statistics_are_rebound():
    norm = nn.BatchNorm1d(2)
    mean, before = norm.running_mean, norm.state_dict()
    norm(tg.tensor([[1.0, 0.0], [3.0, 8.0]]))
    assert norm.running_mean is mean and not mean.requires_grad
    np.testing.assert_allclose(mean.numpy(), [0.2, 0.4], rtol=1e-6)
    np.testing.assert_allclose(norm.running_var.numpy(), [0.9 + 0.2, 0.9 + 3.2], rtol=1e-6)
    assert before["running_mean"].tolist() == [0.0, 0.0]
    assert norm.num_batches_tracked.item() == 1 and norm.num_batches_tracked.dtype == tg.int64
    norm.eval()(tg.ones((1, 2)))
    assert norm.num_batches_tracked.item() == 1


def test_dropout():
    tg.random.seed(0)
    layer, x = nn.Dropout(0.25), tg.ones((100, 100))
    out = layer(x).numpy()
    assert set(np.unique(out)) == {0.0, np.float32(1 / 0.75)}
    # 10,000 draws: five standard deviations are 0.022.
    assert abs((out == 0).mean() - 0.25) < 0.022
    assert layer.eval()(x) is x and nn.Dropout(0.0)(x) is x
    hidden = tg.tensor([1.0, np.inf])
    assert nn.Dropout(1.0)(hidden).tolist() == [0.0, 0.0]


def test_the_gradient_of_dropout_is_its_mask():
    tg.random.seed(0)
    x = tg.tensor(np.full(50, 3.0), requires_grad=True)
    out = F.dropout(x, 0.5)
    tg.sum(out).backward()
    np.testing.assert_array_equal(x.grad.numpy() * 3.0, out.detach().numpy())


def test_flatten():
    x = tg.ones((2, 3, 4, 5))
    assert nn.Flatten()(x).shape == (2, 60)
    assert nn.Flatten(0, 1)(x).shape == (6, 4, 5)
    assert nn.Flatten()(tg.ones((0, 3, 4))).shape == (0, 12)
    with pytest.raises(ValueError, match="start_axis 2 is behind end_axis 1"):
        nn.Flatten(2, 1)(x)
    with pytest.raises(IndexError, match="axis 7 is out of range"):
        nn.Flatten(7)(x)


@pytest.mark.parametrize(
    "call, kind, words",
    [
        (
            lambda: nn.Linear(3, 4)(tg.ones((5, 2))),
            ValueError,
            r"size 3 for a weight of shape \(4, 3\), but .*\(5, 2\)",
        ),
        (lambda: F.linear(tg.ones((5, 2)), tg.ones((4, 3))), ValueError, r"\(4, 3\).*\(5, 2\)"),
        (lambda: nn.Embedding(6, 3)(tg.tensor([6])), IndexError, "index 6 .* 6 classes"),
        (lambda: nn.Embedding(6, 3)(tg.tensor([1.0])), TypeError, "integers, not float32"),
        (lambda: nn.Embedding(6, 3, padding_idx=6), ValueError, "padding_idx 6"),
        (lambda: nn.BatchNorm2d(3)(tg.ones((2, 3))), ValueError, r"4-d .*3 channels.*\(2, 3\)"),
        (lambda: nn.BatchNorm1d(3)(tg.ones((1, 3))), ValueError, "more than 1 value per channel"),
        (lambda: nn.LayerNorm(4)(tg.ones((2, 3))), ValueError, r"shape \(4,\).*\(2, 3\)"),
        (lambda: nn.RMSNorm((2, 4))(tg.ones(4)), ValueError, r"shape \(2, 4\).*\(4,\)"),
        (lambda: nn.GroupNorm(2, 3), ValueError, "2 groups do not divide 3"),
        (lambda: nn.GroupNorm(3, 3)(tg.ones((2, 6))), ValueError, r"3 channels.*\(2, 6\)"),
        (lambda: F.group_norm(tg.ones((2, 6)), 4), ValueError, "4 groups"),
        (lambda: nn.Dropout(1.5), ValueError, "within 0 to 1, not 1.5"),
        (lambda: F.dropout(tg.ones(3), -0.1), ValueError, "within 0 to 1, not -0.1"),
        (lambda: F.batch_norm(tg.ones(3), None, None), ValueError, r"\(N, C, ...\).*\(3,\)"),
        (
            lambda: F.batch_norm(tg.ones((2, 3)), tg.ones(4), tg.ones(4)),
            ValueError,
            r"4 channels on axis 1.*\(2, 3\)",
        ),
    ],
)
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call()
