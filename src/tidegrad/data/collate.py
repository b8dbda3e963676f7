"""Floor 7. Collate: items of one structure become one batch of that structure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import tidegrad as tg

__all__ = ["collate"]


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
    return gathered(list(items), range(len(items)) if names is None else names, "")


def gathered(items: list[Any], names: Sequence[int], place: str) -> Any:
    """The batch of what stands at `place` (such as `[0]['x']`) in every item."""
    first = items[0]
    if not isinstance(first, (Mapping, tuple, list, str, bytes)):
        return stacked(items, names, place)
    alike("kind", [type(item).__name__ for item in items], names, place)
    if isinstance(first, (str, bytes)):
        return items
    if isinstance(first, Mapping):
        alike("keys", [sorted(item, key=repr) for item in items], names, place)
    else:
        alike("length", [len(item) for item in items], names, place)
    keys = list(first) if isinstance(first, Mapping) else range(len(first))
    parts = [gathered([item[key] for item in items], names, f"{place}[{key!r}]") for key in keys]
    if isinstance(first, Mapping):
        return dict(zip(keys, parts))
    # A named tuple takes its fields one by one, a tuple or a list takes them all at once.
    return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)


def stacked(items: list[Any], names: Sequence[int], place: str) -> Any:
    """One tensor of numbers, arrays or tensors, with a new axis 0."""
    if all(type(item) in (bool, int, float) for item in items):  # numpy.float64 only derives
        return tg.asarray(items)
    for item, name in zip(items, names):
        if not isinstance(item, (tg.Tensor, np.ndarray, np.generic, bool, int, float)):
            raise TypeError(
                f"collate: item {name}{place and f' at {place}'} is a {type(item).__name__}, which "
                "does not stack into a tensor; pass collate= to the DataLoader to say how"
            )
    tensors = [tg.asarray(item) for item in items]
    alike("shape", [tensor.shape for tensor in tensors], names, place)
    alike("dtype", [tensor.dtype for tensor in tensors], names, place)
    return tg.stack(tensors)


def alike(trait: str, found: list[Any], names: Sequence[int], place: str) -> None:
    """Raise unless every item has the first one's trait."""
    for value, name in zip(found, names):
        if value != found[0]:
            raise ValueError(
                f"collate: item {name}{place and f' at {place}'} has {trait} {value}, but item "
                f"{names[0]} has {trait} {found[0]}; make them alike in the dataset, or pass "
                "collate= to the DataLoader to pad or crop them"
            )
