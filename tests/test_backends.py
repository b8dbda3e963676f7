"""Accelerators: a dozen array operations are enough for everything that runs eagerly."""

import copy
import math
import pickle

import numpy as np
import pytest
from accelerator import Strict
from differences import assert_derivatives
from test_examples import QUICK, example, picture  # noqa: F401  (example is a fixture)
from test_operations import CASES, inputs
from test_operations import NAMES as CASE_NAMES
from test_table import MAPS, SMOOTH, arguments, function

import tidegrad as tg
from tidegrad import nn


@pytest.fixture
def strict():
    """A block in which everything runs on an accelerator that has the dozen and nothing else."""
    tg.backends.register("strict", Strict)
    Strict.calls.clear()
    with tg.backends.use("strict"):
        yield Strict


def test_there_are_a_dozen():
    assert len(tg.backends.DOZEN) == 12
    assert all(getattr(tg.backends.Host, name).__doc__ for name in tg.backends.DOZEN)


@pytest.mark.parametrize("name", SMOOTH)
def test_elementwise_operations(strict, name):
    op = MAPS[name]
    assert_derivatives(function(name), arguments(name, [(3, 4)] * op.inputs))
    assert strict.calls["map"]


@pytest.mark.parametrize("name, f, truth, shapes", CASES, ids=CASE_NAMES)
def test_operations(strict, name, f, truth, shapes):
    xs = inputs(shapes)
    found = f(*[tg.tensor(x) for x in xs])
    expected = truth(*xs)
    assert found.shape == np.shape(expected) and found.dtype == np.float64
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-13, atol=1e-14)
    assert_derivatives(f, xs)


NETS = {
    "convolutions": lambda: nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3, stride=2),
        nn.AvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(6, 3),
    ),
    "recurrent": lambda: Last(nn.LSTM(8, 5, batch_first=True)),
    "attention": lambda: Last(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)),
}


class Last(nn.Module):
    """Rows of an image as a sequence, of which the last place is classified."""

    def __init__(self, inner):
        self.inner, self.out = inner, nn.Linear(8, 3)
        if isinstance(inner, nn.LSTM):
            self.out = nn.Linear(5, 3)

    def forward(self, x):
        y = self.inner(x.reshape(-1, 8, 8))
        return self.out((y[0] if isinstance(y, tuple) else y)[:, -1])


