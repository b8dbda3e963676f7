"""Floor 0. Counts that move when something changes that compiled functions rely on."""

from __future__ import annotations

__all__ = ["COUNTS", "Followed", "flipped", "moved"]

# While these are as they were, no module or optimizer is made of anything else, no setting is
# another one, and no tensor began or ceased to need gradients: a call of an unchanged program
# compares two numbers.
COUNTS = [0, 0]


class Followed:
    """What calls `moved` wherever an attribute becomes another one."""


def moved() -> None:
    """A part of something that is followed, or a setting, is another one now."""
    COUNTS[0] += 1


def flipped() -> None:
    """A tensor needs gradients now, or needs them no more."""
    COUNTS[1] += 1
