"""Floor 6. Facts: what rules may ask about the Values of a graph besides what they are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any

from ...abstract import Value
from ..graph import Graph
from .bounds import Bounds
from .ranges import Range

__all__ = ["Facts", "Rule", "Rules"]


class Facts:
    """How often Values are used and between which numbers they lie, while a graph is rewritten.

    `order` has all its Values, `new` for each what it became, as far as the walk has come.
    """

    def __init__(
        self, graph: Graph, order: list[Value], new: Mapping[Value, Value], bounds: Bounds
    ):
        self.graph, self.order, self.new, self.bounds = graph, order, new, bounds
        self.before: Counter | None = None  # uses in the graph as it was: most walks never ask
        self.now: Counter = Counter()
        self.seen = 0  # how many of `new` are counted in it

    def range(self, value: Value) -> Range:
        """Between which numbers the elements of `value` are known to lie."""
        return self.bounds.of(value)

    def once(self, value: Value) -> bool:
        """Whether only one operation uses `value`, so that it may be computed in another way."""
        if self.before is None:
            self.before = Counter(self.graph.outputs)
            for v in self.order:
                self.before.update(v.parents)
        for old, new in islice(self.new.items(), self.seen, None):
            self.now[new] += self.before[old]
        self.seen = len(self.new)
        return self.now[value] <= 1


# A rule gives something better than a Value whose parents are simple already, or None.
Rule = Callable[[Value, Facts], Value | None]
Rules = Mapping[Any, Sequence[Rule]]  # by the primitive, or by its kind
