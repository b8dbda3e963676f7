"""Floor 7. A layered drawing of boxes of given sizes: places, and the strokes between them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from .rows import Arrow, Rows

__all__ = ["Cell", "Frame", "Sheet", "Stroke", "settle"]

WORK = 1_200_000
BETWEEN, BESIDE = 22.0, 15.0  # from box to box in a row, and from box to point
POINT = 4.0  # as wide as a point is taken to be
BELOW, FARTHEST = 30.0, 120.0  # between rows
STEEP = 0.12  # how much farther apart rows are for each unit that a stroke goes aside
LANE = 6.0

Frame = tuple[float, float, float, float]  # left, top, width, height


class Cell(NamedTuple):
    """What a box needs; a light one stands aside for others."""

    width: float
    height: float
    light: bool = False


class Stroke(NamedTuple):
    """Down from (x, start) to `leave`, a curve to (to, arrive), and down to `end`.

    Straight within rows, a curve between them: so no stroke meets a box that is not its own.
    """

    x: float
    start: float
    leave: float
    to: float
    arrive: float
    end: float
    tip: bool = False


class Sheet:
    """The boxes `cells` in the rows `rank`: `x` is the middle of each, and `y`."""

    def __init__(self, cells: Sequence[Cell], rank: Sequence[int], arrows: Sequence[Arrow]):
        self.cells = cells
        self.rows = Rows(rank, arrows, [cell.light for cell in cells])
        widths = [cell.width for cell in cells] + [POINT] * (len(self.rows.rank) - len(cells))
        self.x = spread_out(self.rows, widths)
        self.width = max((x + w / 2 for x, w in zip(self.x, widths)), default=0.0)
        for lane in self.rows.lanes:
            self.width += LANE
            self.x[lane] = self.width
        self.pieces = self.arrivals()
        self.tops, self.feet = self.levels(rank)
        self.height = self.feet[-1] if self.feet else 0.0
        self.y = [(self.tops[r] + self.feet[r]) / 2 for r in rank]

    def arrivals(self):
        """The pieces, each with where it arrives: straight below its start if it can."""
        pieces = list(self.rows.pieces)
        wanted = [self.x[tail] + out - self.x[head] for tail, head, out, *_ in pieces]
        free = {}
        for n in sorted(range(len(pieces)), key=wanted.__getitem__):
            if pieces[n].into is None:
                free.setdefault(pieces[n].head, []).append(n)
        for box, arriving in free.items():
            last = len(arriving) - 1
            room = max(self.cells[box].width / 2 - 12, 0.0)
            gap = min(16.0, 2 * room / max(last, 1))
            inside = [
                max(gap * k - room, min(room - gap * (last - k), wanted[n]))
                for k, n in enumerate(arriving)
            ]
            for n, place in zip(arriving, settle(inside, [1.0] * len(inside), [gap] * last)):
                pieces[n] = pieces[n]._replace(into=place)
        return pieces

    def levels(self, rank):
        """The top and the foot of each row; strokes that go far aside get more room."""
        heights = [0.0] * len(self.rows.rows)
        aside = list(heights)
        for r, cell in zip(rank, self.cells):
            heights[r] = max(heights[r], cell.height)
        for tail, head, out, into, _ in self.pieces:
            r = self.below(tail, head)
            aside[r] = max(aside[r], abs(self.x[tail] + out - self.x[head] - into))
        tops, feet = [], []
        for height, far in zip(heights, aside):
            tops.append(feet[-1] + min(FARTHEST, BELOW + STEEP * far) if feet else 0.0)
            feet.append(tops[-1] + height)
        return tops, feet

    def below(self, tail, head):
        """The row above which the piece from `tail` to `head` goes aside."""
        rank = self.rows.rank
        return rank[tail] + 1 if tail < len(self.cells) else rank[head]

    def frames(self, left: float = 0.0, top: float = 0.0) -> list[Frame]:
        """Of each box left, top, width and height, where the sheet's own corner is given."""
        return [
            (left + x - cell.width / 2, top + y - cell.height / 2, cell.width, cell.height)
            for x, y, cell in zip(self.x, self.y, self.cells)
        ]

    def strokes(self, left: float = 0.0, top: float = 0.0) -> list[Stroke]:
        """All strokes, where the sheet's own corner is given."""
        found = []
        for tail, head, out, into, tip in self.pieces:
            row = self.below(tail, head)
            leave, arrive, end = self.feet[row - 1], self.tops[row], self.feet[self.rows.rank[head]]
            start = leave
            if tail < len(self.cells):
                start = self.y[tail] + self.cells[tail].height / 2
            if head < len(self.cells):
                end = self.y[head] - self.cells[head].height / 2
            x, to = left + self.x[tail] + out, left + self.x[head] + into
            found.append(Stroke(x, top + start, top + leave, to, top + arrive, top + end, tip))
        return found


def settle(wanted: Sequence[float], weights: Sequence[float], gaps: Sequence[float]) -> list[float]:
    """Places nearest to the wanted ones, by weighted squares, that keep `gaps` between them.

    With the gaps taken out an isotonic regression, by pooling of adjacent violators.
    """
    offset = 0.0
    pools: list[tuple[float, float, list[float]]] = []  # mean, weight, offsets of the members
    for want, weight, gap in zip(wanted, weights, [0.0, *gaps]):
        offset += gap
        mean, members = want - offset, [offset]
        while pools and pools[-1][0] > mean:
            other, mass, others = pools.pop()
            mean = (other * mass + mean * weight) / (mass + weight)
            weight, members = weight + mass, others + members
        pools.append((mean, weight, members))
    return [mean + offset for mean, _, members in pools for offset in members]


def spread_out(rows: Rows, widths: Sequence[float]) -> list[float]:
    """The middle of each box and point, by sweeps down and up, the last ones by both sides."""
    x = [0.0] * len(rows.rank)
    gaps = []
    for row in rows.rows:
        pairs = [(widths[a], widths[b]) for a, b in pairwise(row)]
        gaps.append([(a + b) / 2 + (BETWEEN if min(a, b) > POINT else BESIDE) for a, b in pairs])
    sweeps = max(4, min(24, WORK // (len(x) + 1)))
    for sweep in range(-1, sweeps):
        links = rows.downs if sweep % 2 else rows.ups
        for row, gap in list(zip(rows.rows, gaps))[:: -1 if sweep % 2 else 1]:
            wanted, weights = [], []
            for v in row:
                pull = rows.ups[v] + rows.downs[v] if sweep >= sweeps - 2 else links[v]
                mass = sum(weight for _, weight, _ in pull)
                total = sum(weight * (x[other] + aside) for other, weight, aside in pull)
                wanted.append(total / mass if mass else x[v])
                weights.append(mass or 0.001)
            for v, place in zip(row, settle(wanted, weights, gap)):
                x[v] = place
    left = min((x[v] - widths[v] / 2 for row in rows.rows for v in row), default=0.0)
    return [place - left for place in x]
