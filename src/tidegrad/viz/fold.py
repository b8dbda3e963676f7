"""Floor 7. Repeated layers: parts of a graph that are copies of each other, wired alike.

The operations are put in a line in which a layer is a stretch that comes again.  Two are alike
when they have the same key and their arguments are the same, or alike and one copy further on, or
from before the first copy.  Nothing is folded by name or by guess.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from heapq import heapify, heappop, heappush
from math import inf
from typing import NamedTuple

import numpy as np

__all__ = ["Run", "fold"]

FEWEST, SPARED = 3, 8  # copies that are worth folding; items that it must save
ROUNDS = 8
SHORT = 3  # histories that are taken for equally long


class Run(NamedTuple):
    """Copies of one part, item by item; `chained` where each uses something of the one before."""

    copies: list[list[int]]
    chained: bool

    def worthwhile(self) -> bool:
        """Whether folding makes the picture simpler."""
        count = len(self.copies)
        return count >= FEWEST and (count - 1) * len(self.copies[0]) >= SPARED


def fold(keys: Sequence[Hashable], parents: Sequence[Sequence[int]]) -> list[Run]:
    """The repeated parts of a graph whose item i has `keys[i]` and is made from `parents[i]`.

    After each round copies count as one: what is made alike from each is found in the next.
    """
    keys, parents = list(keys), list(parents)
    line = Line(range(len(keys)), keys, parents)
    found: list[Run] = []
    for _ in range(ROUNDS):
        runs = line.runs()
        if not runs:
            break
        found += runs
        first = {item: same[0] for run in runs for same in zip(*run.copies) for item in same}
        alive = [item for item in line.items if first.get(item, item) == item]
        for item in alive:
            parents[item] = [first.get(parent, parent) for parent in parents[item]]
        for item in first:
            keys[item] = ("folded", item)
        line = Line(alive, keys, parents)
    return found


class Line:
    """The items that are no leaves in a row, and the runs of alike stretches in it."""

    def __init__(self, alive, keys, parents):
        self.keys, self.parents = keys, parents
        self.items = line_up(alive, parents)
        self.place = {item: k for k, item in enumerate(self.items)}
        numbers = {}
        names = [(keys[item], len(parents[item])) for item in self.items]
        self.names = np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)

    def runs(self) -> list[Run]:
        """Runs that have nothing in common; the longest are chosen first."""
        spans = [(*span, p) for p in periods(self.names) for span in self.spans(p)]
        taken = bytearray(len(self.items))
        claimed: set[int] = set()
        chosen = []
        for begin, end, p in sorted(spans, key=lambda span: span[0] - span[1]):
            if taken.find(1, begin, end) < 0:
                run = self.run(begin, end, p, claimed)
                if run.worthwhile():
                    taken[begin:end] = b"\1" * (end - begin)
                    claimed.update(*run.copies)
                    chosen.append(run)
        return chosen

    def spans(self, p):
        """The longest stretches in which everything is alike to what stands `p` before it."""
        least = max(p * (FEWEST - 2), 3)
        same = np.concatenate([[False], self.names[p:] == self.names[:-p], [False]])
        for start, end in (np.flatnonzero(np.diff(same)).reshape(-1, 2) + p).tolist():
            for k in range(start, end + 1 if end - start >= least else start):
                begin = self.alike(k, p, start) if k < end else k + 1
                if begin > start:
                    if k - start >= least:
                        yield start - p, k
                    start = begin

    def alike(self, k, p, start):
        """Where the second copy in a run that goes on at k can begin: `start`, later, after k."""
        pairs = zip(self.parents[self.items[k]], self.parents[self.items[k - p]])
        for new, old in pairs:
            here, there = self.place.get(new, -inf), self.place.get(old, -inf)
            if new == old:
                # What all copies share stands before the first of them.
                start = max(start, here + p + 1)
            elif here - there != p:
                # The first copy takes from anywhere what the others take from the one before.
                handed = k - p < start and start - p <= here < start
                given = self.keys[new] == self.keys[old] and here < start - p
                if there >= start - p or not (handed or given):
                    return k + 1
        return min(start, k + 1)

    def run(self, begin, end, p, claimed):
        """The run in [begin, end), cut late and where the fewest values pass on."""
        count, spare = divmod(end - begin, p)
        passing = self.passing(begin, p)[: spare + 1]
        begin += int(np.flatnonzero(passing == passing.min())[-1])
        copies = [self.items[start : start + p] for start in range(begin, begin + count * p, p)]
        # Leaves of its own that each copy has: one for each copy, and used alike in all.
        columns = Counter()
        for alike in zip(*copies):
            columns.update(zip(*(self.parents[item] for item in alike)))
        uses = Counter(leaf for column, n in columns.items() for leaf in column * n)
        for column, n in columns.items():
            if len(set(column)) == count and claimed.isdisjoint(column):
                if all(uses[leaf] == n and leaf not in self.place for leaf in column):
                    for copy, leaf in zip(copies, column):
                        copy.append(leaf)
        first = set(copies[0])
        return Run(copies, any(not first.isdisjoint(self.parents[item]) for item in copies[1]))

    def passing(self, begin, p):
        """How many values pass from copy to copy when cut at `begin` + 0, 1, ... p - 1."""
        last = {}
        for k, item in enumerate(self.items[begin : begin + 2 * p]):
            last |= dict.fromkeys((self.place.get(up, -1) - begin for up in self.parents[item]), k)
        # A value made at k and last used at j passes the cuts before k + 1, ... j; these are
        # counted round the period, so that the second stretch completes the first.
        change = np.zeros(2 * p + 1, int)
        for made, used in last.items():
            if 0 <= made < p:
                change[made + 1] += 1
                change[min(used, made + p) + 1] -= 1
        return change[:-1].cumsum().reshape(2, p).sum(axis=0)


def line_up(alive, parents):
    """The items of `alive` that have parents, each after its parents and as late as possible.

    The line is made from its end: of all items whose users stand in it, the one with the least
    history comes next, so that what a layer prepares for itself (a transposed weight, a mask)
    stands within it.  What was made early and serves several comes last.
    """
    inner = [item for item in alive if parents[item]]
    depth = {}
    for item in inner:
        depth[item] = 1 + max(depth.get(parent, 0) for parent in parents[item])
    latest = dict.fromkeys(inner, max(depth.values(), default=0))
    users = dict.fromkeys(inner, 0)
    for item in reversed(inner):
        for parent in users.keys() & parents[item]:
            users[parent] += 1
            latest[parent] = min(latest[parent], latest[item] - 1)
    serves = {item for item in inner if users[item] > 1 and latest[item] > depth[item]}
    depth = {item: max(steps, SHORT) for item, steps in depth.items()}
    ready = [(False, depth[item], -k, item) for k, item in enumerate(inner) if not users[item]]
    heapify(ready)
    line = []
    age = -len(inner)
    while ready:
        *_, item = heappop(ready)
        line.append(item)
        for parent in dict.fromkeys(parents[item]):
            if parent in users:
                users[parent] -= 1
                if not users[parent]:
                    age -= 1
                    heappush(ready, (parent in serves, depth[parent], age, parent))
    return line[::-1]


def periods(names, most=3):
    """The distances at which stretches of 1, 2, 4, ... `names` come again most often.

    A stretch is known by one number, made of its halves' numbers.
    """
    found = {}
    size = 1
    while len(names):
        order = np.argsort(names, kind="stable")
        again = names[order[1:]] == names[order[:-1]]
        distances, counts = np.unique(np.diff(order)[again], return_counts=True)
        found |= dict.fromkeys(distances[np.argsort(-counts, kind="stable")[:most]].tolist())
        pairs = names[:-size] * (int(names.max()) + 1) + names[size:]
        names = np.unique(pairs, return_inverse=True)[1] if again.any() else pairs[:0]
        size *= 2
    return list(found)
