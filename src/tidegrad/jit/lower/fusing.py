"""Floor 6. Fusing: stages put together in groups that run row by row, between as few barriers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce
from typing import NamedTuple

from ...abstract import Value
from ...custom import pick
from ...kinds import Reduce
from ...ops.contractions import Contract
from ..graph import Graph
from ..sizes import common
from .nested import is_nested, nested, picked
from .scanning import Scanning, is_scan
from .scattering import Scattering, is_scattering
from .stages import Call, Combine, Folding, Maps, Stage, aligned, natural_rows
from .storing import is_native, place_of, stored_values
from .waiting import Waiting

__all__ = ["Group", "Schedule", "scheduled"]

SMALL = 1 << 14  # elements of a result that every part of the rows may have for itself
LITTLE = 1 << 12  # elements that one thread does by itself
FEW = 4  # rows that a group has at least, unless there are no more
MANY = 1 << 14  # elements that are worth being folded by several threads


class Group:
    """Stages that run one after another for each block of rows, whose results stay in the cache."""

    def __init__(self, rows: int):
        self.rows = rows
        self.stages: list[Stage] = []

    def __repr__(self) -> str:
        return f"Group({self.rows!r}: {self.stages})"


class Made(NamedTuple):
    """Since when a Value is there: row by row inside its group, whole from the next level on."""

    level: int
    group: Group | None


class Schedule:
    """Levels with a barrier after each; the groups of one level do not depend on each other.

    All is decided by the `parts` that rows are cut into: results may not depend on the threads.
    """

    def __init__(self, stored: set[Value], threads: int, parts: int):
        self.stored, self.threads, self.parts = stored, threads, parts
        self.levels: list[list[Group]] = []
        self.made: dict[Value, Made] = {}
        self.waiting: dict[Value, Stage] = {}  # copies, to be made where they are read

    def add(self, stage: Stage, least: int = 0) -> None:
        """Find the earliest place for a stage; a fold may become one across the rows."""
        self.bring(stage, least)
        level, homes = self.earliest(stage, least)
        homes = self.united(stage, level, homes)
        if len(homes) == 1 and self.joins(stage, homes[0]):
            self.put(stage, level, homes[0])
        elif (other := self.crossing(stage, homes)) is not None:
            group = homes[0] if homes else self.group_for(other, level)
            combine = Combine(other, self.parts) if self.parts > 1 else None
            self.put(other, level, group)
            if combine is not None:
                self.add(combine)
        else:
            level += bool(homes)
            self.put(stage, level, self.group_for(stage, level))

    def bring(self, stage: Stage, least: int) -> None:
        """Put the copies that a stage reads where it will stand."""
        copies = [v for v in self.sources(stage) if v in self.waiting]
        if copies:
            level, homes = self.earliest(stage, least)
            level += bool(homes)
            for copy in map(self.waiting.pop, copies):
                self.put(copy, level, self.group_for(copy, level))

    def earliest(self, stage: Stage, least: int = 0) -> tuple[int, list[Group]]:
        """The first level at which all that a stage reads is there, or comes row by row."""
        made = [self.made[v] for v in self.sources(stage) if v in self.made]
        level = max((m.level + (m.group is None) for m in made), default=0)
        level = max(level, least)
        homes = {id(m.group): m.group for m in made if m.level == level and m.group is not None}
        return level, list(homes.values())

    def united(self, stage: Stage, level: int, homes: list[Group]) -> list[Group]:
        """Groups as one, where there are rows that fit them all and the stage that needs them."""
        if len(homes) < 2:
            return homes
        whole = Group(reduce(common, (group.rows for group in homes)))
        whole.stages = [stage for group in homes for stage in group.stages]
        fit = all(s.fits(whole.rows) for s in whole.stages)
        if int(whole.rows) < max(FEW, 2 * self.parts) or not fit or not self.joins(stage, whole):
            return homes
        gone = set(map(id, homes))
        self.levels[level] = [g for g in self.levels[level] if id(g) not in gone] + [whole]
        for v, made in self.made.items():
            if id(made.group) in gone:
                self.made[v] = Made(level, whole)
        return [whole]

    def sources(self, stage: Stage) -> list[Value]:
        """The stored Values that a stage reads, whatever its rows."""
        if isinstance(stage, Call):
            return stage.given
        if isinstance(stage, Folding) and stage.across:
            stage = Folding(stage.values[0])
        rows = natural_rows(stage.sliced, self.parts)  # which is looked at anyhow, most often
        return [access.value for access in stage.reads(self.stored, rows)[0]]

    def joins(self, stage: Stage, group: Group) -> bool:
        """Whether a stage can run row by row in a group, which may get fewer rows for it."""
        if isinstance(stage, Call) or (group.rows == 1 and stage.work > LITTLE):
            return False
        rows = common(group.rows, natural_rows(stage.sliced, 1))
        for count in {group.rows, rows}:
            enough = count == group.rows or int(count) >= max(FEW, 2 * self.parts)
            if enough and self.follows(stage, group, count):
                group.rows = count
                return True
        return False

    def follows(self, stage: Stage, group: Group, rows: int) -> bool:
        if not stage.fits(rows):
            return False
        accesses, loop = stage.reads(self.stored, rows)
        inside = {v for own in group.stages for v in own.values}
        return all(aligned(a, rows, loop) for a in accesses if a.value in inside)

    def crossing(self, stage: Stage, homes: list[Group]) -> Folding | None:
        """A fold of many rows into little, as one that every part of the rows does for itself."""
        if type(stage) is not Folding or int(stage.values[0].size) > SMALL or stage.intense:
            return None
        other = Folding(stage.values[0], across=True)
        if not homes:
            few = int(stage.values[0].size) < 64 * self.parts
            return other if few and stage.work > MANY and other.folded_shape else None
        return other if len(homes) == 1 and self.joins(other, homes[0]) else None

    def group_for(self, stage: Stage, level: int) -> Group:
        """A group of this level with such rows, or a new one."""
        rows = 1 if isinstance(stage, Call) else natural_rows(stage.sliced, self.parts)
        while len(self.levels) <= level:
            self.levels.append([])
        for group in self.levels[level]:
            called = any(isinstance(s, Call) for s in group.stages)
            if not called and not isinstance(stage, Call):
                if group.rows == rows:
                    return group
        self.levels[level].append(Group(rows))
        return self.levels[level][-1]

    def put(self, stage: Stage, level: int, group: Group) -> None:
        group.stages.append(stage)
        made = stage.values
        if isinstance(stage, Folding) and stage.across and stage.partial is not None:
            made = [stage.partial]  # its Value is there once the parts are combined
            self.stored.add(stage.partial)
        for v in made:
            self.made[v] = Made(level, None if stage.whole else group)

    def groups(self) -> Iterator[Group]:
        for level in self.levels:
            yield from level


def scheduled(
    graph: Graph, stored: set[Value], threads: int, parts: int, pairs: Mapping[int, int] = {}
) -> Schedule:
    """The stages of a graph in levels and groups, those of one shape merged.

    `pairs` are outputs that may be written where an input lies.
    """
    schedule = Schedule(stored, threads, parts)
    results, waiting = picked(graph), Waiting(graph, stored, parts, pairs)
    order = graph.order()
    for v in order:
        if v in results:
            schedule.add(called(v, results[v], threads, parts))
        elif v in waiting.copies:
            schedule.waiting[v] = Maps([v])
        elif v not in waiting.last and is_stored(v, stored):
            schedule.add(stage_of(v))
    least = {x: level_after(x, schedule) for x in waiting.last.values()}
    for v in order:
        if v in waiting.last and is_stored(v, stored):
            schedule.add(stage_of(v), least[waiting.last[v]])
    outputs = {place_of(v) for v in graph.outputs}
    for group in schedule.groups():
        merge(group, stored)
    keep(schedule, outputs)
    return schedule


def level_after(x: Value, schedule: Schedule) -> int:
    """The first level at which nothing reads an input any more."""
    found = [
        level
        for level, groups in enumerate(schedule.levels)
        for group in groups
        if any(p is x for stage in group.stages for p in schedule.sources(stage))
    ]
    return 1 + max(found, default=-1)


def is_stored(v: Value, stored: set[Value]) -> bool:
    return v in stored and v.prim is not None and v.prim is not pick


def called(v: Value, results: list[Value], threads: int, parts: int) -> Call:
    """The stage of an operation with several results."""
    if not is_nested(v, results):
        return Call(v, results)
    return nested(v, results, lambda body: scheduled(body, stored_values(body), threads, parts))


def stage_of(v: Value) -> Stage:
    if isinstance(v.prim, (Reduce, Contract)) and is_native(v):
        return Folding(v)
    if is_scan(v):
        return Scanning([v])
    if is_scattering(v):
        return Scattering(v)
    return Maps([v]) if is_native(v) else Call(v, [v])


def merge(group: Group, stored: set[Value]) -> None:
    """Elementwise stages of one shape as one, where the later needs nothing that is in between."""
    stages: list[Stage] = []
    for stage in group.stages:
        into = target(stage, stages, stored, group.rows) if isinstance(stage, Maps) else None
        if into is None:
            stages.append(stage)
        else:
            into.values += stage.values
            into.kept |= stage.kept
    group.stages = stages


def target(stage: Maps, stages: list[Stage], stored: set[Value], rows: int) -> Maps | None:
    loops, probe = stage.opened(stored, rows)
    for other in reversed(stages):
        if isinstance(other, Maps) and other.shape == stage.shape:
            own = set(other.values)
            inside = [a for a in probe.accesses if a.value in own]
            return other if all(a.place == loops.index for a in inside) else None
        between = set(other.values)
        if any(a.value in between for a in probe.accesses):
            return None
    return None


def keep(schedule: Schedule, outputs: set[Value]) -> None:
    """Only what another stage reads, or the caller gets, is written to memory."""
    wanted = set(outputs)
    for group in schedule.groups():
        for stage in group.stages:
            if isinstance(stage, Call):
                wanted.update(stage.given)
                continue
            wanted.update(a.value for a in stage.reads(schedule.stored, group.rows)[0])
    for group in schedule.groups():
        for stage in group.stages:
            stage.kept &= wanted
