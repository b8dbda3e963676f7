"""Floor 6. Size: a * n + b in the place of an integer, where n is known when a program runs."""

from __future__ import annotations

from collections.abc import Callable
from math import gcd
from typing import Any, NamedTuple

__all__ = ["Reach", "Size", "Varying", "below", "common", "concrete", "divides"]
__all__ += ["factor", "plain", "quotient", "slope_of", "span"]


class Varying(Exception):
    """What was asked of a Size has no one answer for all n; such a program is not made."""


class Reach(NamedTuple):
    """The smallest and the largest n that a program is for."""

    least: int
    most: int


def compared(holds: Callable[[int], bool]) -> Any:
    def compare(self: Size, other: int) -> bool:
        first, last = map(holds, self.sign(other))
        if first != last:
            raise Varying(f"{self!r} and {other!r}")
        return first

    return compare


class Size(int):
    """`slope * n + start`.  As a number it is that of the largest n, for which memory is planned.

    Arithmetic is exact; two are equal where they are so for every n.  Whatever is not the same
    for all n, such as most remainders and some comparisons, raises Varying.

    >>> from tidegrad.jit.sizes import Reach, Size
    >>> n = Size.made(1, 0, Reach(2, 1024))
    >>> n * 64 // 16, n * 64 % 16, n + 3 > 4, int(n)
    (4n, 0, True, 1024)
    """

    slope: int
    start: int
    reach: Reach

    @staticmethod
    def made(slope: int, start: int, reach: Reach) -> int:
        """A Size, or a plain number where it does not follow n."""
        if not slope:
            return start
        found = Size(slope * reach.most + start)
        found.slope, found.start, found.reach = slope, start, reach
        return found

    def at(self, n: int) -> int:
        """The number that it stands for."""
        return self.slope * n + self.start

    def __repr__(self) -> str:
        head = "" if self.slope == 1 else "-" if self.slope == -1 else str(self.slope)
        return f"{head}n{self.start:+}" if self.start else f"{head}n"

    __str__ = __repr__

    def __format__(self, how: str) -> str:
        return format(plain(self), how)  # which is where numbers get into code

    def __hash__(self) -> int:
        return hash((self.slope, self.start))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Size):
            return False
        return self.slope == other.slope and self.start == other.start

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __add__(self, other: int) -> int:
        slope, start = parts(other)
        return Size.made(self.slope + slope, self.start + start, self.reach)

    __radd__ = __add__

    def __neg__(self) -> int:
        return Size.made(-self.slope, -self.start, self.reach)

    def __sub__(self, other: int) -> int:
        return self + -other

    def __rsub__(self, other: int) -> int:
        return -self + other

    def __mul__(self, other: int) -> int:
        if isinstance(other, Size):
            raise Varying(f"({self!r}) * ({other!r})")
        return Size.made(self.slope * other, self.start * other, self.reach)

    __rmul__ = __mul__

    def __divmod__(self, other: int) -> tuple[int, int]:
        slope, start = parts(other)
        if slope and self.slope % slope == 0 and self.start * slope == self.slope * start:
            return self.slope // slope, 0
        if slope or self.slope % start:
            raise Varying(f"({self!r}) / ({other!r})")
        high, low = divmod(self.start, start)
        return Size.made(self.slope // start, high, self.reach), low

    def __floordiv__(self, other: int) -> int:
        return divmod(self, other)[0]

    def __mod__(self, other: int) -> int:
        return divmod(self, other)[1]

    def __rdivmod__(self, other: int) -> tuple[int, int]:
        if other < 0 or not below(other, self):
            raise Varying(f"({other!r}) / ({self!r})")
        return 0, other

    def __rfloordiv__(self, other: int) -> int:
        return divmod(other, self)[0]

    def __rmod__(self, other: int) -> int:
        return divmod(other, self)[1]

    def sign(self, other: int) -> tuple[int, int]:
        """`self - other` for the smallest and for the largest n."""
        slope, start = parts(self - other)
        return slope * self.reach.least + start, slope * self.reach.most + start

    __lt__ = compared(lambda away: away < 0)
    __le__ = compared(lambda away: away <= 0)
    __gt__ = compared(lambda away: away > 0)
    __ge__ = compared(lambda away: away >= 0)


def parts(x: int) -> tuple[int, int]:
    return (x.slope, x.start) if isinstance(x, Size) else (0, x)


def slope_of(x: int) -> int:
    """By how much `x` grows with n."""
    return parts(x)[0]


def below(x: int, y: int) -> bool:
    """Whether `x < y` for every n."""
    try:
        return x < y
    except Varying:
        return False


def divides(x: int, y: int) -> bool:
    """Whether `y` is a multiple of `x` for every n, and not only for some."""
    try:
        return y % x == 0
    except Varying:
        return False


def factor(x: int) -> int:
    """The largest number that `x` is a multiple of for every n."""
    return gcd(x.slope, x.start) if isinstance(x, Size) else x


def plain(x: Any) -> Any:
    """A number that code is written for; Varying for a Size, which is no such number."""
    if isinstance(x, Size):
        raise Varying(f"{x!r} as a number")
    return x


def quotient(x: int, y: int) -> int:
    """`x // y`; where that is no Size, what it is at most."""
    try:
        return x // y
    except Varying:
        return int(x) // int(y)


def common(x: int, y: int) -> int:
    """A divisor of both: the greatest of plain numbers, one of two Sizes, or 1."""
    if not isinstance(x, Size) and not isinstance(y, Size):
        return gcd(x, y)
    if isinstance(x, Size) and isinstance(y, Size):
        return x if divides(x, y) else y if divides(y, x) else 1
    return 1


def span(part: slice, n: int) -> tuple[int, int, int]:
    """Start, step and count of what a slice takes of an axis of size `n`."""
    if not any(isinstance(x, Size) for x in (n, part.start, part.stop)):
        reach = range(*part.indices(n))
        return reach.start, reach.step, len(reach)
    if part.step == -1:
        start, stop = end(part.start, n, n - 1), end(part.stop, n, -1)
        return start, -1, start - stop if start > stop else 0
    if part.step not in (None, 1):
        raise Varying(f"{part} of {n!r}")
    start, stop = end(part.start, n, 0), end(part.stop, n, n)
    return start, 1, stop - start if stop > start else 0


def end(x: int | None, n: int, usual: int) -> int:
    """An end of a slice, counted from the front."""
    if x is None:
        return usual
    x = x + n if x < 0 else x
    return 0 if x < 0 else x if x <= n else n


def concrete(x: Any, n: int) -> Any:
    """`x`, a number, a tuple, list, dict or slice of them, for this n."""
    if isinstance(x, Size):
        return x.at(n)
    if isinstance(x, (tuple, list)):
        inner = [concrete(part, n) for part in x]
        return type(x)._make(inner) if hasattr(x, "_make") else type(x)(inner)
    if isinstance(x, dict):
        return {key: concrete(part, n) for key, part in x.items()}
    if type(x) is slice:
        return slice(*(concrete(part, n) for part in (x.start, x.stop, x.step)))
    return x
