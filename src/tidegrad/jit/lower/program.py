"""Floor 6. Program: the functions of all stages, and those that run them level by level."""

from __future__ import annotations

from ...abstract import Value
from ..graph import Graph
from ..ir import Module
from ..lane import Lane, literal, select
from ..native.target import Target
from ..native.threads import BARRIER
from ..sizes import common
from .addresses import addresses
from .affine import Loop
from .folds import neutral
from .fusing import Group, Schedule
from .keys import form_of
from .lifetimes import read
from .loops import INDEX, Function, Level, measured
from .memory import Memory
from .nested import Nested
from .nests import Nest, lanes_of
from .scanning import Scanning
from .scattering import Scattering
from .stages import Call, Folding, Maps, Stage
from .steps import nested_code
from .storing import COSTS, place_of
from .tiles import Tiles
from .turning import turned
from .walk import Probe

__all__ = ["generated", "steps_of"]


def steps_of(schedule: Schedule) -> list[str | Call]:
    """The parts of a program in order: the name of a function, or a call for Python to make."""
    return [
        f"part{k}" if isinstance(part, list) else part for k, part in enumerate(parts_of(schedule))
    ]


def parts_of(schedule: Schedule) -> list[list[list[Group]] | Call]:
    """Levels that run in one go, cut where Python has to run something."""
    found: list[list[list[Group]] | Call] = []
    for level in schedule.levels:
        calls = [s for group in level for s in group.stages if isinstance(s, Call) and s.python]
        loops = [g for g in level if not any(isinstance(s, Call) and s.python for s in g.stages)]
        if loops:
            part = found[-1] if found else None
            if not isinstance(part, list):
                found.append(part := [])
            part.append(loops)
        found += calls
    return found


FUNCTION = 12  # operations, from which on something is a function in `COSTS`


