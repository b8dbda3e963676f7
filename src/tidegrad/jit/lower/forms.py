"""Floor 6. Forms: which loops the tiles of a fold take turns of, and how these are cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

from ..lane import Lane, literal
from ..sizes import factor, slope_of
from .affine import Affine, Loop, Variable, linear, strides
from .folds import Fold
from .loops import INDEX, Level
from .nests import Limits, Nest, Piece
from .space import replaced
from .tiling import Axis, tiling
from .views import Index
from .walk import Probe

__all__ = ["Form", "Spot"]

# Registers that results may take, by the bits of one: half of those there are, at least.
REGISTERS = {128: 12, 256: 12, 512: 24}
ENOUGH = 12  # results of a tile along its loops
Spot = tuple[int, ...]  # a place in a tile: which turn of each of its loops


class Form:
    """How many turns of which loops a tile takes: `counts`, of the loop `lane` in vectors.

    Where the lanes run along what is folded, not `outside`, the vectors are partial results of one
    element.
    """

    def __init__(self, nest: Nest, fold: Fold, probe: Probe):
        self.nest, self.fold = nest, fold
        self.lane = lane = best_lane(fold, probe)
        self.outside = lane in fold.out.loops
        self.width = nest.width if lane.size > 1 else 1
        self.counts = self.chosen(probe)
        self.vectors = [a.offset for a in probe.accesses if lane in a.offset.loops]

    def order(self) -> list[Loop]:
        """The loops over results: what most that is read does not change with goes round inside.

        So vectors, once read, are used for all rows of a block.
        """
        loops = [loop for loop in self.fold.out.loops if loop not in self.counts]
        loops += [loop for loop in reversed(self.counts) if loop in self.fold.out.loops]
        return sorted(loops, key=lambda loop: all(a.along(loop) == 0 for a in self.vectors))

    def chosen(self, probe: Probe) -> dict[Loop, int]:
        """The loops of a tile, those along which most that is read stays the same, and the lane."""
        loops = [*shared(probe, self.lane, self.fold.out.loops), self.lane]
        axes = []
        for loop in loops:
            lanes = self.width if loop is self.lane else 1
            # Of rows there may be any number: what is left of them goes in one vector.
            free = loop is self.fold.rows or slope_of(loop.size) > 0
            most = 1 if loop is self.lane and free else 8
            even = self.nest.quantum * factor(self.nest.rows.get(loop, int(free)))
            axes.append(Axis(-(-int(loop.size) // lanes), even, most))
        reads = tuple(tuple(bool(a.offset.along(x) != 0) for x in loops) for a in probe.accesses)
        bits = self.nest.width * 8 * self.fold.value.dtype.itemsize
        counts = tiling(tuple(axes), reads, REGISTERS.get(bits, 4))
        return dict(zip(loops, counts))

    def cut(self, loop: Loop, level: Level) -> Iterator[tuple[Piece, int]]:
        """Pieces of a loop, and how many places of a tile each turn of it fills."""
        limits, count = self.nest.limits(loop, level), self.counts.get(loop, 1)
        lanes = self.width if loop is self.lane else 1
        for piece in self.nest.pieces(limits, count * lanes):
            left = whole_number(piece)
            if not piece.ragged or (left is None and loop is self.lane):
                yield piece, count
            elif left is None:  # any number of rows, which go one by one
                yield from ((p, 1) for p in self.nest.pieces(Limits(piece.start, piece.stop), 1))
            else:
                yield piece, -(-left // lanes)

    def ragged(self, level: Level, piece: Piece, count: int) -> Lane | None:
        """Which lanes of a piece's last vector are there."""
        left = whole_number(piece)
        if left is None or not piece.ragged:
            return self.nest.mask(level, piece)
        done = (count - 1) * self.width
        if left - done == self.width:
            return None
        start = literal(level, piece.start.value + done, INDEX)
        return self.nest.mask(level, piece._replace(start=start))

    def moved(self, index: Index, spot: Spot) -> Index:
        """`index` at a place of the tile."""
        new: dict[Variable, Affine] = {
            loop: Affine.of(loop) + k * (self.width if loop is self.lane else 1)
            for loop, k in zip(self.counts, spot)
        }
        return tuple(replaced(a, new) for a in index)


def best_lane(fold: Fold, probe: Probe) -> Loop:
    """The loop whose turns run side by side: they read neighbours, and there are many."""
    loops = [loop for loop in fold.out.loops + fold.inner if loop.size > 1]
    result = linear(fold.out.index, strides(fold.value.shape))

    def rank(loop: Loop) -> tuple:
        strays = sum(a.offset.along(loop) not in (0, 1) for a in probe.accesses)
        return (
            strays,
            -min(int(loop.size), 16),
            result.along(loop) not in (0, 1),
            loop in fold.inner,
        )

    return min(loops, key=rank, default=fold.rows)


def shared(probe: Probe, lane: Loop, loops: Sequence[Loop]) -> list[Loop]:
    """The few loops with which most that is read does not change, vectors above all."""
    accesses = list(enumerate(probe.accesses))
    still = {
        loop: {k: 1 + 2 * (lane in a.offset.loops) for k, a in accesses if not a.offset.along(loop)}
        for loop in loops
        if loop is not lane and loop.size > 1
    }
    chosen: list[Loop] = []
    known: set[int] = set()

    def gain(loop: Loop) -> tuple[int, int, int]:
        new = sum(worth for k, worth in still[loop].items() if k not in known)
        return (
            new,
            sum(still[loop].values()),
            -sum(abs(a.offset.along(loop) or 0) for _, a in accesses),
        )

    while len(chosen) < 3 and still:
        best = max(still, key=gain)
        # A third only where two are short.
        if not any(gain(best)[: 1 + (prod(int(loop.size) for loop in chosen) < ENOUGH)]):
            break
        chosen.append(best)
        known.update(still.pop(best))
    return chosen


def whole_number(piece: Piece) -> int | None:
    """How many turns a piece has, where that is known."""
    known = piece.start.value is not None and piece.stop.value is not None
    return piece.stop.value - piece.start.value if known else None
