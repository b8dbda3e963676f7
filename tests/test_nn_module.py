"""Module: what counts as a parameter, names, modes, copies, and how it reads."""

import copy
import inspect
import pickle

import numpy as np
import pytest

import tidegrad as tg
from tidegrad import nn


class Net(nn.Module):
    def __init__(self):
        self.hidden, self.out = nn.Linear(4, 3), nn.Linear(3, 2)
        self.scale = nn.Parameter(tg.ones(2))
        self.offset = tg.ones(2)
        self.register_buffer("steps", tg.zeros(()))
        self.register_buffer("cache", tg.zeros(3), persistent=False)

    def forward(self, x):
        return self.out(tg.relu(self.hidden(x))) * self.scale + self.offset


class Called(nn.Module):
    def __init__(self, layer):
        self.layer = layer

    def __call__(self, x):
        return self.layer(x) + 1


NAMES = ["scale", "hidden.weight", "hidden.bias", "out.weight", "out.bias"]


def test_names():
    net = Net()
    assert [name for name, _ in net.named_parameters()] == NAMES
    assert [name for name, _ in net.named_buffers()] == ["steps", "cache"]
    assert list(net.state_dict()) == ["scale", "steps", *NAMES[1:]]
    assert [name for name, _ in net.named_modules()] == ["", "hidden", "out"]
    assert list(net.children()) == [net.hidden, net.out]
    assert [name for name, _ in net.named_children()] == ["hidden", "out"]
    assert list(net.modules()) == [net, net.hidden, net.out]
    assert all(a is b for a, b in zip(net.buffers(), (net.steps, net.cache), strict=True))
    assert next(iter(net.named_parameters("net")))[0] == "net.scale"
    assert next(iter(net.named_modules("net")))[0] == "net"


def test_forward_and_call_both_work():
    net, x = Net(), tg.ones((5, 4))
    assert net(x).shape == net.forward(x).shape == (5, 2)
    both = Called(nn.Identity())
    assert both(1) == both.forward(1) == 2
    with pytest.raises(NotImplementedError, match="Empty defines neither forward nor __call__"):
        type("Empty", (nn.Module,), {})()(x)
    with pytest.raises(TypeError):
        nn.Module(3)


def test_a_frozen_parameter_stays_one():
    net = Net()
    net.hidden.weight.requires_grad = False
    net.frozen = nn.Parameter(tg.ones(1), requires_grad=False)
    assert [name for name, _ in net.named_parameters()] == ["scale", "frozen", *NAMES[1:]]
    assert not any(p.requires_grad for p in net.requires_grad_(False).parameters())
    assert len(list(net.parameters())) == 6
    assert all(p.requires_grad for p in net.requires_grad_().parameters())
    net.frozen = tg.zeros(1)
    assert "frozen" in dict(net.named_parameters())
    del net.frozen
    net.frozen = tg.zeros(1)
    assert "frozen" not in net.state_dict()


def test_a_constant_that_learns_later_becomes_a_parameter():
    net = Net()
    net.offset.requires_grad = True
    assert "offset" in dict(net.named_parameters())


def test_results_are_not_parameters():
    net = Net()
    net.last = net(tg.ones((1, 4)))
    assert "last" not in net.state_dict() and len(list(net.parameters())) == 5
    with pytest.raises(TypeError, match="Net.scale is a parameter and cannot be the result"):
        net.scale = net.scale * 2
    with tg.no_grad():
        net.scale *= 2
    assert net.scale.tolist() == [2.0, 2.0] and net.scale.requires_grad


def test_containers_of_python_are_not_ignored():
    net = nn.Module()
    net.layers = [nn.Linear(2, 2), nn.Linear(2, 1)]
    net.heads = {"a": nn.Linear(1, 1, bias=False), "b": (nn.Parameter(tg.ones(1)), tg.ones(1), 3)}
    net.layers.append(nn.Linear(1, 1, bias=False))
    assert [name for name, _ in net.named_parameters()] == [
        *("heads.b.0", "layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"),
        *("layers.2.weight", "heads.a.weight"),
    ]
    assert not net.eval().layers[2].training
    net.heads["b"][0].requires_grad = False
    assert "heads.b.0" in net.state_dict()
    loop = nn.Module()
    loop.items = [nn.Linear(1, 1, bias=False)]
    loop.items.append(loop.items)
    assert list(loop.state_dict()) == ["items.0.weight"]


