"""Programs from the disk: no second process compiles them, and what was altered is made anew."""

import os
from pathlib import Path

import numpy as np
import pytest

import tidegrad as tg
from tidegrad.jit.native import cache, engine, target
from tidegrad.kinds import Map

HERE = Path(__file__).parent
PATHS = os.pathsep.join([str(HERE.parent / "src"), str(HERE)])
NATIVE = [name for name, found in target.targets().items() if found.native]

STEPS = """
    import sys
    import numpy as np
    import tidegrad as tg
    from jit_lowering import on
    from tidegrad.jit.native import engine, target

    compile, made = engine.compiled, []

    def compiled(*given):
        made.append(given)
        return compile(*given)

    engine.compiled = compiled if sys.argv[1] == "may" else None
    from tidegrad.jit.native import threads
    threads.compiled = engine.compiled

    tg.random.seed(0)
    net = tg.nn.Sequential(tg.nn.Linear(30, 40), tg.nn.Dropout(0.2), tg.nn.Linear(40, 4))
    opt = tg.optim.Adam(net.parameters(), lr=1e-2)

    @tg.jit
    def step(x, y):
        opt.zero_grad()
        loss = tg.nn.cross_entropy(net(x), y)
        loss.backward()
        opt.step()
        return loss

    x, y = tg.random.normal((64, 30)), tg.tensor(np.arange(64) % 4)
    with on(2):
        losses = [step(x, y).item().hex() for _ in range(5)]
    assert float.fromhex(losses[-1]) < float.fromhex(losses[0])
    print(target.host().name, len(made), *losses)
"""


@pytest.fixture
def process(alone, tmp_path):
    """Run a few training steps in a new process: its target, how often it compiled, the losses."""

    def run(may="may", **environment):
        given = {"TIDEGRAD_CACHE": str(tmp_path / "kept"), "PYTHONPATH": PATHS} | environment
        name, count, *losses = alone(STEPS, may, **given).split()
        return name, int(count), losses

    return run


def entries(tmp_path):
    return sorted((tmp_path / "kept").iterdir())


def test_a_second_process_does_not_compile(process, tmp_path):
    _, count, losses = process()
    assert count == 2  # the step, and the workers
    kept = {path: path.read_bytes() for path in entries(tmp_path)}
    assert len(kept) == 2
    _, none, again = process("must not")
    assert none == 0 and again == losses
    assert {path: path.read_bytes() for path in entries(tmp_path)} == kept


def test_without_a_cache_every_process_compiles(process, tmp_path):
    first, second = (process(TIDEGRAD_CACHE="0") for _ in range(2))
    assert first[1] == 2 and second == first
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(len(NATIVE) < 2, reason="needs two targets")
def test_programs_of_another_target_are_not_taken(process, tmp_path):
    process(TIDEGRAD_TARGET=NATIVE[0])
    others = entries(tmp_path)
    name, count, losses = process()
    assert name != NATIVE[0] and count == 2
    own = [path for path in entries(tmp_path) if path not in others]
    assert len(own) == len(others) == 2
    for path, other in zip(own, others):  # not even under the right names
        path.write_bytes(other.read_bytes())
    assert process()[1:] == (2, losses)
    assert process("must not")[1:] == (0, losses)


# In this process: one program, compiled again and again.


class Counted:
    """A function that is compiled anew, and how often LLVM was asked."""

    def __init__(self, monkeypatch, folder):
        monkeypatch.setenv("TIDEGRAD_CACHE", "0")
        tg.jit(tg.sin)(tg.ones(2))  # what every process compiles once is there
        self.folder, self.count, self.compile = folder, 0, engine.compiled
        monkeypatch.setenv("TIDEGRAD_CACHE", str(folder))
        monkeypatch.setattr(engine, "compiled", self.counted)
        self.x = tg.random.normal((20, 7))
        self.expected = self.f(self.x).numpy()

    def f(self, x):
        return tg.tanh(x @ x.T).sum(axis=0) * 3

    def counted(self, *given):
        self.count += 1
        return self.compile(*given)

    def __call__(self):
        """How often it compiles now; it always gives what eager code does."""
        before = self.count
        np.testing.assert_allclose(tg.jit(self.f)(self.x).numpy(), self.expected, rtol=1e-5)
        return self.count - before

    @property
    def entry(self):
        (path,) = self.folder.iterdir()
        return path


