"""Floor 6. Writers: programs that write into tensors' memory do so one at a time."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from numpy import ndarray

__all__ = ["lock", "read"]


class Lock:
    """Held by a program for as long as it writes into tensors' memory.

    Whoever only reads does not take it, but looks whether anybody wrote meanwhile.
    """

    def __init__(self) -> None:
        self.inner = threading.RLock()
        self.depth = self.count = 0

    def __enter__(self) -> None:
        self.inner.acquire()
        self.depth += 1
        self.count += 1

    def __exit__(self, *_: object) -> None:
        self.depth -= 1
        self.inner.release()


lock = Lock()


def read(program: Any, leaves: Sequence[Any]) -> list[ndarray]:
    """The arrays of a program's inputs, gathered while nobody writes into one of them.

    Once they are in a list they have one more owner, and no program will write into them.
    """
    before = lock.count
    arrays = program.gathered(leaves)
    if lock.depth or lock.count != before:
        with lock:
            arrays = program.gathered(leaves)
    return arrays
