"""Child processes of a parent whose threads are busy in programs and in LLVM: all end rightly."""

import os
import sys
from pathlib import Path

import pytest
from profiles import many

from tidegrad.jit.native import forks

HERE = Path(__file__).parent
PATHS = os.pathsep.join([str(HERE.parent / "src"), str(HERE)])
CHILDREN = {"fork": many(30, 50), "forkserver": many(14, 50), "spawn": many(6, 50)}

BUSY = """
import multiprocessing, os, sys, threading, time, warnings
import jit_programs as programs
import tidegrad as tg
from tidegrad.jit import executable
from tidegrad.jit.native import engine, target

warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
over = threading.Event()

def again_and_again(work, *arguments):
    while not over.is_set():
        work(*arguments)

def compile_something():
    engine.loaded(engine.compiled(programs.RELAY, target.host()))

def busy(*works):
    workers = [threading.Thread(target=again_and_again, args=work) for work in works]
    for worker in workers:
        worker.start()
    return workers

programs.relay(2)
"""

CHILD_BY_CHILD = """
method, count, number = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
context = multiprocessing.get_context(method)
if method == "forkserver":
    context.set_forkserver_preload(["jit_programs"])
tg.set_num_threads(number)
executable.SMALL = 0
taught = programs.Student()
programs.smoothed()
busy(
    (programs.relay, number, 20),
    (programs.product, number, 150, 20),
    (programs.product, 1),
    (compile_something,),
    (programs.smoothed,),
    (taught.losses, 1),
)
endings, left = [], count
while left:
    children = [context.Process(target=programs.check, args=(number,)) for _ in range(min(2, left))]
    left -= len(children)
    for child in children:
        child.start()
    for child in children:
        child.join(60)
        endings.append(child.exitcode)
        child.kill()
over.set()
assert endings == [42] * count, endings
programs.relay(number)
programs.product(number)
programs.smoothed()
assert taught.losses(1)[0] < 1
print(len(endings))
"""


@pytest.fixture
def busy(alone, tmp_path):
    def run(program, *arguments, **environment):
        environment = {"TIDEGRAD_CACHE": str(tmp_path / "cache")} | environment
        return alone(BUSY + program, *arguments, PYTHONPATH=PATHS, timeout=600, **environment)

    return run


@pytest.mark.stress
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("method", CHILDREN)
def test_every_child_finishes_with_the_right_result(busy, method):
    count = CHILDREN[method]
    assert busy(CHILD_BY_CHILD, method, count, 2) == f"{count}\n"


LAZY = """
import os, sys, threading, time, warnings
from tidegrad.lazy import lazy

class Slow:
    @lazy
    def value(self):
        begun.set()
        go_on.wait()
        return 42

begun, go_on = threading.Event(), threading.Event()
thread = threading.Thread(target=lambda: Slow().value)
thread.start()
begun.wait()
warnings.simplefilter("ignore")
child = os.fork()
if child == 0:
    begun, go_on = threading.Event(), threading.Event()
    go_on.set()
    os._exit(Slow().value)
deadline, ended = time.monotonic() + 20, 0
while not ended and time.monotonic() < deadline:
    ended, status = os.waitpid(child, os.WNOHANG)
    time.sleep(0.01)
if not ended:
    os.kill(child, 9)
go_on.set()
print(os.waitstatus_to_exitcode(status) if ended else "hangs")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_an_attribute_that_another_thread_was_computing_is_computed_in_a_child(alone):
    assert alone(LAZY) == "42\n"


FAMILY = """
def generations(depth):
    programs.relay(3)
    programs.product(1, 300)
    if depth:
        child = os.fork()
        if child == 0:
            generations(depth - 1)
            os._exit(42)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
    programs.relay(3)
    programs.product(3)
    programs.product(1, 300)

generations(4)
print("done")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_children_of_children_run_programs_too(busy):
    assert busy(FAMILY) == "done\n"


HELD = """
from tidegrad.jit.native import forks

lock = forks.new_lock()
holder = threading.Thread(target=lambda: [lock.acquire(), over.wait(), lock.release()])
holder.start()
while not lock.locked():
    time.sleep(0.001)
child = os.fork()
if child == 0:
    with lock:
        os._exit(42)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), lock.locked())
over.set()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_lock_that_was_held_is_open_in_the_child(busy):
    assert busy(HELD) == "42 True\n"


FROM_THREADS = """
def fork():
    for _ in range(int(sys.argv[1])):
        child = os.fork()
        if child == 0:
            programs.relay(2)
            os._exit(42)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
        done.append(child)

done = []
workers = busy((programs.relay, 2, 5))
forkers = [threading.Thread(target=fork) for _ in range(2)]
for forker in forkers:
    forker.start()
for forker in forkers:
    forker.join()
over.set()
print(len(done))
"""


@pytest.mark.stress
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_several_threads_fork_at_once(busy):
    count = many(10, 100)
    assert busy(FROM_THREADS, count) == f"{2 * count}\n"


def test_a_fork_that_began_earlier_calls_nothing(monkeypatch):
    handlers, called = {}, []
    monkeypatch.setattr(os, "register_at_fork", handlers.update, raising=False)
    forks.around_fork(*[lambda name=name: called.append(name) for name in "bpc"])
    handlers["after_in_parent"]()
    handlers["after_in_child"]()
    assert not called
    for after in ("after_in_parent", "after_in_child"):
        handlers["before"]()
        handlers[after]()
        handlers[after]()
    assert called == ["b", "p", "b", "c"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_locks_are_open_afterwards():
    lock, other = forks.new_lock(), forks.new_lock()
    lock.acquire()
    forks.reopen()
    assert not lock.locked() and not other.locked()


SUBPROCESS = """
import subprocess
workers = busy((programs.product, 2, 100, 20))
for _ in range(10):
    ended = subprocess.run([sys.executable, "-c", "print(7)"], capture_output=True, text=True)
    assert ended.stdout == "7\\n"
over.set()
print("done")
"""


def test_other_programs_are_started_from_a_busy_process(busy):
    assert busy(SUBPROCESS) == "done\n"


@pytest.mark.skipif(sys.platform != "linux", reason="asks whose threads there are")
def test_a_child_begins_without_workers(busy):
    program = """
    count = lambda: len(os.listdir("/proc/self/task"))
    child = os.fork()
    if child == 0:
        before = count()
        programs.relay(4)
        os._exit(10 * before + count())
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    lines = [line.removeprefix("    ") for line in program.splitlines()]
    assert busy("\n".join(lines), OPENBLAS_NUM_THREADS="1") == "14\n"
