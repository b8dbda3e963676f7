"""Floor 6. Scattering: elements added or written at places that index arrays name."""

from __future__ import annotations

from collections.abc import Container, Sequence
from math import prod

from ...abstract import Value
from ...ops.indexing import put_at, scatter
from ...shapes import Shape, broadcast
from ..lane import Lane, cast, literal
from .affine import Affine, Loop, linear, strides
from .emit import Emit
from .loops import INDEX, Level
from .nests import Levels, Nest
from .placing import at_depth, met
from .space import prefix, space
from .stages import Stage
from .views import Index, broadcast_index, element_of, front, sources_of
from .walk import Access, Probe

__all__ = ["Scattering", "is_scattering"]

ENOUGH = 8  # elements at each place, for vectors to run along them


def is_scattering(v: Value) -> bool:
    """Whether places may be named more than once, so that one element comes after another."""
    return v.prim is put_at or (v.prim is scatter and sources_of(v) is None)


class Scattering(Stage):
    """A scatter or `put_at`: first what was there, then one place after another.

    Rows are shares in which nothing is written twice: of what lies at each place, where that is
    enough, else of the places.  Results do not depend on how many rows there are.
    """

    whole = True

    def __init__(self, v: Value):
        super().__init__([v])
        self.axes: Shape = v.params["axes"]
        self.source = v.parents[v.prim is put_at]
        self.indices = v.parents[1 + (v.prim is put_at) :]
        self.wide = broadcast("index", *(i.shape for i in self.indices))
        self.places = tuple(v.shape[a] for a in self.axes)
        self.rest = tuple(n for a, n in enumerate(v.shape) if a not in self.axes)
        self.by_columns = prod(self.rest) >= ENOUGH

    @property
    def sliced(self) -> Shape:
        return self.rest if self.by_columns else self.places

    def fits(self, rows: int) -> bool:
        return prefix(self.sliced, rows) is not None

    def opened(self, rows: int) -> Loops:
        return Loops(self, rows)

    def probed(self, stored: Container[Value], rows: int) -> tuple[list[Access], Loop]:
        loops, probe = self.opened(rows), Probe(stored)
        if self.values[0].prim is put_at:
            probe.at(self.values[0].parents[0], loops.at(loops.places))
        probe.at(self.source, loops.source)
        for place in loops.named:
            probe.followed(place)
        return probe.accesses, loops.row

    def write(self, nest: Nest, rows: int) -> None:
        loops = self.opened(rows)
        nest.rows[loops.row] = loops.per_row
        self.begin(nest, loops)
        if self.by_columns:
            for levels, lane, mask in nest.vectors([*loops.over, *loops.columns]):
                emit = Emit(nest.pointers, levels, nest.root, levels[lane], lane, nest.width, mask)
                index = loops.at(loops.named)
                self.one(emit, loops, index, emit.read(self.values[0], index, ()))
            return
        level, levels = nest.inside(loops.over, nest.root, {})
        own = self.inside(nest, loops, level, levels)
        inner, levels = nest.inside(loops.columns, own, levels)
        emit = Emit(nest.pointers, levels, nest.root, inner)
        index = loops.at(loops.named)
        self.one(emit, loops, index, emit.again(self.values[0], index))

    def begin(self, nest: Nest, loops: Loops) -> None:
        """What is there before anything is added or written."""
        (v,), index = self.values, loops.at(loops.places)
        for levels, lane, mask in nest.vectors(loops.all):
            emit = Emit(nest.pointers, levels, nest.root, levels[lane], lane, nest.width, mask)
            first = literal(nest.root, 0, v.dtype)
            emit.store(v, index, emit.at(v.parents[0], index) if v.prim is put_at else first)

    def inside(self, nest: Nest, loops: Loops, level: Level, levels: Levels) -> Level:
        """A level that is entered where a place belongs to the rows of the caller."""
        emit = Emit(nest.pointers, levels, nest.root, level)
        row = at_depth(emit.scalar(loops.row_of(loops.named)), level)
        low, high = (Lane(level, name, INDEX) for name in ("%lo", "%hi"))
        held = cast(met(row >= low, row < high), INDEX)
        return level.repeat(Loop("if", 1), "0", held.name)

    def one(self, emit: Emit, loops: Loops, index: Index, before: Lane) -> None:
        (v,) = self.values
        x = cast(emit.here_wide(emit.at(self.source, loops.source)), v.dtype)
        emit.store(v, index, x if v.prim is put_at else emit.here_wide(before) + x)


class Loops:
    """The loops of a scatter: over all that there is, and over what comes to which place."""

    def __init__(self, stage: Scattering, rows: int):
        self.stage, self.rows = stage, rows
        cut = space(stage.sliced, rows)
        other = space(stage.places if stage.by_columns else stage.rest, 1, "o")
        others = other.loops[1:] or [other.loops[0]]
        self.row, self.per_row = cut.loops[0], cut.per_row
        columns, places = (cut, other) if stage.by_columns else (other, cut)
        self.places, self.inside = places.index, columns.index
        self.columns = cut.loops if stage.by_columns else others
        self.all = [*(others if stage.by_columns else cut.loops), *self.columns]
        over = space(stage.wide, 1, "w")
        self.over = over.loops[1:]
        self.named = tuple(
            element_of(i, broadcast_index(over.index, i.shape), n)
            for i, n in zip(stage.indices, stage.places)
        )
        at = front(stage.axes)
        self.source: Index = (*self.inside[:at], *over.index, *self.inside[at:])

    def row_of(self, places: Sequence[Affine]) -> Affine:
        """The row that a place belongs to."""
        sizes = self.stage.places
        return linear(places, strides(sizes)).split(prod(sizes) // self.rows)[0]

    def at(self, places: Sequence[Affine]) -> Index:
        """The index into the result of these places."""
        named, rest = dict(zip(self.stage.axes, places)), iter(self.inside)
        count = len(self.stage.values[0].shape)
        return tuple(named[a] if a in named else next(rest) for a in range(count))
