"""Floor 6. Simplification: rules about one Value each, applied until none has more to say."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from operator import is_
from typing import Any

from ...abstract import Value
from ..graph import Graph, rebuilt
from ..regions import Holding
from . import (
    algebra,
    assembling,
    broadcasting,
    constants,
    gathering,
    identities,
    masks,
    moves,
    patterns,
    powers,
    products,
    reductions,
    slopes,
)
from .bounds import Bounds
from .constants import reduced_constant
from .facts import Facts, Rule, Rules
from .inside import Reach
from .joining import key
from .nested import simpler_inside
from .scans import without_repetition

__all__ = ["PASSES", "simplified"]

PASSES: dict[str, Rules] = {
    "identities": identities.RULES,
    "constants": constants.RULES,
    "broadcasting": broadcasting.RULES,
    "algebra": algebra.RULES,
    "powers": powers.RULES,
    "masks": masks.RULES,
    "slopes": slopes.RULES,
    "patterns": patterns.RULES,
    "moves": moves.RULES,
    "assembling": assembling.RULES,
    "reductions": reductions.RULES,
    "gathering": gathering.RULES,
    "products": products.RULES,
}
ROUNDS = 6  # a rule's result is looked at again in the same round; only its parts wait for the next
CHAIN = 16  # rules that apply to one Value after another


def simplified(graph: Graph, passes: Sequence[str] = tuple(PASSES)) -> Graph:
    """`graph` with the same results in fewer and cheaper operations, equal ones joined.

    Bit for bit the same for + - * /, sqrt, comparisons and moves, except for the sign of a zero
    where the rule in question says so.  Inputs stay, used or not.
    """
    return simplified_knowing(graph, {}, [PASSES[name] for name in passes])


def simplified_knowing(graph: Graph, reach: Reach, passes: Sequence[Rules]) -> Graph:
    """The same, where the ranges of inputs are known."""
    walk = Walk(passes, Bounds(reach))
    for _ in range(ROUNDS):
        after = walk.walked(without_repetition(graph))
        if all(map(is_, after.outputs, graph.outputs)):
            break
        graph = after
    return graph


class Walk:
    """Walks from inputs to outputs, each of which remembers what is simple since an earlier one."""

    def __init__(self, passes: Sequence[Rules], bounds: Bounds):
        self.passes, self.chosen, self.bounds = passes, Chosen(passes), bounds
        self.known: dict[Any, Value] = {}  # by what equal Values share
        self.simple: set[Value] = set()

    def walked(self, graph: Graph) -> Graph:
        new: dict[Value, Value] = {}
        order = graph.order()
        facts = Facts(graph, order, new, self.bounds)
        simple = self.simple
        for value in order:
            result = value
            if value.parents:
                result = rebuilt(value, tuple([new[p] for p in value.parents]))
            if result not in simple:
                result = self.best(result, facts)
                result = self.known.setdefault(key(result), result)
                simple.add(result)
            new[value] = result
        return Graph(graph.inputs, tuple([new[y] for y in graph.outputs]))

    def best(self, value: Value, facts: Facts) -> Value:
        """What rules make of `value`, one after another."""
        if value.prim is None:
            return reduced_constant(value)
        if isinstance(value.prim, Holding):
            simplify = partial(simplified_knowing, passes=self.passes)
            inner = simpler_inside(value, self.bounds, simplify)
            value = value if inner is None else inner
        for _ in range(CHAIN):
            for rule in self.chosen[value.prim]:
                better = rule(value, facts)
                if better is not None:
                    attributed(better, value)
                    value = better
                    break
            else:
                break
            if value.prim is None:
                break
        return value


class Chosen(dict):
    """The rules of several passes for each primitive: its own first, then those of its kinds."""

    def __init__(self, passes: Sequence[Rules]):
        self.passes = passes

    def __missing__(self, prim: Any) -> tuple[Rule, ...]:
        keys = (prim, *type(prim).__mro__)
        self[prim] = tuple(rule for k in keys for rules in self.passes for rule in rules.get(k, ()))
        return self[prim]


def attributed(new: Value, old: Value) -> None:
    """Parts that a rule has made are of the user's line that asked for the whole."""
    stack: list = [new] if old.where is not None else []
    while stack:
        value = stack.pop()
        if value.where is None and value.prim is not None and value is not old:
            value.where = old.where
            stack += value.parents
