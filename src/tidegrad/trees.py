"""Floor 2. Trees: tensors inside lists, tuples, dicts, dataclasses and modules."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

from .core import Tensor

__all__ = ["flatten", "map_leaves"]

Rebuild = Callable[[list], Any]


def flatten(tree: Any) -> tuple[list, Rebuild]:
    """The leaves of `tree` in order, and a function that builds the same tree of other leaves.

    Lists, tuples, named tuples, dicts (in their own order), dataclasses and objects with a
    `__tree__()` method that returns (children, rebuild) are branches; all else is a leaf.

    >>> leaves, rebuild = tg.trees.flatten({"a": [1, 2], "b": 3})
    >>> leaves, rebuild([10, 20, 30])
    ([1, 2, 3], {'a': [10, 20], 'b': 30})
    """
    children, assemble = branches(tree)
    if assemble is None:
        return [tree], lambda leaves: leaves[0]
    parts = [flatten(child) for child in children]
    counts = [len(leaves) for leaves, _ in parts]

    def rebuild(leaves):
        if len(leaves) != sum(counts):
            raise ValueError(f"this tree has {sum(counts)} leaves, {len(leaves)} were given")
        built, at = [], 0
        for (_, build), count in zip(parts, counts):
            built.append(build(leaves[at : at + count]))
            at += count
        return assemble(built)

    return [leaf for leaves, _ in parts for leaf in leaves], rebuild


def branches(tree) -> tuple[list, Rebuild | None]:
    """The children of one branch and how to put new ones together; None for a leaf."""
    kind = type(tree)
    if kind is Tensor:
        return [], None
    if isinstance(tree, tuple):
        make = kind._make if hasattr(kind, "_make") else kind
        return list(tree), make
    if isinstance(tree, list):
        return list(tree), kind
    if isinstance(tree, dict):
        keys = list(tree)

        def with_values(values):
            made = copy.copy(tree)  # whatever else a kind of dict holds, such as a default
            for key, value in zip(keys, values):
                made[key] = value
            return made

        return list(tree.values()), with_values
    if hasattr(tree, "__tree__") and not isinstance(tree, type):
        return tree.__tree__()
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        names = [field.name for field in dataclasses.fields(tree) if field.init]
        values = [getattr(tree, name) for name in names]
        return values, lambda new: dataclasses.replace(tree, **dict(zip(names, new)))
    return [], None


def map_leaves(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """`function` of every leaf, with the leaves of `others` at the same places beside it.

    >>> tg.trees.map_leaves(lambda x, y: x + y, [1, (2, 3)], [10, (20, 30)])
    [11, (22, 33)]
    """
    leaves, rebuild = flatten(tree)
    beside = [flatten(other)[0] for other in others]
    if any(len(b) != len(leaves) for b in beside):
        raise ValueError("map_leaves: the trees have different numbers of leaves")
    return rebuild([function(*group) for group in zip(leaves, *beside)])
