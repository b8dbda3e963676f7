"""Floor 6. Repeats: scans as loops inside a program, over the stages of their bodies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...abstract import Value, unknown
from ...custom import pick
from ...ops.elementwise import positive
from ..graph import Graph, rewritten
from ..passes.making import made
from ..passes.scans import without_repetition
from ..regions import Holding, Scan, scan_
from .stages import Call, Folding, aligned
from .storing import inside_out, is_native, is_number

__all__ = ["Repeat", "is_loop", "looped", "picked"]


class Repeat(Call):
    """A scan whose body has a schedule of its own.

    A carry lies in two places in turn, so that a step reads what the one before it wrote.
    """

    python = False

    def __init__(self, operation: Value, values: Sequence[Value], schedule: Any):
        super().__init__(operation, values)
        p, self.schedule = operation.params, schedule
        self.body: Graph = p["body"]
        self.carries, self.xs = p["carries"], p["xs"]
        self.length, self.reverse = p["length"], p["reverse"]
        self.results = {v.params["k"]: v for v in values}
        states = self.body.inputs[: self.carries]
        self.turns = [[unknown(v.shape, v.dtype) for _ in range(2)] for v in states]
        self.rooms = [v for pair in self.turns for v in pair]  # memory besides that of results
        self.by_rows = self.rows_are_apart()

    def rows_are_apart(self) -> bool:
        """Whether each row of a step needs of the step before it only the same row.

        Then threads need not wait for each other between steps.
        """
        groups = list(self.schedule.groups())
        if len(groups) != 1:
            return False
        (group,) = groups
        states = set(self.body.inputs[: self.carries])
        for stage in group.stages:
            if isinstance(stage, Call) or (isinstance(stage, Folding) and stage.across):
                return False
            accesses, loop = stage.reads(self.schedule.stored, group.rows)
            if not all(aligned(a, group.rows, loop) for a in accesses if a.value in states):
                return False
        return True


def is_loop(v: Value, used: Sequence[Value]) -> bool:
    """Whether an operation is a loop of the program's own, if these of its results are used."""
    if not isinstance(v.prim, Scan) or not v.params["length"]:
        return False
    stacks = {p.params["k"] for p in used} - set(range(v.params["carries"]))
    if len(stacks) < len(v.params["results"]) - v.params["carries"]:
        return False
    body, inner = v.params["body"], picked(v.params["body"])
    for x in body.order():
        known = x.saved is not None and not is_number(x)  # an array, which has no place there
        native = is_loop(x, inner[x]) if x in inner else x.prim is pick or is_native(x)
        if known or not x.size or not native:
            return False
    return True


def picked(graph: Graph) -> dict[Value, list[Value]]:
    """The results in use of each operation that has several."""
    found: dict[Value, list[Value]] = {}
    for v in graph.order():
        if v.prim is pick:
            found.setdefault(v.parents[0], []).append(v)
    return found


def looped(graph: Graph, ready: Callable[[Graph], Graph]) -> Graph:
    """`graph` with the bodies of its scans made `ready` for loops.

    What that adds and no step changes, such as weights in another order, is done once, outside.
    """
    if not any(isinstance(v.prim, Holding) for v in graph.order()):
        return graph

    def prepared(v: Value) -> Value:
        return with_body(v, ready(v.params["body"])) if isinstance(v.prim, Scan) else v

    def finished(v: Value) -> Value:
        return with_body(v, apart(v.params["body"])) if isinstance(v.prim, Scan) else v

    return rewritten(without_repetition(rewritten(graph, prepared)), finished)


def with_body(v: Value, body: Graph) -> Value:
    found = Value(scan_, v.parents, {**v.params, "body": body}, v.shape, v.dtype)
    found.where = v.where
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
