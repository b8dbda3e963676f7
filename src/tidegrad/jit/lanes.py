"""Floor 6. The language of a Map's text, spoken by Lanes: its names, and how it is read."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from .ir import Code, Module, llvm_type
from .lane import Lane, Operand, cast, literal, select, splat
from .maths import division, exact

__all__ = ["FUNCTIONS", "Code", "Lane", "Module", "Operand", "cast", "evaluate", "literal"]
__all__ += ["llvm_type", "select", "splat"]

# What a text may call: the names of partials.NUMPY, and erf.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "where": select,
    **{name: getattr(exact, name) for name in exact.__all__},
    "floor_divide": division.floor_divide,
    "remainder": division.remainder,
}


def evaluate(text: str, names: Mapping[str, Operand]) -> Lane:
    """What a Map's text makes of these inputs and parameters."""
    return eval(read(text), GLOBALS, names)


@cache
def read(text: str) -> types.CodeType:
    return compile(text, "<text>", "eval")


GLOBALS: dict[str, Any] = {"__builtins__": {}, **FUNCTIONS}
