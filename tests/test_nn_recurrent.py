"""RNN, LSTM and GRU: PyTorch's values, gradients and weight names for every option."""

import numpy as np
import pytest
from nn_oracle import beside  # noqa: F401

import tidegrad as tg
from tidegrad import nn

KINDS = [("RNN", {}), ("RNN", {"nonlinearity": "relu"}), ("LSTM", {}), ("GRU", {})]
OPTIONS = [
    {},
    {"num_layers": 2, "bias": False},
    {"bidirectional": True, "batch_first": True},
    {"num_layers": 2, "bidirectional": True, "dropout": 0.0},
]


def states(beside, name, *shape):
    h, c = beside.normal(*shape), beside.normal(*shape)
    return (h, c) if name == "LSTM" else (h,)


class Called:
    """A layer whose state is given in parts, so that each is compared and differentiated."""

    def __init__(self, layer, name):
        self.layer, self.name = layer, name

    def __call__(self, x, *state):
        if not state:
            return self.layer(x)
        return self.layer(x, state if self.name == "LSTM" else state[0])

    def __getattr__(self, name):
        return getattr(self.layer, name)

    def astype(self, dtype):
        return Called(self.layer.astype(dtype), self.name)

    def train(self, mode):
        self.layer.train(mode)
        return self

    def double(self):
        self.layer.double()
        return self


def compare(beside, name, ours, theirs, *args):
    return beside.layer(Called(ours, name), Called(theirs, name), *args)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("name, kind", KINDS, ids=str)
@pytest.mark.parametrize("given", [True, False])
def test_layers(beside, name, kind, options, given):
    options = {**kind, **options}
    ours, theirs = (
        getattr(nn, name)(3, 4, **options),
        getattr(beside.torch.nn, name)(3, 4, **options),
    )
    rows = options.get("num_layers", 1) * (1 + options.get("bidirectional", False))
    batch = 5 if options.get("batch_first") else 2
    state = states(beside, name, rows, batch, 4) if given else ()
    compare(beside, name, ours, theirs, beside.normal(5, 2, 3), *state)


@pytest.mark.parametrize("name, kind", KINDS, ids=str)
def test_without_a_batch(beside, name, kind):
    options = {**kind, "bidirectional": True, "batch_first": True}
    ours, theirs = (
        getattr(nn, name)(3, 4, **options),
        getattr(beside.torch.nn, name)(3, 4, **options),
    )
    state = states(beside, name, 2, 4)
    compare(beside, name, ours, theirs, beside.normal(5, 3), *state)


@pytest.mark.parametrize("shape", [(2, 3), (3,)])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name, kind", KINDS, ids=str)
def test_cells(beside, name, kind, bias, shape):
    ours = getattr(nn, f"{name}Cell")(3, 4, bias=bias, **kind)
    theirs = getattr(beside.torch.nn, f"{name}Cell")(3, 4, bias=bias, **kind)
    state = states(beside, name, *shape[:-1], 4)
    compare(beside, name, ours, theirs, beside.normal(*shape), *state)
    compare(beside, name, ours, theirs, beside.normal(*shape))


def test_dropout_is_between_layers_and_in_training_only():
    tg.random.seed(0)
    layer, x = nn.GRU(3, 4, num_layers=2, dropout=0.5), tg.ones((5, 2, 3))
    assert not np.array_equal(layer(x)[0].numpy(), layer(x)[0].numpy())
    layer.eval()
    np.testing.assert_array_equal(layer(x)[0].detach().numpy(), layer(x)[0].detach().numpy())


def test_initial_values():
    layer = nn.LSTM(3, 16)
    for p in layer.parameters():
        assert 0.2 < float(np.abs(p.data).max()) <= 0.25


@pytest.mark.parametrize(
    "call, words",
    [
        (
            lambda: nn.LSTM(3, 4)(tg.ones((5, 2, 2))),
            r"LSTM\(3, 4\).*\(T, N, features\).*\(5, 2, 2\)",
        ),
        (lambda: nn.GRU(3, 4)(tg.ones((0, 2, 3))), "at least one step"),
        (
            lambda: nn.GRU(3, 4)(tg.ones((5, 2, 3)), tg.zeros((1, 1, 4))),
            r"GRU\(3, 4\).*state of shape \(1, 2, 4\), but it is \(1, 1, 4\)",
        ),
        (lambda: nn.RNN(3, 4, nonlinearity="gelu"), '"tanh" or "relu", not \'gelu\''),
        (lambda: nn.RNN(3, 4, num_layers=0), "num_layers >= 1"),
        (lambda: nn.GRUCell(3, 4)(tg.ones((2, 5))), r"\(N, 3\) or \(3,\).*\(2, 5\)"),
        (lambda: nn.LSTMCell(3, 4)(tg.ones(3), (tg.ones(4), tg.ones(5))), r"\(4,\) and \(4,\)"),
    ],
)
def test_errors(call, words):
    with pytest.raises(ValueError, match=words):
        call()
