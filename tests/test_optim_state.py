"""Snapshots of optimizers: exact resume, PyTorch's shape both ways, and mismatches."""

import json

import numpy as np
import pytest

import tidegrad as tg

MAKERS = {
    "SGD": lambda p: tg.optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.5),
    "plain SGD": lambda p: tg.optim.SGD(p, lr=0.1),
    "RMSprop": lambda p: tg.optim.RMSprop(p, lr=0.1, momentum=0.9, centered=True),
    "Adagrad": lambda p: tg.optim.Adagrad(p, lr=0.1, lr_decay=0.1),
    "Adam": lambda p: tg.optim.Adam(p, lr=0.1, amsgrad=True),
    "AdamW": lambda p: tg.optim.AdamW(p, lr=0.1),
    "Lion": lambda p: tg.optim.Lion(p, lr=0.1),
}
EVERY = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def leaves():
    return [tg.tensor(np.arange(3.0), requires_grad=True), tg.tensor([[2.0]], requires_grad=True)]


def run(optimizer, params, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        sum(((p - 1) ** 2).sum() for p in params).backward()
        optimizer.step()
    return [p.tolist() for p in params]


def through_json(tree):
    """`tree` as a file keeps it: keys are strings, tuples lists, tensors lists of numbers."""
    return json.loads(json.dumps(tree, default=lambda t: t.tolist()))


@EVERY
def test_a_resumed_run_ends_bit_for_bit_the_same(make):
    params = leaves()
    optimizer = make(params)
    run(optimizer, params, 3)
    snapshot, values = optimizer.state_dict(), [p.tolist() for p in params]
    kept = through_json(snapshot)
    expected = run(optimizer, params, 4)
    assert through_json(snapshot) == kept, "later steps changed the snapshot"
    for saved in (snapshot, tensors_again(kept, params)):
        again = leaves()
        for p, value in zip(again, values, strict=True):
            p.data = np.asarray(value, p.dtype)
        other = make(again)
        other.load_state_dict(saved)
        assert run(other, again, 4) == expected
        assert through_json(snapshot) == kept, "loading made the snapshot follow"


def tensors_again(saved, params):
    state = {
        index: {
            k: tg.tensor(v, dtype=tg.int64 if k == "step" else params[int(index)].dtype)
            for k, v in entry.items()
        }
        for index, entry in saved["state"].items()
    }
    return {**saved, "state": state}


def test_the_shape_is_pytorchs(oracle):
    ours, theirs = leaves(), [oracle.zeros(3), oracle.zeros(1, 1)]
    mine, torchs = tg.optim.Adam(ours), oracle.optim.Adam(theirs)
    for p, q in zip(ours, theirs, strict=True):
        p.grad, q.grad = tg.ones_like(p), oracle.ones_like(q)
    mine.step()
    torchs.step()
    found, expected = mine.state_dict(), torchs.state_dict()
    assert {k: set(v) for k, v in found["state"].items()} == {
        k: set(v) for k, v in expected["state"].items()
    }
    group = found["param_groups"][0]
    assert set(group) <= set(expected["param_groups"][0])
    assert (group["lr"], group["betas"], group["params"]) == (1e-3, (0.9, 0.999), [0, 1])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("SGD", dict(momentum=0.9, dampening=0.5)),
        ("SGD", dict()),
        ("RMSprop", dict(momentum=0.9, centered=True)),
        ("Adagrad", dict(lr_decay=0.1)),
        ("Adam", dict(amsgrad=True, weight_decay=0.1)),
        ("AdamW", dict()),
    ],
    ids=str,
)
@pytest.mark.parametrize("steps", [0, 3])
def test_pytorchs_snapshot_goes_on_here(oracle, name, options, steps):
    ours = leaves()
    theirs = [oracle.tensor(p.numpy().copy(), requires_grad=True) for p in ours]
    torchs = getattr(oracle.optim, name)(theirs, lr=0.1, **options)

    def step():
        torchs.zero_grad()
        sum(((q - 1) ** 2).sum() for q in theirs).backward()
        torchs.step()

    for _ in range(steps):
        step()
    mine = getattr(tg.optim, name)(ours)  # its options come with the snapshot
    mine.load_state_dict(torchs.state_dict())
    for p, q in zip(ours, theirs, strict=True):
        p.data = q.detach().numpy()
    run(mine, ours, 3)
    for _ in range(3):
        step()
    for p, q in zip(ours, theirs, strict=True):
        tolerance = 1e-12 if p.dtype == tg.float64 else 1e-6
        np.testing.assert_allclose(p.numpy(), q.detach().numpy(), rtol=tolerance)


