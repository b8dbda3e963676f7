"""Programs for every kind of processor: generated and verified for all, run for those here."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jit_lowering import agree, compared, on
from profiles import many
from test_jit_lower_random import FOLDS, MAPS, MORE, MOVES, grown, results

import tidegrad as tg
from tidegrad.jit.canaries import Guarded
from tidegrad.jit.interpreter import Interpreter
from tidegrad.jit.native import engine, target

F = tg.nn.functional
HERE = Path(__file__).parent
PATHS = os.pathsep.join([str(HERE.parent / "src"), str(HERE)])
NATIVE = [name for name, found in target.targets().items() if found.native]


def trained(net, loss, optimizer):
    """A training step."""
    opt = optimizer(net.parameters(), lr=1e-2)

    def step(x, y):
        opt.zero_grad()
        found = loss(net(x), y)
        found.backward()
        opt.step()
        return found

    return step


def classes(n, count):
    return tg.tensor(np.arange(n) % count)


def multilayer():
    net = tg.nn.Sequential(tg.nn.Linear(19, 33), tg.nn.Tanh(), tg.nn.Linear(33, 5))
    step = trained(net, F.cross_entropy, tg.optim.Adam)
    return step, tg.random.normal((13, 19)), classes(13, 5)


def convolutions():
    net = tg.nn.Sequential(
        tg.nn.Conv2d(1, 4, 3, padding=1),
        tg.nn.ReLU(),
        tg.nn.MaxPool2d(2),
        tg.nn.Flatten(),
        tg.nn.Linear(4 * 5 * 5, 3),
    )
    step = trained(net, F.cross_entropy, tg.optim.SGD)
    return step, tg.random.normal((6, 1, 10, 10)), classes(6, 3)


def attention():
    net = tg.nn.MultiheadAttention(12, 3)
    norm = tg.nn.LayerNorm(12)

    def block(x):
        x.requires_grad = True
        y = norm(x + net(x, x, x)[0])
        (y * y).mean().backward()
        return y, x.grad

    return lambda x: block(x * 1), tg.random.normal((2, 7, 12))


def reductions():
    def f(x, wide):
        found = [g(x, axis=axis) for g in (tg.sum, tg.max, tg.var) for axis in (0, 1, (0, 2))]
        found += [tg.mean(x), tg.argmax(x, axis=2), tg.cumulative_sum(x, axis=1), tg.prod(wide)]
        return [*found, tg.any(x > 1, axis=0), tg.all(x > -3), tg.min(wide, axis=0)]

    return f, tg.random.normal((5, 17, 9)), tg.asarray(np.random.default_rng(0).normal(size=(7, 3)))


def quotients():
    """Sums of what is 0 / 0 in the lanes that are left over."""

    def f(x, y, z):
        found = [(v / v.sum(axis=0, keepdims=True)).sum() for v in (x, y, z)]
        return [*found, *(tg.softmax(v, axis=0).sum() for v in (x, y, z)), (x / x).sum()]

    return f, *(abs(tg.random.normal((3, n))) + 1 for n in (3, 17, 33))


def gathers():
    def f(table, rows, columns):
        table.requires_grad = True
        y = table[rows, columns] * 2 + table[:, rows % 3].sum(axis=0)
        y.sum().backward()
        return y, table.grad, tg.take(table, columns, axis=1), table[::-2, 1::3]

    rows, columns = np.random.default_rng(0).integers(0, 11, (2, 21))
    table = tg.random.normal((11, 13))
    return lambda t, r, c: f(t * 1, r, c), table, tg.tensor(rows), tg.tensor(columns)


def whole_numbers():
    def f(*xs):
        found = []
        for x in xs:
            found += [x * 3 - 1, x // 3, x % 5, tg.abs(x), tg.maximum(x, 4), tg.sum(x, axis=0)]
            found += [x << 2, x >> 1, x & 6, x ^ 3, tg.where(x > 3, x, 7), x.astype("float32") / 3]
        return found

    rng = np.random.default_rng(0)
    dtypes = "int8 int16 int32 int64 uint8 uint16 uint32 uint64".split()
    return f, *(tg.asarray(rng.integers(0, 99, (3, 19)).astype(d)) for d in dtypes)


def truths():
    def f(x, m):
        odd = tg.logical_xor(m, x > 0)
        known = [m & odd, m | odd, ~m, odd == m, tg.isnan(x / 0), tg.sign(x), tg.floor(x * 9)]
        return [*known, tg.where(m, x, -x), m.astype("int64").sum(), odd.astype("float64") * 2]

    m = np.random.default_rng(0).integers(0, 2, (4, 21)).astype(bool)
    return f, tg.random.normal((4, 21)), tg.asarray(m)


def formulas():
    names = "exp log1p sin cos tan tanh sigmoid erf gelu sqrt expm1 atan sinh softplus".split()

    def f(x, wide):
        return [getattr(tg, name)(tg.abs(v)) for name in names for v in (x, wide)] + [x**3, 2**wide]

    return f, tg.random.normal((3, 21)), tg.asarray(np.random.default_rng(0).normal(size=13))


def numbers():
    stream = tg.random.Generator(3)

    def f(x):
        noise = stream.normal((5, 23)) + stream.uniform((5, 23))
        return x * noise, F.dropout(x, 0.3), stream.integers(0, 9, (19,))

    return f, tg.random.normal((5, 23))


def recurrences():
    cell = tg.nn.LSTM(6, 9)

    def f(x):
        y = cell(x)[0]
        (y * y).sum().backward()
        return y, cell.weight_hh_l0.grad

    return f, tg.random.normal((7, 3, 6))


PROGRAMS = {
    f.__name__: f
    for f in (multilayer, convolutions, attention, reductions, quotients, gathers, whole_numbers,
              truths, formulas, numbers, recurrences)
}  # fmt: skip


def made(name):
    """A program by its name, and what it is called with."""
    tg.random.seed(0)
    f, *args = PROGRAMS[name]()
    return tg.jit(f).lower(*args), args


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TIDEGRAD_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_are_generated_and_verified_for_every_target(name):
    program, _ = made(name)
    for one in target.targets().values():
        with on(1):
            assert engine.compiled(program.executable.source(one), one)  # which verifies it first
        with on(2):
            engine.verified(program.executable.source(one), one)


def check(name):
    """Compare what a program gives, on one thread and on three, with the interpreter."""
    program, args = made(name)
    graph, arrays = program.graph, program.gathered(args)
    way = Interpreter(graph).everything(arrays)
    guarded = Guarded(graph)
    for count in (1, 3):
        with on(count):
            for v, z in zip(graph.outputs, guarded(list(arrays)), strict=True):
                agree(v, z, way, exact=False)


def check_random(count):
    @settings(max_examples=count)
    @given(st.data(), st.sampled_from(["f4", "f8"]))
    def programs(data, dtype):
        compared(*results(grown(data, [*MAPS, *MOVES, *FOLDS, *MORE], dtype)))

    programs()


@pytest.mark.parametrize("name", NATIVE)
def test_programs_run_on_every_target_of_this_machine(alone, tmp_path, name):
    text = """
    import sys
    import test_jit_targets as here
    from tidegrad.jit.native import target
    assert target.host().name == sys.argv[1]
    for name in here.PROGRAMS:
        here.check(name)
    here.check_random(int(sys.argv[2]))
    """
    settings_ = {"TIDEGRAD_TARGET": name, "TIDEGRAD_CACHE": str(tmp_path / "cache")}
    alone(text, name, many(15, 300), PYTHONPATH=PATHS, timeout=900, **settings_)
