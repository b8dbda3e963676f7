"""Floor 6. Patterns: formulas that overflow or cancel, as the operation that does not."""

from __future__ import annotations

from ...abstract import Value
from ...kinds import expand, reshape, sum_
from ...ops import elementwise as table
from .facts import Facts, Rules
from .making import fitted, made, number

__all__ = ["RULES"]

# Equal within rounding where the formula is right, and right where it overflows or cancels.


def logarithm(value: Value, facts: Facts) -> Value | None:
    """Of 1 + x, of a sigmoid, of a quotient of powers of e."""
    x = value.parents[0]
    if x.dtype != value.dtype:
        return None
    if (y := one_plus(x)) is not None:
        return fitted(made(table.log1p, y), value)
    if x.prim is table.sigmoid:
        below = made(table.softplus, made(table.negative, x.parents[0]))
        return made(table.negative, below)
    if x.prim is table.divide and x.parents[0].prim is table.exp and is_softmax(x):
        low, total = x.parents[0].parents[0], x.parents[1]
        return made(table.subtract, low, made(table.log, total))
    return None


def is_softmax(x: Value) -> bool:
    """Whether powers of e are divided by a sum of themselves."""
    powers, total = x.parents
    while total.prim in (reshape, expand):
        total = total.parents[0]
    return total.prim is sum_ and total.parents[0] is powers


def one_plus(x: Value) -> Value | None:
    """What 1 is added to in `x`."""
    if x.prim is table.add:
        for one, y in (x.parents, x.parents[::-1]):
            if number(one) == 1 and y.shape == x.shape:
                return y
    if x.prim is table.subtract and number(x.parents[0]) == 1:
        return made(table.negative, x.parents[1])
    return None


def power_of_e(value: Value, facts: Facts) -> Value | None:
    """exp(low - log(total)) is exp(low) / total, whose numerator is there already."""
    x = value.parents[0]
    if x.prim is not table.subtract or x.parents[1].prim is not table.log:
        return None
    low, total = x.parents[0], x.parents[1].parents[0]
    powers = total
    while powers.prim in (reshape, expand, sum_):
        powers = powers.parents[0]
    if powers.prim is not table.exp or powers.parents[0] is not low:
        return None
    return made(table.divide, powers, total)


def less_one(value: Value, facts: Facts) -> Value | None:
    """exp(x) - 1."""
    x, y = value.parents
    if x.prim is not table.exp or x.dtype != value.dtype or number(y) != 1:
        return None
    return fitted(made(table.expm1, x.parents[0]), value)


def plus_minus_one(value: Value, facts: Facts) -> Value | None:
    """exp(x) + -1."""
    for x, y in (value.parents, value.parents[::-1]):
        if x.prim is table.exp and x.dtype == value.dtype and number(y) == -1:
            return fitted(made(table.expm1, x.parents[0]), value)
    return None


def softplus(value: Value, facts: Facts) -> Value | None:
    """log(1 + exp(x)) does not overflow."""
    x = value.parents[0]
    return made(table.softplus, x.parents[0]) if x.prim is table.exp else None


def sigmoid(value: Value, facts: Facts) -> Value | None:
    """1 / (1 + exp(-x))."""
    powers = one_plus(value.parents[0])
    if powers is None or powers.prim is not table.exp:
        return None
    return fitted(made(table.sigmoid, made(table.negative, powers.parents[0])), value)


def share(value: Value, facts: Facts) -> Value | None:
    """exp(x) / (1 + exp(x))."""
    x, total = value.parents
    powers = one_plus(total)
    if powers is None or powers is not x or powers.prim is not table.exp:
        return None
    return fitted(made(table.sigmoid, x.parents[0]), value)


RULES: Rules = {
    table.log: [logarithm],
    table.log1p: [softplus],
    table.exp: [power_of_e],
    table.subtract: [less_one],
    table.add: [plus_minus_one],
    table.reciprocal: [sigmoid],
    table.divide: [share],
}
