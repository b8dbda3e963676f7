"""Floor 6. Program: a traced function, compiled: arrays go in, results and new states come out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter, itemgetter
from typing import Any

import numpy as np
from numpy import ndarray

from ..core import Tensor
from .conditions import Conditions
from .guards import Guards
from .memory import Memory
from .outcome import Outcome, ordered, tensor_of
from .traced import Traced, as_value, assembled, paired
from .writers import writing

__all__ = ["Program"]


class Program:
    """What one traced function computes, from which arrays, and where it puts the results.

    `compiled` makes an executable of a graph and of its pairs of outputs and inputs.
    """

    def __init__(self, name: str, found: Traced, guards: Guards, compiled: Callable[..., Any]):
        self.name = name
        self.conditions = Conditions(found, guards)
        every = assembled(found.places, [], every=True)[1]
        found = ordered(found)
        self.outcome = outcome = Outcome(name, found, every)
        rules, targets = outcome.rules, found.targets
        outputs = [as_value(t.tensor.array) for t in targets] + (rules.kept if rules else [])
        self.graph, entries = assembled(found.places, outputs, every=rules is not None)
        sources = [found.places[entry] for entry in entries]
        self.pairs = paired(targets, sources)
        self.executable = compiled(self.graph, self.pairs)
        self.places = [s.place for s in sources if s.place >= 0 and not s.gradient]
        self.held: list[Any] = [s.tensor for s in sources if s.place < 0 and not s.gradient]
        # What has been written in place lies in order, and so do single numbers.
        states = {id(targets[k].source.tensor) for k in outcome.states}  # type: ignore[union-attr]
        numbers = enumerate(zip(sources, self.graph.inputs))
        some = [k for k, (s, v) in numbers if v.ndim and (s.gradient or id(s.tensor) not in states)]
        self.loose = several(some)
        self.graded = [s for s in sources if s.gradient]
        self.state: list[Any] = [targets[k].source.tensor for k in outcome.states]  # type: ignore
        self.leaves: list[Any] = [targets[k].source.tensor for k in outcome.gradients]  # type: ignore
        rest = len(outputs) - len(self.state) - len(self.leaves) - len(outcome.results)
        self.memory = Memory(self.state, self.leaves, len(outcome.results), rest, rules is None)
        self.results = slice(len(self.state) + len(self.leaves), len(outputs) - rest)
        self.rest = bool(outcome.others or found.cleared)
        self.writes_arguments = any(t.source and t.source.place >= 0 for t in targets)
        self.changes = bool(self.state or self.leaves or self.rest)

    def __call__(self, leaves: Sequence[Any]) -> Any:
        """What the function does with these leaves of its arguments."""
        memory = self.memory
        if not self.changes:
            return self.computed(self.read(leaves), memory.spare() + memory.rest, leaves)
        with writing.lock:
            writing.depth += 1
            try:
                outs = memory.offered()  # before the arrays have one more owner
                return self.computed(self.gathered(leaves), outs, leaves)
            finally:
                writing.depth -= 1

    def computed(self, arrays: list[ndarray], outs: list, leaves: Sequence[Any]) -> Any:
        """The function's result, once tensors stand for their new values."""
        found = self.executable(arrays, outs)
        outcome = self.outcome
        made = outcome.tensors(found, arrays, leaves) if outcome.tracked else NOTHING
        if self.changes:
            self.memory.fill(found, outs)
            if self.rest:
                outcome.rest(found, made, leaves)
        self.memory.results.append(found[self.results])
        if outcome.single is not None:
            return made[outcome.single] if made else Tensor(found[outcome.single])
        return outcome.value(found, made, leaves)

    def gathered(self, leaves: Sequence[Any]) -> list[ndarray]:
        """The arrays of all inputs, in order in memory."""
        arrays = [array_of(leaves[k]) for k in self.places]
        arrays += [tensor.array for tensor in self.held]
        if self.graded:
            arrays += [tensor_of(s, leaves)._grad.array for s in self.graded]
        loose = self.loose(arrays) if self.memory.whole else arrays
        if not all(map(in_order, loose)):
            arrays = [a if in_order(a) else np.ascontiguousarray(a) for a in arrays]
        return arrays

    def read(self, leaves: Sequence[Any]) -> list[ndarray]:
        """The same, gathered while nobody writes into one of them.

        Once they are in a list they have one more owner, and no program will write into them.
        """
        arrays = self.gathered(leaves)
        if writing.depth:
            with writing.lock:
                arrays = self.gathered(leaves)
        return arrays


def several(places: list[int]) -> Callable[[list], Sequence]:
    """A function that gives the items at these places."""
    return itemgetter(*places) if len(places) > 1 else lambda items: [items[k] for k in places]


NOTHING: dict = {}
in_order = attrgetter("flags.c_contiguous")


def array_of(leaf: Any) -> ndarray:
    return leaf.array if type(leaf) is Tensor else np.asarray(leaf)
