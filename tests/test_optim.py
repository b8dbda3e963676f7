"""First-order optimizers: numbers against closed values and PyTorch, groups, and bad input."""

import copy
import pickle

import numpy as np
import pytest

import tidegrad as tg

SHAPES = [(3, 4), (4,), (), (2, 0), (1, 1, 2)]
SOME = dict(lr=0.05)
# Every option by itself, and those that meet in a formula together; Lion is not in PyTorch.
OPTIONS = {
    "SGD": [
        dict(),
        dict(weight_decay=0.1),
        dict(momentum=0.9),
        dict(momentum=0.9, dampening=0.3),
        dict(momentum=0.9, nesterov=True),
        dict(momentum=0.9, dampening=0.3, weight_decay=0.1, maximize=True),
        dict(momentum=0.9, nesterov=True, weight_decay=0.1, maximize=True),
    ],
    "RMSprop": [
        dict(),
        dict(alpha=0.9, eps=1e-3),
        dict(weight_decay=0.1),
        dict(momentum=0.9),
        dict(centered=True),
        dict(momentum=0.9, centered=True, weight_decay=0.1, maximize=True),
    ],
    "Adagrad": [
        dict(),
        dict(lr_decay=0.1, weight_decay=0.1, eps=1e-3),
        dict(initial_accumulator_value=0.5, maximize=True),
    ],
    "Adam": [
        dict(),
        dict(betas=(0.5, 0.6), eps=1e-3),
        dict(amsgrad=True),
        dict(weight_decay=0.1),
        dict(weight_decay=0.1, amsgrad=True, maximize=True),
    ],
    "AdamW": [
        dict(),
        dict(weight_decay=0.0),
        dict(weight_decay=0.1, amsgrad=True, maximize=True, betas=(0.8, 0.9)),
    ],
}
CASES = [(name, options) for name, many in OPTIONS.items() for options in many]
NAMES = [f"{name}({', '.join(f'{k}={v}' for k, v in options.items())})" for name, options in CASES]

# Three steps of rate 0.1 from (1, 2, 3) on the loss |x - (0, 0, 3)|^2, worked out by hand.
BY_HAND = {
    ("SGD", ()): [[0.8, 1.6, 3], [0.64, 1.28, 3], [0.512, 1.024, 3]],
    ("SGD", (("momentum", 0.9),)): [[0.8, 1.6, 3], [0.46, 0.92, 3], [0.062, 0.124, 3]],
    ("RMSprop", (("alpha", 0.9),)): [
        [0.683772, 1.683772, 3],
        [0.498871, 1.473875, 3],
        [0.369181, 1.308718, 3],
    ],
    ("Adam", ()): [[0.9, 1.9, 3], [0.800412, 1.800166, 3], [0.701586, 1.700623, 3]],
}


def leaf(value, dtype=None):
    return tg.tensor(value, dtype=dtype, requires_grad=True)


def bowl(x):
    return ((x - tg.tensor([0.0, 0.0, 3.0], dtype=x.dtype)) ** 2).sum()


def descend(optimizer, x, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        bowl(x).backward()
        optimizer.step()
        yield x.numpy().copy()


@pytest.mark.parametrize(("name", "options"), BY_HAND, ids=str)
def test_values_worked_out_by_hand(name, options):
    x = leaf([1.0, 2.0, 3.0], tg.float64)
    optimizer = getattr(tg.optim, name)([x], lr=0.1, **dict(options))
    found = list(descend(optimizer, x, 3))
    np.testing.assert_allclose(found, BY_HAND[name, options], rtol=0, atol=5e-7)


def gradients(rng, steps, dtype):
    """Gradients of very different sizes, some exactly 0."""
    for _ in range(steps):
        yield [
            (rng.normal(size=shape) * 10.0 ** rng.integers(-6, 1) * (rng.random(shape) > 0.1))
            .astype(dtype)
            for shape in SHAPES
        ]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "options"), CASES, ids=NAMES)
