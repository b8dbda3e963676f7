"""The same bits: run after run, in every process, from the disk, and on any number of threads."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import test_jit_targets as programs
from jit_lowering import on

import tidegrad as tg

HERE = Path(__file__).parent
PATHS = os.pathsep.join([str(HERE.parent / "src"), str(HERE)])
EVERY = range(1, 9)


def large():
    """Enough work for several threads, and sums of what they have."""
    net = tg.nn.Sequential(tg.nn.Linear(50, 90), tg.nn.ReLU(), tg.nn.LayerNorm(90))
    step = programs.trained(net, tg.nn.functional.cross_entropy, tg.optim.Adam)
    return step, tg.random.normal((300, 50)), programs.classes(300, 90)


def sums():
    def f(x):
        many = [x.sum(), x.sum(axis=0), x.mean(axis=1), (x * x).sum(axis=0), tg.max(x, axis=0)]
        return [*many, tg.log(tg.softmax(x, axis=1)).sum()]

    return f, tg.random.normal((3001, 37))


SPLIT = {"large": large, "sums": sums}


def made(name):
    """A program by its name, and its arrays."""
    if name not in SPLIT:
        program, args = programs.made(name)
    else:
        tg.random.seed(0)
        f, *args = SPLIT[name]()
        program = tg.jit(f).lower(*args)
    return program, program.gathered(args)


def digest(program, arrays):
    found = program.executable(list(arrays), [None] * len(program.graph.outputs))
    return hashlib.sha256(b"".join(np.ascontiguousarray(z).tobytes() for z in found)).hexdigest()


@pytest.fixture
def deterministic():
    tg.set_deterministic(True)
    yield
    tg.set_deterministic(False)


@pytest.mark.parametrize("name", [*SPLIT, *programs.PROGRAMS])
def test_results_do_not_depend_on_the_number_of_threads(name, deterministic):
    program, arrays = made(name)
    found = set()
    for count in EVERY if name in SPLIT else (1, 3, 8):
        with on(count):
            found.add(digest(program, arrays))
    assert len(found) == 1


def test_small_programs_and_large_ones_count_alike(deterministic):
    """Where some thread counts are worth it and others are not."""
    program, arrays = made("sums")
    alone = digest(program, arrays)
    with on(5):
        assert digest(program, arrays) == alone


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("fixed", [False, True])
def test_a_hundred_runs(count, fixed):
    program, arrays = made("large")
    tg.set_deterministic(fixed)
    try:
        with on(count):
            assert len({digest(program, arrays) for _ in range(100)}) == 1
    finally:
        tg.set_deterministic(False)


def trained(count, steps=6):
    tg.random.seed(1)
    net = tg.nn.Sequential(tg.nn.Linear(30, 40), tg.nn.Dropout(0.2), tg.nn.Linear(40, 4))
    step = tg.jit(programs.trained(net, tg.nn.functional.cross_entropy, tg.optim.Adam))
    x, y = tg.random.normal((64, 30)), programs.classes(64, 4)
    with on(count):
        losses = [step(x, y).item() for _ in range(steps)]
    return losses, {name: p.numpy().tobytes() for name, p in net.state_dict().items()}


def test_training_does_not_depend_on_the_number_of_threads(deterministic):
    assert trained(1) == trained(2) == trained(7)


def test_programs_for_any_number_of_rows(deterministic):
    f, _ = sums()
    found = set()
    for count in (1, 2, 5, 8):
        many, digests = tg.jit(f), []
        with on(count):
            for n in (300, 301, 77, 450):
                x = tg.asarray(np.random.default_rng(n).normal(size=(n, 37)).astype("f4"))
                digests += [hashlib.sha256(z.numpy().tobytes()).hexdigest() for z in many(x)]
        found.add(tuple(digests))
    assert len(found) == 1


PROCESS = """
    import sys
    import test_jit_determinism as here
    import tidegrad as tg
    from tidegrad.jit.native import engine

    if sys.argv[1] == "loads":
        engine.compiled = None
    tg.set_deterministic(sys.argv[2] == "True")
    tg.set_num_threads(2)
    hold = [bytearray(k % 777) for k in range(int(sys.argv[3]))]  # other addresses, other hashes
    with here.on(2):
        print(*(here.digest(*here.made(name)) for name in sys.argv[4:]))
"""


@pytest.mark.parametrize("fixed", [False, True])
def test_processes_and_programs_from_the_disk(alone, tmp_path, fixed):
    names = ["large", "reductions", "numbers"]

    def run(does, noise, cache):
        given = {"PYTHONPATH": PATHS, "TIDEGRAD_CACHE": cache, "PYTHONHASHSEED": str(noise)}
        return alone(PROCESS, does, fixed, noise, *names, **given)

    kept = str(tmp_path / "cache")
    first = run("compiles", 0, kept)
    assert len(first.split()) == len(names)
    assert run("loads", 5000, kept) == first
    assert fixed or run("compiles", 777, "0") == first
    tg.set_deterministic(fixed)
    try:
        with on(2):
            assert [digest(*made(name)) for name in names] == first.split()
    finally:
        tg.set_deterministic(False)


def test_the_setting():
    assert tg.is_deterministic() is False
    f, x = tg.jit(lambda x: x.sum()), tg.random.normal(1000)
    free = f.source(x)
    tg.set_deterministic(True)
    try:
        assert tg.is_deterministic() is True
        with on(2):
            assert f.source(x) != free
    finally:
        tg.set_deterministic(False)
    assert f.source(x) == free
    for wrong in (1, None, "yes"):
        with pytest.raises(TypeError, match="set_deterministic: takes True or False, not"):
            tg.set_deterministic(wrong)
    assert tg.is_deterministic() is False
