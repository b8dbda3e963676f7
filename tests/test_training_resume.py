"""Checkpoints: a run that is killed or interrupted anywhere ends in the same bits."""

import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import tidegrad as tg
from tidegrad.data import DataLoader, TensorDataset, blobs
from tidegrad.training import Callback, Checkpoint, EarlyStopping, History, fit

PROGRAM = """
import sys, time
import tidegrad as tg
from tidegrad import data, training

folder, pause = sys.argv[1], float(sys.argv[2])
tg.random.seed(7)
x, y = data.blobs(20, classes=3, spread=2.0, seed=1)
net = tg.nn.Sequential(tg.nn.Linear(2, 16), tg.nn.BatchNorm1d(16), tg.nn.ReLU(),
                       tg.nn.Dropout(0.3), tg.nn.Linear(16, 3))
opt = tg.optim.Adam(net.parameters(), lr=0.01)
train, held_out = data.random_split(data.TensorDataset(x, y), [48, 12], seed=3)

class Step(training.Callback):
    def on_step(self, run):
        print(run.step, flush=True)
        time.sleep(pause)

history = training.fit(
    net, data.DataLoader(train, 5, shuffle=True, prefetch=2), tg.nn.cross_entropy, opt, 5,
    validate=data.DataLoader(held_out, 5, shuffle=True), metrics=[training.accuracy],
    schedule=tg.optim.lr_scheduler.ExponentialLR(opt, 0.98), schedule_per="step",
    callbacks=[Step(), training.BestCheckpoint(folder + "/best.safetensors")],
    checkpoint=folder + "/run.safetensors", every=3, progress=False)
rows = [{k: v for k, v in row.items() if k != "seconds"} for row in history.rows]
tg.save(folder + "/end.safetensors", {
    "model": net.state_dict(), "optimizer": opt.state_dict(), "rows": rows,
    "random": tg.random.default_generator().state_dict()})
"""


def start(folder, pause):
    folder.mkdir(exist_ok=True)
    source = str(Path(tg.__file__).parents[1])
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), str(pause)],
        stdout=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([source, os.environ.get("PYTHONPATH", "")]),
        },
    )


def finish(process):
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return [int(line) for line in out.split()]


