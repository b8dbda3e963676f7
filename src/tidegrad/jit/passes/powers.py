"""Floor 6. Powers by constants: products, roots and quotients."""

from __future__ import annotations

from ...abstract import Value
from ...ops import elementwise as table
from .facts import Facts, Rules
from .making import fitted, made, number, scalar

__all__ = ["RULES"]


def power(value: Value, facts: Facts) -> Value | None:
    """x ** c as NumPy computes it, or to 1.5 ulp where NumPy needs a logarithm and a power of e.

    What is not defined, overflows or vanishes does so as before: x * x does only where the third
    and the fourth power do.
    """
    x, y = value.parents
    c = number(y)
    if c is None or x.dtype != value.dtype or value.dtype.kind == "b":
        return None
    found = whole(x, c)
    if found is None and value.dtype.kind == "f":
        found = fraction(x, c, facts)
    return None if found is None else fitted(found, value)


def whole(x: Value, c: float) -> Value | None:
    if c == 0:
        return scalar(1, x.dtype)
    if c == 1:
        return x
    if c == 2:
        return made(table.square, x)
    if c == 3:
        return made(table.multiply, made(table.square, x), x)
    if c == 4:
        return made(table.square, made(table.square, x))
    return None


def fraction(x: Value, c: float, facts: Facts) -> Value | None:
    if c == -1:
        return made(table.reciprocal, x)
    if c == 0.5:
        return made(table.sqrt, x)
    if c not in (1.5, -0.5) or not facts.range(x).positive:
        return None  # the power of -inf is infinite or 0, its root is NaN
    root = made(table.sqrt, x)
    return made(table.multiply, x, root) if c > 0 else made(table.reciprocal, root)


RULES: Rules = {table.power: [power]}
