"""Floor 6. Cache: the programs of one function, those used last kept; a warning when they grow."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from numpy import ndarray

from ..core import Tensor
from .arguments import Call
from .general import Sized
from .program import Program

__all__ = ["Cache"]

MOST = 32  # programs are kept
MANY = 8  # are enough to say that something keeps changing


class Cache:
    """Programs by the key of the call; for one key there may be several, under other guards."""

    def __init__(self, name: str):
        self.name = name
        self.programs: OrderedDict[Any, list[Program]] = OrderedDict()
        self.calls: list[dict[str, Any]] = []  # the kinds of arguments, until there is a warning
        self.warned = False
        self.reason = "the structure of the arguments"
        self.done = "compiled"  # or only traced, where one program is for all sizes

    def __len__(self) -> int:
        return sum(map(len, self.programs.values()))

    def clear(self) -> None:
        self.programs.clear()

    def find(self, key: Any, leaves: Sequence[Any]) -> Program | None:
        """A program that is right for this call."""
        for program in self.programs.get(key, ()):
            if program.conditions.hold(leaves):
                self.programs.move_to_end(key)
                return program
        return None

    def add(self, key: Any, call: Call, program: Program) -> None:
        """Keep one more program, and the newest of all."""
        others = self.programs.setdefault(key, [])
        self.programs.move_to_end(key)
        if others:
            self.reason = others[0].conditions.missing(call.leaves)
        others.insert(0, program)
        self.done = "traced" if isinstance(program.executable, Sized) else "compiled"
        if not self.warned:
            self.calls.append(call.kinds)
        if len(self.calls) == MANY:
            warnings.warn(self.growing(), RuntimeWarning, stacklevel=5)
            self.calls, self.warned = [], True
        while len(self) > MOST:
            oldest = next(iter(self.programs.values()))
            oldest.pop()
            if not oldest:
                self.programs.popitem(last=False)

    def growing(self) -> str:
        """What keeps changing, and what to do."""
        head = f"jit: {self.name} has been {self.done} {MANY} times, as "
        for path, last in self.calls[-1].items():
            kinds = [kinds.get(path) for kinds in self.calls]
            if len(set(kinds)) > MANY // 2:
                shown = ", ".join(map(spelled, kinds[-3:]))
                return f"{head}{path} keeps changing (... {shown}); {remedy(last)}"
        return f"{head}{self.reason} keeps changing; pass what changes as a tensor argument"


def spelled(kind: Any) -> str:
    """What an argument was, in a few words."""
    if kind is None:
        return "absent"
    if kind[0] in (Tensor, ndarray):
        return f"{kind[2]}{list(kind[1])}"
    return repr(kind[-1])


def remedy(kind: Any) -> str:
    if kind[0] in (Tensor, ndarray):
        return "bring it to one shape, such as by padding"
    return "pass it as a tensor, or as a float, if the shapes do not depend on it"
