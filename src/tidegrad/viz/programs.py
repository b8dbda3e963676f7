"""Floor 7. From the graphs of compiled functions to items."""

from __future__ import annotations

from collections.abc import Sequence

from ..jit.graph import Graph
from .collect import Item, kind_of

__all__ = ["from_graphs"]


def from_graphs(graphs: Sequence[Graph]) -> tuple[list[Item], list[int]]:
    """All operations, inputs and constants of `graphs`, and the places of the results in it."""
    items: list[Item] = []
    results: dict[int, None] = {}
    for graph in graphs:
        place: dict[int, int] = {}
        for value in graph.order():
            place[id(value)] = len(items)
            kind, title = "leaf", "input"
            if value.prim is not None:
                kind, title = kind_of(value.prim), str(value.prim.name)
            elif value.saved is not None:
                kind = title = "constant"
            parents = [place[id(p)] for p in value.parents]
            known = value.saved if value.prim is None else None
            items.append(Item(kind, title, value.shape, value.dtype, parents, value=known))
        results |= dict.fromkeys(place[id(y)] for y in graph.outputs)
    return items, list(results)
