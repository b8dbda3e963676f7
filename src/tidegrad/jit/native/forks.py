"""Floor 6. Forks: what must not happen while the process forks, and what a child begins with."""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import Lock, RLock
from typing import Any
from weakref import WeakSet

__all__ = ["LOCK", "around_fork", "new_lock"]

# Who is inside LLVM, or starts threads, holds this, one at a time; and so does a fork. A child
# inherits LLVM's own locks as they are, and the threads that would open them do not exist there.
LOCK = RLock()


def around_fork(
    before: Callable[[], object],
    in_parent: Callable[[], object],
    in_child: Callable[[], object],
) -> None:
    """Have three functions called around every fork, for good.

    A fork that was under way when they came calls none of them.
    """
    begun: list[bool] = []

    def begin() -> None:
        before()
        begun.append(True)

    def end(function: Callable[[], object]) -> None:
        if begun:
            begun.pop()
            function()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=begin,
            after_in_parent=lambda: end(in_parent),
            after_in_child=lambda: end(in_child),
        )


OPEN: WeakSet[Any] = WeakSet()


def new_lock(kind: Any = Lock) -> Any:
    """A `threading.Lock` or RLock that is open in a child, where the thread that held it is not.

    For what a child begins anew anyhow, such as a program's own memory.
    """
    lock = kind()
    OPEN.add(lock)
    return lock


def reopen() -> None:
    for lock in list(OPEN):
        lock._at_fork_reinit()  # as the standard library's own modules do


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=reopen)

around_fork(LOCK.acquire, LOCK.release, LOCK.release)
