"""Floor 7. From tensors to items: everything there is to draw, whatever came first in front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Item", "address", "collect", "kind_of"]

# What an operation is, by the class of its prim.
KINDS = {
    "Map": "elementwise",
    "Reduce": "reduction",
    "Scan": "scan",
    "Move": "movement",
    "Index": "indexing",
    "Contract": "contraction",
    "Opaque": "routine",
    "Call": "function",
}


@dataclass(slots=True)
class Item:
    """A leaf, a constant or an operation; `value` is None where nobody keeps it."""

    kind: str
    title: str
    shape: Any
    dtype: Any
    parents: Sequence[int] = ()
    node: Any = None
    value: Any = None

    def key(self) -> tuple:
        """What two items must share to be drawn as one."""
        return (self.kind, self.title, self.shape, self.dtype)


def collect(tensors: Sequence[Any]) -> tuple[list[Item], list[int]]:
    """All that `tensors` were made from, parents first, and the places of `tensors` in it."""
    items: list[Item] = []
    place: dict[Any, int] = {}
    for node in ancestors([tensor.node for tensor in tensors if tensor.node is not None]):
        saved = [*(node.saved or ()), *[None] * len(node.parents)]
        parents = [found(*pair, items, place) for pair in zip(node.parents, saved)]
        place[id(node)] = len(items)
        kind = title = "leaf"
        if node.prim is not None:
            kind, title = kind_of(node.prim), str(node.prim.name)
        items.append(Item(kind, title, node.shape, node.dtype, parents, node))
        owner = node.owner() if node.owner is not None else None
        if owner is not None and owner.node is node:
            items[-1].value = owner.data
        elif parents and len(node.saved or ()) == len(parents) + 1:
            items[-1].value = node.saved[-1]
    results = [found(tensor.node, tensor.data, items, place) for tensor in tensors]
    return items, list(dict.fromkeys(results))


def kind_of(prim: Any) -> str:
    bases = [base.__name__ for base in type(prim).__mro__]
    return next((KINDS[name] for name in bases if name in KINDS), "operation")


def found(node, value, items, place) -> int:
    """The place of a node, whose value becomes known, or of an input nobody differentiates."""
    if node is not None:
        item = items[place[id(node)]]
        item.value = value if item.value is None else item.value
        return place[id(node)]
    array = isinstance(value, np.ndarray)
    key = address(value) if array and value.size > 1 else len(items)
    if key not in place:
        place[key] = len(items)
        shape, dtype = (value.shape, value.dtype) if array else (None, None)
        items.append(Item("constant", "constant", shape, dtype, value=value))
    return place[key]


def ancestors(roots: Sequence[Any]) -> list[Any]:
    """`roots` and all nodes they came from, each after its parents; no recursion."""
    order: list[Any] = []
    seen: set[int] = set()
    stack = list(reversed(roots))
    while stack:
        node = stack.pop()
        if type(node) is tuple:
            order += node
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node,))
            stack += [parent for parent in reversed(node.parents) if parent is not None]
    return order


def address(array: np.ndarray) -> tuple:
    """What tells an array from all others that are alive."""
    return (array.__array_interface__["data"][0], array.shape, array.strides, array.dtype)
