"""Floor 6. Nested: loops and branches as stages that have schedules of their own inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ...abstract import Value, unknown
from ...custom import pick
from ...ops.elementwise import positive
from ..graph import Graph
from ..passes.making import made
from ..regions import Cond, Holding, Scan, WhileLoop
from .stages import Call, Folding, aligned
from .storing import inside_out, is_native, is_number

__all__ = ["Body", "Branch", "Nested", "Repeat", "While", "apart", "is_nested", "nested", "picked"]


class Body(NamedTuple):
    """A graph inside of another, and its stages."""

    graph: Graph
    schedule: Any


class Nested(Call):
    """An operation whose graphs run inside the program; `rooms` are memory besides results."""

    python = False

    def __init__(self, operation: Value, values: Sequence[Value], bodies: Sequence[Body]):
        super().__init__(operation, values)
        self.bodies = list(bodies)
        self.results = {v.params["k"]: v for v in values}
        self.rooms: list[Value] = []
        self.arenas: list[Value | None] = [None] * len(self.bodies)

    def room(self, shape: Any, dtype: Any) -> Value:
        """Memory of the stage's own."""
        self.rooms.append(unknown(shape, dtype))
        return self.rooms[-1]

    def own_memory(self) -> list[Value]:
        """All memory besides that of results."""
        return [*self.rooms, *(arena for arena in self.arenas if arena is not None)]

    def complete(self) -> None:
        """Let results that nobody uses have a place, too."""
        for k, specification in enumerate(self.operation.params["results"]):
            if k not in self.results:
                self.results[k] = self.room(*specification)


class Branch(Nested):
    """A cond: one of two bodies, by a bool in memory."""

    def __init__(self, operation: Value, values: Sequence[Value], bodies: Sequence[Body]):
        super().__init__(operation, values, bodies)
        self.complete()


class Turning(Nested):
    """A loop whose carries each lie in two places in turn: a step reads what the last one wrote."""

    def __init__(self, operation: Value, values: Sequence[Value], bodies: Sequence[Body]):
        super().__init__(operation, values, bodies)
        self.carries: int = operation.params["carries"]
        states = self.bodies[0].graph.inputs[: self.carries]
        self.turns = [[self.room(v.shape, v.dtype) for _ in range(2)] for v in states]


class While(Turning):
    """A while_loop whose last carry says whether to go on; the second body copies the results."""


class Repeat(Turning):
    """A scan."""

    def __init__(self, operation: Value, values: Sequence[Value], bodies: Sequence[Body]):
        super().__init__(operation, values, bodies)
        p = operation.params
        self.xs, self.length, self.reverse = p["xs"], p["length"], p["reverse"]
        self.by_rows = self.rows_are_apart(*self.bodies[0])

    def rows_are_apart(self, graph: Graph, schedule: Any) -> bool:
        """Whether each row of a step needs of the step before it only the same row.

        Then threads need not wait for each other between steps.
        """
        groups = list(schedule.groups())
        if len(groups) != 1:
            return False
        (group,) = groups
        states = set(graph.inputs[: self.carries])
        for stage in group.stages:
            if isinstance(stage, Call) or (isinstance(stage, Folding) and stage.across):
                return False
            accesses, loop = stage.reads(schedule.stored, group.rows)
            if not all(aligned(a, group.rows, loop) for a in accesses if a.value in states):
                return False
        return True


def nested(v: Value, used: Sequence[Value], schedule: Callable[[Graph], Any]) -> Nested:
    """The stage of an operation that `is_nested`."""
    p = v.params
    if isinstance(v.prim, Cond):
        return Branch(v, used, [Body(g, schedule(g)) for g in (p["true"], p["false"])])
    body = Body(p["body"], schedule(p["body"]))
    if isinstance(v.prim, Scan):
        return Repeat(v, used, [body])
    in_order = sorted(used, key=lambda x: x.params["k"])
    ends = [unknown(x.shape, x.dtype) for x in in_order]
    copies = Graph(tuple(ends), tuple(made(positive, x) for x in ends))
    return While(v, used, [body, Body(copies, schedule(copies))])


def is_nested(v: Value, used: Sequence[Value]) -> bool:
    """Whether the program runs an operation itself, if these of its results are used."""
    p = v.params
    if isinstance(v.prim, Scan):
        stacks = {x.params["k"] for x in used} - set(range(p["carries"]))
        whole = len(stacks) == len(p["results"]) - p["carries"]
        return bool(p["length"]) and whole and fits(p["body"])
    if isinstance(v.prim, WhileLoop):
        (test,) = p["test"].outputs
        return test is p["test"].inputs[p["carries"] - 1] and fits(p["body"])
    return isinstance(v.prim, Cond) and fits(p["true"]) and fits(p["false"])


def fits(graph: Graph) -> bool:
    """Whether all of a graph is loops of the program's own."""
    inner = picked(graph)
    for v in graph.order():
        known = v.saved is not None and not is_number(v)  # an array, which has no place there
        native = is_nested(v, inner[v]) if v in inner else v.prim is pick or is_native(v)
        if known or not v.size or not native:
            return False
    return not any(isinstance(v.prim, Holding) and v not in inner for v in graph.order())


def picked(graph: Graph) -> dict[Value, list[Value]]:
    """The results in use of each operation that has several."""
    found: dict[Value, list[Value]] = {}
    for v in graph.order():
        if v.prim is pick:
            found.setdefault(v.parents[0], []).append(v)
    return found


def apart(body: Graph) -> Graph:
    """A body whose outputs are all computed, and no two of them in the same memory."""
    outputs: list[Value] = []
    seen: set[Value] = set()
    for y in body.outputs:
        place = inside_out(y)
        if place.prim is None or place in seen:
            y = place = made(positive, y)
        seen.add(place)
        outputs.append(y)
    return Graph(body.inputs, tuple(outputs))
