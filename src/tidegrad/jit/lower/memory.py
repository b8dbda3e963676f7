"""Floor 6. Memory: where every stored Value lies, and how long each place is needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from ...abstract import Value, unknown
from ..graph import Graph
from .fusing import Group, Schedule
from .lifetimes import Uses, used, written
from .nested import Nested
from .stages import Folding
from .storing import place_of

__all__ = ["Buffer", "Memory", "planned"]

BYTES = np.dtype("uint8")
LINE = 64  # bytes of a cache line: no two buffers share one
CACHE = 256 * 1024  # bytes that a block of rows may take
MULTIPLE = 16  # of which a block's rows are one, unless it is all rows
LEAST = 32  # rows of a block in which products read their right side anew
WIDE = 64  # columns of a block in which products read their left side anew
ROOM = 768 * 1024  # bytes that such a block may take


class Buffer(NamedTuple):
    """A place in memory: in a caller's array ("slot"), in the arena, or in a thread's scratch.

    `start` is the slot's number or an offset in bytes; in scratch a buffer holds `row` bytes for
    each row of a block.
    """

    kind: str
    start: int
    row: int = 0


class Memory(NamedTuple):
    """All buffers, the bytes that they take, and the rows of a block for each group."""

    buffers: dict[Value, Buffer]
    slots: tuple[Value, ...]
    arena: int
    scratch: int
    blocks: dict[int, int]  # by a group's id
    inner: dict[int, list[Memory]]  # of the bodies of loops and branches, by a stage's id


class Span(NamedTuple):
    """A size that is needed from one use to another."""

    uses: Uses
    size: int


def planned(graph: Graph, schedule: Schedule) -> Memory:
    """A plan in which what is not needed at the same time may lie in the same place."""
    outputs = dict.fromkeys(place_of(v) for v in graph.outputs if v.prim is not None)
    # In an order that is the same in every process, since machine code is kept on disk.
    given = [v for v in graph.order() if v in schedule.stored and v.saved is not None]
    slots = dict.fromkeys([*graph.inputs, *outputs, *sorted(given, key=lambda v: int(v.size))])
    buffers = {v: Buffer("slot", k) for k, v in enumerate(slots)}
    inner = {id(s): [planned(*body) for body in s.bodies] for s in insides(schedule)}
    for stage in insides(schedule):
        arenas = [m.arena for m in inner[id(stage)]]
        stage.arenas = [unknown((size,), BYTES) if size else None for size in arenas]
    uses = used(schedule)
    blocks, scratch = {}, max((m.scratch for own in inner.values() for m in own), default=0)
    for group in schedule.groups():
        local = [v for v in made_in(group) if v not in buffers and uses[v].inside(group)]
        row = {v: -(-int(v.nbytes) // int(group.rows)) for v in made_in(group)}
        own = sum(row[v] for v in local)
        blocks[id(group)] = rows = block_of(group, sum(row.values()), own)
        spans = [Span(uses[v], rounded(row[v] * rows)) for v in local]
        starts, size = packed(spans, in_turn)
        buffers |= {
            v: Buffer("scratch", start, -(-v.nbytes // group.rows)) for v, start in starts.items()
        }
        scratch = max(scratch, size)
    spans = [Span(uses[v], rounded(int(v.nbytes))) for v in uses if v not in buffers]
    starts, arena = packed(spans, Uses.apart, partial(Uses.row_by_row, stored=schedule.stored))
    buffers |= {v: Buffer("arena", start) for v, start in starts.items()}
    return Memory(buffers, tuple(slots), arena, scratch, blocks, inner)


def insides(schedule: Schedule) -> list[Nested]:
    return [s for group in schedule.groups() for s in group.stages if isinstance(s, Nested)]


def made_in(group: Group) -> list[Value]:
    return [v for stage in group.stages for v in written(stage)]


def block_of(group: Group, row: int, own: int) -> int:
    """How many rows at a time: what they make stays in the cache, what is their `own` at least."""
    if len(group.stages) == 1 or not row:
        return int(group.rows)
    rows = max(CACHE // row, 1)
    for stage in group.stages:
        if isinstance(stage, Folding) and stage.intense and not stage.across and stage.shape:
            lines, columns = stage.matrix
            if stage.by_columns:
                rows = max(rows, min(-(-WIDE * int(group.rows) // columns), ROOM // max(own, 1)))
            else:
                rows = max(rows, -(-LEAST * int(group.rows) // lines))
    rows = rows // MULTIPLE * MULTIPLE or rows
    return min(rows, int(group.rows))


def rounded(size: int) -> int:
    return -(-max(size, 1) // LINE) * LINE


Rule = Callable[[Uses, Uses], bool]


def in_turn(x: Uses, y: Uses) -> bool:
    """Whether, of two that are used in one group only, a stage ends the one before the other."""
    return x.all[-1].place < y.all[0].place or y.all[-1].place < x.all[0].place


def never(x: Uses, y: Uses) -> bool:
    return False


def packed(spans: Sequence[Span], apart: Rule, alike: Rule = never) -> tuple[dict[Value, int], int]:
    """An offset for each, larger ones first, none over another unless both are `apart`.

    Those that are `alike` may lie in the same place, but not partly over each other.
    """
    placed: list[tuple[int, Span]] = []
    starts: dict[Value, int] = {}
    for span in sorted(spans, key=lambda s: -s.size):
        others = [p for p in sorted(placed, key=at) if not apart(p[1].uses, span.uses)]
        shared = {start for start, s in others if s.size == span.size and alike(s.uses, span.uses)}
        start = next((k for k in sorted(shared) if fits(k, span, others, alike)), None)
        starts[span.uses.value] = start = first_fit(span, others) if start is None else start
        placed.append((start, span))
    return starts, max((start + s.size for start, s in placed), default=0)


def at(place: tuple[int, Span]) -> int:
    return place[0]


def first_fit(span: Span, others: Sequence[tuple[int, Span]]) -> int:
    """The first place that is free between others, which are in order."""
    start = 0
    for other, taken in others:
        if other < start + span.size and start < other + taken.size:
            start = other + taken.size
    return start


def fits(start: int, span: Span, others: Sequence[tuple[int, Span]], alike: Rule) -> bool:
    """Whether at `start` only such lie whose rows are overwritten one by one."""
    return all(
        other >= start + span.size
        or start >= other + taken.size
        or (other == start and taken.size == span.size and alike(taken.uses, span.uses))
        for other, taken in others
    )
