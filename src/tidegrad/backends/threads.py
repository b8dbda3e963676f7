"""Floor 6. Threads: large operations in pieces, on threads that live on."""

from __future__ import annotations

import contextvars
import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np
from numpy import ndarray

from ..core import Tensor
from ..jit.native.threads import get_num_threads
from ..kinds import Prim
from .execution import Execution
from .pieces import Job, compute, jobs_of, worth

__all__ = ["Sharing", "Threads", "count"]


def count(option: str, value: Any, least: int) -> int:
    """A count that a user gave."""
    if type(value) is not int or value < least:
        raise ValueError(f"backends.use: {option} is an integer from {least} on, not {value!r}")
    return value


class Sharing(Execution):
    """Operations of `min_elements` and more are shared by `workers`, where that is worth it.

    Results are NumPy's, bit for bit, forward and backward.  What is too small to gain runs whole.
    """

    def __init__(self, workers: int | None = None, min_elements: int = 0):
        self.workers = count("workers", get_num_threads() if workers is None else workers, 1)
        self.least = count("min_elements", min_elements, 0)

    def wanted(self, prim: Prim, args: tuple, params: dict) -> bool:
        if self.workers == 1 or Tensor not in map(type, args):
            return False
        return worth(prim, args) and max(getattr(a, "size", 1) for a in args) >= self.least

    def apply(self, prim: Prim, arrays: list, params: dict) -> Any:
        job = jobs_of(prim, arrays, params, self.workers, self.new)
        if job is None:
            found = prim.run(*arrays, **params)
            return found if type(found) is ndarray else np.asarray(found)
        return np.asarray(job.join(self.run(job)))

    def explain(self, error: Exception, prim: Prim, args: tuple, params: dict) -> None:
        if isinstance(error, (ValueError, TypeError)):
            prim.explain(args, params)

    def new(self, shape: tuple, dtype: np.dtype) -> ndarray:
        """Memory for a result."""
        return np.empty(shape, dtype)

    def run(self, job: Job) -> list:
        """The results of all pieces."""
        raise NotImplementedError


class Threads(Sharing):
    """Pieces on threads, one of which is the caller's own."""

    name = "threads"

    def run(self, job: Job) -> list:
        context = contextvars.copy_context()  # which holds how NumPy warns
        others = range(1, len(job.pieces))
        try:
            found = [pool(os.getpid()).submit(context.copy().run, compute, job, k) for k in others]
        except RuntimeError:  # the program ends, and no thread begins anything any more
            return [compute(job, k) for k in range(len(job.pieces))]
        try:
            first = compute(job, 0)
        finally:
            rest = [future.exception() for future in found]  # nobody writes once this has ended
        for error in filter(None, rest):
            raise error
        return [first, *(future.result() for future in found)]


@lru_cache(maxsize=1)
def pool(process: int) -> ThreadPoolExecutor:
    """The threads of this process: a child that was forked has its own."""
    return ThreadPoolExecutor(os.cpu_count() or 1, "tidegrad")
