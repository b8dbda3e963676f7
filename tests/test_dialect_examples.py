"""The engines' own programs, at reduced size: each reaches what PyTorch does within five seeds."""

from importlib import import_module

import pytest
from accelerator import Strict

import tidegrad as tg
from benchmarks.dialects import ENGINES

SEEDS = range(5)


def programs():
    for engine in ENGINES:
        yield from import_module(f"benchmarks.dialects.{engine}").PROGRAMS


@pytest.mark.parametrize("program", list(programs()), ids=lambda program: program.name)
def test_a_program_reaches_what_pytorch_does(program, oracle, numpy_random):
    peers = [program.peer(seed=seed, **program.small) for seed in SEEDS]
    assert program.reached(program.ours(seed=0, **program.small), peers)


@pytest.mark.parametrize("program", list(programs()), ids=lambda program: program.name)
def test_a_program_runs_on_an_accelerator(program, numpy_random):
    tg.backends.register("strict", Strict)
    expected = program.ours(seed=0, **program.small)
    Strict.calls.clear()
    with tg.backends.use("strict"):
        assert program.ours(seed=0, **program.small) == pytest.approx(expected, rel=1e-3)
    assert Strict.calls["map"] > 50
