"""Floor 6. Settings: whether results may depend on the number of threads."""

from __future__ import annotations

from ..epoch import moved

__all__ = ["is_deterministic", "set_deterministic"]

deterministic = False


def set_deterministic(mode: bool) -> None:
    """Let compiled programs give the same bits on any number of threads, from their next call on.

    Without it they do so on one number of threads.  Work is then cut into pieces that do not
    depend on the threads, which costs time where there are many more threads than pieces.
    TypeError unless `mode` is a bool.

    >>> tg.set_deterministic(True)
    >>> tg.is_deterministic()
    True
    >>> tg.set_deterministic(False)
    """
    global deterministic
    if not isinstance(mode, bool):
        raise TypeError(f"set_deterministic: takes True or False, not {mode!r}")
    deterministic = mode
    moved()


def is_deterministic() -> bool:
    """Whether results do not depend on the number of threads; False at first."""
    return deterministic
