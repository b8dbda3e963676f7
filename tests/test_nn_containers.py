"""Sequential, ModuleList, ModuleDict, ParameterList."""

from collections import OrderedDict

import pytest

import tidegrad as tg
from tidegrad import nn


def names(module):
    return [name for name, _ in module.named_parameters()]


def test_sequential():
    a, b, c = nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)
    net = nn.Sequential(a, b, c)
    assert net(tg.ones((5, 2))).shape == (5, 1)
    assert names(net) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert len(net) == 3 and net[0] is a and net[-1] is c and list(net) == [a, b, c]
    assert type(net[:2]) is nn.Sequential and list(net[:2]) == [a, b]
    net[1] = nn.Tanh()
    assert isinstance(list(net)[1], nn.Tanh)
    del net[0]
    assert list(net.state_dict()) == ["1.weight", "1.bias"] and net[1] is c
    net.insert(0, a)
    assert names(net) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert nn.Sequential()(7) == 7


def test_sequential_with_names():
    net = nn.Sequential(OrderedDict(first=nn.Linear(2, 3), last=nn.Linear(3, 1)))
    assert names(net) == ["first.weight", "first.bias", "last.weight", "last.bias"]
    assert net.first is net[0] and net(tg.ones((5, 2))).shape == (5, 1)
    with pytest.raises(KeyError, match="'forward' is already an attribute"):
        nn.Sequential({"forward": nn.ReLU()})


def test_module_list():
    layers = nn.ModuleList(nn.Linear(i, i) for i in (1, 2))
    layers.append(nn.Linear(3, 3)).extend([nn.Linear(4, 4)])
    assert [layer.in_features for layer in layers] == [1, 2, 3, 4]
    del layers[1:3]
    assert names(layers) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert layers[1].in_features == 4
    with pytest.raises(IndexError, match="ModuleList: index 2 is out of range for 2 items"):
        layers[2]
    with pytest.raises(TypeError, match="ModuleList holds Modules, not function"):
        layers.append(tg.relu)
    with pytest.raises(TypeError, match="ModuleList holds Modules, not int"):
        layers.extend([nn.ReLU(), 3])
    assert len(layers) == 2


def test_module_dict():
    heads = nn.ModuleDict({"a": nn.Linear(2, 3)})
    heads["b"] = nn.Linear(2, 1)
    heads.update([("c", nn.ReLU())])
    assert list(heads) == ["a", "b", "c"] == list(heads.keys()) and len(heads) == 3
    assert "a" in heads and "z" not in heads
    assert names(heads) == ["a.weight", "a.bias", "b.weight", "b.bias"]
    assert heads.pop("a").out_features == 3
    del heads["c"]
    assert list(heads.items()) == [("b", heads["b"])] and heads in {heads}
    with pytest.raises(KeyError, match="ModuleDict has no 'z'; it holds b"):
        heads["z"]
    for name in ("keys", "a.b", "", "training"):
        with pytest.raises(KeyError, match="name"):
            heads[name] = nn.ReLU()
    with pytest.raises(TypeError, match="holds Modules, not list"):
        heads["d"] = [nn.ReLU()]


def test_parameter_list():
    scales = nn.ParameterList([tg.ones(2), nn.Parameter(tg.zeros(3))])
    assert names(scales) == ["0", "1"] and all(p.requires_grad for p in scales)
    scales.append(tg.ones(1))
    scales.requires_grad_(False)
    assert [p.shape for p in scales.parameters()] == [(2,), (3,), (1,)]
    assert scales[-1].shape == (1,)
    with pytest.raises(TypeError, match="use ModuleList for Modules"):
        scales.append(nn.ReLU())
