"""fit and evaluate: the loop against one written by hand, and what they refuse."""

import math

import numpy as np
import pytest

import tidegrad as tg
from tidegrad.data import DataLoader, TensorDataset, blobs
from tidegrad.training import Callback, accuracy, evaluate, fit


def problem(seed=0, **options):
    """A net, a loader and an optimizer, the same every time."""
    tg.random.seed(seed)
    x, y = blobs(10, classes=3, spread=2.0, seed=1)
    net = tg.nn.Sequential(tg.nn.Linear(2, 8), tg.nn.ReLU(), tg.nn.Dropout(0.2), tg.nn.Linear(8, 3))
    loader = DataLoader(TensorDataset(x, y), batch_size=8, shuffle=True, seed=2, **options)
    return net, loader, tg.optim.Adam(net.parameters(), lr=0.01)


def bits(model):
    return {name: value.numpy().tobytes() for name, value in model.state_dict().items()}


def quick(net, loader, opt, epochs=2, **options):
    return fit(net, loader, tg.nn.cross_entropy, opt, epochs, progress=False, **options)


def test_fit_is_the_loop_one_would_write():
    net, loader, opt = problem()
    losses = []
    for _ in range(3):
        net.train()
        total = 0.0
        for x, y in loader:
            opt.zero_grad()
            loss = tg.nn.cross_entropy(net(x), y)
            loss.backward()
            opt.step()
            total += loss.item() * len(y)
        losses.append(total / 30)
    expected = bits(net)
    net, loader, opt = problem(prefetch=2)
    history = quick(net, loader, opt, 3)
    assert bits(net) == expected
    assert history["loss"] == pytest.approx(losses, rel=1e-12)
    assert history["epoch"] == [1, 2, 3] and history["lr"] == [0.01] * 3
    assert all(seconds >= 0 for seconds in history["seconds"])
    assert not history.interrupted and history.stopped is None


def test_validation_is_in_eval_mode_without_gradients_and_leaves_no_trace():
    seen = []

    class Watch(tg.nn.Module):
        def __init__(self, net):
            self.net = net

        def forward(self, x):
            seen.append((self.training, self.net.training, tg.is_grad_enabled(), len(x)))
            return self.net(x)

    plain, loader, opt = problem()
    quick(plain, loader, opt)
    net, loader, opt = problem()
    x, y = blobs(4, classes=3, seed=5)
    held_out = DataLoader(TensorDataset(x, y), 5)
    history = quick(Watch(net), loader, opt, validate=held_out, metrics=[accuracy])
    epoch = [(True, True, True, n) for n in (8, 8, 8, 6)]
    epoch += [(False, False, False, n) for n in (5, 5, 2)]
    assert seen == epoch * 2
    assert bits(net) == bits(plain)
    net.eval()
    scores = net(x)
    assert history["val_accuracy"][-1] == accuracy(scores, y)
    expected = tg.nn.cross_entropy(scores, y).item()
    assert history["val_loss"][-1] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_of_the_model_is_given_back(training):
    net, loader, opt = problem()
    net.train(training)
    quick(net, loader, opt, 1, validate=loader)
    assert net.training is training
    evaluate(net, loader, tg.nn.cross_entropy)
    assert net.training is training
    with pytest.raises(ZeroDivisionError):
        evaluate(net, loader, lambda *_: 1 / 0)
    assert net.training is training


def test_means_weigh_batches_by_their_items():
    class Identity(tg.nn.Module):
        def forward(self, x):
            return x

    x = np.arange(5.0)
    found = evaluate(
        Identity(),
        DataLoader(TensorDataset(x, np.zeros(5)), 3),
        tg.nn.mse_loss,
        metrics={"off": lambda a, b: tg.mean(abs(a - b)), "one": lambda *_: 1},
    )
    assert found == pytest.approx({"loss": np.mean(x**2), "off": 2.0, "one": 1.0}, rel=1e-12)


def test_forward_serves_batches_of_any_form():
    net, loader, opt = problem()
    expected = quick(net, loader, opt)
    net, _, opt = problem()
    x, y = loader.dataset.tensors
    pairs = [{"point": x[i], "label": y[i]} for i in range(30)]
    dicts = DataLoader(pairs, 8, shuffle=True, seed=2)
    found = quick(
        net, dicts, opt, forward=lambda model, batch: (model(batch["point"]), batch["label"])
    )
    assert found["loss"] == expected["loss"]


def test_a_list_of_batches_will_do_and_the_model_may_take_several_inputs():
    class Sum(tg.nn.Module):
        def __init__(self):
            self.scale = tg.nn.Parameter(tg.tensor(0.0))

        def forward(self, a, b):
            return self.scale * (a + b)

    model = Sum()
    batches = [(tg.ones((2,)), tg.ones((2,)), tg.full((2,), 4.0))] * 3
    opt = tg.optim.SGD(model.parameters(), lr=0.1)
    fit(model, batches, tg.nn.mse_loss, opt, 20, progress=False)
    assert model.scale.item() == pytest.approx(2.0, abs=1e-5)


