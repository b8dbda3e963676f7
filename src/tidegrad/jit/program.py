"""Floor 6. Program: a traced function, compiled: arrays go in, results and new states come out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numpy import ndarray

from ..arrays import own
from .conditions import Conditions
from .gathering import Gathering
from .graph import Graph
from .guards import Guards
from .memory import Memory
from .outcome import Outcome, ordered
from .traced import Source, Traced, as_value, assembled, paired
from .writers import writing

__all__ = ["Program"]

NOTHING: dict = {}


class Program:
    """What one traced function computes, from which arrays, and where it puts the results.

    `compiled` makes an executable of a graph and of its pairs of outputs and inputs.
    """

    graph: Graph
    direct: Any = None  # a shorter way to call it, where there is one

    def __init__(
        self, name: str, found: Traced, guards: Guards, counts: list[int],
        compiled: Callable[..., Any],
    ):  # fmt: skip
        self.name = name
        self.conditions = Conditions(found, guards, counts)
        every = assembled(found.places, [], every=True)[1]
        found = ordered(found)
        self.outcome = outcome = Outcome(name, found, every, compiled)
        rules, targets = outcome.rules, found.targets
        outputs = [as_value(t.tensor.array) for t in targets] + (rules.kept if rules else [])
        self.graph, entries = assembled(found.places, outputs, every=rules is not None)
        sources = [found.places[entry] for entry in entries]
        self.pairs = paired(targets, sources)
        self.executable = compiled(self.graph, self.pairs)
        self.passed = passed(getattr(self.executable, "graph", self.graph), sources)
        states, leaves = (
            [targets[k].source.tensor for k in group]  # type: ignore[union-attr]  # no results
            for group in (outcome.states, outcome.gradients)
        )
        self.gathered = Gathering(self.graph, sources, set(map(id, states)))
        first = len(states) + len(leaves)
        self.results = slice(first, first + len(outcome.results))
        rest = len(outputs) - self.results.stop
        # What is an input too must not be written before it has been given back.
        apart = rules is None and not set(self.graph.inputs) & set(outputs)
        self.memory = Memory(states, leaves, len(outcome.results), rest, apart)
        self.rest = bool(outcome.others or found.cleared)
        self.changes = bool(states or leaves or self.rest)
        self.writes_arguments = any(t.source and t.source.place >= 0 for t in targets)

    def __call__(self, leaves: Sequence[Any]) -> Any:
        """What the function does with these leaves of its arguments."""
        memory = self.memory
        if not self.changes:
            return self.computed(self.gathered.read(leaves), memory.spare() + memory.rest, leaves)
        with writing.lock:
            writing.depth.value += 1
            try:
                outs = memory.offered()  # before the arrays have one more owner
                return self.computed(self.gathered(leaves, memory.whole), outs, leaves)
            finally:
                writing.depth.value -= 1

    def computed(self, arrays: list[ndarray], outs: list, leaves: Sequence[Any]) -> Any:
        """The function's result, once tensors stand for their new values."""
        found = self.executable(arrays, outs)
        for k, theirs in self.passed:  # into which somebody else may write
            found[k] = found[k].copy() if theirs else own(found[k])
        outcome = self.outcome
        made = outcome.tensors(found, arrays, leaves) if outcome.tracked else NOTHING
        if self.changes:
            self.memory.fill(found)
            if self.rest:
                outcome.rest(found, made, leaves)
        self.memory.keep(found[self.results])
        return outcome.value(found, made, leaves)


def passed(graph: Graph, sources: Sequence[Source]) -> list[tuple[int, bool]]:
    """The outputs that are inputs as they are, each with whether that is an array of NumPy's."""
    places = {v: k for k, v in enumerate(graph.inputs)}
    outs = enumerate(graph.outputs)
    return [(k, sources[places[v]].tensor is None) for k, v in outs if v in places]
