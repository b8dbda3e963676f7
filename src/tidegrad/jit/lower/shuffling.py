"""Floor 6. Shuffling: the lanes of one or two vectors in another order."""

from __future__ import annotations

from collections.abc import Sequence

from ..lane import Lane

__all__ = ["shuffled"]


def shuffled(x: Lane, places: Sequence[int], y: Lane | None = None) -> Lane:
    """The lanes at these places: of `x`, or of `x` and then `y`; of a single place a number."""
    other = f"{x.type} poison" if y is None else f"{y.type} {y.name}"
    if len(places) == 1 and y is None:
        found = x.like(f"extractelement {x.type} {x.name}, i64 {places[0]}")
    else:
        mask = f"<{len(places)} x i32> <{', '.join(f'i32 {k}' for k in places)}>"
        found = x.like(f"shufflevector {x.type} {x.name}, {other}, {mask}")
    found.width = len(places)
    return found
