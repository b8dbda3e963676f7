"""Initial values: PyTorch's distributions, measured; bounds, gains and errors."""

from math import sqrt

import numpy as np
import pytest

import tidegrad as tg
from tidegrad import nn
from tidegrad.nn import init

SHAPE = (100, 60, 2)
FAN_IN, FAN_OUT = 120, 200


@pytest.fixture(autouse=True)
def seeded():
    tg.random.seed(0)


def stats(tensor):
    values = tensor.numpy() if not tensor.requires_grad else tensor.data
    return float(values.mean()), float(values.std()), float(np.abs(values).max())


@pytest.mark.parametrize(
    "fill, std, uniform",
    [
        (lambda x: init.uniform_(x, -2.0, 2.0), 2 / sqrt(3), True),
        (lambda x: init.normal_(x, 0.0, 3.0), 3.0, False),
        (init.xavier_uniform_, sqrt(2 / (FAN_IN + FAN_OUT)), True),
        (lambda x: init.xavier_normal_(x, gain=2.0), 2 * sqrt(2 / (FAN_IN + FAN_OUT)), False),
        (init.kaiming_uniform_, sqrt(2 / FAN_IN), True),
        (lambda x: init.kaiming_uniform_(x, a=sqrt(5)), 1 / sqrt(3 * FAN_IN), True),
        (lambda x: init.kaiming_normal_(x, mode="fan_out"), sqrt(2 / FAN_OUT), False),
        (lambda x: init.kaiming_normal_(x, nonlinearity="tanh"), 5 / 3 / sqrt(FAN_IN), False),
    ],
)
def test_distributions(fill, std, uniform):
    x = tg.zeros(SHAPE, dtype=tg.float64)
    x.requires_grad = True
    assert fill(x) is x and x.is_leaf and x.requires_grad
    mean, found, largest = stats(x)
    # 12,000 draws: 5 standard errors of the mean, and of the deviation.
    assert abs(mean) < 5 * std / sqrt(12000)
    assert abs(found / std - 1) < 5 / sqrt(2 * 12000)
    assert (largest <= std * sqrt(3)) == uniform


@pytest.mark.parametrize(
    "a, b, mean, std",
    [(-2, 2, 0, 1), (-0.1, 0.3, 0, 1), (3, 4, 0, 1), (8, 9, 0, 1), (-1, 0, 2, 0.5), (-9, 9, 0, 2)],
)
def test_truncated_normal(a, b, mean, std):
    stats_ = pytest.importorskip("scipy.stats")
    x = init.trunc_normal_(tg.zeros((4000,)), mean, std, a, b).numpy()
    assert x.min() >= a and x.max() <= b
    law = stats_.truncnorm((a - mean) / std, (b - mean) / std, mean, std)
    # One in a million by chance.
    assert stats_.kstest(x, law.cdf).pvalue > 1e-6


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 2, 3)])
def test_orthogonal(shape):
    x = init.orthogonal_(tg.zeros(shape, dtype=tg.float64), gain=2.0).numpy()
    flat = x.reshape(shape[0], -1)
    flat = flat if flat.shape[0] <= flat.shape[1] else flat.T
    np.testing.assert_allclose(flat @ flat.T, 4 * np.eye(len(flat)), atol=1e-12)


def test_fixed_values():
    assert init.constant_(tg.empty(2), 3.0).tolist() == [3.0, 3.0]
    assert init.zeros_(tg.ones(2)).tolist() == [0.0, 0.0]
    assert init.ones_(tg.zeros(2)).tolist() == [1.0, 1.0]
    assert init.eye_(tg.ones((2, 3))).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert init.orthogonal_(tg.empty((0, 3))).shape == (0, 3)
    sparse = init.sparse_(tg.zeros((10, 4)), 0.25).numpy()
    assert ((sparse == 0).sum(axis=0) == 3).all()


@pytest.mark.parametrize("shape, groups", [((4, 3, 5), 1), ((4, 2, 3, 3), 2)])
def test_dirac(shape, groups):
    torch = pytest.importorskip("torch")
    theirs = torch.nn.init.dirac_(torch.empty(shape), groups)
    np.testing.assert_array_equal(init.dirac_(tg.empty(shape), groups).numpy(), theirs.numpy())


def test_gains():
    torch = pytest.importorskip("torch")
    for name in [*init.GAINS, "leaky_relu"]:
        assert init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name))
    assert init.calculate_gain("leaky_relu", 0.5) == pytest.approx(sqrt(2 / 1.25))


def test_the_same_seed_gives_the_same_network():
    first = nn.Linear(5, 5).weight.data
    tg.random.seed(0)
    np.testing.assert_array_equal(first, nn.Linear(5, 5).weight.data)
    draws = [
        init.normal_(tg.zeros(3), generator=tg.random.Generator(seed=7)).tolist() for _ in range(2)
    ]
    assert draws[0] == draws[1]


@pytest.mark.parametrize(
    "make, bound",
    [
        (lambda: nn.Linear(50, 40), 1 / sqrt(50)),
        (lambda: nn.Conv2d(6, 50, 3), 1 / sqrt(54)),
        (lambda: nn.ConvTranspose2d(50, 6, 3), 1 / sqrt(54)),
        (lambda: nn.GRU(20, 30), 1 / sqrt(30)),
        (lambda: nn.MultiheadAttention(30, 2), None),
    ],
)
def test_layers_start_as_in_pytorch(make, bound):
    layer = make()
    if bound is None:
        assert stats(layer.in_proj_weight)[2] == pytest.approx(sqrt(6 / 120), rel=0.01)
        assert stats(layer.in_proj_bias)[2] == stats(layer.out_proj.bias)[2] == 0.0
        return
    for p in layer.parameters():
        _, std, largest = stats(p)
        assert largest <= bound * (1 + 1e-6)
        if p.size > 1000:
            assert std == pytest.approx(bound / sqrt(3), rel=0.1)
            assert largest > 0.98 * bound


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: init.xavier_uniform_(tg.zeros(3)), r"2 axes or more, .*\(3,\)"),
        (lambda: init.kaiming_normal_(tg.zeros((2, 3)), mode="fan"), "fan_in, fan_out"),
        (lambda: init.calculate_gain("sine"), "'sine' is not one of linear"),
        (lambda: init.eye_(tg.zeros((2, 3, 4))), r"2 axes, but the shape is \(2, 3, 4\)"),
        (lambda: init.dirac_(tg.zeros((2, 3))), "3 axes or more"),
        (lambda: init.dirac_(tg.zeros((3, 3, 3)), 2), "2 groups do not divide 3"),
        (lambda: init.trunc_normal_(tg.zeros(3), a=1.0, b=1.0), "need a < b"),
        (lambda: init.orthogonal_(tg.zeros(3)), "2 axes"),
    ],
)
def test_errors(call, words):
    with pytest.raises(ValueError, match=words):
        call()