def test_fifty_steps_give_pytorchs_numbers(oracle, rng, name, options, dtype):
    start = [np.asarray(rng.normal(size=shape), dtype) for shape in SHAPES]
    ours = [leaf(a) for a in start]
    theirs = [oracle.tensor(a, requires_grad=True) for a in start]
    mine = getattr(tg.optim, name)(ours, **SOME, **options)
    torchs = getattr(oracle.optim, name)(theirs, **SOME, **options)
    tolerance = dict(float64=1e-12, float32=1e-6)[dtype]
    largest = 1.0  # on the way: its rounding stays when values come back
    for arrays in gradients(rng, 50, dtype):
        for p, q, g in zip(ours, theirs, arrays, strict=True):
            p.grad, q.grad = tg.tensor(g), oracle.tensor(g)
        mine.step()
        torchs.step()
        for p, q in zip(ours, theirs, strict=True):
            assert p.dtype == dtype
            expected = q.detach().numpy()
            largest = np.abs(expected).max(initial=largest)
            np.testing.assert_allclose(p.numpy(), expected, rtol=0, atol=tolerance * largest)


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_lion_follows_its_paper(rng, decay):
    x, m = rng.normal(size=5), np.zeros(5)
    p = leaf(x)
    optimizer = tg.optim.Lion([p], lr=0.01, betas=(0.8, 0.95), weight_decay=decay)
    for g in rng.normal(size=(20, 5)):
        p.grad = tg.tensor(g)
        optimizer.step()
        x = x - 0.01 * (np.sign(0.8 * m + 0.2 * g) + decay * x)
        m = 0.95 * m + 0.05 * g
        np.testing.assert_allclose(p.numpy(), x, rtol=1e-13)


def test_lion_climbs_with_maximize():
    p = leaf([1.0, -1.0])
    p.grad = tg.tensor([2.0, -3.0])
    tg.optim.Lion([p], lr=0.5, maximize=True).step()
    assert p.tolist() == [1.5, -1.5]


@pytest.mark.parametrize("name", [*OPTIONS, "Lion"])
def test_a_constant_or_absent_gradient_stays_finite(name):
    options = dict(centered=True) if name == "RMSprop" else {}
    x = leaf(np.float32([0.1, 7.0, 0.0]))
    optimizer = getattr(tg.optim, name)([x], **options)
    for _ in range(200):
        x.grad = tg.tensor(np.float32([0.3, 1e-20, 0.0]))
        optimizer.step()
    assert np.isfinite(x.numpy()).all() and x[2].item() == 0


def test_parameters_without_gradient_are_left_out():
    x, y = leaf([1.0]), leaf([1.0])
    optimizer = tg.optim.Adam([x, y], lr=0.1, weight_decay=0.5)
    optimizer.step()
    assert (x.tolist(), y.tolist()) == ([1.0], [1.0])
    x.grad = tg.tensor([1.0])
    optimizer.step()
    assert x.tolist() != [1.0] and y.tolist() == [1.0]
    assert int(optimizer.param_groups[0].step) == 1


def test_groups_have_their_own_rates_and_follow_changes():
    x, y = leaf([1.0]), leaf([1.0])
    optimizer = tg.optim.SGD([dict(params=x, lr=0.5), dict(params=[y])], lr=0.25)
    x.grad = y.grad = tg.tensor([1.0])
    optimizer.step()
    assert (x.item(), y.item()) == (0.5, 0.75)
    optimizer.param_groups[0]["lr"] = 0.125
    optimizer.param_groups[1]["lr"] *= 2
    optimizer.step()
    assert (x.item(), y.item()) == (0.375, 0.25)
    z = leaf([1.0])
    optimizer.add_param_group(dict(params=[z], lr=1.0))
    z.grad = tg.tensor([0.5])
    optimizer.step()
    assert z.item() == 0.5


def test_rates_are_tensors_that_stay_the_same_objects():
    group = tg.optim.AdamW([leaf([1.0])]).param_groups[0]
    lr, betas = group["lr"], group["betas"]
    assert (lr.shape, lr.dtype, group.step.dtype) == ((), tg.float64, tg.int64)
    group["lr"] = 0.5
    group["lr"] /= 4
    group["betas"] = (0.5, 0.75)
    assert group["lr"] is lr and float(lr) == 0.125
    assert [float(b) for b in betas] == [0.5, 0.75] and group["betas"][0] is betas[0]
    group["lr"] = tg.tensor(0.75)
    assert group["lr"] is lr and lr.dtype == tg.float64 and float(lr) == 0.75


