"""Floor 6. Steps: the code of a scan, which runs the stages of its body again and again."""

from __future__ import annotations

from typing import Any

from ...abstract import Value
from .affine import Loop
from .loops import Level
from .repeats import Repeat

__all__ = ["repeated"]


def repeated(outer: Any, inner: Any, level: Level, stage: Repeat) -> None:
    """The loop, inside `level`: `outer` writes the program around it, `inner` its body.

    Every thread runs it, and waits for the others after each level of a step, unless each row of
    a step needs only its own of the step before.
    """
    step = level.repeat(Loop("step", stage.length), "0", str(stage.length), some=True)
    inner.pointers = Pointers(outer, level, step, stage).all()
    for groups in stage.schedule.levels:
        for group in groups:
            inner.group(step, group)
        if not stage.by_rows and stage.schedule.threads > 1:
            step.then().line("call void @tide_barrier(ptr %wait)")


class Pointers:
    """Where a step finds what its body reads and writes."""

    def __init__(self, outer: Any, level: Level, step: Level, stage: Repeat):
        self.outer, self.level, self.step, self.stage = outer, level, step, stage
        assert step.position is not None
        self.number = step.position.name
        odd = step.emit(f"and i64 {self.number}, 1")
        self.odd = step.emit(f"icmp ne i64 {odd}, 0")
        self.first = step.emit(f"icmp eq i64 {self.number}, 0")
        self.last = step.emit(f"icmp eq i64 {self.number}, {stage.length - 1}")
        self.place = self.number
        if stage.reverse:
            self.place = step.emit(f"sub i64 {stage.length - 1}, {self.number}")

    def all(self) -> list[str]:
        """The addresses of inputs, of outputs, of the arena, and of this thread's scratch."""
        stage, n = self.stage, self.stage.carries
        m = n + stage.xs
        states = [self.turn(k, reading=True) for k in range(n)]
        slices = [
            self.slice(v, x) for v, x in zip(stage.given[n:m], stage.body.inputs[n:m], strict=True)
        ]
        same = [self.base(v) for v in stage.given[m:]]
        new = [self.turn(k, reading=False) for k in range(n)]
        outputs = stage.body.outputs
        stacks = [self.slice(stage.results[k], outputs[k]) for k in range(n, len(outputs))]
        arena = self.base(stage.rooms[-1]) if len(stage.rooms) > 2 * n else "null"
        return [*states, *slices, *same, *new, *stacks, arena, self.outer.pointers[-1]]

    def base(self, v: Value) -> str:
        return self.outer.address(self.level, v, self.stage, None, None)

    def turn(self, k: int, reading: bool) -> str:
        """Where a carry is read, or written: the two places change with every step."""
        one, other = map(self.base, self.stage.turns[k])
        if reading:
            before = self.chosen(self.odd, one, other)
            return self.chosen(self.first, self.base(self.stage.given[k]), before)
        now = self.chosen(self.odd, other, one)
        end = self.stage.results.get(k)
        return now if end is None else self.chosen(self.last, self.base(end), now)

    def chosen(self, condition: str, yes: str, no: str) -> str:
        return self.step.emit(f"select i1 {condition}, ptr {yes}, ptr {no}")

    def slice(self, whole: Value, one: Value) -> str:
        """Where the slice of this step lies."""
        base = self.base(whole)
        away = self.step.emit(f"mul i64 {self.place}, {one.nbytes}")
        return self.step.emit(f"getelementptr i8, ptr {base}, i64 {away}")
