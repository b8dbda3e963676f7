"""Floor 7. In which row each box of a layered drawing stands."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["ranks"]


def ranks(count: int, arrows: Sequence[tuple[int, int]]) -> list[int]:
    """A row for each of `count` boxes, so that every arrow points down.

    Rows are the longest paths from the top; then whatever can stand lower without making the
    arrows longer does, so that a leaf stands just above its first use.
    """
    ups: list[list[int]] = [[] for _ in range(count)]
    downs: list[list[int]] = [[] for _ in range(count)]
    for tail, head in dict.fromkeys(arrows):
        ups[head].append(tail)
        downs[tail].append(head)
    order = sorted_down(ups, downs)
    rank = [0] * count
    for box in order:
        rank[box] = max((rank[up] + 1 for up in ups[box]), default=0)
    bottom = max(rank, default=0)
    for box in reversed(order):
        if len(ups[box]) <= len(downs[box]):
            rank[box] = min((rank[down] - 1 for down in downs[box]), default=bottom)
    top = min(rank, default=0)
    return [r - top for r in rank]


def sorted_down(ups: Sequence[Sequence[int]], downs: Sequence[Sequence[int]]) -> list[int]:
    """All boxes, each after those above it."""
    waiting = [len(above) for above in ups]
    order = [box for box, n in enumerate(waiting) if not n]
    for box in order:
        for down in downs[box]:
            waiting[down] -= 1
            if not waiting[down]:
                order.append(down)
    if len(order) < len(ups):
        raise ValueError("draw: the arrows go in a circle; only graphs without one can be layered")
    return order
