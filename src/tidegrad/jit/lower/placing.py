"""Floor 6. Placing: indices as numbers in generated code, each where it stops changing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

from ...abstract import Value
from ..lane import Lane, cast, select, splat
from ..sizes import below
from .affine import Affine, Loop, Mod, Quotient, Read, Variable, Within
from .loops import INDEX, Level, measured
from .views import Condition
from .walk import Walk

__all__ = ["Placing", "at_depth", "combined", "counted", "depth", "met"]


class Placing(Walk):
    """Writes code `here`, and what changes less often at outer `levels`.

    `lane` is the loop whose turns run side by side.

    `pointers` name each stored Value's memory.  `mask` says which lanes count; None means all.
    """

    def __init__(
        self,
        pointers: Mapping[Value, str],
        levels: Mapping[Loop, Level],
        root: Level,
        here: Level,
        lane: Loop | None = None,
        width: int = 1,
        mask: Lane | None = None,
        held: bool = False,
    ):
        super().__init__(pointers)
        self.pointers, self.levels, self.root, self.here = pointers, levels, root, here
        self.lane, self.width, self.mask = lane, width, mask
        self.held = held  # everything is computed here
        self.integers: dict[Any, Lane] = {}

    def level(self, loops: frozenset[Loop]) -> Level:
        """Where something that changes with `loops` is computed."""
        if self.held:
            return self.here
        return max((self.levels[loop] for loop in loops), key=depth, default=self.root)

    # Integers: a scalar is that of the first lane.

    def scalar(self, a: Affine) -> Lane:
        """`a` as one number, those terms first that change least."""
        if a not in self.integers:
            terms = [(self.variable(v), c) for v, c in a.terms.items()]
            terms.sort(key=lambda term: depth(term[0].code))
            total = measured(self.root, a.const)
            for x, c in terms:
                part = self.times(at_depth(x, x.code), c)
                total = combined(total, part)
            self.integers[a] = total
        return self.integers[a]

    def variable(self, v: Variable) -> Lane:
        if isinstance(v, Loop):
            position = self.levels[v].position
            assert position is not None
            return position
        if isinstance(v, Within):
            return self.scalar(v.whole)
        if v not in self.integers:
            if isinstance(v, (Quotient, Mod)):
                self.integers[v] = self.divided(self.scalar(v.whole), v)
            else:
                assert isinstance(v, Read)
                self.integers[v] = self.bounded(self.at(v.value, v.index), v.size)
        return self.integers[v]

    def vector(self, a: Affine) -> Lane:
        """`a` in every lane."""
        key = ("vector", a)
        if key not in self.integers:
            still = Affine({v: c for v, c in a.terms.items() if self.lane not in v.loops}, a.const)
            total = splat(self.scalar(still), self.width)
            for v, c in a.terms.items():
                if self.lane in v.loops:
                    total = combined(total, self.times(self.vector_variable(v), c))
            self.integers[key] = total
        return self.integers[key]

    def vector_variable(self, v: Variable) -> Lane:
        key = ("vector", v)
        if key not in self.integers:
            if isinstance(v, Loop):
                first = splat(self.variable(v), self.width)
                found = first + counted(first.code, self.width)
            elif isinstance(v, Within):
                found = self.vector(v.whole)
            elif isinstance(v, (Quotient, Mod)):
                found = self.divided(self.vector(v.whole), v)
            else:
                assert isinstance(v, Read)
                found = self.bounded(splat(self.at(v.value, v.index), self.width), v.size)
            self.integers[key] = found
        return self.integers[key]

    def times(self, x: Lane, n: int) -> Lane:
        return x if n == 1 else x * self.like(n, x)

    def divided(self, x: Lane, v: Quotient | Mod) -> Lane:
        verb = "udiv" if isinstance(v, Quotient) else "urem"
        return x.like(f"{verb} {x.type} {x.name}, {self.like(v.n, x).name}")

    def bounded(self, place: Lane, n: int) -> Lane:
        """A place as an index from 0 to before `n`: negative ones count from the end."""
        x = cast(place, INDEX)
        if place.dtype.kind == "i":
            x = select(x < 0, x + self.like(n, x), x)
        return self.within(x, n)

    def within(self, x: Lane, n: int) -> Lane:
        """An index brought into 0 to before `n`."""
        x = select(x < 0, 0, x)
        last = self.like(n - 1, x)
        return select(x < last, x, last)

    def like(self, n: int, x: Lane) -> Lane:
        """A size in every lane, for instructions where `x` is."""
        return at_depth(splat(measured(self.root, n), x.width), x.code)

    def condition(self, conditions: Sequence[Condition]) -> Lane | None:
        """Whether all conditions hold, in one Lane; None where they always do."""
        tests = []
        for where, low, high in conditions:
            least, most = where.bounds
            spread = self.lane is not None and self.lane in where.loops
            known = below(low - 1, least), below(most, high)
            if all(known):
                continue
            x = self.vector(where) if spread else self.scalar(where)
            tests += [] if known[0] else [x >= self.like(low, x)]
            tests += [] if known[1] else [x < self.like(high, x)]
        if not tests:
            return None
        return reduce(met, tests)


def depth(code: Any) -> int:
    return code.depth


def at_depth(x: Lane, code: Any) -> Lane:
    """`x` for instructions that stand in `code`, which is no less deep."""
    return x if x.code is code else Lane(code, x.name, x.dtype, x.width, x.value)


def combined(x: Lane, y: Lane) -> Lane:
    """`x + y`, computed at the deeper of their places."""
    if x.value == 0 and x.dtype == INDEX:
        return y
    code = max((x.code, y.code), key=depth)
    return at_depth(x, code) + at_depth(y, code)


def met(x: Lane, y: Lane) -> Lane:
    """Whether both hold, computed at the deeper of their places."""
    code = max((x.code, y.code), key=depth)
    return at_depth(x, code) & at_depth(y, code)


def counted(code: Any, width: int) -> Lane:
    """0, 1, 2 ... in the lanes."""
    listed = ", ".join(f"i64 {k}" for k in range(width))
    return Lane(code, f"<{listed}>", INDEX, width)
