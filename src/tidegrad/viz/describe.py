"""Floor 7. What is written in a box: name or operation, shape, dtype, value and gradient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .collect import Item
from .picture import Box
from .text import common, plain, short, summary

__all__ = ["Wishes", "describe"]


@dataclass
class Wishes:
    """What a picture should show."""

    values: bool = False
    gradients: bool = False
    folded: bool = True
    limit: int = 1500
    names: Mapping[int, str] = field(default_factory=dict)  # by the place of the item


def describe(copies: Sequence[Item], places: Sequence[int], wishes: Wishes) -> Box:
    """The box of an item, or of several that are drawn as one: then of what they share."""
    item = copies[0]
    lines = [title(copies, [wishes.names.get(place, "") for place in places])]
    if item.dtype is not None and (item.shape != () or item.kind != "constant"):
        lines.append(short(plain(f"{item.shape} {item.dtype}")))
    if len(copies) == 1:
        if wishes.values and item.value is not None and not is_number(item):
            lines.append(f"value {summary(item.value)}")
        gradient = gradient_of(item) if wishes.gradients else None
        if gradient is not None:
            lines.append(f"gradient {summary(gradient)}")
    tips = {parameters(copy) for copy in copies}
    return Box(lines, item.kind, tip=tips.pop() if len(tips) == 1 else "")


def title(copies: Sequence[Item], names: Sequence[str]) -> str:
    item = copies[0]
    name = short(plain(common(names)))
    if item.kind == "constant" and is_number(item):
        numbers = {summary(copy.value) for copy in copies}
        value = numbers.pop() if len(numbers) == 1 else "numbers"
        return f"{name} = {value}" if name else value
    if item.kind in ("leaf", "constant"):
        return name or item.title
    operation = short(plain(item.title))
    return f"{name} = {operation}" if name else operation


def is_number(item: Item) -> bool:
    """Whether this is a constant that is best told by its value."""
    return item.kind == "constant" and item.value is not None and np.ndim(item.value) == 0


def gradient_of(item: Item) -> Any:
    """The gradient that the item's tensor has, if somebody keeps that tensor."""
    owner = item.node.owner() if item.node is not None and item.node.owner is not None else None
    return owner.grad.data if owner is not None and owner.grad is not None else None


def parameters(item: Item) -> str:
    """The operation with its own parameters, as in `sum axes=(0, 1)`."""
    if item.node is None or not item.node.params:
        return ""
    words = [f"{key}={spelled(value)}" for key, value in item.node.params.items()]
    return plain(short(f"{item.title} {', '.join(words)}", 200))


def spelled(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"array of shape {value.shape}"
    return short(repr(value), 60)
