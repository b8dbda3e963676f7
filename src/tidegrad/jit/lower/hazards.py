"""Floor 6. Hazards: which results may be written where their old values lie."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ...abstract import Value
from ..graph import Graph
from .fusing import Group, Schedule
from .lifetimes import read, written
from .stages import Call, Maps, Stage, aligned
from .storing import place_of

__all__ = ["in_place"]


class Moment(NamedTuple):
    """When a stage runs: at which level, in which group of it, as which of its stages."""

    level: int
    group: int
    stage: int


def in_place(graph: Graph, schedule: Schedule, pairs: Mapping[int, int]) -> set[int]:
    """The outputs that may be written at once where the caller's old values lie.

    After that nothing may fail: Python runs no routine any more.  And where the input that `pairs`
    names lies there, nothing may read it: it is read at an earlier level, or in the same group
    before, row by row, or in the same stage element by element.
    """
    last, writers, readers = -1, defaultdict(list), defaultdict(list)
    for entry in stages(schedule):
        moment, group, stage = entry
        if isinstance(stage, Call) and stage.python:
            last = max(last, moment.level)
        for v in written(stage):
            writers[v].append(entry)
        for v in read(stage, schedule, group):
            readers[v].append(entry)
    shared = Counter(place_of(v) for v in graph.outputs if v.prim is not None)
    found = set()
    for k, v in enumerate(graph.outputs):
        own = writers[place_of(v)]
        if v.prim is None or min(m.level for m, _, _ in own) <= last:
            continue
        x = graph.inputs[pairs[k]] if k in pairs else None
        alone = len(own) == 1 and shared[place_of(v)] == 1
        if x is None or (alone and all(before(r, own[0], x, schedule) for r in readers[x])):
            found.add(k)
    return found


Entry = tuple[Moment, Group, Stage]


def stages(schedule: Schedule) -> Iterator[Entry]:
    for level, groups in enumerate(schedule.levels):
        for place, group in enumerate(groups):
            for k, stage in enumerate(group.stages):
                yield Moment(level, place, k), group, stage


def before(reader: Entry, writer: Entry, x: Value, schedule: Schedule) -> bool:
    """Whether `reader` has read of `x` what it needs when `writer` writes over it."""
    (when, group, stage), (then, _, last) = reader, writer
    if when.level != then.level or isinstance(stage, Call) or isinstance(last, Call):
        return when.level < then.level
    if when.group != then.group or when.stage > then.stage or last.whole:
        return False
    accesses, loop = stage.reads(schedule.stored, group.rows)
    mine = [a for a in accesses if a.value is x]
    if stage is not last:
        return all(aligned(a, group.rows, loop) for a in mine)
    if not isinstance(stage, Maps):
        return False
    loops, probe = stage.opened(schedule.stored, group.rows)
    return all(a.place == loops.index for a in probe.accesses if a.value is x)
