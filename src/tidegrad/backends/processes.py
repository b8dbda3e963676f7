"""Floor 6. Processes: large operations in pieces, on worker processes that live on."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import warnings
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

from ..arrays import is_shared
from ..core import WEAK
from ..kinds import Prim
from .arena import Arena
from .pieces import Job, compute
from .threads import Sharing
from .worker import PRIMS, Place, receive, send

__all__ = ["Processes"]

ROOT = str(Path(__file__).parents[2])


class WorkerError(RuntimeError):
    """A worker process that ended when nobody had asked it to."""


class Worker:
    """One process, and the pipes to it."""

    def __init__(self, number: int):
        self.number = number
        self.owes = 0  # answers
        # The parent's script is not imported, so that it needs no guard of its main part; what
        # is imported is found where the parent finds it (-P: not in its working directory).
        path = os.pathsep.join([*filter(None, sys.path), ROOT])
        self.process: Any = subprocess.Popen(
            [sys.executable, "-P", "-c", "from tidegrad.backends.worker import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
            start_new_session=True,  # Ctrl-C is for the parent
        )

    def send(self, *message: Any) -> None:
        self.owes += 1
        try:
            send(self.process.stdin, message)
        except OSError:
            raise self.lost() from None

    def answer(self) -> Any:
        """What the worker has found, or the error that it met."""
        try:
            error, found = receive(self.process.stdout)
        except (EOFError, OSError):
            raise self.lost() from None
        self.owes -= 1
        if error is not None:
            raise error
        return found

    def lost(self) -> WorkerError:
        status = self.process.wait()
        return WorkerError(
            f"processes: worker {self.number} (process {self.process.pid}) ended with status "
            f"{status} before it had answered; nothing was changed, and the next operation starts "
            "new workers"
        )

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(OSError):  # closing sends what had not been sent, to nobody
                pipe.close()


class Pool:
    """The workers of this process, all but itself, and the memory that they share."""

    def __init__(self, count: int):
        self.workers = [Worker(k) for k in range(1, count)]
        self.arena = Arena(self.announce)
        self.finalizer = weakref.finalize(self, ended, self.workers)
        self.ask("begin")  # no file waits for them while they start

    @property
    def is_broken(self) -> bool:
        """Whether an answer is missing: a worker died, or the one who waited was interrupted."""
        return any(worker.owes for worker in self.workers)

    def announce(self, number: int, path: str, size: int, gone: list[int]) -> None:
        self.ask("open", number, path, size, gone)

    def ask(self, *message: Any) -> None:
        """Have all workers do the same."""
        for worker in self.workers:
            worker.send(*message)
        for worker in self.workers:
            worker.answer()

    def run(self, job: Job) -> list:
        """The results of all pieces, every so many of them computed here."""
        found: list = [None] * len(job.pieces)
        hands = len(self.workers) + 1
        kept: list = []  # copies that the workers read, until they have answered
        others = [k for k in range(len(job.pieces)) if k % hands]
        # All of them first, as they may need new blocks, which the workers are told of.
        messages = [self.message(job, k, kept) for k in others]
        asked = [(self.workers[k % hands - 1], k) for k in others]
        for (worker, _), message in zip(asked, messages):
            worker.send("piece", *message)
        error: Exception | None = None
        met: set[str] = set()
        try:
            for k in range(0, len(job.pieces), hands):
                found[k] = compute(job, k)
        except Exception as own:  # the answers are read all the same: the next ones are new
            error = own
        for worker, k in asked:
            try:
                found[k], kinds = worker.answer()
                met |= kinds
            except WorkerError:
                raise
            except Exception as theirs:  # the others' answers are read before it is raised
                error = theirs
        if error is not None:
            raise error
        report(met, job.prim.name)
        return found

    def message(self, job: Job, k: int, kept: list) -> tuple:
        """What a worker is told about piece `k`."""
        args = [a if type(a) in WEAK else self.place(a, kept) for a in job.pieces[k]]
        out = None if job.out is None else self.place(job.out[job.keys[k]], kept)
        return job.prim.name, args, job.params, out

    def place(self, array: ndarray, kept: list) -> Place:
        """Where an array lies for the others, once it does."""
        if self.arena.place(array) is None:
            thin = array[tuple(slice(0, 1 if s == 0 else None) for s in array.strides)]
            array = np.broadcast_to(self.arena.copied(thin), array.shape)
            kept.append(array)
        block, offset = self.arena.place(array)  # type: ignore[misc]  # it has one now
        return Place(block, offset, array.shape, array.strides, array.dtype.str)


def ended(workers: list[Worker]) -> None:
    for worker in workers:
        worker.end()


def report(met: set[str], operation: str) -> None:
    """Warn, or raise, as NumPy is set to for the conditions that workers met."""
    for kind in sorted(met):
        how = dict(np.geterr())[ERRORS[kind]]
        if how == "raise":
            raise FloatingPointError(f"{kind} encountered in {operation}")
        if how == "warn":
            warnings.warn(f"{kind} encountered in {operation}", RuntimeWarning, stacklevel=2)


# NumPy's words for what it met, and for how that is dealt with.
ERRORS = {
    "divide by zero": "divide",
    "overflow": "over",
    "underflow": "under",
    "invalid value": "invalid",
}
POOLS: dict[tuple[int, int], Pool] = {}  # by process, as a forked child has none, and by size
LOCK = threading.RLock()  # of all pools: the workers serve one thread at a time


def before_fork() -> None:
    """A child sees the shared memory that is in use now: nothing else is written there any more."""
    LOCK.acquire()
    for pool in POOLS.values():
        pool.arena.retire()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=before_fork, after_in_parent=LOCK.release, after_in_child=LOCK.release
    )


class Processes(Sharing):
    """Pieces in processes, one of which is this one; arrays lie in memory that all of them see.

    Results stay there, so that only what comes from elsewhere is copied, once.
    """

    name = "processes"

    @property
    def pool(self) -> Pool:
        key = os.getpid(), self.workers
        if key in POOLS and POOLS[key].is_broken:
            POOLS.pop(key).finalizer()
        if key not in POOLS:
            POOLS[key] = Pool(self.workers)
        return POOLS[key]

    def wanted(self, prim: Prim, args: tuple, params: dict) -> bool:
        known = PRIMS.get(prim.name) is prim  # to the workers
        return known and super().wanted(prim, args, params)

    def apply(self, prim: Prim, arrays: list, params: dict) -> Any:
        with LOCK:
            return super().apply(prim, [self.near(a) for a in arrays], params)

    def near(self, a: Any) -> Any:
        """An argument where the workers see it, if it may be kept there."""
        own = type(a) is ndarray and a.base is None and a.size > 1 and not is_shared(a)
        return self.pool.arena.shared(a) if own else a

    def new(self, shape: tuple, dtype: np.dtype) -> ndarray:
        return self.pool.arena.new(shape, dtype)

    def run(self, job: Job) -> list:
        return self.pool.run(job)
