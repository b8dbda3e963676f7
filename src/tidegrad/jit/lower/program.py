"""Floor 6. Program: the functions of all stages, and those that run them level by level."""

from __future__ import annotations

from typing import NamedTuple

from ...abstract import Value
from ..graph import Graph
from ..ir import Module
from ..lane import Lane, literal, select
from ..native.target import Target
from ..native.threads import BARRIER
from .affine import Loop
from .folds import Tiles, neutral
from .fusing import Group, Schedule
from .loops import INDEX, Function, Level
from .memory import Memory, planned, read
from .nests import Nest, lanes_of
from .stages import Call, Folding, Maps, Stage

__all__ = ["Program", "generated"]


class Program(NamedTuple):
    """LLVM text, and its parts in order: the name of a function, or a call for Python to make."""

    text: str
    steps: tuple[str | Call, ...]
    memory: Memory
    schedule: Schedule


class Writer:
    """Writes the module of one schedule."""

    def __init__(self, graph: Graph, schedule: Schedule, target: Target, contract: bool = True):
        self.schedule, self.target = schedule, target
        self.memory = planned(graph, schedule)
        self.module = Module(contract=contract, fma=target.fma)
        self.names: dict[int, tuple[str, list[Value]]] = {}
        self.pointers: list[str] = []
        self.steps: list[str | Call] = []

    def written(self) -> Program:
        for group in self.schedule.groups():
            for stage in group.stages:
                if not isinstance(stage, Call):
                    self.stage(stage, group)
        part: list[list[Group]] = []
        for level in self.schedule.levels:
            calls = [s for group in level for s in group.stages if isinstance(s, Call)]
            native = [g for g in level if not any(isinstance(s, Call) for s in g.stages)]
            part += [native] if native else []
            if calls:
                self.part(part)
                part = []
                self.steps += calls
        self.part(part)
        text = self.module.text()
        if self.schedule.threads > 1:
            text += BARRIER
        return Program(text, tuple(self.steps), self.memory, self.schedule)

    def stage(self, stage: Stage, group: Group) -> None:
        """The function of one stage."""
        name = f"stage{len(self.names)}"
        own = [v for v in stage.values if v in stage.kept]
        used = list(dict.fromkeys([*own, *read(stage, self.schedule, group)]))
        width = lanes_of(self.target.bits, [v.dtype for v in stage.values])
        nest = Nest(self.module, name, used, width)
        self.names[id(stage)] = name, used
        if isinstance(stage, Maps):
            loops, probe = stage.opened(self.schedule.stored, group.rows)
            nest.stores(loops.merged(probe.accesses), stage.values, stage.kept)
            return
        assert isinstance(stage, Folding)
        fold = stage.opened(group.rows)
        Tiles(nest, fold, set(nest.pointers)).written()
        if stage.across:
            fill = Nest(self.module, f"fill_{name}", own, width)
            fill.fill(own[0], neutral(fold.name, own[0].dtype))

    def part(self, levels: list[list[Group]]) -> None:
        """A function that runs some levels, on every thread."""
        if not levels:
            return
        name = f"part{len(self.steps)}"
        self.steps.append(name)
        parameters = [("ptr", "%table"), ("i64", "%thread"), ("i64", "%threads"), ("ptr", "%wait")]
        function = Function(self.module, name, parameters, outer=True)
        self.pointers = self.opened(function.root)
        for k, groups in enumerate(levels):
            for group in groups:
                self.group(function.root, group)
            if k + 1 < len(levels) and self.schedule.threads > 1:
                function.root.then().line("call void @tide_barrier(ptr %wait)")

    def opened(self, code: Level) -> list[str]:
        """The slots' addresses, then those of the arena and of this thread's scratch."""
        names = []
        for k in range(len(self.memory.slots) + 2):
            place = code.emit(f"getelementptr ptr, ptr %table, i64 {k}")
            names.append(code.emit(f"load ptr, ptr {place}, align 8"))
        own = code.emit(f"mul i64 %thread, {self.memory.scratch}")
        return [*names[:-1], code.emit(f"getelementptr i8, ptr {names[-1]}, i64 {own}")]

    def group(self, level: Level, group: Group) -> None:
        """Blocks of rows, for those parts of them all that are this thread's."""
        parts, rows, block = self.schedule.parts, group.rows, self.memory.blocks[id(group)]
        part = level.repeat(Loop("part", parts), "%thread", str(parts), "%threads")
        assert part.position is not None
        c, ends = part.position, []
        for x in (c, c + 1):
            whole = x * rows
            ends.append(whole.like(f"udiv i64 {whole.name}, {parts}") if parts > 1 else whole)
        low, high = ends
        for stage in group.stages:
            if isinstance(stage, Folding) and stage.across:
                place = self.address(part, stage.values[0], stage, c, None)
                part.line(f"call void @fill_{self.names[id(stage)][0]}(ptr {place}, i64 0, i64 1)")
        inner = part
        if block < rows:
            inner = part.repeat(Loop("block", rows), low.name, high.name, block)
            assert inner.position is not None
            low = inner.position
            end = low + block
            high = select(end < Lane(inner, high.name, INDEX), end, high)
        for stage in group.stages:
            name, used = self.names[id(stage)]
            given = [f"ptr {self.address(inner, v, stage, c, low)}" for v in used]
            listed = ", ".join([*given, f"i64 {low.name}", f"i64 {high.name}"])
            inner.line(f"call void @{name}({listed})")

    def address(self, code: Level, v: Value, stage: Stage, part: Lane, low: Lane | None) -> str:
        """Where `v` lies for the rows from `low` on, counted from row 0."""
        away: Lane | None = None
        if isinstance(stage, Folding) and stage.across and v is stage.values[0]:
            if stage.partial is not None:
                v, away = stage.partial, Lane(code, part.name, INDEX) * v.nbytes
        buffer = self.memory.buffers[v]
        if buffer.kind == "slot":
            base = self.pointers[buffer.start]
        else:
            first = literal(code, buffer.start, INDEX)
            if buffer.kind == "scratch" and low is not None:
                first = first - Lane(code, low.name, INDEX, value=low.value) * buffer.row
            away = first if away is None else away + first
            base = self.pointers[-1 if buffer.kind == "scratch" else -2]
        if away is None:
            return base
        return code.emit(f"getelementptr i8, ptr {base}, i64 {away.name}")


def generated(graph: Graph, schedule: Schedule, target: Target, contract: bool = True) -> Program:
    """The program of a schedule, for one kind of processor."""
    return Writer(graph, schedule, target, contract).written()
