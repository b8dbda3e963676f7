"""Floor 6. Nests: the code of one stage, which stores elementwise results or folds of them."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...abstract import Value
from ..ir import Module
from ..lane import BOOL, Lane, literal, splat
from ..sizes import factor
from .affine import Affine, Loop, places
from .emit import Emit
from .loops import INDEX, Function, Level, measured
from .placing import at_depth, counted
from .space import Space

__all__ = ["Limits", "Nest", "Piece", "lanes_of"]

Levels = dict[Loop, Level]
ROWS = [("i64", name) for name in ("%lo", "%hi", "%n")]


class Piece(NamedTuple):
    """Part of a loop's turns: where it starts and stops, how many at once, which lanes count."""

    start: Lane
    stop: Lane
    step: int
    some: bool  # at least one turn
    once: bool  # exactly one turn
    ragged: bool  # the last lanes are beyond the end


class Limits(NamedTuple):
    """Where a loop starts and stops; its turns are a multiple of `even`."""

    start: Lane
    stop: Lane
    even: int = 1


def lanes_of(bits: int, dtypes: Sequence[np.dtype]) -> int:
    """How many numbers a vector register holds, of the widest that are computed with."""
    return bits // (8 * max([4, *(d.itemsize for d in dtypes)]))


class Nest:
    """A function (pointers..., lo, hi, n) that does the work of the rows from lo to before hi.

    Both are multiples of `quantum`; n is what Sizes follow.
    """

    def __init__(
        self, module: Module, name: str, stored: Sequence[Value], width: int, quantum: int = 1
    ):
        self.width, self.quantum = width, quantum
        self.pointers = {v: f"%p{k}" for k, v in enumerate(stored)}
        parameters = [("ptr", p) for p in self.pointers.values()]
        self.function = Function(module, name, [*parameters, *ROWS])
        self.root = self.function.root
        self.rows: dict[Loop, int] = {}  # loops over rows: how many turns for each

    def fill(self, v: Value, number: Any) -> None:
        """Every element of `v`, which has no rows here, set to one number."""
        flat = Loop("i", v.size)
        for piece in self.pieces(self.limits(flat, self.root), self.width):
            inner = self.entered(self.root, flat, piece)
            mask = self.mask(inner, piece)
            emit = Emit(self.pointers, {flat: inner}, self.root, inner, flat, self.width, mask)
            emit.store(v, places(Affine.of(flat), v.shape), literal(self.root, number, v.dtype))

    def limits(self, loop: Loop, level: Level) -> Limits:
        """From where to where a loop runs: that over rows as the caller says."""
        if loop in self.rows:
            turns = self.rows[loop]
            even = self.quantum * factor(turns)
            loop.even = even if loop.size > turns else 0
            low, high = (
                Lane(self.root, name, INDEX) * measured(self.root, turns) for name in ("%lo", "%hi")
            )
            return Limits(at_depth(low, level), at_depth(high, level), even)
        stop = at_depth(measured(self.root, loop.size), level)
        return Limits(literal(level, 0, INDEX), stop, int(stop.value is None))

    def pieces(self, limits: Limits, step: int) -> Iterator[Piece]:
        """A loop in steps of `step`, and what is left in one ragged step."""
        start, stop, even = limits
        if start.value is not None and stop.value is not None:
            whole, left = divmod(stop.value - start.value, step)
            middle = literal(start.code, start.value + whole * step, INDEX)
            if whole:
                yield Piece(start, middle, step, True, whole == 1, False)
            if left:
                yield Piece(middle, stop, step, True, True, step > 1)
            return
        if even % step == 0:
            yield Piece(start, stop, step, False, False, False)
            return
        count = stop - start
        left = count.like(f"urem {count.type} {count.name}, {step}")
        middle = stop - left
        yield Piece(start, middle, step, False, False, False)
        yield Piece(middle, stop, step, False, False, True)

    def entered(self, level: Level, loop: Loop, piece: Piece, held: Sequence[Lane] = ()) -> Level:
        """The inside of a loop over a piece, with what it carries from turn to turn."""
        if piece.once:
            inner = level.then()
            inner.loop, inner.position = loop, at_depth(piece.start, inner)
            inner.depth = level.depth + 1
            inner.held = [at_depth(x, inner) for x in held]
            return inner
        ends = piece.start.name, piece.stop.name
        return level.repeat(loop, *ends, piece.step, piece.some, held)

    def mask(self, level: Level, piece: Piece) -> Lane | None:
        """Which lanes of a ragged piece are there."""
        if not piece.ragged:
            return None
        if piece.start.value is not None and piece.stop.value is not None:
            left = piece.stop.value - piece.start.value
            listed = ", ".join(f"i1 {str(k < left).lower()}" for k in range(self.width))
            return Lane(level, f"<{listed}>", BOOL, self.width)
        assert level.position is not None
        left = at_depth(piece.stop, level) - level.position
        return counted(level, self.width) < splat(left, self.width)

    def inside(self, loops: Iterable[Loop], level: Level, levels: Levels) -> tuple[Level, Levels]:
        """The inside of loops that go one by one, in a level that is inside of `levels`."""
        for loop in loops:
            (piece,) = self.pieces(self.limits(loop, level), 1)
            level = self.entered(level, loop, piece)
            levels = {**levels, loop: level}
        return level, levels

    def vectors(self, loops: Sequence[Loop]) -> Iterator[tuple[Levels, Loop, Lane | None]]:
        """The inside of loops, the last of which runs in vectors: whole ones, then what is left."""
        *outer, lane = loops
        level, levels = self.inside(outer, self.root, {})
        for piece in self.pieces(self.limits(lane, level), self.width):
            inner = self.entered(level, lane, piece)
            yield {**levels, lane: inner}, lane, self.mask(inner, piece)

    def stores(self, space: Space, values: Sequence[Value], kept: Container[Value]) -> None:
        """For each turn of the loops of `space`, the elements of `values`; `kept` are stored."""
        self.rows[space.loops[0]] = space.per_row
        for levels, lane, mask in self.vectors(space.loops):
            emit = Emit(self.pointers, levels, self.root, levels[lane], lane, self.width, mask)
            # Everything is read before anything is written, which may be in the same place.
            for v, x in [(v, emit.anew(v, space.index)) for v in values]:
                if v in kept:
                    emit.store(v, space.index, x)
