"""Floor 6. Direct: a call like the last one of a small program, in one step of the interpreter."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from weakref import proxy

import numpy as np
from numpy import ndarray

from ..core import Tensor, local
from ..dtypes import default_dtype
from ..epoch import COUNTS
from .executable import SMALL, Executable, aligned
from .lower.program import steps_of
from .lower.storing import effort
from .native.direct import boolean, direct
from .native.layout import WORD, LayoutError, layout
from .program import Program
from .writers import writing

__all__ = ["MISSED", "Direct", "direct_of"]

LIGHT = 1 << 16  # bytes of results that cost little where they are new each time
MISSED = object()


def direct_of(args: Sequence[Tensor], program: Program) -> Direct | None:
    """The short way to a program that has been called with these arguments, if it has one."""
    if program.direct is None and is_direct(program):
        with suppress(LayoutError):
            program.direct = Direct(args, program)
    return program.direct


def is_direct(program: Program) -> bool:
    """Whether a program is small, and does no more than compute states, gradients and results."""
    executable, outcome, gathered = program.executable, program.outcome, program.gathered
    if type(executable) is not Executable or executable.indices.uses or gathered.graded:
        return False
    variant = executable.variant()
    conditions = program.conditions
    steps = steps_of(variant.schedule)
    return (
        variant.threads == len(steps) == 1
        and isinstance(steps[0], str)
        and effort(variant.graph) < SMALL
        and variant.plain
        and variant.given == list(range(variant.count))
        and sum(v.size * v.dtype.itemsize for v in variant.places[program.results]) <= LIGHT
        and (program.memory.reuse or not program.changes)
        and not (program.rest or program.memory.rest or outcome.rules)
        and not (conditions.gradients or conditions.relied or conditions.same)
        and all(type(x) is Tensor for x in gathered.held)
    )


class Direct:
    """A program with its arguments, for a thread that keeps the interpreter to itself.

    The program has ended before another one could have gone on.  Called with arguments, it gives
    what the function does, or MISSED, having changed nothing: where something is not as it was, or
    somebody else has an array that would be written.  LayoutError where the interpreter is of an
    unknown kind.
    """

    def __init__(self, args: Sequence[Tensor], program: Program):
        self.program, self.outcome = proxy(program), program.outcome  # which keeps this one
        self.recording, self.dtype = local.recording, default_dtype()
        self.variant = program.executable.variant()
        self.counts, self.guards = program.conditions.counts, program.conditions.guards.always
        self.fresh = [spec for _, spec in self.variant.fresh[program.results]]
        self.blank: list[Any] = [None] * program.results.start
        self.kept: list[Any] = [x.array.dtype for x in args]  # what has addresses in machine code
        self.run = direct(self.told(args))

    def __call__(self, args: tuple) -> Any:
        if not (
            (self.counts == COUNTS or self.again())
            and local.recording is self.recording
            and self.guards.hold()
        ):
            return MISSED
        made = [np.empty(shape, dtype) for shape, dtype in self.fresh]
        if not self.run(*args, *made):
            return MISSED
        found, outcome = self.blank + made, self.outcome
        tracked = outcome.tensors(found, [], args) if outcome.tracked else {}
        return outcome.value(found, tracked, args)

    def again(self) -> bool:
        """Whether all is well although something has moved."""
        counts, program = COUNTS.copy(), self.program
        same = program.executable.variant() is self.variant and default_dtype() is self.dtype
        if not (same and program.conditions.hold_again()):
            return False
        self.counts = counts
        return True

    def told(self, args: Sequence[Tensor]) -> dict[str, int | tuple[int, int]]:
        """What the machine code is told of the call."""
        program, variant, memory = self.program, self.variant, self.program.memory
        apart = program.conditions.tensors if program.conditions.apart else []
        given, made = [0] * len(variant.graph.inputs), [0] * variant.count
        inputs, outputs = self.words(given), self.words(made)
        likes = [[id(x.array.dtype), x.array.ndim, *x.array.shape] for x in args]
        return {
            "program": variant.library.address(str(steps_of(variant.schedule)[0])),
            "argument": self.argument(inputs[1], outputs[1]),
            "busy": writing.address,
            "boolean": boolean(),
            "tensor": id(Tensor),
            "ndarray": id(ndarray),
            "none": id(None),
            "arguments": self.words([self.words(like)[1] for like in likes]),
            "inputs": self.words(program.gathered.places),
            "apart": self.words(list(map(id, apart))),
            "held": self.words(list(map(id, program.gathered.held))),
            "states": self.words(list(map(id, memory.tensors))),
            "arrays": (len(memory.arrays), id(memory.arrays)),
            "leaves": self.words(list(map(id, memory.leaves))),
            "gradients": (len(memory.gradients), id(memory.gradients)),
            "results": (len(self.fresh), 0),
            "given": inputs,
            "made": outputs,
        }

    def argument(self, given: int, made: int) -> int:
        """The program's argument: where it finds arrays and, of its own here, other memory.

        The variant's memory may be in use, by a thread that lets others run.
        """
        memory, table = self.variant.memory, self.variant.table
        lists = [self.words([0] * (layout().items // WORD) + [a])[1] for a in (given, made)]
        self.kept += [table, aligned(memory.arena), aligned(memory.scratch)]
        return self.words([*lists, *(a.ctypes.data for a in self.kept[-3:]), 0])[1]

    def words(self, words: Sequence[int]) -> tuple[int, int]:
        """How many these are, and where they are kept."""
        self.kept.append(np.array(words, np.uint64))
        return len(words), self.kept[-1].ctypes.data
