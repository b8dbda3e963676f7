"""Floor 7. Collate: items of one structure become one batch of that structure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import tidegrad as tg

__all__ = ["collate"]

REMEDY = "make them alike in the dataset, or pass collate= to the DataLoader to pad or crop them"


def collate(items: Sequence[Any], names: Sequence[int] | None = None) -> Any:
    """One batch from a list of items: tensors, arrays and numbers are stacked along a new axis 0.

    Tuples, named tuples, lists and dicts keep their structure, strings become a list. Python
    floats get the default dtype; arrays keep theirs. Items of unequal structure, shape or dtype
    are a ValueError which names both; `names` are the indices it speaks of.

    >>> batch = tg.data.collate([{"x": [1.0, 2.0], "y": 0}, {"x": [3.0, 4.0], "y": 1}])
    >>> batch["y"].tolist(), [column.tolist() for column in batch["x"]]
    ([0, 1], [[1.0, 3.0], [2.0, 4.0]])
    """
    if not len(items):
        raise ValueError("collate: there are no items to make a batch of")
    return gathered(list(items), list(range(len(items)) if names is None else names), "")


def gathered(items: list[Any], names: list[int], place: str) -> Any:
    """The batch of what stands at `place` (such as `[0]['x']`) in every item."""
    first = items[0]
    if isinstance(first, Mapping):
        alike(items, names, place, keys)
        return {key: below(items, names, place, key) for key in first}
    if isinstance(first, (tuple, list)):
        alike(items, names, place, length)
        parts = [below(items, names, place, index) for index in range(len(first))]
        # A named tuple takes its fields one by one, a tuple or a list takes them all at once.
        return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)
    if isinstance(first, (str, bytes)):
        alike(items, names, place, kind)
        return items
    return stacked(items, names, place)


def below(items: list[Any], names: list[int], place: str, key: Any) -> Any:
    return gathered([item[key] for item in items], names, f"{place}[{key!r}]")


def stacked(items: list[Any], names: list[int], place: str) -> Any:
    """One tensor of numbers, arrays or tensors, with a new axis 0."""
    if all(isinstance(item, (bool, int, float)) and number(item) for item in items):
        return tg.asarray(items)
    for item, name in zip(items, names, strict=True):
        if not isinstance(item, (tg.Tensor, np.ndarray, np.generic, bool, int, float)):
            raise TypeError(
                f"collate: item {name}{field(place)} is a {type(item).__name__}, which does not "
                "stack into a tensor; pass collate= to the DataLoader to say how"
            )
    tensors = [tg.asarray(item) for item in items]
    alike(tensors, names, place, shape)
    alike(tensors, names, place, dtype)
    return tg.stack(tensors)


def number(item: Any) -> bool:
    """Whether `item` is exactly a Python number; numpy.float64 only derives from float."""
    return type(item) in (bool, int, float)


def alike(items: list[Any], names: list[int], place: str, trait: Any) -> None:
    """Raise unless every item has the first one's trait."""
    expected = trait(items[0])
    for item, name in zip(items, names, strict=True):
        if trait(item) != expected:
            raise ValueError(
                f"collate: item {name}{field(place)} has {trait.__name__} {trait(item)}, but item "
                f"{names[0]} has {trait.__name__} {expected}; {REMEDY}"
            )


def field(place: str) -> str:
    return f" at {place}" if place else ""


def shape(item: Any) -> Any:
    return item.shape


def dtype(item: Any) -> Any:
    return item.dtype


def kind(item: Any) -> str:
    return type(item).__name__


def keys(item: Any) -> Any:
    return sorted(item, key=repr) if isinstance(item, Mapping) else f"none, being a {kind(item)}"


def length(item: Any) -> Any:
    return len(item) if isinstance(item, (tuple, list)) else f"none, being a {kind(item)}"
