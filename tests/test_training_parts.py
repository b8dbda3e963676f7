"""History, metrics, callbacks and progress, each by itself."""

import os
import sys
import time

import numpy as np
import pytest

import tidegrad as tg
from tidegrad.data import DataLoader, TensorDataset, blobs
from tidegrad.training import BestCheckpoint, Callback, EarlyStopping, History, accuracy, fit


def train(epochs=3, progress=False, **options):
    tg.random.seed(0)
    x, y = blobs(6, classes=2, seed=1)
    net = tg.nn.Linear(2, 2)
    loader = DataLoader(TensorDataset(x, y), batch_size=4)
    opt = tg.optim.SGD(net.parameters(), lr=0.01)
    return fit(net, loader, tg.nn.cross_entropy, opt, epochs, progress=progress, **options)


class Pretend(Callback):
    """Replaces a column of the history by given values."""

    def __init__(self, name, values):
        self.name, self.values = name, values

    def on_epoch(self, run):
        run.history.rows[-1][self.name] = self.values[run.epoch - 1]


class Pause(Callback):
    """Makes steps longer than the tenth of a second in which a bar is drawn once."""

    def on_step(self, run):
        time.sleep(0.11)


def test_accuracy_counts_the_classes_on_axis_1():
    generator = np.random.default_rng(0)
    scores, target = generator.normal(size=(50, 4)), generator.integers(0, 4, 50)
    expected = np.mean([row.argmax() == label for row, label in zip(scores, target, strict=True)])
    assert accuracy(scores, target) == expected
    assert accuracy(tg.tensor(scores, requires_grad=True), tg.tensor(target)) == expected
    assert accuracy(scores, np.eye(4)[target]) == expected
    images = generator.normal(size=(2, 3, 5, 6))
    assert accuracy(images, images.argmax(axis=1)) == 1.0
    assert accuracy(np.array([1.0, 3.0]), np.array(1)) == 1.0
    with pytest.raises(ValueError, match=r"accuracy: a prediction of shape \(50, 4\).*\(7,\)"):
        accuracy(scores, target[:7])


def test_a_history_is_columns_rows_and_a_table():
    history = History([{"epoch": 1, "loss": 0.12345678}])
    history.rows.append({"epoch": 2, "loss": 2.0, "val_loss": 1.0})
    assert history.names == ["epoch", "loss", "val_loss"] and len(history) == 2
    assert history["loss"] == [0.12345678, 2.0] and history["val_loss"] == [None, 1.0]
    assert repr(history).splitlines() == [
        "epoch    loss  val_loss",
        "    1  0.1235          ",
        "    2       2         1",
    ]
    with pytest.raises(KeyError, match="no column 'accuracy', only epoch, loss"):
        history["accuracy"]
    history.interrupted, history.stopped = True, "enough & done"
    assert repr(history).endswith("stopped: enough & done\ninterrupted")
    assert repr(History()) == "History(no epochs yet)"


def test_a_long_history_is_shown_shortened():
    lines = repr(History({"epoch": n, "loss": 1.0 / n} for n in range(1, 101))).splitlines()
    assert len(lines) == 22 and lines[11].split() == ["...", "..."]
    assert lines[1].split()[0] == "1" and lines[-1].split()[0] == "100"


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_a_history_plots_itself(tmp_path, suffix):
    pytest.importorskip("matplotlib")
    history = train(validate=[(tg.zeros((1, 2)), tg.zeros((1,), dtype=tg.int64))])
    history.rows[0]["accuracy"] = 0.5  # missing in the other rows
    figure = history.plot(tmp_path / f"curves.{suffix}")
    start = (tmp_path / f"curves.{suffix}").read_bytes()[:100]
    assert start.startswith(b"\x89PNG" if suffix == "png" else b"<?xml")
    left, right = figure.axes
    assert [line.get_label() for line in left.lines] == ["loss", "val_loss"]
    assert list(left.lines[0].get_ydata()) == history["loss"]
    assert (left.get_title(), right.get_title()) == ("loss", "accuracy")
    with pytest.raises(ValueError, match="nothing was measured yet"):
        History().plot()


def test_a_picture_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    path, history = tmp_path / "curves.png", train(1)
    path.write_bytes(b"the old picture")
    with pytest.raises(ValueError, match="xyz"):
        history.plot(tmp_path / "curves.xyz")
    with monkeypatch.context() as patched, pytest.raises(OSError, match="nothing was changed"):
        patched.setattr(os, "replace", lambda *_: os.stat(tmp_path / "nowhere"))
        history.plot(path)
    assert path.read_bytes() == b"the old picture" and list(tmp_path.iterdir()) == [path]


def test_a_history_without_matplotlib_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match="train"):
        train(1).plot()


