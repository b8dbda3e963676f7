"""Floor 7. Names for what is drawn, and functions that are run to be drawn."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

import tidegrad as tg

from .collect import Item, address

__all__ = ["key_of", "named", "place_names", "run"]


def named(names: Any, prefix: str = "", operation: str = "draw") -> Iterator[tuple[str, Any]]:
    """The pairs (name, tensor) of a Module, or of a dict of tensors, arrays and Modules."""
    if isinstance(names, tg.Tensor | np.ndarray):
        yield prefix.removesuffix("."), names
    elif hasattr(names, "named_parameters"):
        for name, tensor in [*names.named_parameters(), *names.named_buffers()]:
            yield prefix + name, tensor
    elif isinstance(names, Mapping):
        for name, value in names.items():
            yield from named(value, f"{prefix}{name}.", operation)
    else:
        raise TypeError(
            f"{operation}: names is a Module, or a dict from names to tensors and Modules, not "
            f"{type(names).__name__}"
        )


def place_names(pairs: Sequence[tuple[str, Any]], items: Sequence[Item]) -> dict[int, str]:
    """The name of each item that has one; of several names for one tensor the first holds."""
    known: dict[Any, str] = {}
    for name, tensor in pairs:
        known.setdefault(key_of(tensor), name)
    found = {}
    for place, item in enumerate(items if known else ()):
        array = item.node is None and isinstance(item.value, np.ndarray)
        key = address(item.value) if array else id(item.node)
        if key in known:
            found[place] = known[key]
    return found


def key_of(x: Any) -> Any:
    """What tells a tensor or an array from all others that are alive."""
    node = getattr(x, "node", None)
    return id(node) if node else address(x if isinstance(x, np.ndarray) else x.data)


def run(function: Callable, args: Sequence[Any]) -> tuple[Any, list[tuple[str, Any]]]:
    """What the function returns for its arguments as leaves, and these by name."""
    pairs = []
    given = []
    for name, argument in zip(argument_names(function, len(args)), args):
        parts, rebuild = [argument], lambda parts: parts[0]
        if not hasattr(argument, "named_parameters"):
            parts, rebuild = tg.trees.flatten(argument)
        parts = [leaf(part) for part in parts]
        for k, part in enumerate(parts):
            if isinstance(part, tg.Tensor):
                pairs.append((f"{name}[{k}]" if len(parts) > 1 else name, part))
        given.append(rebuild(parts))
    for module in (function, *args):
        pairs += named(module) if hasattr(module, "named_parameters") else []
    with tg.enable_grad():
        return function(*given), pairs


def argument_names(function: Any, count: int) -> list[str]:
    """What `function` calls its first arguments; numbered where it cannot be known."""
    try:
        # A Module's own call takes whatever its `forward` takes.
        known = list(inspect.signature(getattr(function, "forward", function)).parameters)
    except (TypeError, ValueError):
        known = []
    return (known + [f"argument {k}" for k in range(len(known), count)])[:count]


def leaf(part: Any) -> Any:
    """A leaf with the value of `part`, if that is made of floats; everything else as it is."""
    if isinstance(part, float | np.floating | np.ndarray):
        part = tg.tensor(part)
    if not isinstance(part, tg.Tensor) or part.dtype.kind != "f":
        return part
    return part if part.requires_grad and part.is_leaf else part.detach().requires_grad_()
