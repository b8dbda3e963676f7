"""Floor 6. Costs: what each nest of a program computes and moves, and the memory planned for it."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

from ..abstract import Value
from ..kinds import Map
from ..ops.contractions import Contract
from .graph import Graph
from .lower.fusing import Group, Schedule
from .lower.lifetimes import read, written
from .lower.memory import Memory
from .lower.nested import Nested
from .lower.stages import Call, Combine, Folding, Maps, Stage
from .lower.storing import COSTS, inside_out, place_of

__all__ = ["Cost", "NestCost", "cost_of"]

WIDTH = 48  # of a nest's name


class NestCost(NamedTuple):
    """One nest of loops, or one routine that Python calls: its operations, and bytes moved.

    What is read or written counts once, however often it is, and what stays in the cache not at
    all.  A product and the sum that it goes into are two operations, and a function is one.
    """

    name: str
    operations: int
    read: int
    written: int


class Cost:
    """What a program takes, nest by nest and in all; as text it is a table.

    `arena` are the bytes of what is kept between nests, `scratch` those of what stays in the
    caches of all threads, `outputs` those of the results.
    """

    def __init__(self, nests: Iterable[NestCost], arena: int, scratch: int, outputs: int):
        self.nests = tuple(nests)
        self.arena, self.scratch, self.outputs = arena, scratch, outputs

    @property
    def operations(self) -> int:
        return sum(nest.operations for nest in self.nests)

    @property
    def read(self) -> int:
        return sum(nest.read for nest in self.nests)

    @property
    def written(self) -> int:
        return sum(nest.written for nest in self.nests)

    @property
    def moved(self) -> int:
        """Bytes read and written."""
        return self.read + self.written

    @property
    def planned(self) -> int:
        """Bytes of memory."""
        return self.arena + self.scratch + self.outputs

    def __repr__(self) -> str:
        total = NestCost("in all", self.operations, self.read, self.written)
        head = ("nest", "operations", "bytes read", "bytes written")
        rows = [head, *((n[0], *(f"{x:,}" for x in n[1:])) for n in (*self.nests, total))]
        widths = [max(map(len, column)) for column in zip(*rows)]
        lines = [
            "  ".join([name.ljust(widths[0]), *(x.rjust(w) for x, w in zip(rest, widths[1:]))])
            for name, *rest in rows
        ]
        memory = f"arena {self.arena:,}, scratch {self.scratch:,}, outputs {self.outputs:,}"
        return "\n".join([*lines, f"memory: {self.planned:,} bytes ({memory})"])


def cost_of(graph: Graph, schedule: Schedule, memory: Memory) -> Cost:
    """The cost of a schedule."""
    outputs = {place_of(v) for v in graph.outputs if v.prim is not None}
    return Cost(
        [nest_cost(group, schedule, memory) for group in schedule.groups()],
        memory.arena,
        memory.scratch * schedule.threads,
        sum(v.nbytes for v in outputs),
    )


def nest_cost(group: Group, schedule: Schedule, memory: Memory) -> NestCost:
    found: dict[Value, None] = {}
    made: dict[Value, None] = {}
    names: dict[str, None] = {}
    operations = 0
    for stage in group.stages:
        found |= read(stage, schedule, group)
        made |= dict.fromkeys(written(stage))
        own, count = work_of(stage, schedule, group)
        names |= dict.fromkeys(own)
        operations += count
    moved = {v for v in (*found, *made) if memory.buffers[v].kind != "scratch"}
    inner = {v for v in found if v in made}
    return NestCost(
        shortened(list(names)),
        operations,
        sum(v.nbytes for v in found if v in moved and v not in inner),
        sum(v.nbytes for v in made if v in moved),
    )


def work_of(stage: Stage, schedule: Schedule, group: Group) -> tuple[list[str], int]:
    """What a stage does, by name, and how many operations that is."""
    if isinstance(stage, Maps):
        _, probe = stage.opened(schedule.stored, group.rows)
    elif isinstance(stage, Folding):
        probe = stage.opened(group.rows).probed(schedule.stored)
    else:
        called = stage.operation if isinstance(stage, Call) else inside_out(stage.values[0])
        how = "inside" if isinstance(stage, Nested) else "called"
        return [f"{called.prim.name} ({how})"], operations_of(called)
    names = [v.prim.name for v in probe.maps] or [v.prim.name for v in stage.values]
    count = sum(each(v.prim) * min(v.size, stage.work) for v in probe.maps)
    if isinstance(stage, Combine) and stage.partial is not None:
        return [f"{stage.values[0].prim.name} (of parts)"], count + stage.partial.size
    if isinstance(stage, Folding):
        v = stage.values[0]
        names = [*names, v.prim.name] if probe.maps else names
        count += stage.work * (2 if isinstance(v.prim, Contract) else 1)
    return names, count


def operations_of(v: Value) -> int:
    """The operations of a Value with loops or branches in it; of a routine nothing is known."""
    graphs = [p for p in v.params.values() if isinstance(p, Graph)]
    inner = sum(operations_in(graph) for graph in graphs)
    return inner * v.params.get("length", 1)


def operations_in(graph: Graph) -> int:
    total = 0
    for v in graph.order():
        if isinstance(v.prim, Map):
            total += each(v.prim) * v.size
        elif isinstance(v.prim, Contract):
            total += 2 * Folding(v).work
        elif v.prim is not None:
            total += operations_of(v)
    return total


@cache
def each(prim: Any) -> int:
    """How many operations an element takes: those that the table's text has, or a draw's."""
    if not isinstance(prim, Map):
        return COSTS.get(prim.name, 0)
    kinds = ast.BinOp | ast.UnaryOp | ast.Compare | ast.Call
    return sum(isinstance(node, kinds) for node in ast.walk(ast.parse(prim.text, mode="eval")))


def shortened(names: list[str]) -> str:
    """As many names as there is room for."""
    text = ", ".join(names)
    if len(text) <= WIDTH:
        return text
    return text[: WIDTH - 3].rpartition(",")[0] + ", ..."
