"""Optimizers and clipping: bad input is refused before anything changes; gradient limits."""

import numpy as np
import pytest

import tidegrad as tg


def leaf(value):
    return tg.tensor(value, requires_grad=True)


def unfit():
    x = leaf([1.0])
    yield "requires_grad=False", [tg.tensor([1.0])]
    yield "result of an operation", [x * 2]
    yield "given twice", [x, x]
    yield "given twice", [dict(params=[x]), dict(params=[x])]
    yield "parameter 1 is a ndarray", [x, np.ones(2)]
    yield "parameter 0 is a float", [1.0]
    yield "empty", []
    yield "empty", [dict(params=[])]
    yield "takes a list of tensors", x
    yield "takes a list of tensors", dict(params=[x])
    yield "takes a list of tensors", None
    yield "each group is a mapping", [dict(params=[x]), leaf([2.0])]
    yield "each group is a mapping", [dict(lr=0.1)]
    yield "unknown option 'momentun'", [dict(params=[x], momentun=0.9)]
    yield "lr must be in", [dict(params=[x], lr=-1.0)]
    yield "a set of parameters", [dict(params={x})]


@pytest.mark.parametrize(("message", "params"), list(unfit()))
def test_what_cannot_be_optimized(message, params):
    with pytest.raises((TypeError, ValueError), match=message):
        tg.optim.SGD(params, lr=0.1)


def test_a_generator_is_read_only_once():
    params = (p for p in [leaf([1.0])])
    tg.optim.SGD(params, lr=0.1)
    with pytest.raises(ValueError, match="only once"):
        tg.optim.SGD(params, lr=0.1)


BAD = [
    ("SGD", dict(lr=-0.1)),
    ("SGD", dict(lr=float("nan"))),
    ("SGD", dict(lr=float("inf"))),
    ("SGD", dict(momentum=-1)),
    ("SGD", dict(weight_decay=-1)),
    ("SGD", dict(nesterov=True)),
    ("SGD", dict(nesterov=True, momentum=0.9, dampening=0.1)),
    ("RMSprop", dict(alpha=-0.1)),
    ("RMSprop", dict(eps=-1e-8)),
    ("Adagrad", dict(lr_decay=-1)),
    ("Adagrad", dict(initial_accumulator_value=-1)),
    ("Adam", dict(betas=(1.0, 0.9))),
    ("Adam", dict(betas=(0.9, -0.1))),
    ("Adam", dict(betas=0.9)),
    ("AdamW", dict(betas=(0.9, 0.9, 0.9))),
    ("Lion", dict(betas=(0.9, 1.5))),
    ("LBFGS", dict(line_search_fn="armijo")),
    ("LBFGS", dict(max_iter=0)),
    ("LBFGS", dict(history_size=0)),
    ("LBFGS", dict(tolerance_grad=-1.0)),
]


@pytest.mark.parametrize(("name", "options"), BAD, ids=str)
def test_impossible_rates(name, options):
    with pytest.raises(ValueError, match=next(iter(options))):
        getattr(tg.optim, name)([leaf([1.0])], **options)


def test_a_refused_group_is_not_added():
    x = leaf([1.0])
    optimizer = tg.optim.Adam([x])
    for group in (dict(params=[x]), dict(params=[leaf([1.0])], lr=-1.0), dict(params=[])):
        with pytest.raises(ValueError):
            optimizer.add_param_group(group)
    assert len(optimizer.param_groups) == 1 and list(optimizer.state) == [x]


def test_a_refused_rate_leaves_the_old_one():
    group = tg.optim.Adam([leaf([1.0])], lr=0.5).param_groups[0]
    for name, value in dict(lr=-1, betas=(0.5, 2.0)).items():
        with pytest.raises(ValueError, match=name):
            group[name] = value
    for betas in ((0.5, 0.5, 0.5), 0.5, "ab"):
        with pytest.raises(ValueError, match="betas must be two numbers"):
            group["betas"] = betas
    for lr in (None, "fast", [0.1, 0.2], True, np.ones(2)):
        with pytest.raises(TypeError, match="lr must be a number"):
            group["lr"] = lr
    with pytest.raises(ValueError, match="add_param_group"):
        group["params"] = []
    assert float(group["lr"]) == 0.5 and [float(b) for b in group["betas"]] == [0.9, 0.999]