def losses(net):
    """Three steps of training with clipped gradients, weight decay and a schedule."""
    tg.random.seed(1)
    x = np.random.default_rng(0).normal(size=(6, 1, 8, 8)).astype(np.float32)
    y = np.arange(6) % 3
    optimizer = tg.optim.AdamW(net.parameters(), lr=1e-2)
    schedule = tg.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    found = []
    for _ in range(3):
        optimizer.zero_grad()
        loss = nn.cross_entropy(net(tg.tensor(x)), tg.tensor(y))
        loss.backward()
        tg.optim.clip_grad_norm(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        found.append(loss.item())
    return found


@pytest.mark.parametrize("name", NETS)
def test_training_on_an_accelerator_is_training(name):
    tg.backends.register("strict", Strict)
    tg.random.seed(0)
    net = NETS[name]()
    state = {key: tg.tensor(value.numpy()) for key, value in net.state_dict().items()}
    expected = losses(net)
    net.load_state_dict(state)
    with tg.backends.use("strict"):
        found = losses(net)
        assert type(next(net.parameters()).array) is not np.ndarray  # weights stay there
    np.testing.assert_allclose(found, expected, rtol=2e-4)
    assert len(set(expected)) == 3
    tg.backends.home(net)
    assert all(type(p.array) is np.ndarray for p in net.parameters())
    assert net(tg.zeros((1, 1, 8, 8))).shape == (1, 3)


# Every example, at a size that takes seconds.
EXAMPLES = {
    "characters": lambda module, folder: module.main(folder, 1, 16, QUICK[:1])[0] < 8,
    "digits": lambda module, folder: module.main(folder, epochs=1) > 0.3,
    "minimize": lambda module, folder: module.main(folder, links=4)["gradient"].success,
    "spiral": lambda module, folder: module.main(folder, epochs=5) > 0.4,
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_run_on_an_accelerator(example, strict, name, tmp_path, capsys):
    assert EXAMPLES[name](example(name), tmp_path)
    assert strict.calls["map"] > 50


def test_a_compiled_function_runs_eagerly(strict):
    f = tg.jit(lambda x: tg.exp(x).sum())
    assert f(tg.tensor([0.0, 0.0])).item() == 2
    assert strict.calls["map"] == 1 and strict.calls["reduce"] == 1


def test_elements_come_home_where_they_are_read(strict):
    x = tg.tensor([1.0, 2.0]) * 2
    assert repr(x) == "tensor([2., 4.])" and x.tolist() == [2.0, 4.0] and f"{x[0]:.1f}" == "2.0"
    assert float(x[1]) == 4 and bool(x[0] > 1) and 4.0 in x and list(x)[1].item() == 4
    assert np.asarray(x).sum() == 6 and x.numpy() is not None
    assert int(tg.argmax(x)) == 1 and x[tg.argmax(x)].item() == 4
    assert [1, 2, 3][tg.argmax(x)] == 2


def test_a_tensor_that_stays_behind_says_where_it_lies():
    tg.backends.register("strict", Strict)
    with tg.backends.use("strict"):
        x = tg.tensor([1.0, 2.0], requires_grad=True)
        y = tg.exp(x)
    uses = (
        *(lambda: y * 2, lambda: tg.sin(y), lambda: y.sum(), lambda: y[0], lambda: y == y, y.clone),
        *(lambda: tg.jit(lambda t: t * 2)(y), tg.jit(lambda: y * 2), lambda: tg.concat([y, y])),
        *(lambda: y.astype(tg.float64), lambda: tg.where(True, y, y), lambda: y + np.ones(2)),
    )
    for use in uses:
        with pytest.raises(tg.errors.TraceError, match=r"lies on the backend 'strict'.*x\.numpy"):
            use()
    assert tg.tensor(y.numpy()).sum().item() == pytest.approx(np.exp([1, 2]).sum())
    copies = [tg.tensor(y), pickle.loads(pickle.dumps(y)), copy.deepcopy(y)]
    assert all(np.array_equal(c.detach() * 1, y.numpy()) for c in copies)
    with tg.backends.use("strict"):
        y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.exp([1, 2]), rtol=1e-6)


def test_wrong_shapes_are_explained_as_ever(strict):
    with pytest.raises(tg.errors.ShapeError, match="axis -1 has sizes 4 and 5"):
        tg.ones((3, 4)) * 1 + tg.ones((3, 5)) * 1
    with pytest.raises(IndexError, match="out of range"):
        (tg.ones(3) * 1)[tg.tensor([5])]


def test_an_accelerator_that_lacks_operations_is_not_registered():
    class Half:
        array = numpy = map = reshape = lambda self, *args: None

    with pytest.raises(TypeError, match="Half lacks the operations reduce, permute, expand, cut"):
        tg.backends.register("half", Half)
    assert "half" not in tg.backends.names()
    with pytest.raises(ValueError, match="tidegrad's own"):
        tg.backends.register("threads", Strict)
    with pytest.raises(ValueError, match="identifier"):
        tg.backends.register("my backend", Strict)
    with pytest.raises(ValueError, match=r"no backend 'half'.*numpy.*register"):
        tg.backends.use("half")


def test_an_accelerator_that_gives_another_shape_is_found_out():
    class Wrong(tg.backends.Host):
        def map(self, text, inputs, shape, dtype):
            return np.zeros(7)

    tg.backends.register("wrong", Wrong)
    with tg.backends.use("wrong"):
        x = tg.tensor([1.0]) + 1
    with pytest.raises(
        TypeError, match=r"wrong: the backend holds float64\[7\] where float32\[1\]"
    ):
        x.numpy()


def test_an_error_inside_leaves_nothing_switched(strict):
    before = strict.calls.total()
    with pytest.raises(ZeroDivisionError), tg.backends.use("numpy"):
        raise ZeroDivisionError
    tg.tensor([1.0]) + 1
    assert strict.calls.total() > before


def test_an_error_of_the_accelerators_names_the_operation():
    class Broken(tg.backends.Host):
        def reduce(self, name, x, axes, dtype):
            raise TypeError("no kernel")

    tg.backends.register("broken", Broken)
    with tg.backends.use("broken"):
        with pytest.raises(TypeError, match="^no kernel") as caught:
            tg.tensor([1.0]).sum()
        assert caught.value.__notes__ == ["This was sum on the backend 'broken'."]
        with pytest.raises(tg.errors.DTypeError, match="subtract: is not defined for bool"):
            tg.tensor([True]) - tg.tensor([True])
    assert type((tg.tensor([1.0]) + 1).array) is np.ndarray


def test_a_block_can_be_entered_again():
    tg.backends.register("strict", Strict)
    block = tg.backends.use("strict")
    for _ in range(2):
        with block:
            assert type((tg.tensor([1.0]) + 1).array) is not np.ndarray
        assert type((tg.tensor([1.0]) + 1).array) is np.ndarray


def test_a_backend_is_chosen_before_others_look_on():
    def f(x):
        with tg.backends.use("threads"):
            return tg.exp(x)

    x = tg.tensor([1.0], requires_grad=True)
    for inside in (tg.jit(f), tg.checkpoint(f)):
        with pytest.raises(RuntimeError, match="choose the backend before"):
            inside(x)
    for look in (tg.detect_anomaly, tg.whole_tape):
        with look(), pytest.raises(RuntimeError, match="choose the backend before"):
            f(x)
    assert f(x).item() == tg.exp(x).item()


def test_anomalies_are_found_there(strict):
    x = tg.tensor([1.0, 0.0], requires_grad=True)
    with tg.detect_anomaly(), pytest.raises(tg.errors.AnomalyError, match="log: 1 of 2 elements"):
        tg.log(x)
    with tg.detect_anomaly(), pytest.raises(tg.errors.AnomalyError, match="backward of sqrt"):
        tg.sqrt(x).sum().backward()
    with tg.detect_anomaly():
        assert tg.where(x > 0, x, tg.tensor(-np.inf)).tolist() == [1, -np.inf]  # that is meant


def test_gradients_are_checked_there(strict):
    tg.check_grads(lambda x: tg.sin(x) * x, [tg.tensor([1.0, 2.0])])
    with pytest.raises(AssertionError, match="differs from finite differences"):
        tg.check_grads(lambda x: tg.stop_gradient(x) * x, [tg.tensor([1.0, 2.0])])


@pytest.mark.parametrize("optimizer", [tg.optim.Adam, tg.optim.SGD])
def test_an_optimizer_comes_home_with_all_that_it_keeps(optimizer):
    tg.backends.register("strict", Strict)
    net = nn.Linear(2, 1)
    optimizer = optimizer(net.parameters(), lr=0.1)
    schedule = tg.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)

    def step():
        optimizer.zero_grad()
        net(tg.ones((3, 2))).sum().backward()
        optimizer.step()
        schedule.step()

    with tg.backends.use("strict"):
        step()
    with pytest.raises(tg.errors.TraceError, match="tg.backends.home"):
        optimizer.step()
    assert tg.backends.home(optimizer) is optimizer
    step()
    assert type(net.weight.array) is np.ndarray and optimizer.param_groups[0]["lr"].item() == 0.025
    assert all(
        type(s["step"].array) is np.ndarray for s in optimizer.state_dict()["state"].values()
    )


def test_slopes_that_are_numbers_have_the_gradients_dtype(strict):
    x = tg.tensor(np.array([-1.0, 1.0]), requires_grad=True)
    tg.leaky_relu(x, 0.2).sum().backward()
    assert x.grad.tolist() == [0.2, 1.0]


def test_other_libraries_see_it(strict):
    x = tg.tensor([1.0, 2.0]) * 2
    assert x.__dlpack_device__() == (1, 0) and np.from_dlpack(x).tolist() == [2, 4]


def test_infinite_slopes_count_for_nothing_there_too(strict):
    x = tg.tensor([0.0, 4.0], requires_grad=True)
    tg.where(x > 0, tg.sqrt(x), 0).sum().backward()
    assert x.grad.tolist() == [0.0, 0.25]
    assert math.isfinite(x.grad.sum().item())
