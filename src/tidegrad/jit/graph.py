"""Floor 6. Graph: what a traced function computes, from inputs to outputs, as Values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import is_
from typing import NamedTuple

from ..abstract import Value
from ..core import toposort
from .listing import listing

__all__ = ["Graph", "rebuilt", "rewritten"]


class Graph(NamedTuple):
    """The Values that a program is given and those that it gives back."""

    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]

    def order(self) -> list[Value]:
        """Every Value that the outputs are made of, parents first."""
        return toposort(self.outputs)

    def __repr__(self) -> str:
        return listing(self.inputs, self.outputs, self.order())


def rebuilt(value: Value, parents: tuple[Value, ...]) -> Value:
    """`value` made of other parents; itself where they are the same."""
    if all(map(is_, parents, value.parents)):
        return value
    new = Value(value.prim, parents, value.params, value.shape, value.dtype, value.saved)
    new.where = value.where
    return new


Rule = Callable[[Value], Value]


def rewritten(graph: Graph, rule: Rule, known: Mapping[Value, Value] = {}) -> Graph:
    """`graph` with every Value replaced by what `rule` makes of it, parents first.

    The rule sees a Value whose parents have been replaced already.
    """
    new: dict[Value, Value] = dict(known)
    for value in graph.order():
        if value not in new:
            parents = tuple(new[p] for p in value.parents)
            new[value] = rule(rebuilt(value, parents) if parents else value)
    return Graph(graph.inputs, tuple(new[y] for y in graph.outputs))
