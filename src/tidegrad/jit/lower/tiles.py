"""Floor 6. Tiles: the code of folds, several results at a time in registers."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from functools import reduce
from itertools import product
from typing import Any

from ..lane import Lane, cast, literal, select
from .affine import Loop
from .emit import Emit
from .folds import FOLDS, Fold, neutral
from .forms import Form, Spot
from .loops import Level
from .nests import Levels, Nest
from .placing import at_depth
from .shuffling import shuffled

__all__ = ["Tiles"]

Results = dict[Spot, Lane]


class Tiles:
    """A fold in tiles: several results at a time, which share what they read."""

    def __init__(self, nest: Nest, fold: Fold, stored: Container[Any]):
        nest.rows[fold.rows] = fold.per_row
        self.nest, self.fold, self.value = nest, fold, fold.value
        self.form = Form(nest, fold, fold.probed(stored))

    def written(self) -> None:
        self.nested(self.form.order(), self.nest.root, {}, {}, None)

    def nested(
        self, loops: Sequence[Loop], level: Level, levels: Levels, counts: Mapping[Loop, int],
        mask: Lane | None,
    ) -> None:  # fmt: skip
        """Tiles inside all `loops`, for each way in which these are cut."""
        if not loops:
            self.tile(level, levels, counts, mask)
            return
        loop, *rest = loops
        for piece, count in self.form.cut(loop, level):
            inner = self.nest.entered(level, loop, piece)
            own = self.form.ragged(inner, piece, count) if loop is self.form.lane else mask
            self.nested(rest, inner, {**levels, loop: inner}, {**counts, loop: count}, own)

    def tile(
        self, level: Level, levels: Levels, counts: Mapping[Loop, int], mask: Lane | None
    ) -> None:
        """Results in registers: started, folded, stored."""
        ranges = [range(counts.get(loop, n)) for loop, n in self.form.counts.items()]
        first = neutral(self.fold.name, self.value.dtype)
        start = literal(level, first, self.value.dtype, self.form.width)
        inner = [loop for loop in self.fold.inner if loop is not self.form.lane]
        inner += [] if self.form.outside else [self.form.lane]
        count = counts.get(self.form.lane, 0)
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
        for piece, turns in self.form.cut(loop, level):
            inner = self.nest.entered(level, loop, piece, list(results.values()))
            own, now = mask, count
            if loop is self.form.lane:
                own, now = self.form.ragged(inner, piece, turns), turns
            held = dict(zip(results, inner.held))
            after = self.folded(rest, inner, {**levels, loop: inner}, held, own, now)
            results = dict(zip(results, inner.leave(list(after.values()))))
        return results

    def step(
        self, level: Level, levels: Levels, results: Results, mask: Lane | None, count: int
    ) -> Results:
        """Every result of the tile combined with one more element."""
        where = self.nest.pointers, levels, self.nest.root, level
        emit = Emit(*where, self.form.lane, self.form.width)
        dtype, found = self.value.dtype, dict(results)
        for spot, before in results.items():
            if spot[-1] >= count:
                continue
            emit.mask = mask if spot[-1] == count - 1 else None
            parts = [emit.at(v, self.form.moved(index, spot)) for v, index in self.fold.reads]
            parts = [cast(emit.here_wide(x), dtype) for x in parts]
            x = reduce(lambda a, b: a * b, parts)
            if emit.mask is not None and not self.form.outside:
                x = select(emit.mask, x, neutral(self.fold.name, dtype))
            found[spot] = FOLDS[self.fold.name](at_depth(before, level), x)
        return found

    def finish(self, level: Level, levels: Levels, found: Results, mask: Lane | None) -> None:
        """The results stored."""
        found = {spot: at_depth(x, level) for spot, x in found.items()}
        combine, lane = FOLDS[self.fold.name], self.form.lane if self.form.outside else None
        if not self.form.outside:
            parts: dict[Spot, list[Lane]] = {}
            for spot, x in found.items():
                parts.setdefault((*spot[:-1], 0), []).append(x)
            found = {spot: across(reduce(combine, xs), combine) for spot, xs in parts.items()}
        last = max(spot[-1] for spot in found)
        for spot, x in found.items():
            own = mask if self.form.outside and spot[-1] == last else None
            width = self.form.width if self.form.outside else 1
            emit = Emit(self.nest.pointers, levels, self.nest.root, level, lane, width, own)
            index = self.form.moved(self.fold.out.index, spot)
            if self.fold.across:
                x = combine(emit.again(self.value, index), x)
            emit.store(self.value, index, x)


def across(x: Lane, combine: Callable[[Lane, Lane], Lane]) -> Lane:
    """The lanes of a vector as one number, by halves."""
    while x.width > 1:
        half = x.width // 2
        x = combine(shuffled(x, range(half)), shuffled(x, range(half, x.width)))
    return x
