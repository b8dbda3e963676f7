"""Floor 7. Repeated layers: parts of a graph that are copies of each other, wired alike.

Two items are alike when they have the same key and each pair of their arguments is the same item
or is alike again, one copy further on; where each copy follows the one before, they may also be
two items with the same key from before the first copy.  Nothing is folded by name or by guess.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from .earlier import earlier
from .periods import Parents, line_up, periods, recurring

__all__ = ["Run", "fold"]

FEWEST = 3  # copies that are worth folding
SPARED = 8  # items that folding must save
ROUNDS = 8
SHORTEST = 3  # a stretch that may save so many
CUTS = 64


@dataclass
class Run:
    """Copies of one part: `copies[r][k]` is in copy r what `copies[0][k]` is in the first.

    `chained` where each copy uses something of the one before.
    """

    copies: list[list[int]]
    chained: bool

    def worthwhile(self) -> bool:
        """Whether folding makes the picture simpler."""
        count = len(self.copies)
        return count >= FEWEST and (count - 1) * len(self.copies[0]) >= SPARED


def fold(keys: Sequence[Hashable], parents: Parents) -> list[Run]:
    """The repeated parts of a graph whose item i has `keys[i]` and is made from `parents[i]`.

    Parents come before children.  After each round the copies count as one, so that what is
    made alike from each copy is found in the next.
    """
    keys, parents = list(keys), list(parents)
    alive: Sequence[int] = range(len(keys))
    found: list[Run] = []
    for _ in range(ROUNDS):
        line = Line(alive, keys, parents)
        runs = line.runs()
        if not runs:
            break
        found += runs
        first = {
            i: run.copies[0][k] for run in runs for copy in run.copies for k, i in enumerate(copy)
        }
        alive = [item for item in line.line if first.get(item, item) == item]
        for item in alive:
            parents[item] = [first.get(parent, parent) for parent in parents[item]]
        for item in first:
            keys[item] = ("folded", item)
    return found + bundles(alive, keys, parents)


def bundles(alive: Sequence[int], keys: Sequence[Hashable], parents: Parents) -> list[Run]:
    """The many leaves of one operation that are alike and serve nothing else."""
    users: Counter[int] = Counter(parent for item in alive for parent in parents[item])
    found = []
    for item in alive:
        own: dict[Hashable, list[list[int]]] = {}
        if len(parents[item]) > SPARED:
            for parent in parents[item]:
                if not parents[parent] and users[parent] == 1 and not folded(keys[parent]):
                    own.setdefault(keys[parent], []).append([parent])
        found += [run for run in (Run(some, False) for some in own.values()) if run.worthwhile()]
    return found


def folded(key: Hashable) -> bool:
    return isinstance(key, tuple) and key[:1] == ("folded",)


class Line:
    """The items in a row, and the runs of alike stretches in it."""

    def __init__(self, alive: Sequence[int], keys: Sequence[Hashable], parents: Parents):
        self.keys, self.parents = keys, parents
        self.line = line_up(alive, parents)
        self.place = {item: k for k, item in enumerate(self.line)}
        numbers: dict[Hashable, int] = {}
        names = [(keys[item], len(parents[item])) for item in self.line]
        self.names = np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)
        # A leaf sits where it is first used: at that operation, as that argument.
        self.seat: dict[int, tuple[int, int]] = {}
        for k, item in enumerate(self.line):
            for a, parent in enumerate(parents[item]):
                if parent not in self.place:
                    self.seat.setdefault(parent, (k, a))
        self.sitting = {seat: leaf for leaf, seat in self.seat.items()}

    def runs(self) -> list[Run]:
        """Runs that have nothing in common; those that save most are chosen first."""
        spans = [
            (*span, p, strict)
            for p in periods(self.names)
            for strict in ((True, False) if p > 1 else (True,))
            for span in self.spans(p, strict)
        ]
        taken = bytearray(len(self.line))
        used: set[int] = set()
        chosen = []
        for begin, end, p, strict in sorted(spans, key=lambda span: span[0] + span[2] - span[1]):
            if taken.find(1, begin, end) >= 0:
                continue
            run = self.run(begin, end, p)
            items = {item for copy in run.copies for item in copy}
            if run.worthwhile() and (strict or run.chained) and not items & used:
                used |= items
                taken[begin:end] = b"\1" * (end - begin)
                chosen.append(run)
        return chosen

    def spans(self, p: int, strict: bool) -> list[tuple[int, int]]:
        """The longest stretches in which everything is alike to what stands `p` before it."""
        found = []
        least = max(p * (FEWEST - 2), SHORTEST)
        for start, end in recurring(self.names, p, least):
            for k in range(start, end + 1):
                begin = self.alike(k, p, start, strict) if k < end else k + 1
                if begin > start:
                    if k - start >= least:
                        found.append((start - p, k))
                    start = begin
        return found

    def alike(self, k: int, p: int, start: int, strict: bool) -> int:
        """Where a run that goes on at k can have begun: `start`, or later; after k if it ends."""
        for new, old in zip(self.parents[self.line[k]], self.parents[self.line[k - p]]):
            if new == old:
                # What all copies share stands before the first of them.
                start = max(start, self.place.get(new, -1) + p + 1)
            elif not self.shifted(new, old, p) and (
                strict or self.keys[new] != self.keys[old] or self.since(new, start - p)
            ):
                return k + 1
        return min(start, k + 1)

    def since(self, item: int, begin: int) -> bool:
        """Whether `item` comes from `begin` or later."""
        return self.place[item] >= begin if item in self.place else self.seat[item][0] >= begin

    def shifted(self, new: int, old: int, p: int) -> bool:
        """Whether one item is what the other is, one copy further on."""
        if new in self.place and old in self.place:
            return self.place[new] - self.place[old] == p
        if new in self.place or old in self.place or self.keys[new] != self.keys[old]:
            return False
        (k, a), (j, b) = self.seat[new], self.seat[old]
        return k - j == p and a == b

    def run(self, begin: int, end: int, p: int) -> Run:
        """The run in [begin, end): cut where the fewest values pass from copy to copy.

        Of several such cuts it is the one that finds the most copies, and the last of these.
        """
        count, spare = divmod(end - begin, p)
        passing = self.passing(begin, p)
        fewest = min(passing[: spare + 1])
        cuts = [cut for cut in range(spare, -1, -1) if passing[cut] == fewest][:CUTS]
        before: list[list[int]] = []
        best = cuts[0]
        for cut in cuts:
            one, two = self.copies(begin + cut, p, 2)
            before = earlier(one, two, self.line, self.place, self.keys, self.parents)
            if before:
                best = cut
                break
        copies = self.copies(begin + best, p, count)
        first = set(copies[0])
        chained = any(parent in first for item in copies[1] for parent in self.parents[item])
        return Run(before + copies, chained)

    def copies(self, begin: int, p: int, count: int) -> list[list[int]]:
        """`count` stretches of `p` operations, each with the leaves that are its own."""
        starts = [begin + r * p for r in range(count)]
        seats = [
            (q, a)
            for q in range(p)
            for a in range(len(self.parents[self.line[begin + q]]))
            if all((start + q, a) in self.sitting for start in starts)
        ]
        return [
            self.line[start : start + p] + [self.sitting[start + q, a] for q, a in seats]
            for start in starts
        ]

    def passing(self, begin: int, p: int) -> list[int]:
        """How many values pass from copy to copy when cut at `begin` + 0, 1, ... p - 1."""
        last: dict[int, int] = {}
        for k in range(begin, min(begin + 2 * p, len(self.line))):
            for parent in self.parents[self.line[k]]:
                place = self.place.get(parent, -1)
                if place >= begin:
                    last[place - begin] = k - begin
        # A value made at k and last used at j passes the cuts before k + 1, ... j; these are
        # counted round the period, so that the second stretch completes the first.
        passes = [0] * p
        for made, used in last.items():
            if made < p:
                for cut in range(made + 1, min(used, made + p) + 1):
                    passes[cut % p] += 1
        return passes