def test_schedules_step_per_epoch_or_per_step_and_plateaus_get_the_loss():
    schedules = tg.optim.lr_scheduler
    net, loader, opt = problem()
    history = quick(net, loader, opt, 3, schedule=schedules.ExponentialLR(opt, 0.5))
    assert history["lr"] == pytest.approx([0.01, 0.005, 0.0025])
    net, loader, opt = problem()
    steps = schedules.ExponentialLR(opt, 0.5)
    history = quick(net, loader, opt, 2, schedule=steps, schedule_per="step")
    assert history["lr"] == pytest.approx([0.01 / 2**4, 0.01 / 2**8])

    class Flat(Callback):
        def on_gradients(self, run):
            for p in run.model.parameters():
                p.grad = tg.zeros_like(p)

    net, loader, opt = problem()
    still = tg.optim.SGD(net.parameters(), lr=1.0)
    plateau = schedules.ReduceLROnPlateau(still, factor=0.1, patience=0)
    history = quick(net, loader, still, 3, schedule=plateau, validate=loader, callbacks=[Flat()])
    assert history["lr"] == pytest.approx([1.0, 1.0, 0.1])
    with pytest.raises(ValueError, match="ReduceLROnPlateau needs an epoch's loss"):
        quick(net, loader, still, schedule=plateau, schedule_per="step")


def test_a_loss_that_is_not_finite_ends_the_run_before_it_does_harm():
    net, loader, opt = problem()
    before = bits(net)

    def broken(prediction, target):
        return tg.nn.cross_entropy(prediction, target) * math.nan

    with pytest.raises(FloatingPointError, match=r"loss is nan in epoch 1, step 1.*detect_anomaly"):
        fit(net, loader, broken, opt, 1, progress=False)
    assert bits(net) == before


@pytest.mark.parametrize(
    ("loss", "kind", "text"),
    [
        (lambda p, y: p.sum(axis=1), ValueError, r"scalar, not of shape \(8,\); take .mean"),
        (lambda p, y: 0.5, TypeError, "must be a Tensor, not float"),
        (lambda p, y: p.detach().sum(), ValueError, "does not depend on any parameter"),
    ],
)
def test_a_loss_that_cannot_train_says_why(loss, kind, text):
    net, loader, opt = problem()
    before = bits(net)
    with pytest.raises(kind, match=text):
        fit(net, loader, loss, opt, 1, progress=False)
    assert bits(net) == before


def test_an_optimizer_of_another_model_is_refused():
    net, loader, _ = problem()
    with pytest.raises(ValueError, match="the optimizer holds none of the model's parameters"):
        quick(net, loader, problem()[2])


def test_an_empty_loader_is_an_error_also_in_a_later_epoch():
    net, loader, opt = problem()
    with pytest.raises(ValueError, match=r"no batch in epoch 1"):
        quick(net, [], opt)
    with pytest.raises(ValueError, match=r"no batch in epoch 2; an iterator can be read only once"):
        quick(net, iter(list(loader)), opt)
    with pytest.raises(ValueError, match=r"evaluate: the loader gave no batch"):
        evaluate(net, [], tg.nn.cross_entropy)


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        ({"epochs": 0}, ValueError, "epochs must be a whole number from 1 on, got 0"),
        ({"epochs": 2.5}, ValueError, "epochs must be a whole number"),
        ({"every": 0}, ValueError, "every must be a whole number"),
        ({"schedule_per": "batch"}, ValueError, "schedule_per must be 'epoch' or 'step'"),
        ({"validate": TensorDataset([1.0])}, TypeError, "validate is a TensorDataset.*DataLoader"),
        ({"metrics": [3]}, TypeError, "is a int, not a function"),
        ({"metrics": [accuracy, accuracy]}, ValueError, "cannot be called 'accuracy'"),
        ({"metrics": [lambda p, y: 0]}, ValueError, "give a dict"),
        ({"metrics": {"loss": accuracy}}, ValueError, "cannot be called 'loss'"),
        ({"valdate": []}, TypeError, "valdate"),
        ({"checkpoint": "no/folder/run.st"}, FileNotFoundError, "there is no folder no/folder"),
        ({"progress": "loud"}, ValueError, "progress must be True, False or 'lines'"),
    ],
)
def test_arguments_are_checked_before_anything_happens(options, kind, text):
    net, loader, opt = problem()
    before = bits(net)
    given = {"epochs": 1, "progress": False, **options}
    with pytest.raises(kind, match=text):
        fit(net, loader, tg.nn.cross_entropy, opt, **given)
    assert bits(net) == before


def test_a_batch_that_is_no_pair_asks_for_forward():
    net, _, opt = problem()
    with pytest.raises(TypeError, match=r"should be \(\*inputs, target\).*forward="):
        quick(net, DataLoader(np.zeros((4, 2), np.float32), 2), opt)
