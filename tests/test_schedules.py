"""Schedules: rates against PyTorch's step by step, closed forms, snapshots, and bad input."""

import json
import math

import numpy as np
import pytest

import tidegrad as tg

S = tg.optim.lr_scheduler

# name -> how a schedule is made, from the module of either side
MAKERS = {
    "StepLR": lambda s, o: s.StepLR(o, 3, 0.5),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [7, 2, 7, 4], 0.5),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.9),
    "LinearLR": lambda s, o: s.LinearLR(o, 0.1, 0.8, 6),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, 5, 0.01),
    "cosine of 1": lambda s, o: s.CosineAnnealingLR(o, 1),
    "one cycle": lambda s, o: s.OneCycleLR(o, 1.0, total_steps=31),
    "one cycle, epochs": lambda s, o: s.OneCycleLR(o, [1.0, 2.0], epochs=8, steps_per_epoch=4),
    "one cycle, linear": lambda s, o: s.OneCycleLR(
        o, 1.0, 31, anneal_strategy="linear", div_factor=7.0, final_div_factor=11.0, pct_start=0.6
    ),
    "one cycle, rate alone": lambda s, o: s.OneCycleLR(o, 1.0, 31, cycle_momentum=False),
    "one cycle, three phases": lambda s, o: s.OneCycleLR(o, 1.0, 31, three_phase=True),
    "warm-up, then cosine": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, total_iters=4), s.CosineAnnealingLR(o, 9)], [4]
    ),
    "three in sequence": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.5, 0.9, 9), s.ExponentialLR(o, 0.8), s.StepLR(o, 2)], [3, 11]
    ),
}
EVERY = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def optimizer(name="SGD", **options):
    params = [tg.tensor([1.0], requires_grad=True) for _ in range(2)]
    if name == "SGD":
        options.setdefault("momentum", 0.9)
    return getattr(tg.optim, name)(
        [dict(params=[params[0]]), dict(params=[params[1]], lr=0.7)], lr=0.3, **options
    )


def pytorchs(oracle, name="SGD", **options):
    params = [oracle.ones(1, requires_grad=True) for _ in range(2)]
    if name == "SGD":
        options.setdefault("momentum", 0.9)
    return getattr(oracle.optim, name)(
        [dict(params=[params[0]]), dict(params=[params[1]], lr=0.7)], lr=0.3, **options
    )


def momenta(groups):
    return [float(g["betas"][0] if "betas" in g else g["momentum"]) for g in groups]


@EVERY
@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_thirty_rates_are_pytorchs(oracle, make, name):
    ours, theirs = optimizer(name), pytorchs(oracle, name)
    mine, torchs = make(S, ours), make(oracle.optim.lr_scheduler, theirs)
    for _ in range(30):
        found = [float(g["lr"]) for g in ours.param_groups]
        np.testing.assert_allclose(found, [g["lr"] for g in theirs.param_groups], rtol=1e-12)
        assert mine.get_last_lr() == found
        np.testing.assert_allclose(
            momenta(ours.param_groups), momenta(theirs.param_groups), rtol=1e-12
        )
        mine.step()
        theirs.step()  # PyTorch warns of schedules that are stepped alone
        torchs.step()


@EVERY
def test_a_resumed_schedule_goes_on_the_same(make):
    ours = optimizer()
    schedule = make(S, ours)
    for _ in range(6):
        schedule.step()
    state = json.loads(json.dumps(schedule.state_dict()))
    rates = json.loads(json.dumps(ours.state_dict()["param_groups"]))
    others = optimizer()
    other = make(S, others)
    other.load_state_dict(state)
    others.load_state_dict({"state": {}, "param_groups": rates})
    for _ in range(12):
        assert other.get_last_lr() == schedule.get_last_lr()
        other.step()
        schedule.step()
        assert momenta(others.param_groups) == momenta(ours.param_groups)


LOSSES = [3.0, 2.0, 2.0, 2.1, 1.9999, 2.0, 2.0, 1.0, 1.1, 1.1, 1.1, math.nan, 1.1, 1.0, 0.99, 1, 1]
PLATEAUS = [
    dict(patience=1),
    dict(patience=0, factor=0.5, cooldown=2),
    dict(patience=1, threshold_mode="abs", threshold=0.05),
    dict(patience=0, mode="max"),
    dict(patience=0, mode="max", threshold_mode="abs", threshold=0.5),
    dict(patience=0, min_lr=0.05, eps=0.01),
    dict(patience=0, min_lr=[0.2, 0.1]),
]


@pytest.mark.parametrize("options", PLATEAUS, ids=str)
def test_plateaus_are_pytorchs(oracle, options):
    ours, theirs = optimizer(), pytorchs(oracle)
    mine = S.ReduceLROnPlateau(ours, **options)
    torchs = oracle.optim.lr_scheduler.ReduceLROnPlateau(theirs, **options)
    for loss in LOSSES:
        mine.step(tg.tensor(loss, dtype=tg.float64))
        theirs.step()
        torchs.step(loss)
        expected = [g["lr"] for g in theirs.param_groups]
        np.testing.assert_allclose(mine.get_last_lr(), expected, rtol=1e-13)
        assert [float(g["lr"]) for g in ours.param_groups] == mine.get_last_lr()
    other = S.ReduceLROnPlateau(ours, **options)
    other.load_state_dict(json.loads(json.dumps(mine.state_dict())))
    assert other.state_dict() == mine.state_dict()


