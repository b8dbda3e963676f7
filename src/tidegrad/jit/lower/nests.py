"""Floor 6. Nests: the code of one stage, which stores elementwise results or folds of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ...abstract import Value
from ..ir import Module
from ..lane import BOOL, Lane, literal, splat
from .affine import Loop
from .emit import Emit, at_depth, counted
from .loops import INDEX, Function, Level
from .space import Space

__all__ = ["Nest", "Piece", "lanes_of"]

Levels = dict[Loop, Level]


class Piece(NamedTuple):
    """Part of a loop's turns: where it starts and stops, how many at once, which lanes count."""

    start: Lane
    stop: Lane
    step: int
    some: bool  # at least one turn
    once: bool  # exactly one turn
    ragged: bool  # the last lanes are beyond the end


def lanes_of(bits: int, dtypes: Sequence[np.dtype]) -> int:
    """How many numbers a vector register holds, of the widest that are computed with."""
    return bits // (8 * max((d.itemsize for d in dtypes), default=4))


class Nest:
    """A function (pointers..., lo, hi) that does the work of the rows from lo to before hi."""

    def __init__(self, module: Module, name: str, stored: Sequence[Value], width: int):
        self.width = width
        self.pointers = {v: f"%p{k}" for k, v in enumerate(stored)}
        parameters = [("ptr", p) for p in self.pointers.values()]
        self.function = Function(module, name, [*parameters, ("i64", "%lo"), ("i64", "%hi")])
        self.root = self.function.root

    def bounds(self, space: Space) -> tuple[Lane, Lane]:
        """From where to where the first loop of `space` runs."""
        low, high = Lane(self.root, "%lo", INDEX), Lane(self.root, "%hi", INDEX)
        return low * space.per_row, high * space.per_row

    def limits(self, space: Space, loop: Loop, level: Level) -> tuple[Lane, Lane]:
        if loop is space.loops[0]:
            low, high = self.bounds(space)
            return at_depth(low, level), at_depth(high, level)
        return literal(level, 0, INDEX), literal(level, loop.size, INDEX)

    def pieces(self, limits: tuple[Lane, Lane], step: int) -> Iterator[Piece]:
        """A loop in steps of `step`, and what is left in one ragged step."""
        start, stop = limits
        if start.value is not None and stop.value is not None:
            whole, left = divmod(stop.value - start.value, step)
            middle = literal(start.code, start.value + whole * step, INDEX)
            if whole:
                yield Piece(start, middle, step, True, whole == 1, False)
            if left:
                yield Piece(middle, stop, step, True, True, step > 1)
            return
        if step == 1:
            yield Piece(start, stop, 1, False, False, False)
            return
        count = stop - start
        left = count.like(f"urem {count.type} {count.name}, {step}")
        middle = stop - left
        yield Piece(start, middle, step, False, False, False)
        yield Piece(middle, stop, step, False, False, True)

    def entered(self, level: Level, loop: Loop, piece: Piece) -> Level:
        """The inside of a loop over a piece."""
        if piece.once:
            inner = level.then()
            inner.loop, inner.position = loop, at_depth(piece.start, inner)
            inner.depth = level.depth + 1
            return inner
        return level.repeat(loop, piece.start.name, piece.stop.name, piece.step, piece.some)

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

    def stores(self, space: Space, values: Sequence[Value], kept: Sequence[Value]) -> None:
        """For each turn of the loops of `space`, the elements of `values`; `kept` are stored."""

        def body(levels: Levels, lane: Loop, mask: Lane | None) -> None:
            here = levels[lane]
            emit = Emit(self.pointers, levels, self.root, here, lane, self.width, mask)
            for v in values:
                x = emit.anew(v, space.index)
                if v in kept:
                    emit.store(v, space.index, x)

        self.over(space, space.loops[:-1], self.root, {}, lambda level, levels: self.side_by_side(
            space, space.loops[-1], level, levels, body))  # fmt: skip

    def over(
        self, space: Space, loops: Sequence[Loop], level: Level, levels: Levels,
        inside: Callable[[Level, Levels], None],
    ) -> None:  # fmt: skip
        """Plain loops, then `inside`."""
        for loop in loops:
            (piece,) = self.pieces(self.limits(space, loop, level), 1)
            level = self.entered(level, loop, piece)
            levels = {**levels, loop: level}
        inside(level, levels)

    def side_by_side(
        self, space: Space, lane: Loop, level: Level, levels: Levels,
        body: Callable[[Levels, Loop, Lane | None], None],
    ) -> None:  # fmt: skip
        """A loop whose turns run `width` at a time."""
        for piece in self.pieces(self.limits(space, lane, level), self.width):
            inner = self.entered(level, lane, piece)
            body({**levels, lane: inner}, lane, self.mask(inner, piece))
