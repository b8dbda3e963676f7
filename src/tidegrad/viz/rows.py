"""Floor 7. Rows of boxes and of the points where long arrows pass; every segment spans one row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Arrow", "Rows", "Segment"]


@dataclass
class Arrow:
    """From the foot of one box to the top of another.

    `out` and `into` say how far from the middle it leaves and arrives; None: wherever is best.
    """

    tail: int
    head: int
    out: float = 0.0
    into: float | None = None


@dataclass
class Segment:
    """The part of one or more arrows between two rows; `ends` where an arrow arrives."""

    upper: int
    lower: int
    out: float = 0.0
    into: float | None = 0.0
    ends: bool = False


class Rows:
    """Boxes are numbered first, points after them.

    All arrows from one place share one trunk, which they leave where they arrive: drawn so, a
    value that is used a hundred times needs no more points than its farthest use.
    """

    def __init__(self, rank: Sequence[int], arrows: Sequence[Arrow]):
        self.boxes = len(rank)
        self.rank = list(rank)
        self.segments: list[Segment] = []
        trunks: dict[tuple[int, float], list[int]] = {}
        for arrow in arrows:
            trunk = trunks.setdefault((arrow.tail, arrow.out), [arrow.tail])
            span = rank[arrow.head] - rank[arrow.tail]
            while len(trunk) < span:
                trunk.append(self.point(trunk[-1], arrow.out if len(trunk) == 1 else 0.0))
            start = trunk[span - 1]
            out = arrow.out if span == 1 else 0.0
            self.segments.append(Segment(start, arrow.head, out, arrow.into, True))
        self.trunks = [trunk[1:] for trunk in trunks.values()]
        self.ups: list[list[int]] = [[] for _ in self.rank]
        self.downs: list[list[int]] = [[] for _ in self.rank]
        for segment in self.segments:
            self.ups[segment.lower].append(segment.upper)
            self.downs[segment.upper].append(segment.lower)
        self.rows = self.planted()

    def point(self, above: int, out: float) -> int:
        """A new point in the row below `above`."""
        point = len(self.rank)
        self.rank.append(self.rank[above] + 1)
        self.segments.append(Segment(above, point, out))
        return point

    def planted(self) -> list[list[int]]:
        """The rows in the order in which a walk up from the last boxes meets their members.

        For a tree this order has no crossings.
        """
        rows: list[list[int]] = [[] for _ in range(max(self.rank, default=-1) + 1)]
        seen = [False] * len(self.rank)
        for end in range(self.boxes):
            stack = [] if self.downs[end] else [end]
            while stack:
                vertex = stack.pop()
                if not seen[vertex]:
                    seen[vertex] = True
                    rows[self.rank[vertex]].append(vertex)
                    stack += reversed(self.ups[vertex])
        return rows
