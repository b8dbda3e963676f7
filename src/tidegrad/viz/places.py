"""Floor 7. Where in its row each box stands: as near to its neighbours as the boxes allow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import inf

from .rows import Rows

__all__ = ["settle", "spread_out"]

WORK = 600_000


def settle(wanted: Sequence[float], weights: Sequence[float], gaps: Sequence[float]) -> list[float]:
    """Places nearest to the wanted ones, by weighted squares, that keep `gaps` between them.

    With the gaps taken out the places must not decrease: an isotonic regression, which pooling
    adjacent violators solves exactly (Ayer et al., 1955).
    """
    offsets = [0.0]
    for gap in gaps:
        offsets.append(offsets[-1] + gap)
    pools: list[list[float]] = []  # [mean, weight, members]
    for want, weight, offset in zip(wanted, weights, offsets):
        pool = [want - offset, weight, 1]
        while pools and pools[-1][0] > pool[0]:
            mean, mass, members = pools.pop()
            total = mass + pool[1]
            pool = [(mean * mass + pool[0] * pool[1]) / total, total, members + pool[2]]
        pools.append(pool)
    flat = (mean for mean, _, members in pools for _ in range(int(members)))
    return [mean + offset for mean, offset in zip(flat, offsets)]


def spread_out(
    rows: Rows, widths: Sequence[float], light: Sequence[bool], gap: float
) -> list[float]:
    """The middle of each box and point, from the left.

    Sweeps down and up place each row by the row before it.  A trunk is pulled hard, so that it
    runs straight; a light box (a leaf) follows what it is used by and pulls only what has
    nothing else to follow.
    """
    x = [0.0] * len(rows.rank)
    gaps = []
    for row in rows.rows:
        gaps.append([apart(a, b, widths, rows.boxes, gap) for a, b in pairwise(row)])
        places = settle([0.0] * len(row), [1.0] * len(row), gaps[-1])
        for vertex, place in zip(row, places):
            x[vertex] = place
    links = list(pulls(rows, light))
    sweeps = max(2, min(12, WORK // (len(rows.rank) + 1)))
    for sweep in range(2 * sweeps):
        down = sweep % 2 == 0
        order = range(len(rows.rows)) if down else range(len(rows.rows) - 1, -1, -1)
        both = sweep >= 2 * sweeps - 2
        for r in order:
            row = rows.rows[r]
            wanted, weights = [], []
            for vertex in row:
                ups, downs = links[vertex]
                pull = ups + downs if both else ups if down else downs
                mass = sum(weight for _, weight, _ in pull)
                total = sum(weight * (x[other] + shift) for other, weight, shift in pull)
                wanted.append(total / mass if mass else x[vertex])
                weights.append(mass or 0.001)
            for vertex, place in zip(row, settle(wanted, weights, gaps[r])):
                x[vertex] = place
    straighten(rows, x, gaps)
    left = min((x[v] - widths[v] / 2 for row in rows.rows for v in row), default=0.0)
    return [place - left for place in x]


def straighten(rows: Rows, x: list[float], gaps: Sequence[Sequence[float]]) -> None:
    """Give trunks as few bends as what stands beside them allows."""
    spot = {vertex: k for row in rows.rows for k, vertex in enumerate(row)}
    for trunk in rows.trunks:
        straight: list[int] = []
        least, most = -inf, inf
        for point in trunk:
            k, row, gap = spot[point], rows.rows[rows.rank[point]], gaps[rows.rank[point]]
            low = x[row[k - 1]] + gap[k - 1] if k else -inf
            high = x[row[k + 1]] - gap[k] if k + 1 < len(row) else inf
            low, high = min(low, x[point]), max(high, x[point])
            if max(least, low) > min(most, high):
                align(straight, x, least, most)
                straight, least, most = [], -inf, inf
            straight.append(point)
            least, most = max(least, low), min(most, high)
        align(straight, x, least, most)


def align(points: Sequence[int], x: list[float], least: float, most: float) -> None:
    """Put all points above each other, where they are on average if that is allowed."""
    if points:
        middle = sum(x[point] for point in points) / len(points)
        for point in points:
            x[point] = min(max(middle, least), most)


def apart(a: int, b: int, widths: Sequence[float], boxes: int, gap: float) -> float:
    """How far two neighbours' middles must be from each other."""
    free = gap if a < boxes and b < boxes else gap * 0.7
    return (widths[a] + widths[b]) / 2 + free


Pull = list[tuple[int, float, float]]


def pulls(rows: Rows, light: Sequence[bool]) -> Iterator[tuple[Pull, Pull]]:
    """For each vertex what pulls it from above and from below: who, how hard, how far aside."""
    ups: list[Pull] = [[] for _ in rows.rank]
    downs: list[Pull] = [[] for _ in rows.rank]
    for segment in rows.segments:
        a, b = segment.upper, segment.lower
        weight = (1.0, 2.0, 8.0)[(a >= rows.boxes) + (b >= rows.boxes)]
        aside = segment.out - (segment.into or 0.0)
        weak = 0.001 if a < rows.boxes and light[a] else 1.0
        ups[b].append((a, weight * weak, aside))
        downs[a].append((b, weight * weak, -aside))
    return zip(ups, downs)
