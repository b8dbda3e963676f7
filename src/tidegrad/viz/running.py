"""Floor 7. Running a function to draw it: its float arguments become leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import tidegrad as tg

from .naming import argument_names

__all__ = ["run"]


def run(function: Callable, args: Sequence[Any]) -> tuple[Any, list[tuple[str, Any]], dict]:
    """The function's result, its arguments by name, and which leaf stands for which tensor.

    Modules go in as they are, as their parameters are leaves already.
    """
    leaves: dict[int, Any] = {}
    pairs: list[tuple[str, Any]] = []
    given = []
    for name, argument in zip(argument_names(function, len(args)), args):
        if hasattr(argument, "named_parameters"):
            pairs += argument.named_parameters()
            given.append(argument)
            continue
        parts, rebuild = tg.trees.flatten(argument)
        fresh = [variable(part, leaves) for part in parts]
        tensors = [part for part in fresh if isinstance(part, tg.Tensor)]
        several = len(parts) > 1
        pairs += [(f"{name}[{k}]" if several else name, t) for k, t in enumerate(tensors)]
        given.append(rebuild(fresh))
    if hasattr(function, "named_parameters"):
        pairs += function.named_parameters()
    with tg.enable_grad():
        return function(*given), pairs, leaves


def variable(part: Any, leaves: dict[int, Any]) -> Any:
    """A leaf with the value of `part`, if that is made of floats; everything else as it is."""
    if isinstance(part, tg.Tensor):
        if part.dtype.kind == "f" and not (part.requires_grad and part.is_leaf):
            leaves[id(part)] = part.detach().requires_grad_()
        return leaves.get(id(part), part)
    if isinstance(part, float | np.floating | np.ndarray):
        tensor = tg.tensor(part)
        return tensor.requires_grad_() if tensor.dtype.kind == "f" else tensor
    return part
