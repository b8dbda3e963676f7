"""Floor 6. General: one program for all sizes that a function's arguments may have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from numpy import ndarray

from .costs import Cost, cost_of
from .executable import Executable, Variant, ready, team_of
from .graph import Graph
from .indices import Indices
from .lower.fusing import scheduled
from .lower.memory import planned
from .lower.stages import Call
from .lower.storing import effort, stored_values
from .native.forks import new_lock
from .passes import simplified
from .regions import Holding
from .sizes import Reach, Varying, concrete, slope_of
from .sizing import Pattern

__all__ = ["General", "Sized", "capacity"]

LEAST = 1 << 10  # rows, if what is kept of all of them takes less than ROOM
ROOM = 1 << 28  # bytes; what is not used of it takes none
LOWEST = 1 << 7
LARGE = 1 << 16  # rows from which on a program is made for twice as many, and not for four times


class General(Executable):
    """A pattern of graphs, compiled once for all n up to `most`.

    The pattern is simplified for three sizes, and must give a pattern again.  They are prime, and
    so large that no rule takes them for what they are not.
    """

    def __init__(self, pattern: Pattern, pairs: Mapping[int, int], most: int):
        *sizes, between = (primes(most)[k] for k in (2, 0, 1))
        self.pattern, self.most = pattern, sizes[1]
        *first, last = (ready(simplified(pattern.at(n))) for n in (*sizes, between))
        self.simple = Pattern(first, sizes, last=True)
        if not self.simple.holds(last, between):
            raise Varying("what it was simplified to")
        self.reach = Reach(max(pattern.least, self.simple.least), self.most)
        self.graph = self.simple.general(self.reach)
        self.form = repr(self.reach)
        self.pairs, self.contract = dict(pairs), True
        self.variants: dict[tuple[int, bool], Variant] = {}
        self.lock = new_lock()
        self.variant()

    def opened(self, count: int, fixed: bool) -> Variant:
        return SizedVariant(self, count, fixed)

    def found(self) -> Variant | None:
        """The program for the number of threads that is set now, if it can be made."""
        try:
            return self.variant()
        except Varying:
            return None

    def numbers(self, n: int) -> list[ndarray]:
        """Inputs of the program that follow n."""
        return self.pattern.numbers(n) + self.simple.numbers(n)


class Setting(NamedTuple):
    """A size, how many threads work then, and the shapes and dtypes of results."""

    n: int
    team: int
    fresh: list


class SizedVariant(Variant):
    """A general program in memory: the size comes with every call."""

    n = 0

    def __init__(self, whole: General, count: int, fixed: bool):
        super().__init__(whole, count, fixed)
        self.effort, self.most = effort(self.graph), whole.reach.most
        self.shapes = [spec for _, spec in self.fresh]
        if any(
            isinstance(step, Call) and isinstance(step.operation.prim, Holding)
            for step in self.steps
        ):
            raise Varying("a graph that Python runs")
        self.turn = new_lock()

    def setting(self, n: int) -> Setting:
        """What a call for `n` needs to know."""
        fresh = [(k, (concrete(shape, n), dtype)) for k, (shape, dtype) in enumerate(self.shapes)]
        work = self.effort * n // self.most
        return Setting(n, team_of(work, self.threads), fresh)

    def sized(self, arrays: list[ndarray], outs: Any, setting: Setting) -> list[ndarray]:
        with self.turn:
            self.n, self.team, self.fresh = setting
            self.words[5] = self.n
            return self(arrays, outs)

    def real(self, x: Any) -> Any:
        return concrete(x, self.n)

    def array(self, v: Any, arrays: list[ndarray], made: list[ndarray]) -> ndarray:
        found = super().array(v, arrays, made)
        return found[: self.real(v.shape[0])] if slope_of(*v.shape[:1] or (0,)) else found

    def result(self, v: Any) -> Any:
        if v.prim is None and v.saved is not None:
            return lambda arrays, made: self.array(v, arrays, made)
        return super().result(v)


class Sized:
    """A general program for one n, called like an Executable."""

    def __init__(self, whole: General, graph: Graph, n: int):
        self.whole, self.own, self.n = whole, graph, n
        self.graph, self.numbers = whole.graph, whole.numbers(n)
        self.indices = Indices(graph)
        self.made: tuple[Any, Setting | None] = None, None
        self.other: Executable | None = None

    def __call__(
        self, arrays: list[ndarray], outs: Sequence[ndarray | None] | None = None
    ) -> list[ndarray]:
        if self.other is not None:
            return self.other(arrays, outs)
        if self.indices.uses:
            self.indices.check(arrays)
        variant: Any = self.whole.found()
        if variant is None:
            self.other = Executable(self.own, self.whole.pairs)
            return self.other(arrays, outs)
        made, setting = self.made
        if made is not variant:
            setting = variant.setting(self.n)
            self.made = variant, setting
        return variant.sized([*arrays, *self.numbers], outs, setting)

    def source(self) -> str:
        """The LLVM text of the program, which is for other sizes too."""
        return self.whole.source()

    def cost(self) -> Cost:
        """What a call of this size computes, moves and keeps."""
        graph, variant = ready(simplified(self.own)), self.whole.variant()
        stored, parts = stored_values(graph), variant.schedule.parts
        schedule = scheduled(graph, stored, variant.threads, parts, self.whole.pairs)
        return cost_of(graph, schedule, planned(graph, schedule))


def capacity(pattern: Pattern, n: int) -> int:
    """For how many rows a program is made that is asked for `n`."""
    wanted = 4 * n if n < LARGE else 2 * n
    most = min(LEAST, max(wanted, ROOM // max(pattern.row, 1)))
    return 1 << (max(most, wanted, LOWEST) - 1).bit_length()


def primes(n: int) -> list[int]:
    """The largest three primes up to `n`."""
    found = (p for p in range(n, 1, -1) if all(p % k for k in range(2, int(p**0.5) + 1)))
    return list(islice(found, 3))
