"""Floor 6. Tiles: the code of folds, several results at a time in registers."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from functools import reduce
from itertools import product
from math import prod
from typing import Any

from ..lane import Lane, cast, lane_type, literal, select
from ..sizes import factor, slope_of
from .affine import Affine, Loop, Variable, linear, strides
from .emit import Emit
from .folds import FOLDS, Fold, neutral
from .loops import INDEX, Level
from .nests import Levels, Limits, Nest, Piece
from .placing import at_depth
from .space import replaced
from .tiling import Axis, tiling
from .views import Index
from .walk import Probe

__all__ = ["Tiles"]

# Registers that results may take, by the bits of one: half of those there are, at least.
REGISTERS = {128: 12, 256: 12, 512: 24}
ENOUGH = 12  # results of a tile along its loops
Spot = tuple[int, ...]  # a place in a tile: which turn of each of its loops
Results = dict[Spot, Lane]


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


class Tiles:
    """A fold in tiles: several results at a time, which share what they read.

    `counts` says how many turns of which loops a tile takes, of the loop `lane` how many vectors.
    Where the lanes run along what is folded, the vectors are partial results of one element.
    """

    def __init__(self, nest: Nest, fold: Fold, stored: Container[Any]):
        probe = fold.probed(stored)
        self.nest, self.fold, self.value = nest, fold, fold.value
        nest.rows[fold.rows] = fold.per_row
        self.lane = lane = best_lane(fold, probe)
        self.outside = lane in fold.out.loops
        self.width = nest.width if lane.size > 1 else 1
        self.counts = self.chosen(probe)

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
        bits = self.nest.width * 8 * self.value.dtype.itemsize
        counts = tiling(tuple(axes), reads, REGISTERS.get(bits, 4), self.outside)
        return dict(zip(loops, counts))

    def written(self) -> None:
        outer = [loop for loop in self.fold.out.loops if loop not in self.counts]
        # What most that is read does not change with goes round innermost.
        outer += [loop for loop in reversed(self.counts) if loop in self.fold.out.loops]
        self.nested(outer, self.nest.root, {}, {}, None)

    def nested(
        self, loops: Sequence[Loop], level: Level, levels: Levels, counts: Mapping[Loop, int],
        mask: Lane | None,
    ) -> None:  # fmt: skip
        """Tiles inside all `loops`, for each way in which these are cut."""
        if not loops:
            self.tile(level, levels, counts, mask)
            return
        loop, *rest = loops
        for piece, count in self.cut(loop, level):
            inner = self.nest.entered(level, loop, piece)
            own = self.ragged(inner, piece, count) if loop is self.lane else mask
            self.nested(rest, inner, {**levels, loop: inner}, {**counts, loop: count}, own)

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

    def tile(
        self, level: Level, levels: Levels, counts: Mapping[Loop, int], mask: Lane | None
    ) -> None:
        """Results in registers: started, folded, stored."""
        ranges = [range(counts.get(loop, n)) for loop, n in self.counts.items()]
        first = neutral(self.fold.name, self.value.dtype)
        start = literal(level, first, self.value.dtype, self.width)
        inner = [loop for loop in self.fold.inner if loop is not self.lane]
        inner += [] if self.outside else [self.lane]
        count = counts.get(self.lane, 0)
        found = self.folded(
            inner, level, levels, dict.fromkeys(product(*ranges), start), mask, count
        )
        self.finish(level.then(), levels, found, mask)

    def folded(
        self, loops: Sequence[Loop], level: Level, levels: Levels, results: Results,
        mask: Lane | None, count: int,
    ) -> Results:  # fmt: skip
        """The results after all turns of `loops`."""
        if not loops:
            return self.step(level, levels, results, mask, count)
        loop, *rest = loops
        for piece, turns in self.cut(loop, level):
            inner = self.nest.entered(level, loop, piece, list(results.values()))
            own, now = mask, count
            if loop is self.lane:
                own, now = self.ragged(inner, piece, turns), turns
            held = dict(zip(results, inner.held))
            after = self.folded(rest, inner, {**levels, loop: inner}, held, own, now)
            results = dict(zip(results, inner.leave(list(after.values()))))
        return results

    def step(
        self, level: Level, levels: Levels, results: Results, mask: Lane | None, count: int
    ) -> Results:
        """Every result of the tile combined with one more element."""
        emit = Emit(self.nest.pointers, levels, self.nest.root, level, self.lane, self.width)
        dtype, found = self.value.dtype, dict(results)
        for spot, before in results.items():
            if spot[-1] >= count:
                continue
            emit.mask = mask if spot[-1] == count - 1 else None
            parts = [emit.at(v, self.moved(index, spot)) for v, index in self.fold.reads]
            parts = [cast(emit.here_wide(x), dtype) for x in parts]
            x = reduce(lambda a, b: a * b, parts)
            if emit.mask is not None and not self.outside:
                x = select(emit.mask, x, neutral(self.fold.name, dtype))
            found[spot] = FOLDS[self.fold.name](at_depth(before, level), x)
        return found

    def moved(self, index: Index, spot: Spot) -> Index:
        """`index` at a place of the tile."""
        new: dict[Variable, Affine] = {
            loop: Affine.of(loop) + k * (self.width if loop is self.lane else 1)
            for loop, k in zip(self.counts, spot)
        }
        return tuple(replaced(a, new) for a in index)

    def finish(self, level: Level, levels: Levels, found: Results, mask: Lane | None) -> None:
        """The results stored."""
        found = {spot: at_depth(x, level) for spot, x in found.items()}
        combine, lane = FOLDS[self.fold.name], self.lane if self.outside else None
        if not self.outside:
            parts: dict[Spot, list[Lane]] = {}
            for spot, x in found.items():
                parts.setdefault((*spot[:-1], 0), []).append(x)
            found = {spot: across(reduce(combine, xs), combine) for spot, xs in parts.items()}
        last = max(spot[-1] for spot in found)
        for spot, x in found.items():
            own = mask if self.outside and spot[-1] == last else None
            width = self.width if self.outside else 1
            emit = Emit(self.nest.pointers, levels, self.nest.root, level, lane, width, own)
            index = self.moved(self.fold.out.index, spot)
            if self.fold.across:
                x = combine(emit.again(self.value, index), x)
            emit.store(self.value, index, x)


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


def across(x: Lane, combine: Callable[[Lane, Lane], Lane]) -> Lane:
    """The lanes of a vector as one number, by halves."""
    while x.width > 1:
        half = x.width // 2
        parts = []
        for start in (0, half):
            places = ", ".join(f"i32 {k}" for k in range(start, start + half))
            name = x.code.emit(
                f"shufflevector {x.type} {x.name}, {x.type} poison, <{half} x i32> <{places}>"
            )
            if half == 1:
                name = x.code.emit(f"extractelement {lane_vector(x, 1)} {name}, i64 0")
            parts.append(Lane(x.code, name, x.dtype, half))
        x = combine(*parts)
    return x


def lane_vector(x: Lane, width: int) -> str:
    return f"<{width} x {lane_type(x.dtype, 1)}>"
