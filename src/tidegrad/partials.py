"""Floor 2. Partials and texts: what a line of the table says, read once at import."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from math import isfinite
from typing import Any

import numpy as np

from .core import Node, Tensor

__all__ = ["INPUTS", "NUMPY", "Drop", "Partial", "Rule", "bounded", "compiled", "computed", "words"]

INPUTS = "xyw"
Rule = Callable[..., Any] | None


class Drop(dict):
    """Which of (inputs, result) to forget, by the bits of tracked inputs; None: keep nothing."""

    def __init__(self, partials: Sequence[Partial | None] = ()):
        self.partials = partials

    def __missing__(self, mask: int) -> tuple[int, ...] | None:
        asked = [p for i, p in enumerate(self.partials) if mask >> i & 1 and p is not None]
        keep = {position for partial in asked for position in partial.positions}
        self[mask] = tuple(set(range(len(self.partials) + 1)) - keep) if keep else None
        return self[mask]


class Partial:
    """One partial derivative, and the positions in (inputs, result) of what it is made of."""

    def __init__(self, function: Callable, inputs: int):
        self.function = function
        code = function.__code__
        names = code.co_varnames[: code.co_argcount]
        self.params = code.co_varnames[code.co_argcount :][: code.co_kwonlyargcount]
        self.positions = [inputs if n == "z" else INPUTS[:inputs].index(n) for n in names]
        self.at = reader(function, self.positions, self.params)


def reader(function: Callable, positions: list[int], params: Sequence[str]) -> Callable:
    """`function` applied to what (saved, params) hold for it; the frequent forms without loops."""
    if not positions and not params:
        constant = function()
        return lambda saved, _: constant
    if len(positions) == 1 and not params:
        (only,) = positions
        return lambda saved, _: function(saved[only])
    if len(positions) == 2 and not params:
        one, two = positions
        return lambda saved, _: function(saved[one], saved[two])
    return lambda saved, given: function(
        *[saved[k] for k in positions], **{name: given[name] for name in params}
    )


def bounded(x: Any) -> bool:
    """Whether `x` is finite throughout, by the sum of its squares: one fast pass."""
    array = x.array if type(x) is Tensor else x
    return not isinstance(array, Node) and isfinite(np.vdot(array, array))


@cache
def computed(run: Callable[..., Any], inputs: int, dtype: np.dtype) -> np.dtype:
    """The dtype that `run` gives of inputs of `dtype`; of bools `x << y` and others have int8."""
    if dtype.kind == "b":
        with suppress(TypeError):  # of what is not defined for bools
            return run(*[np.ones(1, bool)] * inputs).dtype
    return dtype


def words(text: str) -> tuple[int, list[str]]:
    """How many inputs a Map's text has, and the names of its parameters."""
    names = {n.id for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Name)}
    return len(names & set(INPUTS)), sorted(names - set(INPUTS) - set(NUMPY) - {"erf"})


# The language of a Map's text: names, numbers, arithmetic, comparisons and calls of these.
NUMPY: dict[str, Callable] = {
    name: getattr(np, name)
    for name in (
        *("abs", "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "ceil", "copysign"),
        *("cos", "cosh", "exp", "expm1", "floor", "hypot", "isfinite", "isinf", "isnan", "log"),
        *("log10", "log1p", "log2", "logaddexp", "logical_and", "logical_not", "logical_or"),
        *("logical_xor", "maximum", "minimum", "nextafter", "rint"),
        *("sign", "signbit", "sin", "sinh", "sqrt", "tan", "tanh", "trunc", "where"),
    )
}


def compiled(text: str, inputs: int, params: Sequence[str]) -> Callable[..., Any]:
    """The NumPy function that a Map's text describes."""
    tree = ast.parse(text, mode="eval").body
    if isinstance(tree, ast.Call) and [ast.unparse(a) for a in tree.args] == list(INPUTS[:inputs]):
        return NUMPY[ast.unparse(tree.func)]
    head = ", ".join([*INPUTS[:inputs], *(["*", *params] if params else [])])
    return eval(f"lambda {head}: {text}", dict(NUMPY))
