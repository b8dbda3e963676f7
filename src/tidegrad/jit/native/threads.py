"""Floor 6. Threads: one program, run by all of them at once, each with its own number."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from operator import index
from typing import Any

from ...epoch import moved
from . import cache
from .engine import compiled, loaded
from .forks import LOCK, around_fork
from .target import host
from .workers import BARRIER, MOST, program

__all__ = ["BARRIER", "Pool", "get_num_threads", "run", "set_num_threads"]

SPIN = 200e-6  # seconds that a thread looks for the next piece of work before it sleeps
STACK = 4 << 20  # bytes of a worker's stack, the same on every system

# These come from a thread's own instructions; the others go to the threads that Python knows.
OWN = {"SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGTRAP", "SIGSYS"}

count = 0  # threads of a program; 0 until somebody asks
the_pool: Pool | None = None


def set_num_threads(n: int) -> None:
    """Let compiled programs use `n` threads, from their next call on.

    At first it is the environment variable TIDEGRAD_NUM_THREADS, or else the number of processors
    that the process may use. ValueError unless 1 <= n <= 1024.

    >>> before = tg.get_num_threads()
    >>> tg.set_num_threads(2)
    >>> tg.get_num_threads()
    2
    >>> tg.set_num_threads(before)
    """
    global count
    n = index(n)
    if not 1 <= n <= MOST:
        raise ValueError(f"set_num_threads: {n} is not a number of threads; take 1 to {MOST}")
    count = n
    moved()


def get_num_threads() -> int:
    """How many threads a compiled program uses at most.

    ValueError where TIDEGRAD_NUM_THREADS is asked, and is no number of threads.

    >>> tg.get_num_threads() >= 1
    True
    """
    if not count:
        wanted = os.environ.get("TIDEGRAD_NUM_THREADS", "").strip()
        if wanted and not wanted.isdecimal():
            raise ValueError(f"TIDEGRAD_NUM_THREADS is {wanted!r}, not a number of threads")
        set_num_threads(int(wanted) if wanted else min(processors(), MOST))
    return count


def run(address: int, argument: int, threads: int) -> None:
    """Call `void f(ptr argument, i64 thread, i64 threads, ptr barrier)` on every thread at once.

    The caller is thread 0; the interpreter is free meanwhile. Returns when all have ended. Who
    comes while the workers are busy waits, so that a program's result never depends on others;
    programs of one thread need no workers and run side by side.
    """
    pool = the_pool or start_pool()
    while pool.native_run(address, argument, threads):
        pool.grow(threads)


class Pool:
    """Native threads that wait for programs; it lives as long as the process.

    A fork waits until no thread is inside a program: its child would find results half done.
    """

    def __init__(self, kernel: str):
        self.library = loaded(object_code(program(host(), kernel)))
        number, pointer = ctypes.c_int32, ctypes.c_void_p
        self.native_run = self.function("run", pointer, pointer, number)
        self.native_close, self.native_open = self.function("close"), self.function("open")
        self.native_grown = self.function("grown", number)
        self.native_reset = self.function("reset", number, number)
        self.patience = round(SPIN / self.pause())
        self.reset()
        around_fork(self.close, self.open, self.reopen)
        close_at_exit(self.library.address("tide_close"))

    def function(self, name: str, *arguments: Any) -> Any:
        kind = ctypes.CFUNCTYPE(ctypes.c_int32, *arguments)
        return kind(self.library.address(f"tide_{name}"))

    def reset(self) -> None:
        """Forget the workers, which are not there yet, or no longer in the child of a fork."""
        self.size = 1
        self.native_reset(processors(), self.patience)

    def close(self) -> None:
        """Let nobody into a program, and wait until nobody is; the lock keeps other forks out."""
        LOCK.acquire()
        self.native_close()

    def open(self) -> None:
        self.native_open()
        LOCK.release()

    def reopen(self) -> None:
        self.reset()
        LOCK.release()

    def pause(self) -> float:
        """Seconds that one look at a signal takes."""
        spin, looks, times = self.function("spin", ctypes.c_int32), 500, []
        for _ in range(3):
            start = time.perf_counter()
            spin(looks)
            times.append(time.perf_counter() - start)
        return max(min(times) / looks, 1e-10)

    def grow(self, threads: int) -> None:
        """Start workers until a program can have `threads` threads.

        ValueError for more than there can be, OSError where the system starts no more.
        """
        if threads > MOST:
            raise ValueError(f"run: {threads} threads, at most {MOST}")
        with LOCK:
            while self.size < threads:
                start_thread(self.library.address("tide_worker"), self.size)
                self.size += 1
                self.native_grown(self.size)


def start_pool() -> Pool:
    global the_pool
    with LOCK:
        kernel = {"linux": "futex", "win32": "spin"}.get(sys.platform, "condition")
        the_pool = the_pool or Pool(kernel)
    return the_pool


def object_code(text: str) -> bytes:
    """Compiled, or as an earlier process compiled it."""
    key = cache.key_of(text, *map(str, host()))
    code = cache.load(key)
    if code is None:
        code = compiled(text, host())
        cache.store(key, code)
    return code


def processors() -> int:
    """How many processors the process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def start_thread(address: int, argument: int) -> None:
    """A native thread, which Python does not know and no signal interrupts."""
    libc = ctypes.CDLL(None)
    blocked = {number for number in signal.valid_signals() if name_of(number) not in OWN}
    thread, attributes = ctypes.c_void_p(), ctypes.create_string_buffer(256)
    libc.pthread_attr_init(attributes)
    libc.pthread_attr_setstacksize(attributes, ctypes.c_size_t(STACK))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
    try:
        error = libc.pthread_create(
            ctypes.byref(thread), attributes, ctypes.c_void_p(address), ctypes.c_void_p(argument)
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        libc.pthread_attr_destroy(attributes)
    if error:
        remedy = "take fewer with set_num_threads"
        raise OSError(error, f"the system starts no more threads ({os.strerror(error)}); {remedy}")
    libc.pthread_detach(thread)


def name_of(number: int) -> str:
    return getattr(number, "name", "")


def close_at_exit(address: int) -> None:
    """Before the process takes libraries down, wait for programs that threads still run."""
    if os.name == "nt":
        return
    libc = ctypes.CDLL(None)
    register = getattr(libc, "__cxa_atexit", None) or libc.atexit
    register(ctypes.c_void_p(address), None, None)
