"""Floor 6. Writers: programs that write into tensors' memory do so one at a time."""

from __future__ import annotations

import threading

__all__ = ["writing"]


class Writing:
    """The lock is held by a program for as long as it writes into tensors' memory.

    Whoever only reads does not take it, but looks whether somebody writes.
    """

    lock = threading.RLock()
    depth = 0  # how many write now: one, or programs inside each other


writing = Writing()
