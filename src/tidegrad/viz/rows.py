"""Floor 7. The rows of a layered drawing: who stands in which, and where long arrows pass.

The method is that of Sugiyama, Tagawa and Toda (1981).
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

__all__ = ["Arrow", "Rows", "ranks"]

FAR = 40  # rows: arrows that go farther run in a lane beside the picture
WORK = 400_000  # boxes and points visited while untangling


class Arrow(NamedTuple):
    """From the foot of one box to the top of another.

    `out` and `into` say how far from the middle it leaves and arrives; None: wherever is best.
    """

    tail: int
    head: int
    out: float = 0.0
    into: float | None = None
    tip: bool = True


def ranks(count: int, arrows: Sequence[Arrow]) -> list[int]:
    """A row for each of `count` boxes, so that every arrow points down.

    Rows are longest paths from the top; then a leaf goes down to just above its first use.
    """
    ups: list[set[int]] = [set() for _ in range(count)]
    downs: list[set[int]] = [set() for _ in range(count)]
    for tail, head, *_ in arrows:
        ups[head].add(tail)
        downs[tail].add(head)
    waiting = list(map(len, ups))
    order = [box for box in range(count) if not ups[box]]
    rank = [0] * count
    for box in order:
        for down in downs[box]:
            rank[down] = max(rank[down], rank[box] + 1)
            waiting[down] -= 1
            if not waiting[down]:
                order.append(down)
    if len(order) < count:
        raise ValueError("draw: the arrows go in a circle; only graphs without one can be layered")
    for box in reversed(order):
        if downs[box] and len(ups[box]) <= len(downs[box]):
            rank[box] = min(rank[down] for down in downs[box]) - 1
    return [r - min(rank) for r in rank]


class Rows:
    """Boxes are numbered first, then the points where long arrows pass; a piece spans one row.

    All arrows from one place share one trunk; one in a lane has a single point, in no row.
    `ups` and `downs` say what pulls each vertex: who, how hard, and how far aside.
    """

    def __init__(self, rank: Sequence[int], arrows: Sequence[Arrow], light: Sequence[bool]):
        self.rank = list(rank)
        self.pieces: list[Arrow] = []
        self.lanes: list[int] = []
        trunks: dict[tuple[int, float], list[Arrow]] = {}
        for arrow in arrows:
            trunks.setdefault((arrow.tail, arrow.out), []).append(arrow)
        for leaving in trunks.values():
            self.trunk(leaving)
        self.ups: list[list] = [[] for _ in self.rank]
        self.downs: list[list] = [[] for _ in self.rank]
        lanes, boxes = set(self.lanes), len(rank)
        for tail, head, out, into, _ in self.pieces:
            if lanes.isdisjoint((tail, head)):
                # A trunk is pulled hard, so that it runs straight; a light box follows its use.
                weight = (1.0, 2.0, 64.0)[(tail >= boxes) + (head >= boxes)]
                aside = out - (into or 0.0)
                weak = 0.001 if tail < boxes and light[tail] else 1.0
                self.ups[head].append((tail, weight * weak, aside))
                self.downs[tail].append((head, weight * weak, -aside))
        self.rows = self.planted(boxes)
        self.untangle()

    def trunk(self, leaving):
        """Add the pieces of arrows that leave one box at one place."""
        tail, _, out, *_ = leaving[0]
        top, foot = self.rank[tail], max(self.rank[arrow.head] for arrow in leaving)
        path = [tail]
        for row in [foot - 1] if foot - top > FAR else range(top + 1, foot):
            point = len(self.rank)
            self.pieces.append(Arrow(path[-1], point, 0.0 if path[1:] else out, 0.0, False))
            self.rank.append(row)
            path.append(point)
        if foot - top > FAR:
            self.lanes.append(path[-1])
        for arrow in leaving:
            span = self.rank[arrow.head] - top
            start = path[min(span, len(path)) - 1]
            self.pieces.append(arrow._replace(tail=start, out=out if span == 1 else 0.0))

    def planted(self, boxes):
        """The rows as a walk up from the last boxes meets them: for a tree without crossings."""
        rows = [[] for _ in range(max(self.rank, default=-1) + 1)]
        seen = set()
        for end in range(boxes):
            stack = [] if self.downs[end] else [end]
            while stack:
                vertex = stack.pop()
                if vertex not in seen:
                    seen.add(vertex)
                    rows[self.rank[vertex]].append(vertex)
                    stack += [up for up, *_ in reversed(self.ups[vertex])]
        return rows

    def untangle(self):
        """Sort by barycentres, sweeping down and up; the order with fewest crossings is kept."""
        best, fewest = self.rows, self.crossings()
        for sweep in range(max(2, min(24, WORK // (len(self.rank) + 1)))):
            if not fewest:
                break
            links = self.downs if sweep % 2 else self.ups
            self.rows = [list(row) for row in self.rows]
            for fixed, row in pairwise(self.rows[:: -1 if sweep % 2 else 1]):
                place = {vertex: k for k, vertex in enumerate(fixed)}
                linked = [vertex for vertex in row if links[vertex]]
                centre = {v: sum(place[u] for u, *_ in links[v]) / len(links[v]) for v in linked}
                # Who has no neighbour there stays in place.
                moved = iter(sorted(linked, key=centre.__getitem__))
                row[:] = [next(moved) if links[vertex] else vertex for vertex in row]
            found = self.crossings()
            if found < fewest:
                best, fewest = self.rows, found
        self.rows = best

    def crossings(self) -> int:
        """How many pairs of pieces cross."""
        total = 0
        for above, row in pairwise(self.rows):
            place = {vertex: k for k, vertex in enumerate(above)}
            seen: list[int] = []
            for vertex in row:
                for end in sorted(place[up] for up, *_ in self.ups[vertex]):
                    total += len(seen) - bisect_right(seen, end)
                    insort(seen, end)
        return total
