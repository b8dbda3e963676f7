"""Floor 7. The order within rows: fewer crossings by barycentres and exchanges of neighbours.

The method is that of Sugiyama, Tagawa and Toda (1981).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from .rows import Rows

__all__ = ["crossings", "untangle"]

WORK = 400_000  # vertices visited in all: large graphs get fewer sweeps


def untangle(rows: Rows) -> None:
    """Reorder `rows` in place, sweeping down and up; the best order seen is kept."""
    sweeps = max(2, min(24, WORK // (len(rows.rank) + 1)))
    best, fewest = [list(row) for row in rows.rows], crossings(rows)
    unchanged = 0
    for sweep in range(sweeps):
        if not fewest or unchanged == 6:
            break
        down = sweep % 2 == 0
        fixed = rows.rows if down else rows.rows[::-1]
        for above, row in pairwise(fixed):
            arrange(row, above, rows.ups if down else rows.downs)
        exchange(rows)
        found = crossings(rows)
        unchanged += 1
        if found < fewest:
            best, fewest, unchanged = [list(row) for row in rows.rows], found, 0
    rows.rows = best


def arrange(row: list[int], fixed: Sequence[int], links: Sequence[Sequence[int]]) -> None:
    """Sort `row` by where its neighbours in the fixed row stand; who has none stays in place."""
    place = {vertex: k for k, vertex in enumerate(fixed)}
    linked = [vertex for vertex in row if links[vertex]]
    centre = {v: sum(place[u] for u in links[v]) / len(links[v]) for v in linked}
    moved = iter(sorted(linked, key=centre.__getitem__))
    row[:] = [next(moved) if links[vertex] else vertex for vertex in row]


def exchange(rows: Rows) -> None:
    """Exchange neighbours wherever that removes a crossing."""
    place = [0] * len(rows.rank)
    for row in rows.rows:
        for k, vertex in enumerate(row):
            place[vertex] = k
    for row in rows.rows:
        for k in range(len(row) - 1):
            left, right = row[k], row[k + 1]
            gain = 0
            for links in (rows.ups, rows.downs):
                a, b = links[left], links[right]
                if a and b and len(a) * len(b) <= 400:
                    gain += sum((place[x] > place[y]) - (place[x] < place[y]) for x in a for y in b)
            if gain > 0:
                row[k], row[k + 1] = right, left
                place[left], place[right] = k + 1, k


def crossings(rows: Rows) -> int:
    """How many pairs of segments cross."""
    total = 0
    for above, row in pairwise(rows.rows):
        place = {vertex: k for k, vertex in enumerate(above)}
        ends = [p for vertex in row for p in sorted(place[up] for up in rows.ups[vertex])]
        total += inversions(ends, len(above))
    return total


def inversions(numbers: Sequence[int], limit: int) -> int:
    """How many pairs of `numbers`, all below `limit`, stand in the wrong order."""
    tree = [0] * (limit + 1)  # a Fenwick tree: how many of the numbers so far are at most k
    total = 0
    for n, number in enumerate(numbers):
        k, smaller = number + 1, 0
        while k:
            smaller += tree[k]
            k &= k - 1
        total += n - smaller
        k = number + 1
        while k <= limit:
            tree[k] += 1
            k += k & -k
    return total
