"""Floor 6. Program: a traced function, compiled: arrays go in, results and new states come out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from ..core import FREED, Node, Tensor
from ..errors import GraphError
from .conditions import Conditions, tensor_of
from .guards import Guards
from .memory import GRADIENT, SPARE, STATE, gradients, spare, states
from .rules import Rules, taped
from .traced import Target, Traced, as_value, assembled, paired
from .writers import lock, read

__all__ = ["Program"]


class Program:
    """What a traced function computes, and where it finds and puts it.

    `compiled` makes an executable of a graph and of its pairs of outputs and inputs.
    """

    def __init__(
        self, name: str, found: Traced, guards: Guards, compiled: Callable[..., Any]
    ):  # fmt: skip
        self.name, self.found, self.targets = name, found, found.targets
        self.rules: Rules | None = None
        self.freed: Node | None = None
        outs = [target.tensor for target in found.targets]
        self.tracked = [k for k, y in enumerate(outs) if y.node is not None and y.node.prim]
        self.entries = assembled(found.places, [], every=True)[1]
        self.wrt = taped([outs[k] for k in self.tracked], self.entries)
        kept = self.derive([outs[k] for k in self.tracked]) if self.wrt else []
        values = [as_value(y.array) for y in outs]
        graph, entries = assembled(found.places, [*values, *kept], every=self.rules is not None)
        self.sources = [found.places[entry] for entry in entries]
        self.graph, self.pairs = graph, paired(found.targets, self.sources)
        self.executable = compiled(self.graph, self.pairs)
        self.conditions = Conditions(found, guards)
        self.plan()

    def derive(self, outs: list[Tensor]) -> list:
        """State the derivatives, unless the function took them itself; what they need kept."""
        try:
            self.rules = Rules(self.name, self.found.trace, self.entries, self.wrt, outs)
        except GraphError:
            node: Any = outs[0].node
            self.freed = Node(node.prim, (), node.params, outs[0].array, FREED)
            return []
        return self.rules.kept

    def plan(self) -> None:
        """Lists of what each call goes through, so that it asks as little as possible."""
        targets, sources = self.targets, self.sources
        self.places = [s.place for s in sources if s.place >= 0 and not s.gradient]
        self.held: list[Any] = [s.tensor for s in sources if s.place < 0 and not s.gradient]
        self.graded = [s for s in sources if s.gradient]
        groups: dict[str, list[int]] = {"result": [], "state": [], "gradient": [], "other": []}
        for k, target in enumerate(targets):
            groups[kind_of(target)].append(k)
        self.results, self.states, self.gradients, self.rest = groups.values()
        self.state: list[Any] = [targets[k].source.tensor for k in self.states]  # type: ignore
        self.leaf: list[Any] = [targets[k].source.tensor for k in self.gradients]  # type: ignore
        self.known: list[Any] = [None] * len(self.states)
        self.made: list[Any] = [None] * len(self.gradients)
        self.spares: list[list] = []  # the results of earlier calls; each list is one thread's
        (only, *more) = self.found.returned or (None,)
        self.single = only if type(only) is int and self.found.bare and not more else None
        self.none: list[Any] = [None] * len(self.graph.outputs)
        self.changes = bool(self.states or self.gradients or self.rest)

    def __call__(self, leaves: Sequence[Any]) -> Any:
        """What the function does with these leaves of its arguments."""
        outs = self.none.copy()
        if self.spares:
            self.reuse(outs)
        if not self.changes:
            arrays = read(self, leaves)
            return self.given_back(self.executable(arrays, outs), arrays, leaves)
        with lock:
            if self.rules is None:
                for k, memory in zip(self.states, states(self.state, self.known, STATE)):
                    outs[k] = memory
                for k, memory in zip(self.gradients, gradients(self.leaf, self.made, GRADIENT)):
                    outs[k] = memory
            arrays = self.gathered(leaves)
            return self.given_back(self.executable(arrays, outs), arrays, leaves)

    def reuse(self, outs: list) -> None:
        """Let results be written where those of an earlier call were, if they are gone."""
        try:
            earlier = self.spares.pop()
        except IndexError:  # another thread was faster
            return
        for k, memory in zip(self.results, spare(earlier, SPARE)):
            outs[k] = memory

    def gathered(self, leaves: Sequence[Any]) -> list[ndarray]:
        """The arrays of all inputs."""
        arrays = [array_of(leaves[k]) for k in self.places]
        arrays += [tensor.array for tensor in self.held]
        if self.graded:
            arrays += [tensor_of(s, leaves)._grad.array for s in self.graded]
        return arrays

    def given_back(self, found: list, arrays: list[ndarray], leaves: Sequence[Any]) -> Any:
        """The function's result, once tensors stand for their new values."""
        made = self.tensors(found, arrays, leaves) if self.tracked else {}
        for j, (k, tensor) in enumerate(zip(self.states, self.state)):
            tensor.array = self.known[j] = found[k]
        for j, (k, tensor) in enumerate(zip(self.gradients, self.leaf)):
            last = self.made[j]
            if last is None or tensor._grad is not last or last.array is not found[k]:
                tensor._grad = self.made[j] = Tensor(found[k])
        for k in self.rest:
            put(self.targets[k], made[k] if k in made else Tensor(found[k]), leaves)
        for source in self.found.cleared:
            tensor_of(source, leaves)._grad = None
        self.spares.append([found[k] for k in self.results])
        if self.single is not None and not made:
            return Tensor(found[self.single])
        return self.found.assemble(
            [self.returned(y, found, made, leaves) for y in self.found.returned]
        )

    def returned(self, y: Any, found: list, made: dict, leaves: Sequence[Any]) -> Any:
        """One tensor of the function's result."""
        if type(y) is int:
            tensor = made[y] if y in made else Tensor(found[y])
            tensor.requires_grad = tensor.requires_grad or is_leaf(self.targets[y].tensor)
            return tensor
        if type(y) is Tensor:  # made inside, of numbers that do not change
            tensor = Tensor(y.array)
            tensor.requires_grad = is_leaf(y)
            return tensor
        if y is None:
            return None
        tensor = tensor_of(y, leaves)
        return tensor._grad if y.gradient else tensor

    def tensors(self, found: list, arrays: list[ndarray], leaves: Sequence[Any]) -> dict:
        """Results with a derivative, by the number of the output."""
        if self.rules is None:
            return {k: Tensor(found[k], self.freed) for k in self.tracked}
        parents = [tensor_of(self.sources[k], leaves) for k in self.wrt]
        outs = [found[k] for k in self.tracked]
        kept = found[len(self.targets) :]
        return dict(zip(self.tracked, self.rules.results(outs, parents, arrays, kept)))


def kind_of(target: Target) -> str:
    """What becomes of an output: "result", the "state" of a tensor, a "gradient", or "other"."""
    source = target.source
    if source is None:
        return "result"
    if (
        source.place >= 0
        or source.tensor is None
        or (target.tensor.node and not is_leaf(target.tensor))
    ):
        return "other"
    if source.gradient:
        return "other" if target.kept else "gradient"
    return "other" if source.tensor.node and source.tensor.node.prim else "state"


def is_leaf(tensor: Tensor) -> bool:
    return tensor.node is not None and tensor.node.prim is None


def array_of(leaf: Any) -> ndarray:
    if type(leaf) is Tensor:
        return leaf.array
    return np.asarray(leaf)


def put(target: Target, value: Tensor, leaves: Sequence[Any]) -> None:
    """Let a tensor, or its gradient, stand for `value`."""
    assert target.source is not None
    tensor = tensor_of(target.source, leaves)
    if target.source.gradient and not target.kept:
        tensor._grad = value
        return
    tensor = tensor._grad if target.source.gradient else tensor
    tensor.array = value.array
    if not is_leaf(tensor):
        tensor.node = value.node
