"""Programs that are dropped take along all that they had; calls of many kinds leave nothing."""

import gc
import os
import sys
import warnings
import weakref
from pathlib import Path

import pytest
from test_leaks import HARNESS

import tidegrad as tg

HERE = Path(__file__).parent
PATHS = os.pathsep.join([str(HERE.parent / "src"), str(HERE)])
CALLS = 20_000

NET = """
net = tg.nn.Sequential(tg.nn.Linear(6, 9), tg.nn.ReLU(), tg.nn.Dropout(0.1), tg.nn.Linear(9, 3))
opt = tg.optim.Adam(net.parameters(), lr=1e-3)
batches = [(tg.random.normal((n, 6)), tg.tensor(np.arange(n) % 3)) for n in (5, 8, 16) * 40]
number = 0

@tg.jit
def train(x, y):
    opt.zero_grad()
    loss = tg.nn.cross_entropy(net(x), y)
    loss.backward()
    opt.step()
    return loss

apply = tg.jit(lambda x: tg.softmax(net(x), axis=-1))
scaled = tg.jit(lambda x, s: (x * s).sum())

def batch():
    global number
    number += 1
    return batches[number % len(batches)]
"""

# What a call is; among them are other batches, sizes and numbers each time.
KINDS = {
    "inference": "net.train(number % 2 == 0)\napply(batch()[0] * 1)",
    "arrays of NumPy's and floats": "scaled(batch()[0].numpy(), number * 0.5)",
    "another rate and snapshots": (
        "opt.param_groups[0]['lr'] = 1e-3 / (1 + number)\n"
        "kept = net.state_dict() if number % 3 else None\ntrain(*batch())"
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_calls_leave_nothing(alone, tmp_path, kind):
    body = "\n".join("    " + line for line in KINDS[kind].splitlines())
    text = HARNESS.format(setup=NET, body=body, steps=CALLS)
    alone(text, TIDEGRAD_NUM_THREADS="1", TIDEGRAD_CACHE=str(tmp_path / "cache"))


SPLIT = """
from tidegrad.jit import executable
executable.SMALL = 0
"""


def test_calls_of_several_threads_leave_nothing(alone, tmp_path):
    text = HARNESS.format(setup=SPLIT + NET, body="    train(*batch())", steps=CALLS)
    alone(text, TIDEGRAD_NUM_THREADS="2", TIDEGRAD_CACHE=str(tmp_path / "cache"))


def parts_of(f):
    """Weak references to the code and the memory of a function's programs."""
    found = []
    for programs in f.cache.programs.values():
        for program in programs:
            made = program.executable.variant()
            found += map(weakref.ref, (program, made, made.library, made.arena))
    return found


def test_cleared_programs_are_freed_at_once():
    gc.collect()
    gc.disable()
    try:
        f = tg.jit(lambda x: tg.softmax(tg.tanh(x) @ x.T, axis=0))
        for n in (3, 4, 5):
            f(tg.ones((n, n)))
        found = parts_of(f)
        assert len(found) == 12 and all(part() is not None for part in found)
        f.clear()
        assert [part() for part in found if part() is not None] == []
        f(tg.ones((3, 3)))
        found = parts_of(f)
        del f
        assert [part() for part in found if part() is not None] == []
    finally:
        gc.enable()


def test_the_least_recently_used_are_freed():
    f = tg.jit(lambda x: (x * 2).sum())
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for n in range(1, 101):
            f(tg.ones((n, 2, n)))
            found.append(weakref.ref(next(reversed(f.cache.programs.values()))[0]))
    alive = [n for n, part in enumerate(found) if part() is not None]
    assert len(f.cache) == len(alive) <= 32
    assert alive == list(range(100 - len(alive), 100))


COMPILED = """
import gc, warnings
import tidegrad as tg

warnings.simplefilter("ignore", RuntimeWarning)

def pages():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1])

def work(times):
    for k in range(times):
        f = tg.jit(lambda x: tg.tanh(x * (k % 50)) @ tg.exp(x))
        for n in (2, 3):
            f(tg.ones((n, n)))
        f.clear()
    return pages()

work(60)
gc.collect()
before = work(60)
print((work(180) - before) * 4)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_of_programs_is_given_back(alone, tmp_path):
    assert int(alone(COMPILED, TIDEGRAD_CACHE=str(tmp_path / "cache"))) < 2000  # kB, 360 programs
