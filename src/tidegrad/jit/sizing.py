"""Floor 6. Sizing: two graphs that differ only in what follows a size, as one pattern."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from ..abstract import Value, unknown
from ..errors import GraphError
from ..kinds import Reduce
from ..ops import elementwise as table
from ..ops.joining import concat_
from ..ops.philox import Draw
from .flattening import flattened, unflattened, values
from .following import Following, Prefix, line, rule_for
from .graph import Graph
from .sizes import Reach, Size, Varying, slope_of
from .verify import verified

__all__ = ["Pattern"]

INSIDE = -1  # where a constant is one of a graph inside


class Pattern:
    """What two graphs, for the sizes `sizes`, have in common.

    Numbers that follow n are inputs, after all others.  From `least` on every size is at least 2,
    and no slice that has ends of its own reaches over the end of an axis.
    """

    def __init__(self, graphs: Sequence[Graph], sizes: Sequence[int], last: bool = False):
        flat = [flattened(graph) for graph in graphs]
        self.graph, self.structure = graphs[1], flat[1].structure
        if not alike(*(f.structure for f in flat)):
            raise Varying("the structure")
        self.lines = [known(line(pair, sizes)) for pair in zip(*(f.numbers for f in flat))]
        ends = list(zip(*map(moves, graphs)))
        found = dict.fromkeys(line(pair, sizes) for pair in zip(*map(folded, graphs)))
        own = [x for x in found if x is not None and x.slope]
        self.rules = []
        for pair, counts in zip(zip(*(f.constants for f in flat)), ends):
            rule = blocks(pair, counts, sizes) if counts[0] > 0 else None
            rule = known(rule or rule_for(pair, sizes, own, last))
            if counts[0] == INSIDE and not isinstance(rule, np.ndarray):
                raise Varying("a constant of a graph inside")
            self.rules.append(rule)
        self.following = [rule for rule in self.rules if isinstance(rule, Following)]
        general = self.made(self.sizes(Reach(2, 1 << 20)), sizes[0])
        self.least = least(general)
        self.row = sum(slope_of(v.nbytes) for v in values(general))  # bytes that grow with n

    def holds(self, graph: Graph, n: int) -> bool:
        """Whether a graph is what this is at `n`, which may be less than `least`."""
        flat = flattened(graph)
        return (
            alike(flat.structure, self.structure)
            and flat.numbers == [found.at(n) for found in self.lines]
            and all(map(same, flat.constants, (array_at(rule, n) for rule in self.rules)))
        )

    def numbers(self, n: int) -> list[ndarray]:
        """What the inputs for numbers are at `n`."""
        return [rule.at(n) for rule in self.following]

    def at(self, n: int) -> Graph:
        """The graph for one size; Varying where its operations give other shapes."""
        found = self.made(iter([number.at(n) for number in self.lines]), n)
        try:
            return verified(found)
        except (GraphError, ValueError, TypeError, IndexError) as error:
            raise Varying(str(error)) from None

    def general(self, reach: Reach) -> Graph:
        """The graph with a Size wherever an integer follows n; constants are the longest."""
        return self.made(self.sizes(reach), reach.most)

    def sizes(self, reach: Reach) -> Iterator[int]:
        """All integers, in order."""
        return (Size.made(found.slope, found.start, reach) for found in self.lines)

    def made(self, numbers: Iterator[int], n: int) -> Graph:
        rules, more = iter(self.rules), list[Value]()

        def constant(v: Value) -> Value:
            rule = next(rules)
            if isinstance(rule, Following):
                more.append(unknown(v.shape, v.dtype))
                return more[-1]
            v.saved = array_at(rule, n)
            v.saved.flags.writeable = False
            return v

        inputs, outputs = unflattened(self.graph, numbers, constant)
        return Graph((*inputs, *more), outputs)


def known(found):
    if found is None:
        raise Varying("a constant, or an integer")
    return found


def moves(graph: Graph) -> list[int]:
    """For each constant how many words a draw takes whose place in its stream it moves, or 0."""
    found: dict[Value, int] = {}
    order = values(graph)
    for v in order:
        if isinstance(v.prim, Draw) and v.parents[1].prim is table.add:
            found |= dict.fromkeys(v.parents[1].parents, v.size)
    counts: list[int] = []
    for v in order:
        counts += [INSIDE] * sum(len(flattened(x).constants) for x in graphs_of(v))
        counts += [found.get(v, 0)] if v.saved is not None else []
    return counts


def graphs_of(v: Value) -> list[Graph]:
    """The graphs inside of an operation, in the order of its parameters' names."""
    return [x for _, x in sorted(v.params.items()) if isinstance(x, Graph)]


def folded(graph: Graph) -> list[int]:
    """How many elements go into each of a fold's results."""
    folds = [v for v in values(graph) if isinstance(v.prim, Reduce)]
    return [v.parents[0].size // max(v.size, 1) for v in folds]


def blocks(
    pair: Sequence[ndarray], counts: Sequence[int], sizes: Sequence[int]
) -> Following | None:
    """The rule of a constant that moves a stream of random words."""
    along = line(counts, sizes)
    rule = along and Following.blocks(along, pair[0].dtype)
    fits = rule and all(same(rule.at(n), x) for n, x in zip(sizes, pair))
    return rule if fits else None


def least(graph: Graph) -> int:
    """The smallest n for which nothing is decided by an axis being short."""
    smallest, cuts, parts = 2, 0, 0
    for v in values(graph):
        for n in v.shape:
            if slope_of(n) < 0:
                raise Varying("a size that shrinks")
            if isinstance(n, Size):
                smallest = max(smallest, -((n.start - 2) // n.slope))
        sizes = [*v.shape[:1], *(n for p in v.parents for n in p.shape[:1])]
        if any(map(slope_of, sizes)):
            cuts += sum(fixed(v.params.get("key", ())))
            if v.prim is concat_ and v.params["axis"] == 0:
                parts += sum(n for n in v.params["sizes"] if not isinstance(n, Size))
    return max(smallest, 1 + cuts + parts if cuts else 0)


def fixed(key: Any) -> Iterator[int]:
    """How far from the first axis's ends a key says that something is, where that is over 1."""
    if isinstance(key, tuple) and key and not (key[0] is None or key[0] is Ellipsis):
        key = key[:1]
    for part in key if isinstance(key, tuple) else (key,):
        every = (part.start, part.stop) if type(part) is slice else (part, part)
        for n, beyond in zip(every, (0, type(part) is not slice)):
            if isinstance(n, int):
                away = abs(n.start) if isinstance(n, Size) else abs(n) + (beyond and n >= 0)
                yield away if away > 1 else 0


def alike(one: tuple, other: tuple) -> bool:
    try:
        return bool(one == other)
    except ValueError:  # there are arrays among the parameters
        return False


def array_at(rule: Following | Prefix | ndarray, n: int) -> ndarray:
    return rule if isinstance(rule, np.ndarray) else rule.at(n)


def same(x: ndarray, y: ndarray) -> bool:
    return x.shape == y.shape and x.tobytes() == y.tobytes()
