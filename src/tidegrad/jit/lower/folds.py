"""Floor 6. Folds: reductions and small contractions, as tiles of results kept in registers."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from functools import reduce
from itertools import product
from typing import Any

import numpy as np

from ...abstract import Value
from ...kinds import Reduce
from ...ops.plans import terms
from ..lane import Lane, cast, lane_type, literal, select
from ..lanes import FUNCTIONS
from .affine import ZERO, Affine, Loop, Variable, linear, strides
from .emit import Emit
from .loops import INDEX, Level
from .nests import Levels, Nest, Piece
from .space import prefix, replaced, space
from .views import Index
from .walk import Probe

__all__ = ["FOLDS", "Fold", "Tiles"]

# How two partial results become one.
FOLDS: dict[str, Callable[[Any, Any], Any]] = {
    "sum": lambda x, y: x + y,
    "prod": lambda x, y: x * y,
    "max": FUNCTIONS["maximum"],
    "min": FUNCTIONS["minimum"],
    "any": lambda x, y: x | y,
    "all": lambda x, y: x & y,
}
# Results in registers, by the bits of one: at most so many, with so many of them along the lanes.
TILE = {128: (12, 2), 256: (12, 2), 512: (24, 3)}
ROWS = 8  # of one loop in a tile


Spot = tuple[int, ...]  # a place in a tile: which turn of each of its loops


def neutral(name: str, dtype: np.dtype) -> Any:
    """What a fold starts from."""
    if name in ("max", "min"):
        if dtype.kind == "f":
            return -np.inf if name == "max" else np.inf
        if dtype.kind == "b":
            return name == "min"
        return np.iinfo(dtype).min if name == "max" else np.iinfo(dtype).max
    return {"sum": 0, "prod": 1, "any": False, "all": True}[name]


class Fold:
    """A Value whose elements each combine many: over which loops, made of which elements.

    A reduction reads one element at each turn, a contraction the two that it multiplies.
    """

    def __init__(self, value: Value, rows: int, across: bool = False):
        self.value, self.count = value, rows
        self.across = across  # over rows: several callers each add some of them to the results
        self.out = space(value.shape, 1 if across else rows)
        self.rows, self.per_row = self.out.loops[0], 1
        self.inner: list[Loop] = []
        self.reads: list[tuple[Value, Index]] = []
        if across:
            self.out.loops.pop(0)
        if isinstance(value.prim, Reduce):
            self.name = value.prim.name
            self.open_reduction()
        else:
            self.name = "sum"
            self.open_contraction()

    def turns(self, sizes: Sequence[int]) -> list[Affine]:
        """The counters of loops that are folded over, those over rows first."""
        found: list[Affine] = []
        sizes = list(sizes)
        if self.across:
            count = prefix(tuple(sizes), self.count)
            own = space(tuple(sizes[:count]), self.count, "k")
            self.rows = own.loops[0]
            self.inner += own.loops
            found += own.index
            del sizes[:count]
        for n in sizes:
            found.append(ZERO)
            if n > 1:
                self.inner.append(Loop(f"k{len(self.inner)}", n))
                found[-1] = Affine.of(self.inner[-1])
        return found

    def open_reduction(self) -> None:
        (x,), axes = self.value.parents, self.value.params["axes"]
        own = iter(self.out.index)
        folded = dict(zip(axes, self.turns([x.shape[a] for a in axes])))
        index = []
        for k in range(len(x.shape)):
            kept = k not in folded or self.value.params["keepdims"]
            place = next(own) if kept else ZERO
            index.append(folded.get(k, place))
        self.reads = [(x, tuple(index))]

    def open_contraction(self) -> None:
        x, y = self.value.parents
        a, b, out = terms(self.value.params["spec"])
        sizes = dict(zip(a + b, x.shape + y.shape))
        labels = [label for label in a if label not in out]
        place = dict(zip(out, self.out.index))
        place |= zip(labels, self.turns([sizes[label] for label in labels]))
        self.reads = [(v, tuple(place[n] for n in own)) for v, own in ((x, a), (y, b))]

    def probed(self, stored: Container[Value]) -> Probe:
        """What the fold reads."""
        probe = Probe(stored)
        for v, index in self.reads:
            probe.at(v, index)
        return probe


def best_lane(fold: Fold, probe: Probe) -> Loop:
    """The loop whose turns run side by side: they read neighbours, and there are many."""
    loops = [loop for loop in fold.out.loops + fold.inner if loop.size > 1]
    result = linear(fold.out.index, strides(fold.value.shape))

    def rank(loop: Loop) -> tuple:
        strays = sum(a.offset.along(loop) not in (0, 1) for a in probe.accesses)
        return strays, result.along(loop) not in (0, 1), -min(loop.size, 16), loop in fold.inner

    return min(loops, key=rank, default=fold.rows)


class Tiles:
    """A fold in tiles: several results at a time, which share what they read.

    `counts` says how many turns of which loops a tile takes, of the loop `lane` how many vectors.
    Where the lanes run along what is folded, the vectors are partial results of one element.
    """

    def __init__(self, nest: Nest, fold: Fold, stored: Container[Value]):
        probe = fold.probed(stored)
        self.nest, self.fold, self.value = nest, fold, fold.value
        nest.rows[fold.rows] = fold.per_row
        self.lane = lane = best_lane(fold, probe)
        self.outside = lane in fold.out.loops
        self.width = nest.width if lane.size > 1 else 1
        bits = nest.width * 8 * self.value.dtype.itemsize
        self.counts = self.chosen(probe, *TILE.get(bits, (2, 1)))

    def chosen(self, probe: Probe, most: int, wide: int) -> dict[Loop, int]:
        """The loops of a tile: those along which most that is read stays the same."""
        lane, full = self.lane, -(-self.lane.size // self.width)
        # Of rows there may be any number: what is left of them goes in one vector.
        vectors = 1 if lane is self.fold.rows else min(wide, full)
        counts, left = {}, most // vectors
        for loop in shared(probe, lane, self.fold.out.loops):
            counts[loop] = min(ROWS, loop.size, left)
            left //= counts[loop]
        if not self.outside and lane is not self.fold.rows:
            vectors = 1 if counts else min(4, full)
        return {**counts, lane: vectors}

    def written(self) -> None:
        outer = [loop for loop in self.fold.out.loops if loop not in self.counts]
        # What most that is read does not change with goes round innermost.
        outer += [loop for loop in reversed(self.counts) if loop in self.fold.out.loops]
        self.nested(outer, self.nest.root, {}, {}, None, self.tile)

    def nested(
        self, loops: Sequence[Loop], level: Level, levels: Levels, counts: Mapping[Loop, int],
        mask: Lane | None, inside: Callable[..., None],
    ) -> None:  # fmt: skip
        """`inside` all `loops`, for each way in which they are cut into whole and partial tiles."""
        if not loops:
            inside(level, levels, counts, mask)
            return
        loop, *rest = loops
        for piece, count in self.cut(loop, level):
            inner = self.nest.entered(level, loop, piece)
            own = self.ragged(inner, piece, count) if loop is self.lane else mask
            known = {**counts, loop: count}
            self.nested(rest, inner, {**levels, loop: inner}, known, own, inside)

    def cut(self, loop: Loop, level: Level) -> Iterator[tuple[Piece, int]]:
        """Pieces of a loop, and how many places of a tile each turn of it fills."""
        limits, pieces = self.nest.limits(loop, level), self.nest.pieces
        count = self.counts.get(loop, 1)
        if loop is self.lane:
            for piece in pieces(limits, self.width * count):
                left = whole_number(piece)
                few = piece.ragged and left is not None
                yield piece, -(-left // self.width) if few else count  # type: ignore[operator]
            return
        for piece in pieces(limits, count):
            if piece.ragged:  # what is left goes one by one
                yield from ((one, 1) for one in pieces((piece.start, piece.stop), 1))
            else:
                yield piece, count

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
        kind = lane_type(self.value.dtype, self.width)
        ranges = [range(counts.get(loop, n)) for loop, n in self.counts.items()]
        slots = {spot: self.nest.function.slot(kind) for spot in product(*ranges)}
        first = neutral(self.fold.name, self.value.dtype)
        start = literal(level, first, self.value.dtype, self.width)
        for slot in slots.values():
            level.line(f"store {kind} {start.name}, ptr {slot}")
        inner = [loop for loop in self.fold.inner if loop is not self.lane]
        inner += [] if self.outside else [self.lane]

        def step(deep: Level, known: Levels, now: Mapping[Loop, int], held: Lane | None) -> None:
            filled = {spot: slot for spot, slot in slots.items() if spot[-1] < now[self.lane]}
            self.step(deep, known, filled, now[self.lane], held)

        self.nested(inner, level, levels, counts, mask, step)
        self.finish(level.then(), levels, slots, mask)

    def moved(self, index: Index, spot: Spot) -> Index:
        """`index` at a place of the tile."""
        new: dict[Variable, Affine] = {
            loop: Affine.of(loop) + k * (self.width if loop is self.lane else 1)
            for loop, k in zip(self.counts, spot)
        }
        return tuple(replaced(a, new) for a in index)

    def step(
        self, level: Level, levels: Levels, slots: Mapping[Spot, str], wide: int,
        mask: Lane | None,
    ) -> None:  # fmt: skip
        """Every result of the tile combined with one more element."""
        emit = Emit(self.nest.pointers, levels, self.nest.root, level, self.lane, self.width)
        dtype = self.value.dtype
        for spot, slot in slots.items():
            emit.mask = mask if spot[-1] == wide - 1 else None
            parts = [emit.at(v, self.moved(index, spot)) for v, index in self.fold.reads]
            parts = [cast(emit.here_wide(x), dtype) for x in parts]
            x = reduce(lambda a, b: a * b, parts)
            if emit.mask is not None and not self.outside:
                x = select(emit.mask, x, neutral(self.fold.name, dtype))
            kind = lane_type(dtype, self.width)
            before = Lane(level, level.emit(f"load {kind}, ptr {slot}"), dtype, self.width)
            after = FOLDS[self.fold.name](before, x)
            level.line(f"store {kind} {after.name}, ptr {slot}")

    def finish(
        self, level: Level, levels: Levels, slots: Mapping[Spot, str], mask: Lane | None
    ) -> None:
        """The results stored."""
        dtype, kind = self.value.dtype, lane_type(self.value.dtype, self.width)
        found = {
            spot: Lane(level, level.emit(f"load {kind}, ptr {slot}"), dtype, self.width)
            for spot, slot in slots.items()
        }
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
    """The one or two loops with which most that is read does not change, vectors above all."""
    accesses = list(enumerate(probe.accesses))
    still = {
        loop: {k: 1 + 2 * (lane in a.offset.loops) for k, a in accesses if not a.offset.along(loop)}
        for loop in loops
        if loop is not lane and loop.size > 1
    }
    chosen: list[Loop] = []
    known: set[int] = set()

    def gain(loop: Loop) -> tuple[int, int]:
        new = sum(worth for k, worth in still[loop].items() if k not in known)
        return new, -sum(abs(a.offset.along(loop) or 0) for _, a in accesses)

    while len(chosen) < 2 and still:
        best = max(still, key=gain)
        if not gain(best)[0]:
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