class Writer:
    """Writes the module of one schedule."""

    def __init__(
        self, graph: Graph, schedule: Schedule, memory: Memory, target: Target, contract: bool,
        module: Module | None = None,
    ):  # fmt: skip
        self.schedule, self.memory, self.target = schedule, memory, target
        self.given = len(graph.inputs)
        self.made = self.given + len({place_of(v) for v in graph.outputs if v.prim is not None})
        self.module = module or Module(contract=contract, fma=target.fma)
        self.names: dict[int, tuple[str, list[Value]]] = {}
        self.known: dict[str, str] = {}
        self.pointers: list[str] = []
        self.bodies: dict[int, list[Writer]] = {}

    def written(self) -> str:
        self.stages()
        for name, part in zip(steps_of(self.schedule), parts_of(self.schedule)):
            if isinstance(part, list):
                self.part(str(name), part)
        return self.module.text() + (BARRIER if self.schedule.threads > 1 else "")

    def stages(self) -> None:
        """The functions of all stages, and of those in the bodies of loops and branches."""
        for group in self.schedule.groups():
            for stage in group.stages:
                if isinstance(stage, Nested):
                    self.bodies[id(stage)] = inside(self, stage)
                elif not isinstance(stage, Call):
                    self.stage(stage, group)

    def stage(self, stage: Stage, group: Group) -> None:
        """The function of one stage; stages of one form share theirs."""
        own = [v for v in stage.values if v in stage.kept]
        used = list(dict.fromkeys([*own, *read(stage, self.schedule, group)]))
        width = lanes_of(self.target.bits, [v.dtype for v in stage.values])
        quantum, kept = self.quantum(group), [v in stage.kept for v in stage.values]
        whole = type(stage).__name__, stage.whole, group.rows, quantum, kept
        form = f"{whole} {form_of(stage.values, used)}"
        name = self.known.get(form)
        if name is None:
            name = self.known[form] = f"stage{len(self.known)}"
            nest = Nest(self.module, name, used, width, quantum)
            if isinstance(stage, Maps):
                loops, probe = stage.opened(self.schedule.stored, group.rows)
                nest.width *= at_once(probe)
                space = loops.merged(probe.accesses)
                if not turned(nest, space, self.schedule.stored, stage.values):
                    nest.stores(space, stage.values, stage.kept)
            elif isinstance(stage, (Scanning, Scattering)):
                stage.write(nest, group.rows)
            else:
                assert isinstance(stage, Folding)
                fold = stage.opened(group.rows)
                Tiles(nest, fold, set(nest.pointers)).written()
                if stage.across:
                    fill = Nest(self.module, f"fill_{name}", own, width)
                    fill.fill(own[0], neutral(fold.name, own[0].dtype))
        self.names[id(stage)] = name, used

    def quantum(self, group: Group) -> int:
        """What all cuts between a group's rows are multiples of, where there are plenty of rows."""
        rows, enough = common(group.rows, self.memory.blocks[id(group)]), 4 * self.schedule.parts
        fitting = (n for n in (16, 8, 4, 2) if rows % n == 0 and int(group.rows) // n >= enough)
        return next(fitting, 1)

    def part(self, name: str, levels: list[list[Group]]) -> None:
        """A function that runs some levels, on every thread."""
        parameters = [("ptr", "%words"), ("i64", "%thread"), ("i64", "%threads"), ("ptr", "%wait")]
        function = Function(self.module, name, parameters, outer=True)
        self.pointers = addresses(function.root, self.memory, self.given, self.made)
        for k, groups in enumerate(levels):
            for group in groups:
                self.group(function.root, group)
            if k + 1 < len(levels) and self.schedule.threads > 1:
                function.root.then().line("call void @tide_barrier(ptr %wait)")

    def group(self, level: Level, group: Group) -> None:
        """Blocks of rows, for those parts of them all that are this thread's."""
        if isinstance(first := group.stages[0], Nested):
            return nested_code(self, self.bodies[id(first)], level, first)
        parts, rows, block = self.schedule.parts, group.rows, self.memory.blocks[id(group)]
        part = level.repeat(Loop("part", parts), "%thread", str(parts), "%threads")
        assert part.position is not None
        c, ends = part.position, []
        quantum = self.quantum(group)
        for x in (c, c + 1):
            whole = x * measured(part, rows // quantum)
            whole = whole.like(f"udiv i64 {whole.name}, {parts}") if parts > 1 else whole
            ends.append(whole * quantum)
        low, high = ends
        for stage in group.stages:
            if isinstance(stage, Folding) and stage.across:
                place = self.address(part, stage.values[0], stage, c, None)
                part.line(
                    f"call void @fill_{self.names[id(stage)][0]}(ptr {place}, i64 0, i64 1, i64 %n)"
                )
        inner = part
        if block < int(rows):
            inner = part.repeat(Loop("block", rows), low.name, high.name, block)
            assert inner.position is not None
            low = inner.position
            end = low + block
            high = select(end < Lane(inner, high.name, INDEX), end, high)
        for stage in group.stages:
            name, used = self.names[id(stage)]
            given = [f"ptr {self.address(inner, v, stage, c, low)}" for v in used]
            listed = ", ".join([*given, f"i64 {low.name}", f"i64 {high.name}", "i64 %n"])
            inner.line(f"call void @{name}({listed})")

    def address(self, code: Level, v: Value, stage: Stage, part: Lane, low: Lane | None) -> str:
        """Where `v` lies for the rows from `low` on, counted from row 0."""
        away: Lane | None = None
        if isinstance(stage, Folding) and stage.across and v is stage.values[0]:
            if stage.partial is not None:
                v, away = stage.partial, Lane(code, part.name, INDEX) * measured(code, v.nbytes)
        buffer = self.memory.buffers[v]
        if buffer.kind == "slot":
            base = self.pointers[buffer.start]
        else:
            first = literal(code, buffer.start, INDEX)
            if buffer.kind == "scratch" and low is not None:
                row = Lane(code, low.name, INDEX, value=low.value)
                first = first - row * measured(code, buffer.row)
            away = first if away is None else away + first
            base = self.pointers[-1 if buffer.kind == "scratch" else -2]
        if away is None:
            return base
        return code.emit(f"getelementptr i8, ptr {base}, i64 {away.name}")


def inside(writer: Writer, stage: Nested) -> list[Writer]:
    """Writers of a stage's bodies, whose stages they have written into the same module."""
    found = []
    for body, memory in zip(stage.bodies, writer.memory.inner[id(stage)]):
        module = writer.module
        found.append(Writer(*body, memory, writer.target, module.contract, module))
        found[-1].known = writer.known
        found[-1].stages()
    return found


def at_once(probe: Probe) -> int:
    """How many registers are computed side by side: functions of functions wait for each other."""
    functions = sum(COSTS.get(v.prim.name, 1) >= FUNCTION for v in probe.maps)
    return 2 if functions > 2 else 1


def generated(
    graph: Graph, schedule: Schedule, memory: Memory, target: Target, contract: bool = True
) -> str:
    """The LLVM text of a schedule, for one kind of processor."""
    return Writer(graph, schedule, memory, target, contract).written()
