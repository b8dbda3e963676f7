"""Floor 7. Names for what is drawn: of tensors, of a module's parameters, of arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

import tidegrad as tg

from .collect import Item, address

__all__ = ["argument_names", "named", "place_names"]


def named(names: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The pairs (name, tensor) of a Module, or of a dict of tensors and Modules."""
    if hasattr(names, "named_parameters"):
        yield from ((prefix + name, tensor) for name, tensor in names.named_parameters())
        if hasattr(names, "named_buffers"):
            yield from ((prefix + name, tensor) for name, tensor in names.named_buffers())
    elif isinstance(names, Mapping):
        for name, value in names.items():
            if isinstance(value, tg.Tensor):
                yield f"{prefix}{name}", value
            else:
                yield from named(value, f"{prefix}{name}.")
    else:
        raise TypeError(
            "draw: names is a Module, or a dict from names to tensors and Modules, not "
            f"{type(names).__name__}"
        )


def place_names(pairs: Sequence[tuple[str, Any]], items: Sequence[Item]) -> dict[int, str]:
    """The name of each item that has one; of several names for one tensor the first holds."""
    nodes: dict[int, str] = {}
    arrays: dict[tuple, str] = {}
    for name, tensor in pairs:
        if tensor.node is not None:
            nodes.setdefault(id(tensor.node), str(name))
        elif tensor.size:
            arrays.setdefault(address(tensor.data), str(name))
    found: dict[int, str] = {}
    for place, item in enumerate(items):
        if id(item.node) in nodes:
            found[place] = nodes[id(item.node)]
        elif item.node is None and arrays and isinstance(item.value, np.ndarray):
            key = address(item.value)
            if key in arrays:
                found[place] = arrays[key]
    return found


def argument_names(function: Callable, count: int) -> list[str]:
    """What `function` calls its first `count` arguments; numbered where it cannot be known."""
    parameters = positional(function)
    if all(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        parameters = positional(getattr(function, "forward", None)) or parameters
    found: list[str] = []
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            found += [f"{parameter.name}[{k}]" for k in range(count - len(found))]
        else:
            found.append(parameter.name)
    found += [f"argument {k}" for k in range(len(found), count)]
    return found[:count]


def positional(function: Any) -> list[inspect.Parameter]:
    """The parameters that take positional arguments; none where they cannot be known."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    named_only = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)
    return [parameter for parameter in parameters if parameter.kind not in named_only]