def test_shared_parameters():
    net = nn.Module()
    net.a, net.b = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)
    net.b.weight = net.a.weight
    net.again = net.a
    assert [name for name, _ in net.named_parameters()] == ["a.weight"]
    assert list(net.state_dict()) == ["a.weight", "b.weight", "again.weight"]
    assert [name for name, _ in net.named_modules()] == ["", "a", "b"]
    assert len(list(net.children())) == 2
    twin = copy.deepcopy(net)
    assert twin.b.weight is twin.a.weight and twin.again is twin.a
    assert net.astype(tg.float64).b.weight.dtype == tg.float64
    assert len(list(net.astype(tg.float64).parameters())) == 1
    net.a.parent = net
    assert len(list(net.modules())) == 3 and "parent" not in repr(net).split("Linear")[0]
    assert list(net.state_dict()) == ["a.weight", "b.weight", "again.weight"]


def test_modes():
    net = nn.Sequential(nn.Dropout(0.5), nn.Sequential(nn.BatchNorm1d(2)))
    assert net.training
    assert net.eval() is net and not any(m.training for m in net.modules())
    assert all(m.training for m in net.train().modules())
    net[1].eval()
    assert net.training and not net[1][0].training


def test_apply_goes_from_the_leaves_up():
    seen = []
    net = Net()
    assert net.apply(seen.append) is net
    assert seen == [net.hidden, net.out, net]


def test_zero_grad():
    net = Net()
    tg.sum(net(tg.ones((5, 4)))).backward()
    assert net.scale.grad is not None
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_astype_gives_a_copy():
    net = Net()
    net.out.bias.requires_grad = False
    net.register_buffer("count", tg.zeros((), dtype=tg.int64))
    wide = net.astype(tg.float64)
    assert {x.dtype for x in net.parameters()} == {np.dtype("float32")}
    assert {x.dtype for x in [*wide.parameters(), wide.steps, wide.offset]} == {np.dtype("float64")}
    assert wide.count.dtype == tg.int64 and wide.count is not net.count
    assert wide.hidden.weight.requires_grad and not wide.out.bias.requires_grad
    assert all(p.is_leaf for p in wide.parameters())
    np.testing.assert_array_equal(wide.hidden.weight.data, net.hidden.weight.data)