def test_options_that_came_later_are_kept():
    params = leaves()
    optimizer = tg.optim.SGD(params, lr=0.5)
    schedule = tg.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    schedule.step()
    lr = optimizer.param_groups[0]["lr"]
    fresh = tg.optim.SGD(leaves(), lr=9.0)
    held = fresh.param_groups[0]["lr"]
    fresh.load_state_dict(optimizer.state_dict())
    assert float(fresh.param_groups[0]["initial_lr"]) == 0.5
    assert fresh.param_groups[0]["lr"] is held and float(held) == float(lr) == 0.25


def test_structure_follows_the_snapshot():
    params = leaves()
    source = tg.optim.Adam(params, amsgrad=True, weight_decay=0.1)
    run(source, params, 2)
    target = tg.optim.Adam(params)
    target.load_state_dict(source.state_dict())
    assert set(target.state[params[0]]) == {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"}
    assert target.param_groups[0].uses("weight_decay")
    target.load_state_dict(tg.optim.Adam(params).state_dict())
    assert set(target.state[params[0]]) == {"exp_avg", "exp_avg_sq"}
    assert not target.param_groups[0].uses("weight_decay")


def test_a_term_switched_off_is_not_saved():
    params = leaves()
    source = tg.optim.SGD(params, momentum=0.9)
    run(source, params, 2)
    source.param_groups[0]["momentum"] = 0.0
    fresh = tg.optim.SGD(params)
    fresh.load_state_dict(source.state_dict())
    assert fresh.state == {p: {} for p in params}


def altered(change):
    saved = trained().state_dict()
    change(saved)
    return saved


def trained():
    params = leaves()
    optimizer = tg.optim.Adam(params, lr=0.1)
    run(optimizer, params, 2)
    return optimizer


BAD = {
    "takes a mapping": lambda s: s.clear(),
    "takes a  mapping": lambda s: s.update(state=3),
    "takes  a mapping": lambda s: s.update(state={"weight": {}}),
    r"groups of \[2, 0\] parameters were saved, and here are \[2\]": lambda s: s[
        "param_groups"
    ].append({"params": []}),
    r"groups of \[3\] parameters": lambda s: s["param_groups"][0]["params"].append(2),
    "lacks betas": lambda s: s["param_groups"][0].pop("betas"),
    "state for parameter 7": lambda s: s["state"].update({7: {}}),
    "the state of parameter 1 is missing": lambda s: s["state"].pop(1),
    r"parameter 0: the shapes are \{'exp_avg_sq'": lambda s: s["state"][0].pop("exp_avg"),
    r"parameter 1: the shapes .*velocity": lambda s: s["state"][1].update(velocity=tg.zeros(1)),
    r"'exp_avg': \(5,\)": lambda s: s["state"][0].update(exp_avg=tg.zeros(5)),
    r"counts of \[2, 9\] steps": lambda s: s["state"][1].update(step=tg.tensor(9)),
    "lr must be": lambda s: s["param_groups"][0].update(lr=-1.0),
    "betas must be": lambda s: s["param_groups"][0].update(betas=(0.5, 1.5)),
}


@pytest.mark.parametrize(("message", "change"), BAD.items(), ids=BAD)
def test_a_mismatch_is_explained_and_changes_nothing(message, change):
    optimizer = trained()
    before = through_json(optimizer.state_dict())
    with pytest.raises(ValueError, match=message.replace("  ", " ")):
        optimizer.load_state_dict(altered(change))
    assert through_json(optimizer.state_dict()) == before


def test_another_optimizers_snapshot_is_refused():
    params = leaves()
    with pytest.raises(ValueError, match="another optimizer"):
        tg.optim.Adam(params).load_state_dict(tg.optim.SGD(params).state_dict())
    with pytest.raises(ValueError, match="another optimizer"):
        tg.optim.SGD(params).load_state_dict(tg.optim.Adam(params).state_dict())