def bits(tree):
    if isinstance(tree, dict):
        return {name: bits(part) for name, part in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [bits(part) for part in tree]
    return (tree.dtype, tree.shape, tree.numpy().tobytes()) if isinstance(tree, tg.Tensor) else tree


@pytest.mark.isolated
def test_killed_at_any_moment_training_ends_in_the_same_bits(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert finish(start(whole, 0.0)) == list(range(1, 51))
    chance = random.Random(5)
    for target in (2, 13, 21, 29, 40):
        process = start(killed, 0.004)
        for line in process.stdout:
            if int(line) >= target:
                break
        threading.Event().wait(chance.uniform(0, 0.012))
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    rest = finish(start(killed, 0.0))
    assert rest[0] > 30 and rest[-1] == 50  # it went on, and did not begin again
    for name in ("end", "best"):
        one = bits(tg.load(whole / f"{name}.safetensors"))
        assert bits(tg.load(killed / f"{name}.safetensors")) == one


def problem():
    tg.random.seed(4)
    x, y = blobs(8, classes=3, spread=2.0, seed=1)
    net = tg.nn.Sequential(tg.nn.Linear(2, 6), tg.nn.Dropout(0.5), tg.nn.Linear(6, 3))
    loader = DataLoader(TensorDataset(x, y), batch_size=5, shuffle=True)
    return net, loader, tg.optim.AdamW(net.parameters(), lr=0.02)


def run(parts, epochs=4, **options):
    net, loader, opt = parts
    return fit(net, loader, tg.nn.cross_entropy, opt, epochs, progress=False, **options)


def rows(history: History):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history.rows]


class PressCtrlC(Callback):
    def __init__(self, *steps):
        self.steps = steps

    def on_step(self, run):
        if run.step in self.steps:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("step", [1, 5, 7, 10])
@pytest.mark.parametrize("replayed", [False, True])
def test_ctrl_c_leaves_a_whole_checkpoint(tmp_path, step, replayed):
    def made():
        net, loader, opt = problem()
        return net, list(loader) if replayed else loader, opt

    path = tmp_path / "run.safetensors"
    expected = made()
    uninterrupted = run(expected)
    first = made()
    history = run(first, checkpoint=path, callbacks=[PressCtrlC(step)])
    assert history.interrupted and len(history) == (step - 1) // 5
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    second = made()
    resumed = run(second, checkpoint=path, callbacks=[PressCtrlC()])
    assert not resumed.interrupted and rows(resumed) == rows(uninterrupted)
    for at in (0, 2):
        assert bits(second[at].state_dict()) == bits(expected[at].state_dict())


def test_ctrl_c_without_a_checkpoint_returns_the_history():
    history = run(problem(), callbacks=[PressCtrlC(6)])
    assert history.interrupted and len(history) == 1 and "interrupted" in repr(history)


def test_a_second_ctrl_c_acts_at_once_and_gives_the_handler_back():
    class Twice(Callback):
        def on_step(self, run):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(problem(), callbacks=[Twice()])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_handler_and_another_thread_are_left_alone():
    pressed = []
    before = signal.signal(signal.SIGINT, lambda *_: pressed.append(1))
    try:
        assert not run(problem(), callbacks=[PressCtrlC(2)]).interrupted
    finally:
        signal.signal(signal.SIGINT, before)
    found = []
    thread = threading.Thread(target=lambda: found.append(run(problem(), 1)))
    thread.start()
    thread.join()
    assert pressed == [1] and len(found[0]) == 1


def test_a_finished_run_is_not_trained_again(tmp_path, capsys):
    path = tmp_path / "run.safetensors"
    first = problem()
    expected = run(first, 2, checkpoint=path)
    again = problem()
    history = run(again, 2, checkpoint=path)
    assert rows(history) == rows(expected)
    assert bits(again[0].state_dict()) == bits(first[0].state_dict())
    longer = run(problem(), 3, checkpoint=path)
    assert rows(longer)[:2] == rows(expected) and len(longer) == 3
    net, loader, opt = problem()
    fit(net, loader, tg.nn.cross_entropy, opt, 3, checkpoint=path, progress="lines")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"resumed from {path} after 15 steps" and len(lines) == 2
    assert lines[1].startswith("nothing to do: 3 epochs are done; start over with resume=False")
    fresh = run(problem(), 1, checkpoint=path, resume=False)
    assert len(fresh) == 1 and rows(fresh) == rows(expected)[:1]


def test_an_early_stop_stays_stopped(tmp_path, capsys):
    path = tmp_path / "run.safetensors"
    stopping = EarlyStopping(1, mode="max")
    assert len(run(problem(), checkpoint=path, callbacks=[stopping])) == 2
    again = EarlyStopping(1, mode="max")
    net, loader, opt = problem()
    options = {"checkpoint": path, "callbacks": [again], "progress": "lines"}
    history = fit(net, loader, tg.nn.cross_entropy, opt, 4, **options)
    assert "nothing to do: loss has not improved" in capsys.readouterr().err
    assert len(history) == 2 and "not improved" in history.stopped


class Count(Callback):
    """Counts the steps, also those of the runs that it goes on from."""

    value = 0

    def on_step(self, run):
        self.value += 1

    def state_dict(self):
        return {"value": self.value}

    def load_state_dict(self, state):
        self.value = state["value"]


def test_a_callback_with_a_state_goes_on_with_it(tmp_path):
    path = tmp_path / "run.safetensors"
    run(problem(), checkpoint=path, callbacks=[PressCtrlC(7), Count()])
    counting = Count()
    run(problem(), checkpoint=path, callbacks=[PressCtrlC(), counting])
    assert counting.value == 20


def test_a_checkpoint_works_without_fit_and_takes_parts_of_ones_own(tmp_path):
    path = tmp_path / "run.safetensors"
    net, _, _ = problem()
    mine = Count()
    keeper = Checkpoint(path, model=net, count=mine)
    assert not keeper.restore()
    mine.value = 3
    keeper.save()
    expected = tg.random.uniform((4,)).tolist()
    mine.value, before = 5, bits(net.state_dict())
    with tg.no_grad():
        for p in net.parameters():
            p += 1
    assert keeper.restore() and mine.value == 3 and bits(net.state_dict()) == before
    assert tg.random.uniform((4,)).tolist() == expected


def test_a_checkpoint_that_does_not_fit_changes_nothing(tmp_path):
    path = tmp_path / "run.safetensors"
    run(problem(), 1, checkpoint=path)
    net, loader, opt = problem()
    before = bits([net.state_dict(), opt.state_dict()]), loader.state_dict()
    stream = bits(tg.random.default_generator().state_dict())
    other = DataLoader(loader.dataset, batch_size=7, shuffle=True)
    with pytest.raises(ValueError, match="batch_size was 5"):
        run((net, other, opt), checkpoint=path)
    with pytest.raises(ValueError, match=r"missing \['validate'\], unexpected nothing"):
        run((net, loader, opt), checkpoint=path, validate=loader)
    with pytest.raises(ValueError, match=r"missing \['Count.1'\], unexpected nothing"):
        run((net, loader, opt), checkpoint=path, callbacks=[PressCtrlC(), Count()])
    assert (bits([net.state_dict(), opt.state_dict()]), loader.state_dict()) == before
    assert bits(tg.random.default_generator().state_dict()) == stream
    tg.save(path, [1.0, 2.0])
    with pytest.raises(ValueError, match="does not fit: missing.*unexpected nothing"):
        run((net, loader, opt), checkpoint=path)
    with pytest.raises(TypeError, match="batches is a list, which lacks state_dict"):
        Checkpoint(path, batches=[])
