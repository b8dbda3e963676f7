"""Floor 7. A layered drawing of boxes of given sizes: places, and the strokes between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .crossings import untangle
from .places import settle, spread_out
from .rows import Arrow, Rows, Segment

__all__ = ["Sheet", "Stroke"]

BETWEEN = 22.0  # boxes of a row
BELOW = 30.0  # rows, at least
STEEP = 0.12  # how much farther apart rows are for each unit that a stroke goes aside
FARTHEST = 120.0


class Stroke(NamedTuple):
    """Down from (x, start) to `leave`, a curve to (to, arrive), and down to `end`.

    The straight parts lie within rows and the curve between rows, so no stroke meets a box that
    it does not belong to.
    """

    tail: int
    x: float
    start: float
    leave: float
    to: float
    arrive: float
    end: float
    tip: bool

    def moved(self, dx: float, dy: float) -> Stroke:
        """The same stroke elsewhere."""
        return Stroke(
            self.tail,
            self.x + dx,
            self.start + dy,
            self.leave + dy,
            self.to + dx,
            self.arrive + dy,
            self.end + dy,
            self.tip,
        )


@dataclass
class Sheet:
    """Boxes of `sizes`, in the rows `rank`; `light` boxes stand aside for others.

    `x` is the middle of each box and `y` its top; strokes that end at one of `blunt` boxes have
    no tip.
    """

    sizes: Sequence[tuple[float, float]]
    rank: Sequence[int]
    arrows: Sequence[Arrow]
    light: Sequence[bool]
    blunt: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        rows = Rows(self.rank, self.arrows)
        untangle(rows)
        widths = [width for width, _ in self.sizes] + [4.0] * (len(rows.rank) - rows.boxes)
        self.x = spread_out(rows, widths, self.light, BETWEEN)
        into = self.arrivals(rows)
        self.levels(rows, into)
        rank = rows.rank
        middle = [(self.tops[r] + self.feet[r]) / 2 for r in rank[: rows.boxes]]
        self.y = [m - height / 2 for m, (_, height) in zip(middle, self.sizes)]
        self.width = max((x + w / 2 for x, w in zip(self.x, widths)), default=0.0)
        self.height = self.feet[-1] if self.feet else 0.0
        self.strokes = [
            self.stroke(segment, shift, rank) for segment, shift in zip(rows.segments, into)
        ]

    def arrivals(self, rows: Rows) -> list[float]:
        """How far from the middle each segment arrives: straight below its start if it can."""
        found = [segment.into or 0.0 for segment in rows.segments]
        free: dict[int, list[int]] = {}
        for n, segment in enumerate(rows.segments):
            if segment.into is None:
                free.setdefault(segment.lower, []).append(n)
        for box, arriving in free.items():
            room = max(self.sizes[box][0] / 2 - 12, 0.0)
            gap = min(16.0, 2 * room / max(len(arriving) - 1, 1))
            wanted = {
                n: self.x[rows.segments[n].upper] + rows.segments[n].out - self.x[box]
                for n in arriving
            }
            arriving.sort(key=wanted.__getitem__)
            inside = [max(-room, min(room, wanted[n])) for n in arriving]
            count = len(arriving)
            placed = settle(inside, [1.0] * count, [gap] * (count - 1))
            slip = min(room - placed[-1], 0.0) + max(-room - placed[0], 0.0)
            for n, place in zip(arriving, placed):
                found[n] = max(-room, min(room, place + slip))
        return found

    def levels(self, rows: Rows, into: Sequence[float]) -> None:
        """The top and the foot of each row; strokes that go far aside get more room."""
        heights = [0.0] * len(rows.rows)
        for box, (_, height) in enumerate(self.sizes):
            heights[self.rank[box]] = max(heights[self.rank[box]], height)
        aside = [0.0] * len(rows.rows)
        for segment, shift in zip(rows.segments, into):
            far = abs(self.x[segment.upper] + segment.out - self.x[segment.lower] - shift)
            row = rows.rank[segment.lower]
            aside[row] = max(aside[row], far)
        self.tops: list[float] = []
        self.feet: list[float] = []
        for height, far in zip(heights, aside):
            above = self.feet[-1] + min(FARTHEST, BELOW + STEEP * far) if self.feet else 0.0
            self.tops.append(above)
            self.feet.append(above + height)

    def stroke(self, segment: Segment, shift: float, rank: Sequence[int]) -> Stroke:
        a, b = segment.upper, segment.lower
        leave, arrive = self.feet[rank[a]], self.tops[rank[b]]
        start = self.y[a] + self.sizes[a][1] if a < len(self.sizes) else leave
        end = self.y[b] if segment.ends else self.feet[rank[b]]
        x, to = self.x[a] + segment.out, self.x[b] + shift
        return Stroke(a, x, start, leave, to, arrive, end, segment.ends and b not in self.blunt)
