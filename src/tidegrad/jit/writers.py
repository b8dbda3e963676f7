"""Floor 6. Writers: programs that write into tensors' memory do so one at a time."""

from __future__ import annotations

import ctypes
import os
import threading

from .native.forks import new_lock

__all__ = ["writing"]


class Writing:
    """The lock is held by a program for as long as it writes into tensors' memory.

    Whoever only reads does not take it, but looks whether somebody writes.
    """

    lock = new_lock(threading.RLock)
    depth = ctypes.c_int64(0)  # how many write now: one, or programs inside each other
    address = ctypes.addressof(depth)

    def forget(self) -> None:
        """Nobody writes in the child of a fork."""
        self.depth.value = 0


writing = Writing()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=writing.forget)
