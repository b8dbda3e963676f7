"""Floor 7. What is written in a box: name or operation, shape, dtype, value and gradient."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from .collect import Item
from .picture import Box
from .text import plain, short

__all__ = ["common", "describe", "summary"]


def describe(copies: Sequence[Item], names: Sequence[str], values: bool, gradients: bool) -> Box:
    """The box of an item, or of several that are drawn as one: then of what they share."""
    item, name = copies[0], common(names)
    words = [name or item.title] if item.kind in ("leaf", "constant") else [name, item.title]
    value, told, lines = item.value, [], []
    if item.kind == "constant" and value is not None and np.ndim(value) == 0:
        numbers = {summary(copy.value) for copy in copies}
        words, value = [name, *numbers] if len(numbers) == 1 else [name, "numbers"], None
    elif item.dtype is not None:
        lines.append(short(plain(f"{item.shape} {item.dtype}")))
    if values and value is not None:
        told.append(f"value {summary(value)}")
    owner = item.node.owner() if item.node is not None and item.node.owner else None
    if gradients and owner is not None and owner.grad is not None:
        told.append(f"gradient {summary(owner.grad.data)}")
    words = [short(plain(word)) for word in words if word]
    return Box([" = ".join(words), *lines, *(told if len(copies) == 1 else [])], item.kind)


def summary(value: Any) -> str:
    """An array in a few words: its elements where they are few, else how far they reach.

    >>> from tidegrad.viz.describe import summary
    >>> summary(np.array([1.0, 2.5])), summary(np.arange(100.0))
    ('[1, 2.5]', '0 to 99, mean 49.5')
    """
    array = np.asarray(value)
    if array.ndim < 2 and array.size <= 4:
        told = ", ".join(map(number, array.flat))
        return f"[{told}]" if array.ndim else told
    finite = array[np.isfinite(array)]
    lost = f"{array.size - finite.size:,} of {array.size:,} not finite"
    if not finite.size:
        return lost if array.size else "empty"
    mean = number(finite.mean(dtype=np.longdouble))
    told = f"{number(finite.min())} to {number(finite.max())}, mean {mean}"
    return told if finite.size == array.size else f"{told}, {lost}"


def number(x: Any) -> str:
    return f"{x:.4g}" if np.asarray(x).dtype.kind == "f" else str(x)


def common(texts: Sequence[str]) -> str:
    """One text for many: where they differ, in numbers or in all, from the first to the last.

    >>> from tidegrad.viz.describe import common
    >>> common(["layers.0.bias", "layers.1.bias", "layers.2.bias"])
    'layers.0…2.bias'
    """
    first, last = (re.split(r"(\d+)", text) for text in (texts[0], texts[-1]))
    if first[::2] != last[::2]:
        first, last = [texts[0]], [texts[-1]]
    parts = [a if a == b else f"{a}…{b}" for a, b in zip(first, last)]
    return "".join(parts)
