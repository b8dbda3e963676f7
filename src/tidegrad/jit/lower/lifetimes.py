"""Floor 6. Lifetimes: which uses what is stored is needed for, and what may follow in its place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ...abstract import Value
from .affine import linear, strides
from .fusing import Group, Schedule
from .nested import Nested
from .stages import Call, Folding, Maps, Stage, aligned

__all__ = ["Uses", "read", "used", "written"]


class Use(NamedTuple):
    """A stage that writes or reads a Value; it stands at this `place` of its group."""

    level: int
    group: Group
    place: int
    stage: Stage
    by_rows: bool  # touching, for each row that the group works on, only the same row


class Uses:
    """What writes and reads a Value, in order."""

    def __init__(self, value: Value):
        self.value = value
        self.all: list[Use] = []

    @property
    def first(self) -> int:
        return self.all[0].level

    @property
    def last(self) -> int:
        return self.all[-1].level

    def inside(self, group: Group) -> bool:
        """Whether nothing outside needs it, nor anything before all rows have been through."""
        return all(use.group is group for use in self.all) and not self.all[0].stage.whole

    def apart(self, other: Uses) -> bool:
        """Whether a barrier stands between these uses and those."""
        return self.last < other.first or other.last < self.first

    def row_by_row(self, other: Uses, stored: set[Value]) -> bool:
        """Whether one may lie where the other lies, whose rows are overwritten one by one.

        They meet in one group, and a thread overwrites only what it alone has read.
        """
        early, late = (self, other) if self.first <= other.first else (other, self)
        ends = [use for use in early.all if use.level == late.first]
        starts = [use for use in late.all if use.level == early.last]
        met = [*ends, *starts]
        if not (ends and starts and all(u.by_rows and u.group is met[0].group for u in met)):
            return False
        if early.value.nbytes != late.value.nbytes:
            return False
        end, start = ends[-1], starts[0]
        return end.place < start.place or (
            end.place == start.place and element_by_element(early.value, late.value, end, stored)
        )


def element_by_element(x: Value, y: Value, use: Use, stored: set[Value]) -> bool:
    """Whether a stage reads of `x` just the element in whose place it then writes one of `y`."""
    if not isinstance(use.stage, Maps) or x.dtype.itemsize != y.dtype.itemsize:
        return False
    loops, probe = use.stage.opened(stored, use.group.rows)
    place = linear(loops.index, strides(y.shape))
    return all(a.offset == place for a in probe.accesses if a.value is x)


def used(schedule: Schedule) -> dict[Value, Uses]:
    """The uses of what stages write, in order."""
    uses: dict[Value, Uses] = {}
    for level, groups in enumerate(schedule.levels):
        for group in groups:
            for place, stage in enumerate(group.stages):
                for v in written(stage):
                    own = not (stage.whole or isinstance(stage, Call))
                    known = uses.setdefault(v, Uses(v))
                    known.all.append(Use(level, group, place, stage, own))
                for v in read(stage, schedule, group):
                    if v in uses:
                        own = reads_by_rows(v, stage, schedule, group)
                        uses[v].all.append(Use(level, group, place, stage, own))
    return uses


def reads_by_rows(v: Value, stage: Stage, schedule: Schedule, group: Group) -> bool:
    if isinstance(stage, Call):
        return False
    accesses, loop = stage.reads(schedule.stored, group.rows)
    return all(aligned(a, group.rows, loop) for a in accesses if a.value is v)


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
