"""Floor 6. Simplification: rules about one Value each, applied until none has more to say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...abstract import Value
from ..graph import Graph, rebuilt
from . import (
    algebra,
    assembling,
    broadcasting,
    constants,
    identities,
    masks,
    moves,
    patterns,
    powers,
    products,
    reductions,
)
from .constants import reduced_constant
from .facts import Facts, Rule, Rules
from .joining import key

__all__ = ["PASSES", "simplified"]

PASSES: dict[str, Rules] = {
    "identities": identities.RULES,
    "constants": constants.RULES,
    "broadcasting": broadcasting.RULES,
    "algebra": algebra.RULES,
    "powers": powers.RULES,
    "masks": masks.RULES,
    "patterns": patterns.RULES,
    "moves": moves.RULES,
    "assembling": assembling.RULES,
    "reductions": reductions.RULES,
    "products": products.RULES,
}
ROUNDS = 6  # a rule's result is looked at again in the same round; only its parts wait for the next
CHAIN = 16  # rules that apply to one Value after another


def simplified(graph: Graph, passes: Sequence[str] = tuple(PASSES)) -> Graph:
    """`graph` with the same results in fewer and cheaper operations, equal ones joined.

    Bit for bit the same for + - * /, sqrt, comparisons and moves, except for the sign of a zero
    where the rule in question says so.  Inputs stay, used or not.
    """
    chosen = Chosen([PASSES[name] for name in passes])
    for _ in range(ROUNDS):
        graph, changed = once_simplified(graph, chosen)
        if not changed:
            break
    return graph


class Chosen(dict):
    """The rules of several passes for each primitive: its own first, then those of its kinds."""

    def __init__(self, passes: Sequence[Rules]):
        self.passes = passes

    def __missing__(self, prim: Any) -> tuple[Rule, ...]:
        keys = (prim, *type(prim).__mro__)
        self[prim] = tuple(rule for k in keys for rules in self.passes for rule in rules.get(k, ()))
        return self[prim]


def once_simplified(graph: Graph, chosen: Chosen) -> tuple[Graph, bool]:
    """One walk from inputs to outputs, and whether it changed anything."""
    order = graph.order()
    facts = Facts(graph, order)
    new: dict[Value, Value] = {}
    known: dict[Any, Value] = {}
    changed = False
    for value in order:
        result = value
        if value.prim is None:
            result = reduced_constant(value)
        elif value.parents:
            result = rebuilt(value, tuple([new[p] for p in value.parents]))
        result = best(result, chosen, facts)
        result = known.setdefault(key(result), result)
        changed = changed or result is not value
        new[value] = result
        facts.became(value, result)
    return Graph(graph.inputs, tuple([new[y] for y in graph.outputs])), changed


def best(value: Value, chosen: Chosen, facts: Facts) -> Value:
    """What rules make of `value`, one after another."""
    for _ in range(CHAIN):
        if value.prim is None:
            break
        for rule in chosen[value.prim]:
            better = rule(value, facts)
            if better is not None:
                attributed(better, value)
                value = better
                break
        else:
            break
    return value


def attributed(new: Value, old: Value) -> None:
    """Parts that a rule has made are of the user's line that asked for the whole."""
    stack: list = [new] if old.where is not None else []
    while stack:
        value = stack.pop()
        if value.where is None and value.prim is not None and value is not old:
            value.where = old.where
            stack += value.parents
