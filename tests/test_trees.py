"""Trees: every kind of container comes back as it was, with other leaves."""

from collections import Counter, OrderedDict, defaultdict

import pytest

import tidegrad as tg

DICTS = [{}, OrderedDict(), defaultdict(list), Counter()]


@pytest.mark.parametrize("empty", DICTS, ids=[type(d).__name__ for d in DICTS])
def test_every_kind_of_dict_keeps_its_kind(empty):
    tree = empty
    tree["x"] = tg.tensor(2.0)
    found = tg.grad(lambda d: d["x"] ** 2)(tree)
    assert type(found) is type(tree) and found["x"].item() == 4 and tree["x"].item() == 2
    assert getattr(found, "default_factory", None) is getattr(tree, "default_factory", None)
