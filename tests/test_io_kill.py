"""SIGKILL while a checkpoint is overwritten: the old file or the new one is whole."""

import json
import os

import pytest
from profiles import many

KILLS = many(20, 200)

# One program imports the package once and forks the victims; it prints what each kill left.
START = """
import json, os, pathlib, random, signal, sys, time
import numpy as np
import tidegrad as tg

folder = pathlib.Path(sys.argv[1]) / "checkpoints"
folder.mkdir()
path = folder / "run.safetensors"
SIZE = 200_000

def tree(epoch):
    return {"epoch": epoch, "model": {"w": np.full(SIZE, epoch), "b": [np.full(3, epoch)]}}

def epoch_on_disk():
    found = tg.load(path)
    epoch = found["epoch"]
    assert found["model"]["w"].tolist() == [epoch] * SIZE
    assert found["model"]["b"][0].tolist() == [epoch] * 3
    return epoch

def victim(work):
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(7)
    return child

def leftovers():
    return sum(1 for file in folder.iterdir() if file != path)
"""

AT_RANDOM = """
def overwrite_for_ever():
    epoch = epoch_on_disk()
    while True:
        epoch += 1
        tg.save(path, tree(epoch))

rng = random.Random(3)
tg.save(path, tree(0))
for _ in range(int(sys.argv[2])):
    before = epoch_on_disk()
    child = victim(overwrite_for_ever)
    time.sleep(rng.uniform(0.002, 0.06))
    os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    left, after = leftovers(), epoch_on_disk()
    tg.save(path, tree(after))
    print(json.dumps([os.WTERMSIG(status), before, after, left, leftovers()]))
"""

AT_EVERY_LINE = """
SIZE = 1000

def killed_at(line):
    count = 0
    def trace(frame, event, argument):
        nonlocal count
        if "tidegrad" not in frame.f_code.co_filename:
            return None
        if event == "line":
            count += 1
            if count == line:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace
    sys.settrace(trace)
    tg.save(path, tree(1))
    sys.settrace(None)

line, status = 0, signal.SIGKILL
while status == signal.SIGKILL:
    line += 1
    tg.save(path, tree(0))
    status = os.waitpid(victim(lambda: killed_at(line)), 0)[1]
    left, after = leftovers(), epoch_on_disk()
    tg.save(path, tree(after))
    print(json.dumps([status, 0, after, left, leftovers()]))
"""


@pytest.fixture
def results(alone, tmp_path):
    """Run a program; what it printed: status, epoch before and after, leftovers then and now."""

    def run(code, *arguments):
        # A process that forks has one thread: NumPy's would make it warn.
        said = alone(START + code, tmp_path, *arguments, OPENBLAS_NUM_THREADS="1", timeout=300)
        return [json.loads(line) for line in said.splitlines()]

    return run


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_kills_at_random_moments_lose_nothing(results):
    rounds = results(AT_RANDOM, KILLS)
    assert len(rounds) == KILLS
    for signal, before, after, left, now in rounds:
        assert signal == 9 and after >= before
        assert left <= 1 and now == 0
    assert sum(left for *_, left, _ in rounds) > 0, "no kill struck while a file was being written"
    assert rounds[-1][2] > 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_kill_at_any_line_loses_nothing(results):
    rounds = results(AT_EVERY_LINE)
    assert [status for status, *_ in rounds] == [9] * (len(rounds) - 1) + [7 << 8]
    epochs = [after for _, _, after, _, _ in rounds]
    assert epochs == sorted(epochs) and set(epochs) == {0, 1}
    assert {left for *_, left, _ in rounds} == {0, 1}
    assert all(now == 0 for *_, now in rounds)
