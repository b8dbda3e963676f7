"""Floor 6. Ranges: between which numbers a Value's elements lie, and whether NaN is among them."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ...partials import NUMPY

__all__ = ["FUNCTIONS", "Range", "held"]

INF = math.inf
SLACK = 1e-6  # by how much rounding may carry a result past an exact bound, relatively


class Range:
    """Elements from `lo` to `hi`; NaN where `nan`, and -0.0 only where `minus`.

    A Map's text is computed with these in place of numbers.  The same object twice is the same
    number twice: `x * x` is no less than 0.
    """

    __slots__ = ("hi", "lo", "minus", "nan")

    def __init__(self, lo: float = -INF, hi: float = INF, nan: bool = True, minus: bool = True):
        self.lo = -INF if lo != lo else lo
        self.hi = INF if hi != hi else hi
        self.nan, self.minus = nan, minus and self.lo <= 0 <= self.hi

    def __repr__(self) -> str:
        return f"[{self.lo}, {self.hi}]{' or nan' * self.nan}"

    @property
    def finite(self) -> bool:
        """Whether no element is infinite."""
        return -INF < self.lo and self.hi < INF

    @property
    def positive(self) -> bool:
        """Whether no element has a minus."""
        return self.lo >= 0 and not self.minus

    @property
    def zero(self) -> bool:
        """Whether an element may be 0."""
        return self.lo <= 0 <= self.hi

    def __neg__(self) -> Range:
        return Range(-self.hi, -self.lo, self.nan, self.zero)

    def __add__(self, other: Any) -> Range:
        y = of(other)
        clash = (self.lo == -INF and y.hi == INF) or (self.hi == INF and y.lo == -INF)
        nan = self.nan or y.nan or clash
        return Range(self.lo + y.lo, self.hi + y.hi, nan, self.minus and y.minus)

    def __sub__(self, other: Any) -> Range:
        if other is self:
            return Range(0, 0, self.nan or not self.finite, False)
        y = of(other)
        clash = (self.lo == -INF and y.lo == -INF) or (self.hi == INF and y.hi == INF)
        nan = self.nan or y.nan or clash
        return Range(self.lo - y.hi, self.hi - y.lo, nan, self.minus and y.zero)

    def __mul__(self, other: Any) -> Range:
        if other is self:
            size = abs(self)
            return Range(times(size.lo, size.lo), times(size.hi, size.hi), self.nan, False)
        y = of(other)
        corners = [times(a, b) for a in (self.lo, self.hi) for b in (y.lo, y.hi)]
        nan = self.nan or y.nan or (self.zero and not y.finite) or (y.zero and not self.finite)
        return Range(min(corners), max(corners), nan, not (self.positive and y.positive))

    def __truediv__(self, other: Any) -> Range:
        y = of(other)
        nan = self.nan or y.nan or (self.zero and y.zero) or not (self.finite or y.finite)
        if y.zero:
            return Range(0 if self.positive and y.positive else -INF, INF, nan)
        corners = [over(a, b) for a in (self.lo, self.hi) for b in (y.lo, y.hi)]
        return Range(min(corners), max(corners), nan, not (self.positive and y.positive))

    def __pow__(self, other: Any) -> Range:
        y = of(other)
        return Range(0, INF, self.nan or y.nan) if self.positive else Range()

    def __abs__(self) -> Range:
        low = 0 if self.zero else min(abs(self.lo), abs(self.hi))
        return Range(low, max(abs(self.lo), abs(self.hi)), self.nan, False)

    def __lt__(self, other: Any) -> Range:
        y = of(other)
        return decided(self.hi < y.lo and not (self.nan or y.nan), self.lo >= y.hi)

    def __le__(self, other: Any) -> Range:
        y = of(other)
        return decided(self.hi <= y.lo and not (self.nan or y.nan), self.lo > y.hi)

    def __gt__(self, other: Any) -> Range:
        return of(other) < self

    def __ge__(self, other: Any) -> Range:
        return of(other) <= self

    def __eq__(self, other: Any) -> Range:  # type: ignore[override]  # a range of bools
        y = of(other)
        same = y is self or self.lo == self.hi == y.lo == y.hi
        return decided(same and not (self.nan or y.nan), self.hi < y.lo or y.hi < self.lo)

    def __ne__(self, other: Any) -> Range:  # type: ignore[override]  # likewise
        return inverted(self == other)

    def __radd__(self, other: Any) -> Range:
        return of(other) + self

    def __rsub__(self, other: Any) -> Range:
        return of(other) - self

    def __rmul__(self, other: Any) -> Range:
        return of(other) * self

    def __rtruediv__(self, other: Any) -> Range:
        return of(other) / self

    def _any(self, *_: Any) -> Range:
        return Range()

    __floordiv__ = __mod__ = __and__ = __or__ = __xor__ = __lshift__ = __rshift__ = _any
    __invert__ = _any
    __hash__ = object.__hash__


def of(x: Any) -> Range:
    """A number as a Range."""
    if type(x) is Range:
        return x
    x = float(x)
    return Range(x, x, x != x, math.copysign(1, x) < 0)


def decided(true: bool, false: bool) -> Range:
    """1, 0 or either; a new object, as it is a number of its own."""
    return Range(int(true), int(not false), False, False)


def inverted(x: Range) -> Range:
    return decided(x.hi <= 0, x.lo >= 1)


def times(a: float, b: float) -> float:
    return 0.0 if a == 0 or b == 0 else a * b


def over(a: float, b: float) -> float:
    """a / b with b not 0; where both are infinite, whatever is between."""
    return 0.0 if math.isinf(b) else a / b


def held(x: Range, dtype: np.dtype) -> Range:
    """`x` as far as elements of `dtype` reach it: rounded, overflown, vanished."""
    if dtype.kind == "b":
        return Range(max(x.lo, 0), min(x.hi, 1), False, False)
    if dtype.kind in "iu":
        first, last = limits(dtype)
        if first <= x.lo and x.hi <= last and not x.nan:
            return Range(x.lo, x.hi, False, False)
        return Range(first, float(last), False, False)
    most, least = floats(dtype)
    lo, hi = x.lo - abs(x.lo) * SLACK, x.hi + abs(x.hi) * SLACK
    lo = -INF if lo < -most else 0.0 if 0 < lo < least else lo
    hi = INF if hi > most else 0.0 if -least < hi < 0 else hi
    return Range(lo, hi, x.nan, x.minus or (hi == 0 and x.hi < 0))


@cache
def floats(dtype: np.dtype) -> tuple[float, float]:
    """The largest number of a dtype, and the smallest with all its bits, as Python's floats."""
    ends = np.finfo(dtype)
    return float(ends.max), float(ends.tiny)


