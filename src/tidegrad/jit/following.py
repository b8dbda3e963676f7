"""Floor 6. Following: constants of a graph that change with a size, told from two graphs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from ..ops.philox import blocks_of

__all__ = ["Following", "Line", "Prefix", "line", "rule_for"]


class Line(NamedTuple):
    """`slope * n + start`."""

    slope: int
    start: int

    def at(self, n: int) -> int:
        return self.slope * n + self.start


def line(pair: Sequence[int], sizes: Sequence[int]) -> Line | None:
    """The line through two integers, each at its size; None where its slope is no integer."""
    slope, left = divmod(pair[1] - pair[0], sizes[1] - sizes[0])
    return None if left else Line(slope, pair[0] - slope * sizes[0])


# How a number is made of an integer on a line, and the integer that a number may be made of.
FORMS: tuple[tuple[Callable[[Any], Any], Callable[[Any], Any]], ...] = (
    (lambda k: k, lambda x: x),
    (lambda k: 1 / np.float64(k), lambda x: 1 / np.float64(x)),
    (lambda k: np.float64(k) ** 0.5, lambda x: x * x),
    (lambda k: k / np.float64(k - 1), lambda x: x / np.float64(x - 1)),
    (lambda k: (k - 1) / np.float64(k), lambda x: 1 / np.float64(1 - x)),
)


class Following(NamedTuple):
    """A number for each n."""

    form: Callable[[Any], Any]
    line: Line
    dtype: np.dtype
    shape: tuple[int, ...]

    def at(self, n: int) -> ndarray:
        with np.errstate(all="ignore"):
            return np.full(self.shape, self.form(self.line.at(n)), self.dtype)

    @staticmethod
    def blocks(line: Line, dtype: np.dtype) -> Following:
        """How far a stream of random words moves for so many numbers."""
        return Following(blocks_of, line, dtype, ())


class Prefix(NamedTuple):
    """Rows that are the first of a longer array, or go on in even steps, `first + k * step`."""

    rows: ndarray
    line: Line
    step: Any = None

    def at(self, n: int) -> ndarray:
        count = self.line.at(n)
        if self.step is None:
            return self.rows[:count]
        places = np.arange(count, dtype=np.int64).reshape(-1, *(1,) * (self.rows.ndim - 1))
        return (self.rows[:1] + places * self.step).astype(self.rows.dtype)


def rule_for(
    pair: Sequence[ndarray], sizes: Sequence[int], counts: Iterable[Line], last: bool
) -> Any:
    """How a constant follows n: the array itself, a Following, a Prefix; None where it is unclear.

    `counts` are of elements that are folded: what numbers are often made of.  With `last`, the
    second array is the longest that there will be.
    """
    one, other = pair
    if one.shape == other.shape:
        if one.tobytes() == other.tobytes():
            return other
        return number(pair, sizes, counts) if one.size == 1 else None
    if one.ndim != other.ndim or one.shape[1:] != other.shape[1:]:
        return None
    count = line([len(one), len(other)], sizes)
    if count is None or len(one) > len(other) or other[: len(one)].tobytes() != one.tobytes():
        return None
    if last:
        return Prefix(other, count)
    first, step = other[:1], other[1:2] - other[:1] if other.dtype.kind in "iu" else 0
    found = Prefix(other, count, step)
    steady = other.dtype.kind in "iu" or bool((other == first).all())
    return found if steady and (found.at(sizes[1]) == other).all() else None


def number(
    pair: Sequence[ndarray], sizes: Sequence[int], counts: Iterable[Line]
) -> Following | None:
    """One number, as a form of an integer on a line: one of `counts`, if possible."""
    one = pair[0]
    if one.dtype.kind not in "iuf":
        return None
    for form, integer in FORMS:
        for along in (*counts, told(pair, sizes, integer)):
            rule = along and Following(form, along, one.dtype, one.shape)
            if rule and all(rule.at(n).tobytes() == x.tobytes() for n, x in zip(sizes, pair)):
                return rule
    return None


def told(
    pair: Sequence[ndarray], sizes: Sequence[int], integer: Callable[[Any], Any]
) -> Line | None:
    """The line of the integers that two numbers are nearest to being made of."""
    with np.errstate(all="ignore"):
        found = [float(integer(float(x.item()))) for x in pair]
    if not np.isfinite(found).all() or max(map(abs, found)) > 2**31:
        return None
    return line([round(x) for x in found], sizes)
