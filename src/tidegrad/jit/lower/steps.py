"""Floor 6. Steps: the code of loops and branches, which runs the stages of their bodies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...abstract import Value
from .affine import Loop
from .loops import Level, measured
from .nested import Branch, Nested, Repeat, While

__all__ = ["nested_code"]

ENDLESS = 1 << 62  # steps


def nested_code(outer: Any, inner: Sequence[Any], level: Level, stage: Nested) -> None:
    """The code of a stage inside `level`: `outer` writes the program around it, `inner` its bodies.

    Every thread runs it, and waits for the others after each level of stages.
    """
    places = Places(outer, level, stage)
    if isinstance(stage, Branch):
        branched(inner, level, places)
    elif isinstance(stage, While):
        looped(inner, level, places)
    elif isinstance(stage, Repeat):
        repeated(inner[0], level, places)


class Places:
    """Where a stage and its bodies find what they read and write; all is known beforehand."""

    def __init__(self, outer: Any, level: Level, stage: Nested):
        self.outer, self.level, self.stage = outer, level, stage

    def base(self, v: Value) -> str:
        return str(self.outer.address(self.level, v, self.stage, None, None))

    def all(self, values: Sequence[Value]) -> list[str]:
        return [self.base(v) for v in values]

    def rest(self, j: int) -> list[str]:
        """The arena of a body, and this thread's scratch."""
        arena = self.stage.arenas[j]
        return ["null" if arena is None else self.base(arena), self.outer.pointers[-1]]

    def results(self) -> list[str]:
        found = self.stage.results
        return self.all([found[k] for k in sorted(found)])


def run(writer: Any, pointers: list[str], level: Level, alone: bool = False) -> None:
    """All stages of a body; rows that are `alone` need not wait for others."""
    writer.pointers = pointers
    for groups in writer.schedule.levels:
        for group in groups:
            writer.group(level, group)
        if writer.schedule.threads > 1 and not alone:
            level.then().line("call void @tide_barrier(ptr %wait)")


def flag(level: Level, place: str) -> str:
    """A bool in memory, as 0 or 1."""
    byte = level.emit(f"load i8, ptr {place}")
    return level.emit(f"zext i8 {byte} to i64")


def branched(inner: Sequence[Any], level: Level, places: Places) -> None:
    """One of two bodies: each runs once or not at all."""
    stage = places.stage
    here = level.then()
    yes = flag(here, places.base(stage.given[0]))
    pointers = [*places.all(stage.given[1:]), *places.results()]
    run(inner[0], [*pointers, *places.rest(0)], here.repeat(Loop("true", 1), "0", yes))
    run(inner[1], [*pointers, *places.rest(1)], here.repeat(Loop("false", 1), yes, "1"))


def repeated(writer: Any, level: Level, places: Places) -> None:
    """The steps of a scan."""
    stage = places.stage
    assert isinstance(stage, Repeat)
    length = measured(level, stage.length)
    step = level.repeat(Loop("step", stage.length), "0", length.name, some=True)
    turns, (graph, _) = Turns(places, step), stage.bodies[0]
    n, m = stage.carries, stage.carries + stage.xs
    end = (length + -1).name
    last = step.emit(f"icmp eq i64 {turns.number}, {end}")
    place = turns.number
    if stage.reverse:
        place = step.emit(f"sub i64 {end}, {place}")
    slices = [
        turns.slice(v, x, place) for v, x in zip(stage.given[n:m], graph.inputs[n:m], strict=True)
    ]
    new = []
    for k in range(n):
        result, now = stage.results.get(k), turns.written(k)
        new.append(now if result is None else turns.chosen(last, places.base(result), now))
    stacks = [
        turns.slice(stage.results[k], graph.outputs[k], place) for k in range(n, len(graph.outputs))
    ]
    pointers = [*map(turns.read, range(n)), *slices, *places.all(stage.given[m:]), *new, *stacks]
    run(writer, [*pointers, *places.rest(0)], step, alone=stage.by_rows)


def looped(inner: Sequence[Any], level: Level, places: Places) -> None:
    """The steps of a while_loop; its results are copied from where the last one left them."""
    stage = places.stage
    assert isinstance(stage, While)
    body, copy = inner
    n, here = stage.carries, level.then()
    test = flag(here, places.base(stage.given[n - 1]))
    some = here.repeat(Loop("some", 1), "0", test)
    # How many steps there are is found out at the end of each of them.
    stop = f"%stop{next(level.function.names)}"
    step = some.repeat(Loop("step", ENDLESS), "0", stop, some=True)
    turns = Turns(places, step)
    pointers = [*map(turns.read, range(n)), *places.all(stage.given[n:])]
    pointers += [*map(turns.written, range(n))]
    run(body, [*pointers, *places.rest(0)], step)
    end = step.then()
    more = end.emit(f"icmp ne i64 {flag(end, turns.written(n - 1))}, 0")
    end.line(f"{stop} = select i1 {more}, i64 {ENDLESS}, i64 0")
    after = some.then()
    odd = after.emit(f"and i64 %n{step.number}, 1")
    odd = after.emit(f"icmp ne i64 {odd}, 0")
    used = sorted(stage.results)
    lasts = []
    for k in used:
        one, other = places.all(stage.turns[k])
        lasts.append(after.emit(f"select i1 {odd}, ptr {one}, ptr {other}"))
    run(copy, [*lasts, *places.results(), *places.rest(1)], after)
    none = here.repeat(Loop("none", 1), test, "1")
    starts = places.all([stage.given[k] for k in used])
    run(copy, [*starts, *places.results(), *places.rest(1)], none)


class Turns:
    """Where a step reads and writes carries: the two places change with every step."""

    def __init__(self, places: Places, step: Level):
        self.places, self.step = places, step
        assert step.position is not None
        self.number = step.position.name
        odd = step.emit(f"and i64 {self.number}, 1")
        self.odd = step.emit(f"icmp ne i64 {odd}, 0")
        self.first = step.emit(f"icmp eq i64 {self.number}, 0")

    def read(self, k: int) -> str:
        stage: Any = self.places.stage
        one, other = self.places.all(stage.turns[k])
        before = self.chosen(self.odd, one, other)
        return self.chosen(self.first, self.places.base(stage.given[k]), before)

    def written(self, k: int) -> str:
        stage: Any = self.places.stage
        one, other = self.places.all(stage.turns[k])
        return self.chosen(self.odd, other, one)

    def chosen(self, condition: str, yes: str, no: str) -> str:
        return self.step.emit(f"select i1 {condition}, ptr {yes}, ptr {no}")

    def slice(self, whole: Value, one: Value, place: str) -> str:
        """Where the slice of this step lies."""
        size = measured(self.places.level, one.nbytes)
        away = self.step.emit(f"mul i64 {place}, {size.name}")
        return self.step.emit(f"getelementptr i8, ptr {self.places.base(whole)}, i64 {away}")
