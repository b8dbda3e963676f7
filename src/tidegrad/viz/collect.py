"""Floor 7. From tensors to items: everything there is to draw, whatever came first in front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

__all__ = ["Item", "address", "collect"]

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


@dataclass(slots=True, eq=False)
class Item:
    """A leaf, a constant or an operation; `parents` are the indices of what it is made from.

    `value` is an array (or a number) where somebody still keeps it, `node` is None for what
    was never recorded.
    """

    kind: str
    title: str
    shape: Any
    dtype: Any
    parents: list[int]
    node: Any = None
    value: Any = None

    def key(self) -> tuple:
        """What two items must share to be drawn as one."""
        return (self.kind, self.title, self.shape, self.dtype)


def collect(tensors: Sequence[Any]) -> tuple[list[Item], list[int]]:
    """All that `tensors` were made from, parents first, and the places of `tensors` in it."""
    nodes = ancestors([tensor.node for tensor in tensors if tensor.node is not None])
    items: list[Item] = []
    place: dict[Any, int] = {}
    for node in nodes:
        parents = []
        for i, parent in enumerate(node.parents):
            kept = node.saved[i] if i < len(node.saved or ()) else None
            if parent is None:
                parents.append(constant(kept, items, place))
                continue
            parents.append(place[id(parent)])
            if kept is not None and items[parents[-1]].value is None:
                items[parents[-1]].value = kept
        place[id(node)] = len(items)
        items.append(recorded(node, parents))
    results = []
    for tensor in tensors:
        if tensor.node is None:
            results.append(constant(tensor.data, items, place))
        else:
            results.append(place[id(tensor.node)])
            items[results[-1]].value = tensor.data
    return items, list(dict.fromkeys(results))


def ancestors(roots: Sequence[Any]) -> list[Any]:
    """`roots` and all nodes they came from, each after its parents; no recursion."""
    order: list[Any] = []
    seen: set[int] = set()
    stack = list(reversed(roots))
    while stack:
        node = stack.pop()
        if type(node) is tuple:
            order.append(node[0])
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node,))
            stack += [parent for parent in reversed(node.parents) if parent is not None]
    return order


def recorded(node: Any, parents: list[int]) -> Item:
    if node.prim is None:
        item = Item("leaf", "leaf", node.shape, node.dtype, parents, node)
    else:
        kind = kind_of(node.prim.__class__)
        item = Item(kind, str(node.prim.name), node.shape, node.dtype, parents, node)
        if len(node.saved or ()) == len(parents) + 1:
            item.value = node.saved[-1]
    owner = node.owner() if node.owner is not None else None
    if owner is not None and owner.node is node:
        item.value = owner.data
    return item


def constant(value: Any, items: list[Item], place: dict[Any, int]) -> int:
    """The place of an input that nobody differentiates; the same array is the same item."""
    key = address(value) if isinstance(value, np.ndarray) and value.size > 1 else None
    if key is not None and key in place:
        return place[key]
    known = isinstance(value, np.ndarray | np.generic)
    shape, dtype = (value.shape, value.dtype) if known else (None, None)
    items.append(Item("constant", "constant", shape, dtype, [], None, value))
    if key is not None:
        place[key] = len(items) - 1
    return len(items) - 1


def address(array: np.ndarray) -> tuple:
    """What tells an array from all others that are alive."""
    start = array.__array_interface__["data"][0]
    return (start, array.shape, array.strides, array.dtype)


@cache
def kind_of(prim: type[Any]) -> str:
    """The kind of the operations of a class."""
    names = [base.__name__ for base in prim.__mro__]
    return next((KINDS[name] for name in names if name in KINDS), "operation")
