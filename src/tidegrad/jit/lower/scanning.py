"""Floor 6. Scanning: running folds along the last axis, one element after another."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from ...abstract import Value
from ...ops.scans import Recurrence, Running, running_product
from ...shapes import Shape
from ..lane import Lane, cast, literal, select
from .affine import ZERO, Affine, Loop
from .emit import Emit
from .nests import Nest
from .placing import at_depth
from .space import prefix, space
from .stages import Stage
from .walk import Access, Probe

__all__ = ["Scanning", "is_scan"]


def is_scan(v: Value) -> bool:
    return isinstance(v.prim, (Recurrence, Running))


class Scanning(Stage):
    """A running sum or product, or a linear recurrence, for each row of the leading axes."""

    @property
    def sliced(self) -> Shape:
        return self.shape[:-1]

    def fits(self, rows: int) -> bool:
        return prefix(self.sliced, rows) is not None

    def opened(self, rows: int) -> tuple[list[Loop], tuple[Affine, ...]]:
        lead = space(self.sliced, rows)
        along = Loop("k", self.shape[-1])
        return [*lead.loops, along], (*lead.index, Affine.of(along) if along.size > 1 else ZERO)

    def probed(self, stored: Container[Value], rows: int) -> tuple[list[Access], Loop]:
        loops, index = self.opened(rows)
        probe = Probe(stored)
        for p in self.values[0].parents:
            probe.at(p, index)
        return probe.accesses, loops[0]

    def write(self, nest: Nest, rows: int) -> None:
        (v,) = self.values
        loops, index = self.opened(rows)
        nest.rows[loops[0]] = 1
        level, levels = nest.inside(loops[:-1], nest.root, {})
        first = 1 if v.prim is running_product else -0.0 if v.dtype.kind == "f" else 0
        start = [literal(level, first, v.dtype)]
        (piece,) = nest.pieces(nest.limits(loops[-1], level), 1)
        inner = levels[loops[-1]] = nest.entered(level, loops[-1], piece, start)
        emit = Emit(nest.pointers, levels, nest.root, inner)
        parts = [at_depth(cast(emit.at(p, index), v.dtype), inner) for p in v.parents]
        after = stepped(v.prim, inner.held[0], parts, inner.position)
        emit.store(v, index, after)
        inner.leave([after])


def stepped(prim: Any, before: Lane, parts: list[Lane], k: Lane | None) -> Lane:
    """What a fold holds after one more element."""
    if isinstance(prim, Recurrence):
        assert k is not None
        x, y = parts
        return select(k == 0, y, x * before + y)
    return before * parts[0] if prim is running_product else before + parts[0]
