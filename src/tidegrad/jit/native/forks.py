"""Floor 6. Forks: what must not happen while the process forks, and what a child begins with."""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import RLock

__all__ = ["LOCK", "around_fork"]

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


around_fork(LOCK.acquire, LOCK.release, LOCK.release)