@cache
def limits(dtype: np.dtype) -> tuple[int, int]:
    ends = np.iinfo(dtype)
    return int(ends.min), int(ends.max)


def rising(f: Callable[[float], float], lo: float, hi: float) -> Callable[[Any], Range]:
    """An increasing function that has these limits and keeps the sign of a zero or loses it."""

    def bounds(x: Any) -> Range:
        x = of(x)
        return Range(at(f, x.lo, lo, hi), at(f, x.hi, lo, hi), x.nan, x.minus)

    return bounds


def power_of_e(x: Any) -> Range:
    x = of(x)
    return Range(at(math.exp, x.lo, 0.0, INF), at(math.exp, x.hi, 0.0, INF), x.nan, False)


def at(f: Callable[[float], float], x: float, lo: float, hi: float) -> float:
    if math.isinf(x):
        return hi if x > 0 else lo
    try:
        return f(x)
    except OverflowError:
        return hi


def logarithm(f: Callable[[float], float], pole: float) -> Callable[[Any], Range]:
    """An increasing function from -inf at `pole`, before which it is NaN."""

    def bounds(x: Any) -> Range:
        x = of(x)
        lo, hi = (-INF if e <= pole else INF if e == INF else f(e) for e in (x.lo, x.hi))
        return Range(lo, hi, x.nan or x.lo < pole)

    return bounds


def root(x: Any) -> Range:
    x = of(x)
    lo, hi = (0.0 if e <= 0 else math.sqrt(e) for e in (x.lo, x.hi))
    return Range(lo, hi, x.nan or x.lo < 0, x.minus)


def wave(x: Any) -> Range:
    x = of(x)
    return Range(-1, 1, x.nan or not x.finite, True)


def greater(x: Any, y: Any) -> Range:
    x, y = of(x), of(y)
    return Range(max(x.lo, y.lo), max(x.hi, y.hi), x.nan or y.nan, x.minus or y.minus)


def smaller(x: Any, y: Any) -> Range:
    x, y = of(x), of(y)
    return Range(min(x.lo, y.lo), min(x.hi, y.hi), x.nan or y.nan, x.minus or y.minus)


def chosen(x: Any, y: Any, w: Any) -> Range:
    x, y, w = of(x), of(y), of(w)
    return y if x.lo >= 1 else w if x.hi <= 0 else either(y, w)


def either(x: Range, y: Range) -> Range:
    """What is in one or the other."""
    return Range(min(x.lo, y.lo), max(x.hi, y.hi), x.nan or y.nan, x.minus or y.minus)


def within(lo: float, hi: float) -> Callable[..., Range]:
    """A function whose results lie between these, NaN for NaN or, perhaps, for infinities."""

    def bounds(*args: Any) -> Range:
        found = [of(x) for x in args]
        return Range(lo, hi, any(x.nan or not x.finite for x in found), True)

    return bounds


FUNCTIONS: dict[str, Callable[..., Range]] = {
    **dict.fromkeys((*NUMPY, "erf"), lambda *_: Range()),
    "abs": lambda x: abs(of(x)),
    "exp": power_of_e,
    "expm1": rising(math.expm1, -1.0, INF),
    "tanh": rising(math.tanh, -1.0, 1.0),
    "erf": rising(math.erf, -1.0, 1.0),
    "atan": rising(math.atan, -math.pi / 2, math.pi / 2),
    "log": logarithm(math.log, 0.0),
    "log2": logarithm(math.log2, 0.0),
    "log10": logarithm(math.log10, 0.0),
    "log1p": logarithm(math.log1p, -1.0),
    "sqrt": root,
    "sin": wave,
    "cos": wave,
    "sign": rising(lambda x: float(np.sign(x)), -1.0, 1.0),
    "hypot": lambda x, y: Range(0, INF, of(x).nan or of(y).nan, False),
    "maximum": greater,
    "minimum": smaller,
    "where": chosen,
    "isnan": lambda x: decided(False, not of(x).nan),
    "isinf": lambda x: decided(False, of(x).finite),
    "isfinite": lambda x: decided(of(x).finite and not of(x).nan, False),
    "logical_not": lambda x: of(x) == 0,
    "logical_and": lambda x, y: decided(False, is_zero(x) or is_zero(y)),
    "logical_or": lambda x, y: decided(False, is_zero(x) and is_zero(y)),
    "logical_xor": lambda *_: decided(False, False),
    "signbit": lambda x: decided(False, of(x).positive and not of(x).nan),
}


def is_zero(x: Any) -> bool:
    x = of(x)
    return x.lo == x.hi == 0 and not x.nan
