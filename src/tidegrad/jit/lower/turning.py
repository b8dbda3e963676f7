"""Floor 6. Turning: transposed copies by squares in registers, read and written along memory."""

from __future__ import annotations

from collections.abc import Container, Iterator

from ...abstract import Value
from ..lane import Lane
from .affine import Affine, Loop
from .emit import Emit
from .loops import Level
from .nests import Levels, Limits, Nest, Piece
from .shuffling import shuffled
from .space import Space, replaced
from .stages import Others
from .walk import Probe

__all__ = ["turned"]


def turned(nest: Nest, space: Space, stored: Container[Value], values: list[Value]) -> bool:
    """Write the code of a copy whose source and result lie in memory along different loops.

    False where it is no such copy, and nothing has been written.
    """
    probe = Probe(Others(stored, values))
    for v in values:
        probe.anew(v, space.index)
    if len(values) != 1 or len(probe.accesses) != 1 or len(space.loops) < 2:
        return False
    (access,), lane, width = probe.accesses, space.loops[-1], nest.width
    across = [loop for loop in space.loops[1:-1] if access.offset.along(loop) == 1]
    fits = len(across) == 1 and across[0].size >= width and lane.size % width == 0
    if access.offset.along(lane) in (0, 1, None) or not fits:
        return False
    if any(across[0] in condition.where.loops for condition in access.conditions):
        return False
    Turn(nest, space, values[0], across[0]).written()
    return True


class Turn:
    """Squares of `width` by `width` elements, read along `across` and written along the lanes."""

    def __init__(self, nest: Nest, space: Space, value: Value, across: Loop):
        self.nest, self.space, self.value = nest, space, value
        self.lane, self.across = space.loops[-1], across

    def written(self) -> None:
        nest = self.nest
        nest.rows[self.space.loops[0]] = self.space.per_row
        others = [loop for loop in self.space.loops[:-1] if loop is not self.across]
        level, levels = nest.inside(others, nest.root, {})
        for piece in self.pieces(level):
            outer = nest.entered(level, self.across, piece)
            for part in nest.pieces(nest.limits(self.lane, outer), nest.width):
                inner = nest.entered(outer, self.lane, part)
                known = {**levels, self.across: outer, self.lane: inner}
                if piece.step > 1:
                    self.square(inner, known)
                else:
                    self.line(inner, known)

    def pieces(self, level: Level) -> Iterator[Piece]:
        """The loop across in squares, and one by one what is left."""
        for piece in self.nest.pieces(self.nest.limits(self.across, level), self.nest.width):
            if piece.ragged:
                yield from self.nest.pieces(Limits(piece.start, piece.stop), 1)
            else:
                yield piece

    def square(self, level: Level, levels: Levels) -> None:
        nest, width = self.nest, self.nest.width
        read = Emit(nest.pointers, levels, nest.root, level, self.across, width)
        rows = [
            read.here_wide(read.anew(self.value, self.moved(self.lane, k))) for k in range(width)
        ]
        write = Emit(nest.pointers, levels, nest.root, level, self.lane, width)
        for k, row in enumerate(transposed(rows)):
            write.store(self.value, self.moved(self.across, k), row)

    def line(self, level: Level, levels: Levels) -> None:
        emit = Emit(self.nest.pointers, levels, self.nest.root, level, self.lane, self.nest.width)
        emit.store(self.value, self.space.index, emit.anew(self.value, self.space.index))

    def moved(self, loop: Loop, k: int) -> tuple[Affine, ...]:
        return tuple(replaced(a, {loop: Affine.of(loop) + k}) for a in self.space.index)


def transposed(rows: list[Lane]) -> list[Lane]:
    """The columns of a square: ever smaller blocks beside the diagonal change places."""
    rows, width = list(rows), len(rows)
    step = width // 2
    while step:
        for k in range(width):
            if not k & step:
                pair = rows[k], rows[k + step]
                low = [n if not n & step else n - step + width for n in range(width)]
                high = [n + step if not n & step else n + width for n in range(width)]
                rows[k], rows[k + step] = (shuffled(pair[0], to, pair[1]) for to in (low, high))
        step //= 2
    return rows
