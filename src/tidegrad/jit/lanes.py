"""Floor 6. The language of a Map's text, spoken by Lanes: its names, and how it is read."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from .ir import Code, Module, llvm_type
from .lane import Lane, Operand, cast, literal, same, select, splat
from .maths import division, exact, exponential, inverse, logarithm, powers, trigonometric
from .maths.routine import routine

__all__ = ["FUNCTIONS", "Code", "Lane", "Module", "Operand", "cast", "evaluate", "literal"]
__all__ += ["llvm_type", "select", "splat"]


def called(function: Callable[..., Lane]) -> Callable[..., Lane]:
    """`function`, through one function of the module for all its calls."""
    return lambda *given: routine(function, *same(*given))


MODULES = (exponential, inverse, logarithm, powers, trigonometric)

# What a text may call: the names of partials.NUMPY, and erf.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "where": select,
    **{name: getattr(exact, name) for name in exact.__all__},
    **{name: called(getattr(module, name)) for module in MODULES for name in module.__all__},
    "power": powers.power,
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


def reflected(operation: Callable[..., Lane]) -> Callable[..., Lane]:
    return lambda x, y: operation(y, x)


OPERATORS = {
    "floordiv": division.floor_divide,
    "mod": division.remainder,
    "pow": powers.power,
}
for name, operation in OPERATORS.items():
    setattr(Lane, f"__{name}__", operation)
    setattr(Lane, f"__r{name}__", reflected(operation))
