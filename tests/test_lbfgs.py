"""L-BFGS: PyTorch's path point by point, known minima, exact resume, and closures that fail."""

import json

import numpy as np
import pytest

import tidegrad as tg
from tidegrad.optim.line_search import Point, cubic_minimum, strong_wolfe

OPTIONS = [
    dict(lr=0.1),
    dict(lr=0.1, max_iter=5, history_size=2),
    dict(line_search_fn="strong_wolfe"),
    dict(line_search_fn="strong_wolfe", lr=0.3, max_iter=3),
    dict(line_search_fn="strong_wolfe", history_size=1, max_eval=7),
    dict(line_search_fn="strong_wolfe", tolerance_change=1e-3, tolerance_grad=1e-2),
]


def rosenbrock(x, y):
    """The banana valley in four dimensions, in two parameters; 0 at ones."""
    first = 100 * ((x[1:] - x[:-1] ** 2) ** 2).sum() + ((1 - x[:-1]) ** 2).sum()
    return first + ((y - x[0]) ** 2).sum() + ((y - 1) ** 4).sum()


def closing(optimizer, params, function=rosenbrock):
    def closure():
        optimizer.zero_grad()
        loss = function(*params)
        loss.backward()
        return loss

    return closure


def start(dtype=tg.float64):
    values = ([-1.2, 1.0, -0.5, 0.8], [[2.0], [-1.0]])
    return [tg.tensor(v, dtype=dtype, requires_grad=True) for v in values]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_path_is_pytorchs(oracle, options):
    ours = start()
    theirs = [oracle.tensor(p.numpy().copy(), requires_grad=True) for p in ours]
    mine = tg.optim.LBFGS(ours, **options)
    torchs = oracle.optim.LBFGS(theirs, **options)
    for _ in range(6):
        loss = mine.step(closing(mine, ours))
        expected = torchs.step(closing(torchs, theirs))
        np.testing.assert_allclose(loss.item(), expected.item(), rtol=1e-8, atol=1e-12)
        for p, q in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(p.numpy(), q.detach().numpy(), rtol=1e-8, atol=1e-9)
        found, wanted = mine.state_dict()["state"][0], torchs.state_dict()["state"][0]
        assert (found["func_evals"], found["n_iter"]) == (wanted["func_evals"], wanted["n_iter"])
        assert len(found["old_dirs"]) == len(wanted["old_dirs"])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_valleys_end_is_found(dtype):
    params = start(dtype)
    optimizer = tg.optim.LBFGS(params, line_search_fn="strong_wolfe", max_iter=200)
    optimizer.step(closing(optimizer, params))
    for p in params:
        assert p.dtype == dtype
        np.testing.assert_allclose(p.numpy(), 1, atol=1e-2)  # the fourth power is flat there
    assert rosenbrock(*params).item() < 1e-6


def test_a_quadratic_is_solved_exactly(rng):
    root = rng.normal(size=(6, 6))
    matrix, right = root @ root.T + np.eye(6), rng.normal(size=6)
    a, b = tg.tensor(matrix), tg.tensor(right)
    x = tg.tensor(np.zeros(6), requires_grad=True)
    options = dict(line_search_fn="strong_wolfe", max_iter=100, tolerance_change=1e-20)
    optimizer = tg.optim.LBFGS([x], **options)
    optimizer.step(closing(optimizer, [x], lambda x: 0.5 * (x @ (a @ x)) - b @ x))
    np.testing.assert_allclose(x.numpy(), np.linalg.solve(matrix, right), atol=1e-6)


def test_pytorchs_snapshot_goes_on_here(oracle):
    ours = start()
    theirs = [oracle.tensor(p.numpy().copy(), requires_grad=True) for p in ours]
    options = dict(line_search_fn="strong_wolfe", max_iter=5)
    torchs = oracle.optim.LBFGS(theirs, **options)
    torchs.step(closing(torchs, theirs))
    mine = tg.optim.LBFGS(ours)  # its options come with the snapshot
    mine.load_state_dict(torchs.state_dict())
    for p, q in zip(ours, theirs, strict=True):
        p.data = q.detach().numpy()
    mine.step(closing(mine, ours))
    torchs.step(closing(torchs, theirs))
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.numpy(), q.detach().numpy(), rtol=1e-8)


def test_at_a_minimum_nothing_moves():
    x = tg.tensor([1.0, 1.0], requires_grad=True)
    optimizer = tg.optim.LBFGS([x])
    loss = optimizer.step(closing(optimizer, [x], lambda x: ((x - 1) ** 2).sum()))
    assert loss.item() == 0 and x.tolist() == [1.0, 1.0]
    assert optimizer.state_dict()["state"][0] == dict(func_evals=1, n_iter=0)
    other = tg.optim.LBFGS([x], lr=0.5)
    other.load_state_dict(optimizer.state_dict())
    assert repr(other.state_dict()) == repr(optimizer.state_dict())


def test_a_parameter_without_gradient_stays():
    x, y = (tg.tensor([3.0], requires_grad=True) for _ in range(2))
    optimizer = tg.optim.LBFGS([x, y], line_search_fn="strong_wolfe")
    optimizer.step(closing(optimizer, [x], lambda x: ((x - 1) ** 2).sum()))
    assert abs(x.item() - 1) < 1e-4 and y.item() == 3.0


def saved_and_read(tree):
    text = json.dumps(tree, default=lambda t: t.tolist())
    read = json.loads(text)
    entry = read["state"]["0"]
    for name in ("d", "prev_flat_grad"):
        entry[name] = tg.tensor(np.asarray(entry[name]))
    for name in ("old_dirs", "old_stps"):
        entry[name] = [tg.tensor(np.asarray(v)) for v in entry[name]]
    return read