def test_a_term_switched_on_later_takes_part(oracle):
    x, y = leaf([1.0, 2.0], tg.float64), oracle.tensor([1.0, 2.0], dtype=oracle.float64)
    mine = tg.optim.SGD([x], lr=0.1)
    theirs = oracle.optim.SGD([y], lr=0.1)
    for step in range(6):
        x.grad = tg.tensor([1.0, 3.0], dtype=tg.float64)
        y.grad = oracle.tensor([1.0, 3.0], dtype=oracle.float64)
        if step == 2:
            mine.param_groups[0]["momentum"] = theirs.param_groups[0]["momentum"] = 0.9
        if step == 4:
            mine.param_groups[0]["weight_decay"] += 0.5
            theirs.param_groups[0]["weight_decay"] += 0.5
        mine.step()
        theirs.step()
    np.testing.assert_allclose(x.numpy(), y.numpy(), rtol=1e-12)


def test_closures_are_recorded_and_their_loss_given_back():
    x = leaf([1.0, 2.0, 3.0])
    optimizer = tg.optim.SGD([x], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = bowl(x)
        loss.backward()
        return loss

    with tg.no_grad():
        assert optimizer.step(closure).item() == 5.0
    np.testing.assert_allclose(x.numpy(), [0.8, 1.6, 3.0], rtol=1e-6)


def test_a_step_rebinds_and_changes_no_array():
    x = leaf([1.0, 2.0])
    loss = (x * x).sum()
    before = x.numpy()
    optimizer = tg.optim.Adam([x], lr=0.1)
    moment = optimizer.state[x]["exp_avg"]
    held = moment.numpy()
    x.grad = tg.tensor([1.0, 1.0])
    optimizer.step()
    assert before.tolist() == [1.0, 2.0] and held.tolist() == [0.0, 0.0]
    assert optimizer.state[x]["exp_avg"] is moment and moment.tolist() != [0.0, 0.0]
    optimizer.zero_grad()
    loss.backward()
    assert x.grad.tolist() == [2.0, 4.0] and x.is_leaf and x.requires_grad


def test_zero_grad():
    x, y = leaf([1.0]), leaf([1.0])
    optimizer = tg.optim.SGD([x, y], lr=0.1)
    x.grad = tg.tensor([5.0])
    optimizer.zero_grad(set_to_none=False)
    assert x.grad.tolist() == [0.0] and y.grad is None
    optimizer.zero_grad()
    assert x.grad is None


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_a_copy_goes_on_by_itself(copied):
    x = leaf([1.0, 2.0, 3.0])
    optimizer = tg.optim.Adam([x], lr=0.1)
    list(descend(optimizer, x, 2))
    other = copied(optimizer)
    (y,) = other.param_groups[0]["params"]
    assert y is not x
    after = list(descend(optimizer, x, 3))
    assert np.array_equal(list(descend(other, y, 3)), after)


def test_the_repr_names_rates():
    shown = repr(tg.optim.AdamW([leaf([1.0])], lr=0.5))
    assert len(tg.optim.Lion([leaf([1.0])]).param_groups[0]) == 5
    assert "AdamW" in shown and "1 parameters" in shown and "lr=0.5" in shown


def test_the_base_class_says_what_is_missing():
    x = leaf([1.0])
    x.grad = tg.tensor([1.0])
    with pytest.raises(NotImplementedError, match="numbers"):
        tg.optim.Optimizer([x], {}).step()

    class Half(tg.optim.Optimizer):
        def numbers(self, group, step):
            return []

    with pytest.raises(NotImplementedError, match="rule"):
        Half([x], {}).step()


@pytest.mark.parametrize(("name", "options"), [*CASES, ("Lion", dict(weight_decay=0.1))], ids=str)
def test_a_rule_gives_the_same_on_tensors(monkeypatch, rng, name, options):
    """As a program that traces the step meets it: no arrays, only operations on Tensors."""
    grads = rng.normal(size=(4, 3)).astype("float32")

    def run():
        x = leaf([1.0, 2.0, 3.0])
        optimizer = getattr(tg.optim, name)([x], **SOME, **options)
        for g in grads:
            x.grad = tg.tensor(g)
            optimizer.step()
        return [x, *optimizer.state[x].values()]

    expected = run()
    for module in ("optimizer", "groups"):
        monkeypatch.setattr(f"tidegrad.optim.{module}.bare", list)
    for found, value in zip(run(), expected, strict=True):
        np.testing.assert_allclose(found.numpy(), value.numpy(), rtol=3e-7, atol=1e-9)
