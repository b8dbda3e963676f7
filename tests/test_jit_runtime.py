"""From IR text to running threads: machine code and native workers."""

import ctypes
import os
import re
import sys
import threading
import time
from pathlib import Path

import jit_programs as programs
import numpy as np
import pytest

from tidegrad.jit.native import engine, forks, signals, target, threads, workers

HERE = Path(__file__).parent
PATHS = os.pathsep.join([str(HERE.parent / "src"), str(HERE)])
NATIVE = [name for name, found in target.targets().items() if found.native]

# out[i] = x[i] * x[i] + y[i] for eight numbers at once.
SQUARES = """
declare <8 x float> @llvm.fma.v8f32(<8 x float>, <8 x float>, <8 x float>)

define void @squares(ptr %x, ptr %y, ptr %out) {
  %a = load <8 x float>, ptr %x, align 4
  %b = load <8 x float>, ptr %y, align 4
  %c = call <8 x float> @llvm.fma.v8f32(<8 x float> %a, <8 x float> %a, <8 x float> %b)
  store <8 x float> %c, ptr %out, align 4
  ret void
}
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TIDEGRAD_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def program(alone, tmp_path):
    """Run a program that may import jit_programs in a process of its own."""

    def run(text, *arguments, **environment):
        environment = {"TIDEGRAD_CACHE": str(tmp_path / "cache")} | environment
        return alone(text, *arguments, PYTHONPATH=PATHS, **environment)

    return run


def together(*works):
    """Call functions in threads of their own; the first exception of any is raised."""
    errors = []

    def guarded(work):
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads_ = [threading.Thread(target=guarded, args=[work]) for work in works]
    for thread in threads_:
        thread.start()
    for thread in threads_:
        thread.join()
    if errors:
        raise errors[0]


# Targets and machine code

# An address space whose free pages lie 8 GiB apart: one page above a wall, all others below it.
APART = """
import ctypes, mmap
import numpy as np, tidegrad as tg

libc, word = ctypes.CDLL(None), ctypes.c_size_t
libc.mmap.restype = word
libc.mmap.argtypes = [word, word, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.munmap.argtypes = [word, word]
NO_RESERVE = 0x4000

def reserve(size):
    return libc.mmap(0, size, 0, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NO_RESERVE, -1, 0)

tg.jit(tg.exp)(tg.ones(7))
wall, above = reserve(8 << 30), []
for size in (1 << 26, 1 << 20, 1 << 16, mmap.PAGESIZE):
    while (place := reserve(size)) > wall:
        above.append(place)
if above:
    libc.munmap(above[-1], mmap.PAGESIZE)
x = np.linspace(-2, 2, 101)
found = tg.jit(lambda x: tg.exp(x) * 2.25 + tg.sin(x))(tg.tensor(x)).numpy()
np.testing.assert_allclose(found, np.exp(x) * 2.25 + np.sin(x), rtol=1e-13, atol=1e-14)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="fills an address space as Linux lays it out")
def test_code_and_its_constants_lie_within_reach_in_a_full_address_space(program):
    program(APART)


@pytest.mark.parametrize("level", [0, 1, 2, 3])
@pytest.mark.parametrize("name", NATIVE)
def test_code_for_every_target_of_this_machine_runs(name, level, rng):
    library = engine.loaded(engine.compiled(SQUARES, target.targets()[name], level))
    x, y, out = rng.standard_normal((3, 8)).astype(np.float32)
    call = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3)(library.address("squares"))
    call(x.ctypes.data, y.ctypes.data, out.ctypes.data)
    np.testing.assert_allclose(out, x.astype(float) ** 2 + y, rtol=1e-6)


@pytest.mark.parametrize("name", target.targets())
def test_code_is_generated_for_every_target_on_every_machine(name):
    one = target.targets()[name]
    engine.verified(SQUARES, one)
    code = engine.compiled(SQUARES, one)
    machine = int.from_bytes(code[18:20], "little")  # of the ELF header
    assert machine == (183 if name == "aarch64" else 62)
    for kernel in signals.SLEEP:
        engine.verified(workers.program(one, kernel), one)
        assert engine.compiled(workers.program(one, kernel), one)


@pytest.mark.parametrize("make", [engine.compiled, engine.verified])
@pytest.mark.parametrize(
    "text, reason",
    [
        ("define float @f() { ret i32 1 }", "result type"),
        ("define void @f() {\nstart:\n br label %start }", "predecessors"),
    ],
)
def test_text_that_is_not_valid_is_refused_with_the_reason(make, text, reason):
    with pytest.raises(RuntimeError, match=reason):
        make(text, target.host())