def test_an_error_while_computing_changes_nothing():
    x, y = leaf([1.0]), leaf([1.0])
    optimizer = tg.optim.Adam([x, y])
    x.grad, y.grad = tg.tensor([1.0]), tg.tensor([3e38])
    with pytest.raises(RuntimeWarning, match="overflow"):
        optimizer.step()
    assert (x.item(), y.item(), int(optimizer.param_groups[0].step)) == (1.0, 1.0, 0)
    assert optimizer.state[x]["exp_avg"].item() == 0


@pytest.mark.parametrize("new", [np.ones(3, "float32"), np.ones(2)], ids=["shape", "dtype"])
def test_a_rule_that_does_not_fit_changes_nothing(new):
    class Wrong(tg.optim.Optimizer):
        def numbers(self, group, step):
            return []

        def rule(self, group, x, g, slots, numbers):
            return [new]

    x = leaf([1.0, 2.0])
    x.grad = tg.tensor([1.0, 1.0])
    with pytest.raises((ValueError, TypeError), match=r"Wrong.step: .* does not fit the tensor"):
        Wrong([x], {}).step()
    assert x.tolist() == [1.0, 2.0]


def test_a_failing_closure_changes_nothing():
    x = leaf([1.0])
    x.grad = tg.tensor([1.0])
    optimizer = tg.optim.SGD([x], lr=0.1)
    with pytest.raises(ZeroDivisionError):
        optimizer.step(lambda: 1 / 0)
    assert x.item() == 1.0


@pytest.mark.parametrize("order", [1.0, 2.0, 3.0, float("inf")])
@pytest.mark.parametrize("limit", [0.5, 100.0])
def test_norms_are_clipped_as_in_pytorch(oracle, rng, order, limit):
    grads = [np.asarray(rng.normal(size=shape)) for shape in [(3, 4), (2,), ()]]
    ours = [leaf(np.zeros(g.shape)) for g in [*grads, np.zeros(2)]]
    theirs = [oracle.zeros(g.shape, dtype=oracle.float64) for g in grads]
    for p, q, g in zip(ours, theirs, grads, strict=False):
        p.grad, q.grad = tg.tensor(g), oracle.tensor(g)
    norm = tg.optim.clip_grad_norm(iter(ours), limit, order)
    assert norm.shape == ()
    expected = oracle.nn.utils.clip_grad_norm_(theirs, limit, order)
    np.testing.assert_allclose(norm.item(), expected.item(), rtol=1e-13)
    for p, q in zip(ours, theirs, strict=False):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-13)
    assert ours[-1].grad is None


def test_values_are_clipped_into_new_gradients():
    x = leaf([1.0, 1.0, 1.0])
    x.grad = held = tg.tensor([-3.0, 0.5, 2.0])
    tg.optim.clip_grad_value(x, 1.5)
    assert x.grad.tolist() == [-1.5, 0.5, 1.5] and held.tolist() == [-3.0, 0.5, 2.0]
    tg.optim.clip_grad_norm([leaf([1.0])], 1.0)
    assert tg.optim.clip_grad_norm_ is tg.optim.clip_grad_norm
    assert tg.optim.clip_grad_value_ is tg.optim.clip_grad_value


def test_zero_and_endless_norms():
    x = leaf([1.0, 1.0])
    x.grad = tg.tensor([0.0, 0.0])
    assert tg.optim.clip_grad_norm([x], 1.0).item() == 0 and x.grad.tolist() == [0.0, 0.0]
    x.grad = tg.tensor([float("inf"), 1.0])
    with pytest.raises(ValueError, match="detect_anomaly"):
        tg.optim.clip_grad_norm([x], 1.0, error_if_nonfinite=True)
    assert x.grad.tolist() == [float("inf"), 1.0]


@pytest.mark.parametrize("clip", [tg.optim.clip_grad_norm, tg.optim.clip_grad_value])
def test_limits_that_make_no_sense(clip):
    x = leaf([1.0])
    for params, limit, message in [(x, -1.0, "negative"), (3, 1.0, "takes"), ([3], 1.0, "takes")]:
        with pytest.raises((ValueError, TypeError), match=message):
            clip(params, limit)