@pytest.mark.parametrize("carry", [lambda tree: tree, saved_and_read], ids=["tree", "file"])
def test_a_resumed_run_ends_bit_for_bit_the_same(carry):
    params = start()
    options = dict(line_search_fn="strong_wolfe", max_iter=4)
    optimizer = tg.optim.LBFGS(params, **options)
    for _ in range(2):
        optimizer.step(closing(optimizer, params))
    snapshot = carry(optimizer.state_dict())
    again = [tg.tensor(p.numpy(), requires_grad=True) for p in params]
    for _ in range(3):
        optimizer.step(closing(optimizer, params))
    other = tg.optim.LBFGS(again)
    other.load_state_dict(snapshot)
    for _ in range(3):
        other.step(closing(other, again))
    for p, q in zip(params, again, strict=True):
        assert p.tolist() == q.tolist()


BAD = {
    "takes a mapping": lambda s: s.update(state=None),
    "takes a  mapping": lambda s: s.pop("param_groups"),
    "ro missing": lambda s: s["state"][0].pop("ro"),
    "numbers to optimize": lambda s: s["state"][0].update(d=tg.zeros(2)),
    "differ in length": lambda s: s["state"][0].update(ro=[]),
    "lacks tolerance_grad": lambda s: s["param_groups"][0].pop("tolerance_grad"),
    r"groups of \[5\]": lambda s: s["param_groups"][0].update(params=[0, 1, 2, 3, 4]),
}


@pytest.mark.parametrize(("message", "change"), BAD.items(), ids=BAD)
def test_a_mismatched_snapshot_changes_nothing(message, change):
    params = start()
    optimizer = tg.optim.LBFGS(params, line_search_fn="strong_wolfe", max_iter=3)
    optimizer.step(closing(optimizer, params))
    saved, before = optimizer.state_dict(), repr(optimizer.state_dict())
    change(saved)
    with pytest.raises(ValueError, match=message.replace("  ", " ")):
        optimizer.load_state_dict(saved)
    assert repr(optimizer.state_dict()) == before


@pytest.mark.parametrize("when", [1, 2, 5])
def test_a_failing_closure_changes_nothing(when):
    params = start()
    optimizer = tg.optim.LBFGS(params, line_search_fn="strong_wolfe")
    work, calls = closing(optimizer, params), []
    before = [p.tolist() for p in params]

    def closure():
        calls.append(1)
        if len(calls) == when:
            raise KeyboardInterrupt
        return work()

    with pytest.raises(KeyboardInterrupt):
        optimizer.step(closure)
    assert [p.tolist() for p in params] == before
    assert optimizer.state_dict()["state"][0] == dict(func_evals=0, n_iter=0)


def test_what_it_does_not_take():
    x, y = (tg.tensor([3.0], requires_grad=True) for _ in range(2))
    optimizer = tg.optim.LBFGS([x])
    with pytest.raises(TypeError, match="closure"):
        optimizer.step()
    with pytest.raises(ValueError, match="one parameter group"):
        optimizer.add_param_group(dict(params=[y]))
    with pytest.raises(ValueError, match="one parameter group"):
        tg.optim.LBFGS([dict(params=[x]), dict(params=[y])])


def line(function, slope):
    return lambda t: Point(t, function(t), None, slope(t))


LINES = {
    "quadratic": (lambda t: (t - 3) ** 2, lambda t: 2 * (t - 3)),
    "quartic": (lambda t: (t - 1) ** 4 - t, lambda t: 4 * (t - 1) ** 3 - 1),
    "waves": (lambda t: -np.sin(t) - t / 4, lambda t: -np.cos(t) - 1 / 4),
    "cliff": (lambda t: -t if t < 0.7 else 10 - t, lambda t: -1.0),
    "needle": (lambda t: abs(t - 0.3) ** 0.5, lambda t: np.sign(t - 0.3) / 2),
    "wall": (
        lambda t: -t if t < 1 else float("nan"),
        lambda t: -1.0 if t < 1 else float("nan"),
    ),
}


@pytest.mark.parametrize("first", [1e-3, 0.5, 20.0])
@pytest.mark.parametrize("name", LINES)
def test_line_searches_satisfy_wolfes_conditions(name, first):
    at = line(*LINES[name])
    start = at(0.0)
    point, evaluations = strong_wolfe(at, start, first, 1.0)
    assert 1 <= evaluations <= 26
    assert point.loss <= start.loss + 1e-4 * point.t * start.slope
    if name in ("quadratic", "quartic", "waves"):  # the others have no place flat enough
        assert abs(point.slope) <= 0.9 * abs(start.slope)


@pytest.mark.parametrize("first", [0.25, 1.0])
def test_a_narrow_bracket_ends_the_search(first):
    at = line(*LINES["cliff"])
    point, evaluations = strong_wolfe(at, at(0.0), first, width=1e-8)
    assert evaluations < 26 and 0.6 < point.t < 0.7


def test_where_no_cubic_helps_the_middle_is_taken():
    low, level = Point(1.0, 0.0, None, -1.0), Point(1.0, 1.0, None, 0.0)
    endless = Point(3.0, float("inf"), None, 1.0)
    flat = [Point(0.0, 0.0, None, 0.0), Point(2.0, 0.0, None, 0.0)]
    for one, other in ((low, level), (low, endless), flat):
        assert cubic_minimum(one, other, (0.0, 4.0)) == 2.0


def test_a_line_without_end_is_left_at_its_lowest_point():
    at = line(lambda t: -t, lambda t: -1.0)
    point, evaluations = strong_wolfe(at, at(0.0), 1.0, 1.0)
    assert evaluations == 26 and point.t > 1e15