def test_a_name_that_the_code_does_not_have():
    library = engine.loaded(engine.compiled(SQUARES, target.host()))
    with pytest.raises(KeyError, match="cubes"):
        library.address("cubes")


def test_several_threads_compile_and_load_at_once():
    def work(k):
        text = f"define i32 @number() {{ ret i32 {k} }}"
        library = engine.loaded(engine.compiled(text, target.host()))
        assert ctypes.CFUNCTYPE(ctypes.c_int32)(library.address("number"))() == k

    together(*[lambda k=k: [work(k + 8 * i) for i in range(10)] for k in range(8)])


def test_a_library_that_goes_while_another_thread_is_in_llvm_is_freed_later():
    code = engine.compiled(SQUARES, target.host())
    library = engine.loaded(code)
    held, over = threading.Event(), threading.Event()

    def hold():
        with forks.LOCK:
            held.set()
            over.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    del library
    assert len(engine.DEAD) == 1
    over.set()
    thread.join()
    engine.loaded(code)
    assert not engine.DEAD


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_of_libraries_and_compilations_is_freed(program):
    text = """
    import jit_programs as programs
    from tidegrad.jit.native import engine, target

    def pages():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1])

    def work(times):
        for _ in range(times):
            code = engine.compiled(programs.RELAY, target.host())
            for _ in range(20):
                engine.loaded(code)
        return pages()

    work(10)
    before = work(10)
    print((work(40) - before) * 4)
    """
    assert int(program(text)) < 1000  # kB, for 40 compilations and 800 libraries


@pytest.mark.parametrize("name", NATIVE)
def test_a_lower_target_is_forced(program, name):
    text = """
    from tidegrad.jit.native import target
    import jit_programs as programs
    programs.relay(2)
    programs.product(2)
    print(target.host().name)
    """
    assert program(text, TIDEGRAD_TARGET=name) == f"{name}\n"


def test_a_target_that_this_machine_does_not_run(monkeypatch):
    monkeypatch.setenv("TIDEGRAD_TARGET", "avx1024")
    target.host.cache_clear()
    try:
        with pytest.raises(ValueError, match=r"TIDEGRAD_TARGET is 'avx1024'; this machine runs"):
            target.host()
    finally:
        target.host.cache_clear()


def test_a_processor_that_there_is_no_code_for(monkeypatch):
    monkeypatch.setattr(target, "targets", dict)
    with pytest.raises(RuntimeError, match="no code generator for this processor"):
        target.host.__wrapped__()


def test_without_the_extra_the_error_names_it(program):
    text = """
    import sys
    sys.modules["llvmlite.binding"] = None
    import tidegrad
    from tidegrad.jit.native import threads
    try:
        threads.run(0, 0, 1)
    except ImportError as error:
        print(error)
    print(threads.get_num_threads())
    """
    said = program(text, TIDEGRAD_NUM_THREADS="3")
    assert re.match(r'llvmlite is needed for this: pip install "tidegrad\[jit\]" \(.*\)\n3\n', said)


def test_nothing_is_loaded_before_it_is_needed(program):
    text = """
    import sys, tidegrad
    from tidegrad.jit.native import cache, engine, target, threads
    print("llvmlite" in sys.modules)
    """
    assert program(text) == "False\n"


# Threads


def test_products_from_several_threads_at_once():
    together(*[lambda n=n: programs.product(n, 60 + n, 5) for n in (1, 1, 2, 3)])


@pytest.mark.parametrize("number", [1, 2, 3, 8, 1, 30, 2])
def test_every_thread_sees_what_the_others_wrote_before_the_barrier(number):
    programs.relay(number, 300)
    programs.product(number)


def test_workers_that_sleep_are_woken():
    for _ in range(5):
        programs.relay(3)
        time.sleep(0.005)


def test_several_python_threads_at_once():
    works = [(programs.relay, 1), (programs.relay, 2), (programs.relay, 3), (programs.product, 2)]
    together(*[lambda f=f, n=n: [f(n) for _ in range(20)] for f, n in works])


@pytest.mark.skipif(os.name != "posix", reason="needs pthreads")
@pytest.mark.parametrize("number", [1, 2, 3, 8])
def test_threads_that_sleep_by_condition_variables(conditions, number):
    def run(address, argument, count):
        while conditions.native_run(address, argument, count):
            conditions.grow(count)

    programs.relay(number, 100, run)
    together(*[lambda: programs.relay(number, 30, run)] * 3)
    time.sleep(0.002)
    programs.relay(number, 10, run)


