"""Floor 6. Loops: code as nested levels, each of which runs before what is inside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

import numpy as np

from ..ir import Code, Module
from ..lane import Lane, literal
from ..sizes import Size
from .affine import Loop

__all__ = ["INDEX", "Function", "Level", "measured"]

INDEX = np.dtype("int64")


class Level(Code):
    """Straight-line code at one depth; what is inside comes after all of it.

    So whatever does not change in an inner loop is computed here, whenever it is asked for.
    """

    def __init__(self, function: Function, depth: int, loop: Loop | None = None):
        self.module, self.contract = function.module, function.module.contract
        self.function, self.depth, self.loop = function, depth, loop
        self.lines: list[str] = []
        self.known: dict[str, str] = {}
        self.inner: list[Level] = []
        self.head: list[str] = []
        self.tail: list[str] = []
        self.position: Lane | None = None  # the loop's counter
        self.held: list[Lane] = []  # what the loop carries from turn to turn
        self.number: int | None = None
        self.some, self.initial = True, list[Lane]()

    def emit(self, text: str) -> str:
        name = f"%v{next(self.function.names)}"
        self.lines.append(f"  {name} = {text}")
        return name

    def line(self, text: str) -> None:
        self.lines.append("  " + text)

    def label(self, hint: str) -> str:
        return f"{hint}.{next(self.function.names)}"

    def place(self, label: str) -> None:
        self.lines.append(f"{label}:")
        self.known = {}

    def written(self) -> Iterator[str]:
        yield from self.head
        yield from self.lines
        for level in self.inner:
            yield from level.written()
        yield from self.tail

    def text(self) -> str:
        return "\n".join(self.written())

    def then(self) -> Level:
        """Code that runs once what is inside so far has ended."""
        level = Level(self.function, self.depth)
        self.inner.append(level)
        return level

    def repeat(
        self, loop: Loop, start: str, stop: str, step: int | str = 1, some: bool = False,
        held: Sequence[Lane] = (),
    ) -> Level:  # fmt: skip
        """The inside of a loop from `start` to before `stop`; `some`: it runs at least once.

        What is `held` changes from turn to turn; `leave` says into what.
        """
        level = Level(self.function, self.depth + 1, loop)
        k = level.number = next(self.function.names)
        i, following, more = f"%i{k}", f"%n{k}", f"%c{k}"
        level.some, level.initial = some, list(held)
        level.head = [f"  br label %guard{k}", f"guard{k}:"]
        if some:
            level.head += [f"  br label %head{k}"]
        else:
            level.head += [f"  %g{k} = icmp slt i64 {start}, {stop}"]
            level.head += [f"  br i1 %g{k}, label %head{k}, label %exit{k}"]
        level.head += [f"head{k}:"]
        level.head += [f"  {i} = phi i64 [ {start}, %guard{k} ], [ {following}, %latch{k} ]"]
        level.tail = [f"  br label %latch{k}", f"latch{k}:"]
        level.tail += [f"  {following} = add nsw i64 {i}, {step}"]
        level.tail += [f"  {more} = icmp slt i64 {following}, {stop}"]
        level.tail += [f"  br i1 {more}, label %head{k}, label %exit{k}", f"exit{k}:"]
        level.position = Lane(level, i, INDEX)
        level.held = [Lane(level, f"%h{k}.{n}", x.dtype, x.width) for n, x in enumerate(held)]
        self.inner.append(level)
        return level

    def leave(self, results: Sequence[Lane]) -> list[Lane]:
        """What is held becomes `results` after each turn; what it is after the last."""
        if self.number is None:
            return list(results)
        found, k = [], self.number
        for n, (first, held, last) in enumerate(zip(self.initial, self.held, results)):
            after, turn = f"[ {first.name}, %guard{k} ]", f"[ {last.name}, %latch{k} ]"
            self.head.append(f"  {held.name} = phi {held.type} {after}, {turn}")
            if not self.some:
                name = f"%x{k}.{n}"
                self.tail.append(f"  {name} = phi {held.type} {after}, {turn}")
                last = Lane(last.code, name, last.dtype, last.width)
            found.append(last)
        return found


def measured(code: Level, size: int) -> Lane:
    """A size as a number in code, where `%n` is what some sizes follow."""
    if not isinstance(size, Size):
        return literal(code, size, INDEX)
    found = Lane(code, "%n", INDEX)
    found = found * size.slope if size.slope != 1 else found
    return found + size.start if size.start else found


class Function(Code):
    """A function made of levels."""

    def __init__(
        self, module: Module, name: str, parameters: list[tuple[str, str]], outer: bool = False
    ):
        self.name, self.names = name, count()
        self.module = module
        listed = ", ".join(f"{kind} {given}" for kind, given in parameters)
        linkage, kind = ("dso_local", "") if outer else ("internal", "noinline ")
        self.opening = f"define {linkage} void @{name}({listed}) {kind}nounwind {{"
        self.root = Level(self, 0)
        module.functions[name] = self

    def text(self) -> str:
        body = self.root.text()
        return "\n".join([self.opening, "entry:", body, "  ret void", "}"])