@pytest.fixture
def program(monkeypatch, tmp_path):
    return Counted(monkeypatch, tmp_path / "kept")


def test_twenty_flipped_bytes(program, rng):
    assert program() == 1 and program() == 0
    right = program.entry.read_bytes()
    for place in [0, len(right) - 1, *rng.integers(0, len(right), 18)]:
        wrong = bytearray(right)
        wrong[place] ^= 1 << rng.integers(8)
        program.entry.write_bytes(wrong)
        assert program() == 1
        assert program.entry.read_bytes() == right
        assert program() == 0


@pytest.mark.parametrize("keep", [0, 1, 30, 51, 400, -1])
def test_entries_that_were_cut_short(program, keep):
    program()
    right = program.entry.read_bytes()
    program.entry.write_bytes(right[:keep])
    assert program() == 1 and program.entry.read_bytes() == right


def test_other_versions_compile_again(program, monkeypatch):
    program()
    for version in (["2.0", "llvm 22"], ["2.0", "llvm 23"]):
        monkeypatch.setattr(cache, "versions", lambda version=version: version)
        assert program() == 1 and program() == 0
    assert len(list(program.folder.iterdir())) == 3


def test_other_settings_are_other_programs(program, monkeypatch):
    assert program() == 1
    tg.set_deterministic(True)
    try:
        assert program() == 1 and program() == 0
    finally:
        tg.set_deterministic(False)
    assert program() == 0


def test_other_constants_are_other_programs(monkeypatch, tmp_path):
    program = Counted(monkeypatch, tmp_path / "kept")
    constants = [np.random.default_rng(k).normal(size=7).astype("f4") for k in range(3)]
    for order in ([0, 1, 2], [2, 1, 0], [0, 0, 1]):
        chosen = [constants[k] for k in order]

        def f(x, chosen=chosen):
            for c in chosen:
                x = tg.tanh(x * tg.asarray(c)) + c
            return x

        program.f, program.expected = f, f(program.x).numpy()
        assert program() == 1 and program() == 0


def test_maps_of_one_name_are_told_apart_by_their_text(monkeypatch, tmp_path):
    """An operation that a user adds to the table may have any name, and another text tomorrow."""
    program = Counted(monkeypatch, tmp_path / "kept")
    twice, thrice = (Map("mine", f"x * {n}") for n in (2, 3))
    for prims in ([twice], [thrice], [twice, thrice], [thrice, twice]):

        def f(x, prims=prims):
            return tg.stack([prim(x).sum(axis=0) for prim in prims])

        program.f, program.expected = f, f(program.x).numpy()
        assert program() == 1 and program() == 0


def test_a_cache_that_cannot_be_written_to(program, monkeypatch, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("TIDEGRAD_CACHE", str(tmp_path / "file"))
    assert program() == 1 and program() == 1


CONSTANTS = """
    import sys
    import numpy as np
    import tidegrad as tg

    hold = [bytearray(k % 397) for k in range(int(sys.argv[1]))]  # other addresses each time
    constants = [np.random.default_rng(k).normal(size=7).astype("f4") for k in range(8)]

    def f(x):
        for c in constants:
            x = tg.tanh(x * tg.sin(tg.asarray(c))) + c
        return x

    x = tg.ones((3, 7))
    print(abs(tg.jit(f)(x).numpy() - f(x).numpy()).max() < 1e-5)
"""


def test_constants_are_not_taken_for_each_other(alone, tmp_path):
    made = []
    for k in range(5):
        assert alone(CONSTANTS, 700 * k, TIDEGRAD_CACHE=str(tmp_path / "kept")) == "True\n"
        made.append(entries(tmp_path))
    assert made[1:] == made[:-1]
