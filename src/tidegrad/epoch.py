"""Floor 0. One number that moves when a module or an optimizer changes what it is made of."""

from __future__ import annotations

__all__ = ["Followed", "moved", "now"]

_count = 0


class Followed:
    """What calls `moved` wherever an attribute becomes another one.

    Compiled functions look again at what they rely on only where the number is another.
    """


def moved() -> None:
    """Something changed."""
    global _count
    _count += 1


def now() -> int:
    """The number: while it stays, nothing that is followed has changed."""
    return _count
