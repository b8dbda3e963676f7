"""state_dict in and out, and a Module as a tree for the transforms."""

from collections import OrderedDict

import numpy as np
import pytest

import tidegrad as tg
from tidegrad import nn


def make():
    tg.random.seed(0)
    return nn.Sequential(OrderedDict(first=nn.Linear(3, 4), norm=nn.BatchNorm1d(4)))


def test_a_round_trip():
    net, other = make(), make()
    net(tg.ones((5, 3)))
    result = other.load_state_dict(net.state_dict())
    assert result.missing_keys == [] and result.unexpected_keys == []
    for name, x in other.state_dict().items():
        np.testing.assert_array_equal(x.numpy(), net.state_dict()[name].numpy())
        assert not x.requires_grad
    assert other.norm.num_batches_tracked.item() == 1


def test_a_state_is_a_snapshot():
    net = make()
    state, before = net.state_dict(), net.first.weight.data.copy()
    with tg.no_grad():
        net.first.weight[...] = 7.0
    np.testing.assert_array_equal(state["first.weight"].numpy(), before)
    net.load_state_dict(state)
    with tg.no_grad():
        net.first.weight += 1
    np.testing.assert_array_equal(state["first.weight"].numpy(), before)


def test_loading_keeps_parameters_what_they_are():
    net, state = make(), make().astype(tg.float64).state_dict()
    weight = net.first.weight
    net.first.bias.requires_grad = False
    net.load_state_dict(state)
    assert net.first.weight is weight and weight.requires_grad and weight.is_leaf
    assert weight.dtype == tg.float32 and not net.first.bias.requires_grad


def test_arrays_and_torch_tensors_load():
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Sequential(
        OrderedDict(first=torch.nn.Linear(3, 4), norm=torch.nn.BatchNorm1d(4))
    )
    net = make()
    net.load_state_dict(theirs.state_dict())
    np.testing.assert_array_equal(net.first.weight.data, theirs.first.weight.detach().numpy())
    net.load_state_dict(dict(theirs.state_dict(), **dict(theirs.named_parameters())))
    net.load_state_dict({k: x.numpy() for k, x in theirs.state_dict().items()})


def test_a_message_lists_everything_and_nothing_changes():
    net = make()
    state = {k: x.numpy() + 1 for k, x in net.state_dict().items()}
    del state["norm.bias"], state["first.bias"]
    state |= {"extra.a": np.ones(2), "extra.b": np.ones(2)}
    state |= {"first.weight": np.ones((4, 5)), "norm.running_mean": "words"}
    before = net.state_dict()
    for strict in (True, False):
        with pytest.raises(ValueError, match="does not fit Sequential") as caught:
            net.load_state_dict(state, strict=strict)
        text = str(caught.value)
        assert "missing: first.bias, norm.bias" in text
        assert "unexpected: extra.a, extra.b" in text
        assert "first.weight is (4, 3), given (4, 5)" in text
        assert "norm.running_mean is str, not numbers" in text
        for name, x in net.state_dict().items():
            np.testing.assert_array_equal(x.numpy(), before[name].numpy())
    with pytest.raises(TypeError, match="expected a dict of tensors by name, not list"):
        net.load_state_dict([1, 2])


def test_not_strict():
    net = make()
    result = net.load_state_dict({"first.bias": np.full(4, 3.0), "more": np.ones(1)}, strict=False)
    assert result.unexpected_keys == ["more"] and "first.weight" in result.missing_keys
    assert net.first.bias.tolist() == [3.0] * 4


def test_a_module_is_a_tree_of_its_parameters():
    net = make()
    leaves, rebuild = tg.trees.flatten({"net": net, "rate": 0.5})
    assert len(leaves) == 5 and leaves[0] is net.first.weight
    twin = rebuild([tg.zeros(x.shape) for x in leaves[:4]] + [0.1])["net"]
    assert twin is not net and twin.first.weight.tolist() == [[0.0] * 3] * 4
    assert net.first.weight is leaves[0]
    assert list(twin.state_dict()) == list(net.state_dict())
    assert twin.norm.running_mean is net.norm.running_mean
    with pytest.raises(ValueError):
        rebuild(leaves[:2])


def test_grad_of_a_module():
    net, x = nn.Linear(3, 2), tg.ones((5, 3))
    net.bias.requires_grad = False
    slope = tg.grad(lambda net, x: tg.sum(net(x)))(net, x)
    assert type(slope) is nn.Linear
    assert slope.weight.tolist() == [[5.0] * 3] * 2 and slope.bias.tolist() == [5.0] * 2
    assert net.weight.grad is None


def test_grad_of_shared_and_nested_parameters():
    net = nn.Module()
    net.layers = [nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)]
    net.layers[1].weight = net.layers[0].weight
    x = tg.ones((1, 2))

    def loss(net):
        return tg.sum(net.layers[1](net.layers[0](x)))

    slope = tg.grad(loss)(net)
    assert slope.layers[0].weight is slope.layers[1].weight
    loss(net).backward()
    np.testing.assert_allclose(
        slope.layers[0].weight.numpy(), net.layers[0].weight.grad.numpy(), rtol=1e-6
    )


def test_grad_of_a_module_that_rebinds_its_buffers():
    net = make()
    tg.grad(lambda net: tg.sum(net(tg.random.normal((5, 3))) ** 2))(net)
    assert net.norm.num_batches_tracked.item() == 1
    assert not net.norm.running_mean.requires_grad