@pytest.mark.parametrize("twice", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies(twice):
    net = Net().eval()
    net.out.bias.requires_grad = False
    twin, x = twice(net), tg.ones((2, 4))
    assert list(twin.state_dict()) == list(net.state_dict())
    assert not twin.training and not twin.out.bias.requires_grad and twin.scale.requires_grad
    np.testing.assert_array_equal(twin(x).detach().numpy(), net(x).detach().numpy())
    with tg.no_grad():
        twin.scale[...] = 5.0
    assert net.scale.tolist() == [1.0, 1.0]


def test_helpful_attribute_errors():
    with pytest.raises(AttributeError, match="Net has no attribute 'hiden'; it holds .*hidden"):
        Net().hiden  # noqa: B018
    assert not hasattr(Net(), "hiden")


def test_buffers():
    net = Net()
    with pytest.raises(KeyError, match="'a.b' is not a name"):
        net.register_buffer("a.b", tg.zeros(1))
    with pytest.raises(KeyError, match="'forward' is already an attribute"):
        net.register_buffer("forward", tg.zeros(1))
    with pytest.raises(TypeError, match="must be a Tensor or None, not list"):
        net.register_buffer("steps", [1.0])
    net.register_buffer("empty", None)
    assert "empty" not in net.state_dict()
    net.steps = tg.ones(())
    assert "steps" in dict(net.named_buffers())
    net.steps = nn.Parameter(tg.ones(()))
    assert "steps" in dict(net.named_parameters()) and "steps" not in dict(net.named_buffers())


def test_repr():
    text = repr(Net())
    assert text.splitlines()[0] == "Net(  # 25 parameters"
    assert "  (scale): parameter (2,) float32" in text.splitlines()
    line = "(hidden): Linear(4, 3)  # 15 parameters"
    assert "  " + line in text.splitlines()
    assert text.splitlines()[-1] == ")"
    net = nn.Sequential(nn.Linear(1000, 2, bias=False).requires_grad_(False), nn.ReLU())
    assert repr(net).splitlines()[0] == "Sequential(  # 2,000 parameters, 2,000 frozen"
    assert repr(nn.ReLU()) == "ReLU()"
    assert repr(nn.MultiheadAttention(4, 2)).splitlines()[1] == "  4, 2"


@pytest.mark.parametrize(
    "module, line",
    [
        (nn.Identity(3), "Identity()"),
        (nn.Linear(4, 3, bias=False), "Linear(4, 3, bias=False)  # 12 parameters"),
        (nn.Embedding(4, 3, padding_idx=-1), "Embedding(4, 3, padding_idx=3)  # 12 parameters"),
        (nn.Flatten(end_axis=2), "Flatten(end_axis=2)"),
        (nn.BatchNorm1d(3, eps=1e-3), "BatchNorm1d(3, eps=0.001)  # 6 parameters"),
        (nn.LayerNorm(3), "LayerNorm((3,))  # 6 parameters"),
        (nn.RMSNorm(3, elementwise_affine=False), "RMSNorm((3,), elementwise_affine=False)"),
        (nn.GroupNorm(1, 3, affine=False), "GroupNorm(1, 3, affine=False)"),
        (nn.GELU("tanh"), "GELU(approximate='tanh')"),
        (nn.Dropout(0.1), "Dropout(p=0.1)"),
        (nn.LSTM(3, 4, num_layers=2), "LSTM(3, 4, num_layers=2)  # 304 parameters"),
        (nn.GRUCell(3, 4, bias=False), "GRUCell(3, 4, bias=False)  # 84 parameters"),
        (nn.RNN(3, 4, nonlinearity="relu"), "RNN(3, 4, nonlinearity='relu')  # 36 parameters"),
        (nn.SinusoidalPositionalEncoding(4, 9), "SinusoidalPositionalEncoding(4, max_len=9)"),
        (nn.CrossEntropyLoss(tg.ones(3), reduction="sum"), "CrossEntropyLoss(reduction='sum')"),
    ],
    ids=lambda x: type(x).__name__,
)
def test_a_layer_reads_as_the_call_that_made_it(module, line):
    assert repr(module) == line


def test_layers_made_of_functions_are_classes():
    signatures = {name: str(inspect.signature(getattr(nn, name))) for name in ("ReLU", "MaxPool1d")}
    assert signatures["ReLU"] == "()" and signatures["MaxPool1d"].startswith(
        "(kernel_size, stride=None"
    )
    assert str(inspect.signature(nn.Linear)).startswith("(in_features: 'int', out_features")
    assert nn.GELU.__doc__ == tg.gelu.__doc__ and nn.GELU.__qualname__ == "GELU"
    layer = nn.CrossEntropyLoss(np.ones(3), label_smoothing=0.1)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert type(twin) is nn.CrossEntropyLoss and twin.label_smoothing == 0.1
        assert twin.weight.tolist() == [1.0] * 3 and twin.state_dict() == {}
    with pytest.raises(TypeError, match="'kernel_size'"):
        nn.MaxPool2d()
    with pytest.raises(TypeError, match="slope"):
        nn.ReLU(slope=1)


def test_functions_are_found_in_nn_too():
    assert nn.cross_entropy is nn.functional.cross_entropy
    assert nn.relu is nn.functional.relu is tg.relu
    assert {"Linear", "cross_entropy", "relu"} <= set(dir(nn))
    for place in (nn, nn.functional):
        with pytest.raises(AttributeError, match="has no attribute 'crossentropy'"):
            place.crossentropy  # noqa: B018
