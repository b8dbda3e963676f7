"""Floor 6. Affine: where an element is, as sums of multiples of loop variables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...abstract import Value
from ...lazy import lazy
from ...shapes import Shape
from ..sizes import Size, below, quotient

__all__ = ["Affine", "Loop", "Mod", "Quotient", "Read", "Variable", "Within", "linear", "places"]
__all__ += ["strides", "within"]


class Variable:
    """An integer from 0 to before `size` that is known when the program runs."""

    size: int

    @lazy
    def loops(self) -> frozenset[Loop]:
        """The loops whose counters it is made of."""
        return frozenset()


class Loop(Variable):
    """The counter of one loop; each is itself alone."""

    def __init__(self, name: str, size: int):
        self.name, self.size = name, size
        self.even = 0  # what the first turn is a multiple of

    @lazy
    def loops(self) -> frozenset[Loop]:
        return frozenset([self])

    def __repr__(self) -> str:
        return self.name


class Derived(Variable):
    """A variable computed from others; equal ones are equal, so that each is computed once."""

    def __init__(self, size: int, *key: Any):
        self.size, self.key = size, (type(self), *key)
        self.hash = hash(self.key)

    def __hash__(self) -> int:
        return self.hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Derived) and self.key == other.key)


class Quotient(Derived):
    """`whole // n`, rounded down."""

    def __init__(self, whole: Affine, n: int):
        super().__init__(quotient(whole.bounds[1], n) + 1, whole, n)
        self.whole, self.n = whole, n

    @lazy
    def loops(self) -> frozenset[Loop]:
        return self.whole.loops

    def __repr__(self) -> str:
        return f"({self.whole} / {self.n})"


class Mod(Derived):
    """`whole % n`."""

    def __init__(self, whole: Affine, n: int):
        super().__init__(n, whole, n)
        self.whole, self.n = whole, n

    @lazy
    def loops(self) -> frozenset[Loop]:
        return self.whole.loops

    def __repr__(self) -> str:
        return f"({self.whole} % {self.n})"


class Read(Derived):
    """An element of an integer Value, brought into 0 to before `size`."""

    def __init__(self, value: Value, index: tuple[Affine, ...], size: int):
        super().__init__(size, id(value), index, size)
        self.value, self.index = value, index

    @lazy
    def loops(self) -> frozenset[Loop]:
        return frozenset().union(*(a.loops for a in self.index))

    def __repr__(self) -> str:
        return f"read{list(self.index)}"


class Within(Derived):
    """`whole`, where a condition says that it is from 0 to before `size`."""

    def __init__(self, whole: Affine, size: int):
        super().__init__(size, whole, size)
        self.whole = whole

    @lazy
    def loops(self) -> frozenset[Loop]:
        return self.whole.loops

    def __repr__(self) -> str:
        return f"[{self.whole}]"


def within(a: Affine, size: int) -> Affine:
    """`a`, which a condition keeps from 0 to before `size`."""
    low, high = a.bounds
    return a if below(-1, low) and below(high, size) else Affine.of(Within(a, size))


class Affine:
    """`const` plus multiples of variables."""

    __slots__ = ("__dict__", "const", "terms")

    def __init__(self, terms: Mapping[Variable, int] = {}, const: int = 0):
        self.terms = terms
        self.const = const

    @staticmethod
    def of(x: Variable | int) -> Affine:
        return Affine({}, x) if isinstance(x, int) else Affine({x: 1})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Affine) and self.const == other.const and self.terms == other.terms

    @lazy
    def hash(self) -> int:
        return hash((frozenset(self.terms.items()), self.const))

    def __hash__(self) -> int:
        return self.hash

    def __add__(self, other: Affine | int) -> Affine:
        if isinstance(other, int):
            return Affine(self.terms, self.const + other) if other else self
        terms = dict(self.terms)
        for v, c in other.terms.items():
            terms[v] = terms.get(v, 0) + c
        return Affine(joined({v: c for v, c in terms.items() if c}), self.const + other.const)

    def __sub__(self, n: int) -> Affine:
        return self + -n

    def __mul__(self, n: int) -> Affine:
        return (
            self
            if n == 1
            else Affine({v: c * n for v, c in self.terms.items() if n}, self.const * n)
        )

    def __repr__(self) -> str:
        parts = [f"{c}*{v}" if c != 1 else f"{v}" for v, c in self.terms.items()]
        return " + ".join([*parts, *([str(self.const)] if self.const or not parts else [])])

    @lazy
    def bounds(self) -> tuple[int, int]:
        """The smallest and the largest value that it can have."""
        low = high = self.const
        for v, c in self.terms.items():
            end = c * (v.size - 1)
            low, high = low + min(end, 0), high + max(end, 0)
        return low, high

    @lazy
    def loops(self) -> frozenset[Loop]:
        return frozenset().union(*(v.loops for v in self.terms))

    def along(self, loop: Loop) -> int | None:
        """By how much it grows with `loop`; None where that is not a constant."""
        total = self.terms.get(loop, 0)
        for v, c in self.terms.items():
            if v is not loop and loop in v.loops:
                step = v.whole.along(loop) if isinstance(v, Within) else None
                if step is None:
                    return None
                total += step * c
        return total

    def split(self, n: int) -> tuple[Affine, Affine]:
        """Quotient and remainder by `n`, affine wherever that is possible."""
        if n == 1:
            return self, ZERO
        if isinstance(n, Size) and below(-1, self.bounds[0]) and below(self.bounds[1], n):
            return ZERO, self
        above = {v: c // n for v, c in self.terms.items() if c % n == 0}
        rest = {v: c for v, c in self.terms.items() if c % n}
        high, low = Affine(above, self.const // n), Affine(rest, self.const % n)
        least, most = low.bounds
        if below(-1, least) and below(most, n):
            return high, low
        if not below(-1, least):  # keeps what is divided positive
            shift = -(least // n)
            high, low = high + -shift, low + shift * n
        return high + Affine.of(Quotient(low, n)), Affine.of(Mod(low, n))


ZERO = Affine()


def joined(terms: dict[Variable, int]) -> Mapping[Variable, int]:
    """`terms`, where a quotient and a remainder that make up their whole are that again."""
    for v, c in terms.items():
        if isinstance(v, Mod):
            other = Quotient(v.whole, v.n)
            if terms.get(other) == c * v.n:
                rest = Affine({w: k for w, k in terms.items() if w != v and w != other})
                whole = rest + v.whole * c
                # The constant of a whole is 0 wherever rows are split into axes.
                return whole.terms if not whole.const else terms
    return terms


def strides(shape: Sequence[int]) -> Shape:
    """How far apart neighbours along each axis are, in elements of a contiguous array."""
    found: list[int] = []
    step = 1
    for n in reversed(shape):
        found.append(step)
        step *= n
    return tuple(reversed(found))


def linear(index: Sequence[Affine], steps: Iterable[int]) -> Affine:
    """The sum of `index` times `steps`: where an element is in memory."""
    terms: dict[Variable, int] = {}
    const = 0
    for a, step in zip(index, steps, strict=True):
        const += a.const * step
        for v, c in a.terms.items():
            terms[v] = terms.get(v, 0) + c * step
    return Affine(joined({v: c for v, c in terms.items() if c}), const)


def places(whole: Affine, shape: Sequence[int]) -> tuple[Affine, ...]:
    """The index along each axis of `shape` of the element number `whole`."""
    index: list[Affine] = []
    for n in reversed(shape[1:]):
        whole, place = whole.split(n)
        index.append(place)
    return (*([whole] if shape else []), *reversed(index))
