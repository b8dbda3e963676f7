"""Floor 7. A graph as one line, in an order that keeps each layer together; periods of the line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush

import numpy as np

__all__ = ["line_up", "periods", "recurring"]

Parents = Sequence[Sequence[int]]


def line_up(alive: Sequence[int], parents: Parents) -> list[int]:
    """The items of `alive` that have parents, each after its parents and as late as possible.

    `alive` has parents first.  The line is made from its end: of all items whose users stand in
    it already, the one with the least history comes next.  So what a layer alone prepares for
    itself (a transposed weight, a mask) stands within the layer, and equal layers, however their
    operations name their arguments, become equal stretches.  What was made early on and serves
    several comes last, so that it stands before all of them.
    """
    inner = [item for item in alive if parents[item]]
    depth: dict[int, int] = {}
    for item in inner:
        depth[item] = 1 + max(depth.get(parent, 0) for parent in parents[item])
    latest = dict.fromkeys(inner, max(depth.values(), default=0))
    users = dict.fromkeys(inner, 0)
    for item in reversed(inner):
        for parent in dict.fromkeys(parents[item]):
            if parent in depth:
                users[parent] += 1
                latest[parent] = min(latest[parent], latest[item] - 1)
    serves = {item for item in inner if users[item] > 1 and latest[item] > depth[item]}
    ready: list[tuple[bool, int, int, int]] = []
    for age, item in enumerate(item for item in inner if not users[item]):
        heappush(ready, (False, depth[item], -age, item))
    line: list[int] = []
    age = len(inner)
    while ready:
        *_, item = heappop(ready)
        line.append(item)
        for parent in dict.fromkeys(parents[item]):
            if parent in depth:
                users[parent] -= 1
                if not users[parent]:
                    age += 1
                    heappush(ready, (parent in serves, depth[parent], -age, parent))
    return line[::-1]


def periods(names: np.ndarray, most: int = 3) -> list[int]:
    """At what distances stretches of `names`, numbers from 0 on, are likely to come again.

    For stretches of 1, 2, 4, ... names: the distances from each to its last occurrence before
    that are the most frequent.  A stretch is known by one number, made of its halves' numbers.
    """
    found: dict[int, None] = {}
    size = 1
    while len(names):
        order = np.argsort(names, kind="stable")
        again = names[order[1:]] == names[order[:-1]]
        distances, counts = np.unique(np.diff(order)[again], return_counts=True)
        if not len(distances):
            break
        frequent = np.argsort(-counts, kind="stable")[:most]
        found |= dict.fromkeys(distances[frequent].tolist())
        pairs = names[:-size] * (int(names.max()) + 1) + names[size:]
        names = np.unique(pairs, return_inverse=True)[1] if len(pairs) else pairs
        size *= 2
    return list(found)


def recurring(names: np.ndarray, period: int, least: int) -> Iterator[tuple[int, int]]:
    """The stretches of at least `least` names that are all the same as `period` before."""
    same = np.concatenate([[False], names[period:] == names[:-period], [False]])
    edges = np.flatnonzero(np.diff(same))
    for begin, end in (edges.reshape(-1, 2) + period).tolist():
        if end - begin >= least:
            yield begin, end
