"""Floor 6. Memory: where every stored Value lies, and how long each place is needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from ...abstract import Value, unknown
from ..graph import Graph
from .fusing import Group, Schedule
from .nested import Nested
from .stages import Call, Folding, Stage
from .storing import place_of

__all__ = ["Buffer", "Memory", "planned"]

BYTES = np.dtype("uint8")
LINE = 64  # bytes of a cache line: no two buffers share one
CACHE = 256 * 1024  # bytes that a block of rows may take
MULTIPLE = 16  # of which a block's rows are one, unless it is all rows
LEAST = 32  # rows of a block in which products read their right side anew


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


class Interval(NamedTuple):
    """A size that is needed from one moment to another."""

    value: Value
    size: int
    first: int
    last: int


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
        local = [v for v in made_in(group) if v not in buffers and uses[v].groups <= {id(group)}]
        row = {v: -(-int(v.nbytes) // int(group.rows)) for v in made_in(group)}
        blocks[id(group)] = rows = block_of(group, sum(row.values()))
        spans = [
            Interval(v, rounded(row[v] * rows), uses[v].stages[0], uses[v].stages[-1])
            for v in local
        ]
        starts, size = packed(spans)
        buffers |= {
            v: Buffer("scratch", start, -(-v.nbytes // group.rows)) for v, start in starts.items()
        }
        scratch = max(scratch, size)
    rest = [v for v in uses if v not in buffers]
    spans = [
        Interval(v, rounded(int(v.nbytes)), uses[v].levels[0], uses[v].levels[-1]) for v in rest
    ]
    starts, arena = packed(spans)
    buffers |= {v: Buffer("arena", start) for v, start in starts.items()}
    return Memory(buffers, tuple(slots), arena, scratch, blocks, inner)


def insides(schedule: Schedule) -> list[Nested]:
    return [s for group in schedule.groups() for s in group.stages if isinstance(s, Nested)]


class Uses:
    """Where a Value is written and read: at which levels, in which groups, by which stages."""

    def __init__(self) -> None:
        self.levels: list[int] = []
        self.groups: set[int] = set()
        self.stages: list[int] = []

    def note(self, level: int, group: Group, stage: int) -> None:
        self.levels.append(level)
        self.groups.add(id(group))
        self.stages.append(stage)


def used(schedule: Schedule) -> dict[Value, Uses]:
    """The uses of what stages write, in order."""
    uses: dict[Value, Uses] = {}
    for level, groups in enumerate(schedule.levels):
        for group in groups:
            for k, stage in enumerate(group.stages):
                for v in written(stage):
                    uses.setdefault(v, Uses()).note(level, group, k)
                    if stage.whole:
                        uses[v].groups.add(0)  # to be read by another group
                for v in read(stage, schedule, group):
                    if v in uses:
                        uses[v].note(level, group, k)
    return uses


def written(stage: Stage) -> Iterable[Value]:
    """The Values whose memory a stage writes."""
    if isinstance(stage, Folding) and stage.across and stage.partial is not None:
        return [stage.partial]
    kept = [v for v in stage.values if v in stage.kept]
    return kept + stage.own_memory() if isinstance(stage, Nested) else kept


def read(stage: Stage, schedule: Schedule, group: Group) -> dict[Value, None]:
    """The Values whose memory a stage reads, in the order in which it meets them."""
    if isinstance(stage, Call):
        return dict.fromkeys(stage.given)
    return dict.fromkeys(a.value for a in stage.reads(schedule.stored, group.rows)[0])


def made_in(group: Group) -> list[Value]:
    return [v for stage in group.stages for v in written(stage)]


def block_of(group: Group, row: int) -> int:
    """How many rows at a time: what they need for themselves stays in the cache."""
    if len(group.stages) == 1 or not row:
        return int(group.rows)
    rows = max(CACHE // row, 1)
    for stage in group.stages:
        if isinstance(stage, Folding) and stage.intense and not stage.across and stage.shape:
            size = int(stage.values[0].size)
            inside = max(size // int(group.rows * stage.shape[-1]), 1)
            rows = max(rows, -(-LEAST // inside))
    rows = rows // MULTIPLE * MULTIPLE or rows
    return min(rows, int(group.rows))


def rounded(size: int) -> int:
    return -(-max(size, 1) // LINE) * LINE


def packed(spans: Sequence[Interval]) -> tuple[dict[Value, int], int]:
    """An offset for each, larger ones first, none over another that is needed at its time."""
    placed: list[tuple[int, Interval]] = []
    starts: dict[Value, int] = {}
    for span in sorted(spans, key=lambda s: -s.size):
        start = 0
        for other, taken in sorted(placed, key=lambda p: p[0]):
            apart = taken.last < span.first or span.last < taken.first
            if not apart and other < start + span.size and start < other + taken.size:
                start = other + taken.size
        starts[span.value] = start
        placed.append((start, span))
    return starts, max((start + s.size for start, s in placed), default=0)