@pytest.fixture(scope="module")
def conditions():
    return threads.Pool("condition")


def test_a_program_without_workers_takes_turns_by_spinning():
    pool = threads.Pool("spin")
    programs.relay(1, 10, pool.native_run)


def test_nobody_comes_in_before_a_fork_is_over():
    """And the fork waits for who is inside."""
    pool = threads.start_pool()
    inside, outside = (
        threading.Thread(target=programs.product, args=[n, 300, times])
        for n, times in [(2, 5), (1, 1)]
    )
    inside.start()
    time.sleep(0.01)
    pool.close()
    try:
        outside.start()
        inside.join(60)
        outside.join(0.05)
        assert not inside.is_alive() and outside.is_alive()
    finally:
        pool.open()
    outside.join(60)
    assert not outside.is_alive()


def test_the_processors_of_the_process(monkeypatch):
    if hasattr(os, "sched_getaffinity"):
        assert threads.processors() == len(os.sched_getaffinity(0))
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert threads.processors() == (os.cpu_count() or 1)


def test_python_runs_on_while_a_program_does():
    over = threading.Event()

    def work():
        programs.product(1, 400, 2)
        over.set()

    thread = threading.Thread(target=work)
    thread.start()
    count = 0
    while not over.is_set():
        count += 1
    thread.join()
    assert count > 1000


def test_the_number_of_threads(program):
    before = threads.get_num_threads()
    try:
        threads.set_num_threads(np.int64(3))
        assert threads.get_num_threads() == 3
        for wrong in (0, -1, 1025):
            with pytest.raises(ValueError, match=rf"set_num_threads: {wrong} is not a number of"):
                threads.set_num_threads(wrong)
        with pytest.raises(TypeError):
            threads.set_num_threads(2.5)
        assert threads.get_num_threads() == 3
    finally:
        threads.set_num_threads(before)
    text = "from tidegrad.jit.native import threads; print(threads.get_num_threads())"
    assert program(text, TIDEGRAD_NUM_THREADS="5") == "5\n"
    assert program(text, TIDEGRAD_NUM_THREADS="") == f"{threads.processors()}\n"


@pytest.mark.parametrize("wrong", ["two", "-1", "1.5", "0"])
def test_a_variable_that_is_no_number_of_threads(monkeypatch, wrong):
    monkeypatch.setenv("TIDEGRAD_NUM_THREADS", wrong)
    monkeypatch.setattr(threads, "count", 0)
    with pytest.raises(ValueError, match="not a number of threads"):
        threads.get_num_threads()


def test_more_threads_than_there_can_be():
    with pytest.raises(ValueError, match="run: 1025 threads, at most 1024"):
        threads.run(programs.library().address("relay"), 0, 1025)


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process")
def test_threads_that_the_system_does_not_start(program):
    text = """
    import resource
    import jit_programs as programs
    programs.relay(2)
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    with open("/proc/self/statm") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + (64 << 20), most))
    try:
        programs.relay(500)
    except OSError as error:
        print(error.strerror)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    programs.relay(2)
    programs.relay(5)
    """
    assert re.fullmatch(r"the system starts no more threads \(.*\); take fewer .*\n", program(text))


# The ends of processes

END = """
import threading, time, sys
import jit_programs as programs
programs.relay(2)
"""


@pytest.mark.parametrize(
    "end",
    [
        "",
        "sys.exit(0)",
        "threading.Thread(target=programs.relay, args=[3]).start()",
        "threading.Thread(target=programs.product, args=[2, 500, 1]).start()",
        "threading.Thread(target=programs.product, args=[2, 500, 3], daemon=True).start()",
        "import atexit; atexit.register(programs.product, 2)",
    ],
)
def test_the_process_ends_whoever_runs_what(program, end):
    assert program(END + end) == ""


def test_ctrl_c_is_answered_between_steps(program):
    text = (
        END
        + """
import _thread, os, signal
timer = threading.Timer(0.1, os.kill, [os.getpid(), signal.SIGINT])
timer.start()
try:
    while True:
        programs.product(2, 200, 5)
except KeyboardInterrupt:
    print("answered")
timer.join()
programs.product(2)
"""
    )
    assert program(text) == "answered\n"


def test_signals_go_to_the_main_thread(program):
    text = (
        END
        + """
import os, signal
timer = threading.Timer(0.1, os.kill, [os.getpid(), signal.SIGINT])
timer.start()
start = time.monotonic()
try:
    time.sleep(30)
except KeyboardInterrupt:
    print(time.monotonic() - start < 10)
"""
    )
    assert program(text) == "True\n"
