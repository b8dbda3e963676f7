"""Real steps from several Python threads, beside other work, and interrupted by Ctrl-C."""

import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from jit_lowering import on
from jit_programs import Student

import tidegrad as tg
from tidegrad.jit.native import engine

HERE = Path(__file__).parent
PATHS = os.pathsep.join([str(HERE.parent / "src"), str(HERE)])


def together(work, count=6):
    """Call a function in threads that begin at once; what each gave, or the first exception."""
    barrier, found, errors = threading.Barrier(count), {}, []

    def guarded(k):
        barrier.wait()
        try:
            found[k] = work(k)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=[k]) for k in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return [found[k] for k in range(count)]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_one_trace_and_one_compilation_for_all_who_come_first(monkeypatch, count):
    monkeypatch.setenv("TIDEGRAD_CACHE", "0")
    traces, compilations, compile_ = [], [], engine.compiled

    def compiled(*given):
        compilations.append(given)
        time.sleep(0.02)  # so that the others come meanwhile
        return compile_(*given)

    monkeypatch.setattr(engine, "compiled", compiled)

    @tg.jit
    def f(x, w):
        traces.append(x.shape)
        return tg.tanh(x @ w).sum(axis=0)

    w = np.random.default_rng(0).normal(size=(40, 30)).astype("f4")

    def work(k):
        x = np.random.default_rng(k).normal(size=(64, 40)).astype("f4")
        for _ in range(20):
            found = f(tg.asarray(x), tg.asarray(w)).numpy()
            np.testing.assert_allclose(found, np.tanh(x @ w).sum(axis=0), rtol=1e-4, atol=1e-4)

    with on(count):
        together(work)
    assert len(traces) == 1 == len(compilations)


def test_programs_of_several_shapes_and_functions_at_once():
    def f(x):
        return tg.exp(x).sum(axis=1)

    shared = tg.jit(f)

    def work(k):
        own = tg.jit(f)
        for n in (3, 4, 5, 6):
            x = np.random.default_rng(n * k).normal(size=(n, 8)).astype("f4")
            for g in (shared, own):
                np.testing.assert_allclose(g(tg.asarray(x)).numpy(), np.exp(x).sum(1), rtol=1e-5)

    with on(2):
        together(work)
    assert len(shared.cache) == 4


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_steps_of_one_model_are_made_one_after_another(count):
    """As many from several threads as from one: nothing is lost, and nothing counted twice."""
    many, one = Student(), Student(False)
    with on(count):
        losses = together(lambda k: many.losses(5), 4)
    expected = one.losses(20)
    np.testing.assert_allclose(np.sort(losses, None), np.sort(expected), rtol=1e-4)
    for p, q in zip(many.net.parameters(), one.net.parameters()):
        np.testing.assert_allclose(p.numpy(), q.numpy(), rtol=1e-3, atol=1e-5)


def test_settings_may_change_between_steps():
    changing, eager = Student(), Student(False)
    found = []
    for count in (1, 2, 3, 8, 1, 2):
        with on(count):
            found += changing.losses(2)
    np.testing.assert_allclose(found, eager.losses(12), rtol=1e-4)


@pytest.mark.parametrize("count", [1, 2])
def test_python_runs_on_while_a_program_does(count):
    x = tg.full((2000, 2000), 0.5)

    @tg.jit
    def f(x):
        for _ in range(30):
            x = tg.sin(x) + tg.cos(x)
        return x.sum()

    with on(count):
        f(x)
        before = time.perf_counter()
        f(x)
        usual = time.perf_counter() - before
        over, turns = threading.Event(), 0
        thread = threading.Thread(target=lambda: (f(x), over.set()))
        thread.start()
        while not over.is_set():
            turns += 1
        thread.join()
    assert usual > 0.02 and turns > 1000


INTERRUPTED = """
    import os, random, signal, sys, threading, time
    import numpy as np
    import tidegrad as tg
    from jit_lowering import on
    from jit_programs import Student

    def state(student):
        return b"".join(p.numpy().tobytes() for p in student.net.parameters())

    with on(int(sys.argv[1])):
        twin, student = Student(), Student()
        known = {state(student): 0}  # what it is after so many steps
        answered, done, steps = 0, 0, 0
        student.losses(3)
        random.seed(0)
        while answered < int(sys.argv[2]):
            timer = threading.Timer(random.random() / 50, os.kill, [os.getpid(), signal.SIGINT])
            try:
                timer.start()
                while True:
                    student.step()
            except KeyboardInterrupt:
                answered += 1
            timer.join()
            now = state(student)
            while now not in known:
                assert steps < 100_000, "no number of whole steps comes to this"
                twin.step()
                steps += 1
                known[state(twin)] = steps
            assert known[now] >= done
            done = known[now]
            assert all(np.isfinite(p.grad.numpy()).all() for p in student.net.parameters())
        assert done > 3
        student.losses(2)
        print(answered)
"""


@pytest.mark.skipif(os.name != "posix", reason="sends itself signals")
@pytest.mark.parametrize("count", [1, 2, 3])
def test_ctrl_c_comes_between_steps_and_leaves_whole_ones(alone, tmp_path, count):
    settings = {"PYTHONPATH": PATHS, "TIDEGRAD_CACHE": str(tmp_path / "cache")}
    assert alone(INTERRUPTED, count, 25, **settings) == "25\n"


WHILE_COMPILING = """
    import os, signal, sys, threading
    import tidegrad as tg
    from jit_programs import Student
    from tidegrad.jit.native import engine

    compile_ = engine.compiled

    def compiled(*given):
        os.kill(os.getpid(), signal.SIGINT)
        return compile_(*given)

    student, twin = Student(), Student(False)
    engine.compiled = compiled
    try:
        student.step()
    except KeyboardInterrupt:
        print("answered")
    engine.compiled = compile_
    for p, q in zip(student.net.parameters(), twin.net.parameters()):
        assert p.tolist() == q.tolist() and p.grad is None
    found, expected = student.losses(3), twin.losses(3)
    print(max(abs(a - b) for a, b in zip(found, expected)) < 1e-5)
"""


@pytest.mark.skipif(os.name != "posix", reason="sends itself signals")
def test_ctrl_c_while_a_program_is_made(alone):
    said = alone(WHILE_COMPILING, PYTHONPATH=PATHS, TIDEGRAD_CACHE="0")
    assert said == "answered\nTrue\n"