def test_a_cosine_has_its_closed_form():
    schedule = S.CosineAnnealingLR(optimizer(), 10, eta_min=0.1)
    for step in range(41):
        part = (1 + math.cos(math.pi * step / 10)) / 2
        np.testing.assert_allclose(schedule.get_last_lr()[0], 0.1 + 0.2 * part, rtol=1e-13)
        schedule.step()


def test_sequences_of_sequences_start_anew():
    ours = optimizer()
    inner = S.SequentialLR(ours, [S.ExponentialLR(ours, 0.5), S.StepLR(ours, 9)], [2])
    schedule = S.SequentialLR(ours, [S.StepLR(ours, 9), S.StepLR(ours, 1, 0.5), inner], [2, 5])
    rates = []
    for _ in range(9):
        rates.append(schedule.get_last_lr()[0] / 0.3)
        schedule.step()
    np.testing.assert_allclose(rates, [1, 1, 1, 0.5, 0.25, 1, 0.5, 1, 1], rtol=1e-14)


def test_a_rate_set_by_hand_lasts_until_the_next_step():
    ours = optimizer()
    schedule = S.ExponentialLR(ours, 0.5)
    ours.param_groups[0]["lr"] = 9.0
    schedule.step()
    assert [float(g["lr"]) for g in ours.param_groups] == [0.15, 0.35] == schedule.get_last_lr()


def test_a_schedule_can_begin_in_the_middle():
    ours = optimizer()
    first = S.StepLR(ours, 2, 0.5)
    for _ in range(3):
        first.step()
    second = S.StepLR(ours, 2, 0.5, last_epoch=first.last_epoch)
    assert second.last_epoch == 4 and second.get_last_lr()[0] == 0.3 / 4
    cycle = S.OneCycleLR(ours, 1.0, 9, last_epoch=3)
    assert cycle.base_lrs == first.base_lrs and cycle.last_epoch == 4
    with pytest.raises(ValueError, match="initial_lr"):
        S.StepLR(optimizer(), 2, last_epoch=3)


def refused():
    o, other = optimizer(), optimizer()
    yield "takes an optimizer", lambda: S.StepLR([1], 2)
    yield "step_size", lambda: S.StepLR(o, 0)
    yield "start_factor", lambda: S.LinearLR(o, 0.0)
    yield "end_factor", lambda: S.LinearLR(o, 0.5, 2.0)
    yield "total_iters", lambda: S.LinearLR(o, total_iters=0)
    yield "T_max", lambda: S.CosineAnnealingLR(o, 0)
    yield "total_steps must be", lambda: S.OneCycleLR(o, 1.0, epochs=3)
    yield "pct_start", lambda: S.OneCycleLR(o, 1.0, 5, pct_start=2)
    yield "anneal_strategy", lambda: S.OneCycleLR(o, 1.0, 5, anneal_strategy="step")
    yield "1 entries in max_lr for 2 groups", lambda: S.OneCycleLR(o, [1.0], 5)
    yield "no momentum to cycle", lambda: S.OneCycleLR(optimizer("Adagrad"), 1.0, 5)
    yield "mode must", lambda: S.ReduceLROnPlateau(o, "least")
    yield "factor must", lambda: S.ReduceLROnPlateau(o, factor=1.0)
    yield "threshold_mode", lambda: S.ReduceLROnPlateau(o, threshold_mode="relative")
    yield "one milestone less", lambda: S.SequentialLR(o, [], [])
    yield "another optimizer", lambda: S.SequentialLR(o, [S.StepLR(other, 1)], [])
    yield "needs metrics", lambda: S.SequentialLR(o, [S.ReduceLROnPlateau(o)], [])
    yield "one milestone less", lambda: S.SequentialLR(o, [S.StepLR(o, 1)], [3])
    yield "increas", lambda: S.SequentialLR(o, [S.StepLR(o, 1)] * 3, [3, 3])
    yield "increas", lambda: S.SequentialLR(o, [S.StepLR(o, 1)] * 2, [0])


@pytest.mark.parametrize(("message", "make"), list(refused()))
def test_impossible_schedules(message, make):
    with pytest.raises((ValueError, TypeError), match=message):
        make()


def test_a_cycle_ends():
    schedule = S.OneCycleLR(optimizer(), 1.0, 3)
    schedule.step()
    schedule.step()
    before = schedule.state_dict()
    with pytest.raises(ValueError, match="step 4 of a schedule of 3"):
        schedule.step()
    assert schedule.state_dict() == before


def test_a_mismatched_snapshot_changes_nothing():
    ours = optimizer()
    pair = S.SequentialLR(ours, [S.StepLR(ours, 2), S.ExponentialLR(ours, 0.5)], [3])
    schedules = [S.StepLR(ours, 2), S.ExponentialLR(ours, 0.9), pair]
    single = S.StepLR(tg.optim.SGD([tg.tensor([1.0], requires_grad=True)], lr=1.0), 2)
    wrong = pair.state_dict()
    wrong["schedulers"][1].pop("gamma")
    states = [single.state_dict(), schedules[0].state_dict(), wrong]
    for schedule, state in zip(schedules, states, strict=True):
        before = schedule.state_dict()
        with pytest.raises(ValueError, match="load_state_dict"):
            schedule.load_state_dict(state)
        assert schedule.state_dict() == before
    alone = S.SequentialLR(ours, [S.StepLR(ours, 2)], [])
    with pytest.raises(ValueError, match="other parts"):
        pair.load_state_dict(alone.state_dict())


def test_the_base_class_says_what_is_missing():
    with pytest.raises(NotImplementedError, match="rate"):
        S.LRScheduler(optimizer())