def test_callbacks_are_told_of_everything_in_order():
    told = []

    class Tell(Callback):
        def on_start(self, run):
            told.append("start")

        def on_gradients(self, run):
            told.append(f"gradients {run.step}")

        def on_step(self, run):
            assert run.loss > 0
            told.append(f"step {run.step}")

        def on_epoch(self, run):
            told.append(f"epoch {run.epoch} {len(run.history)}")

        def on_end(self, run):
            told.append("end")

    train(2, callbacks=[Tell(), lambda run: told.append("plain")])
    steps = [[f"gradients {n}", f"step {n + 1}"] for n in range(6)]
    first, second = [w for pair in steps[:3] for w in pair], [w for pair in steps[3:] for w in pair]
    assert told == ["start", *first, "epoch 1 1", "plain", *second, "epoch 2 2", "plain", "end"]


def test_a_callback_can_end_the_run_at_a_step():
    class Stop(Callback):
        def on_step(self, run):
            if run.step == 4:
                run.stop("four is enough")

    history = train(5, callbacks=[Stop()])
    assert len(history) == 1 and history.stopped == "four is enough" and not history.interrupted


@pytest.mark.parametrize(
    ("values", "options", "epochs"),
    [
        ([3, 2, 1, 0.5, 0.4, 0.3], {"patience": 2}, 6),
        ([3, 2, 2, 2, 1, 0], {"patience": 2}, 4),
        ([3, 2, 2.5, 1.9, 1.95, 1.8], {"patience": 2}, 6),
        ([3, float("nan"), float("nan"), 1, 1, 1], {"patience": 2}, 3),
        ([1, 2, 3, 4, 5, 6], {"patience": 1, "mode": "max"}, 6),
    ],
)
def test_early_stopping_waits_for_its_patience(values, options, epochs):
    stopping = EarlyStopping(monitor="loss", **options)
    history = train(6, callbacks=[Pretend("loss", values), stopping])
    assert len(history) == epochs
    assert (history.stopped is not None) == (epochs < 6)


def test_accuracy_should_rise_and_an_unknown_direction_is_asked_for():
    rising = [0.5, 0.6, 0.6, 0.6, 0.6]
    stopping = EarlyStopping(2, "val_accuracy")
    assert len(train(5, callbacks=[Pretend("val_accuracy", rising), stopping])) == 4
    with pytest.raises(ValueError, match="is a high or a low score better"):
        train(callbacks=[Pretend("score", rising), EarlyStopping(2, "score")])
    with pytest.raises(KeyError, match="no column 'score', only epoch, loss"):
        train(callbacks=[EarlyStopping(2, "score", mode="max")])
    with pytest.raises(FileNotFoundError, match="there is no folder nowhere"):
        BestCheckpoint("nowhere/best.safetensors")
    with pytest.raises(ValueError, match="mode must be 'min' or 'max'"):
        EarlyStopping(mode="up")
    with pytest.raises(ValueError, match="patience must be at least 1"):
        EarlyStopping(0)


def test_the_best_model_is_kept(tmp_path):
    path = tmp_path / "best.safetensors"
    weights = []

    def note(run):
        weights.append(np.array(run.model.weight.data))

    train(4, callbacks=[Pretend("val_loss", [3, 1, 2, 1]), note, BestCheckpoint(path)])
    assert np.array_equal(tg.load(path)["weight"].numpy(), weights[1])
    assert not np.array_equal(weights[1], weights[3])


def test_lines_say_loss_metric_rate_and_time_left(capsys):
    train(2, progress="lines", metrics=[accuracy])
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == "" and len(lines) == 2
    for at, line in enumerate(lines, 1):
        assert line.startswith(f"epoch {at}/2  loss ")
        assert "accuracy" in line and "steps/s" in line and line.endswith("0:00 left")


def test_long_epochs_give_lines_in_between(capsys, monkeypatch):
    monkeypatch.setattr("tidegrad.training.report.Lines.PAUSE", 0.0)
    train(1, progress="lines")
    assert len(capsys.readouterr().err.splitlines()) == 4


def test_silence_is_silent_and_a_missing_bar_becomes_lines(capsys, monkeypatch):
    train(1)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setitem(sys.modules, "tqdm", None)
    train(1, progress=True)
    assert capsys.readouterr().err.startswith("epoch 1/1  loss ")


def test_the_bar_shows_epochs_and_measures(capsys):
    pytest.importorskip("tqdm")
    train(2, progress=True, validate=[(tg.zeros((1, 2)), tg.zeros((1,), dtype=tg.int64))])
    *_, last = capsys.readouterr().err.split("\r")
    assert "epoch 2/2" in last and "6/6" in last and "val_loss=" in last and "step/s" in last


def test_the_bar_makes_way_for_a_sentence_and_moves_with_slow_steps(capsys, tmp_path):
    pytest.importorskip("tqdm")
    pause = Pause()
    path = tmp_path / "run.safetensors"
    train(1, progress=True, checkpoint=path, callbacks=[pause])
    assert "epoch 1/1" in capsys.readouterr().err
    train(2, progress=True, checkpoint=path, callbacks=[pause])
    err = capsys.readouterr().err
    assert f"resumed from {path} after 3 steps\n" in err and "6/6" in err
