"""Floor 4. Operators of Value, which stand for those of bare arrays in the rules of derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .abstract import Value
from .core import bind
from .kinds import Prim
from .methods import COMPARISONS, OPERATORS
from .ops import elementwise

__all__ = ["UNARY"]

UNARY = {
    "neg": elementwise.negative,
    "abs": elementwise.abs_,
    "invert": elementwise.bitwise_invert,
}


def unary(prim: Prim) -> Callable[[Value], Any]:
    return lambda self: bind(prim, (self,), {})


def binary(prim: Prim, swapped: bool = False) -> Callable[[Value, Any], Any]:
    return lambda self, other: bind(prim, (other, self) if swapped else (self, other), {})


for name, prim in UNARY.items():
    setattr(Value, f"__{name}__", unary(prim))
for name, prim in {**OPERATORS, **COMPARISONS}.items():
    setattr(Value, f"__{name}__", binary(prim))
    setattr(Value, f"__r{name}__", binary(prim, swapped=True))
setattr(Value, "__hash__", object.__hash__)  # noqa: B010 (which __eq__ would have taken away)
