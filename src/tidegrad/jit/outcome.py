"""Floor 6. Outcome: which tensors stand for a program's outputs, and what the function gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numpy import ndarray

from ..core import NOTHING, Node, Tensor
from ..epoch import flipped
from ..errors import GraphError
from .rules import Refused, Rules, taped
from .trace import Entry
from .traced import Source, Target, Traced, tensor_of

__all__ = ["Outcome", "ordered"]


class Outcome:
    """The results of one traced function, and what becomes of tensors that were found outside."""

    def __init__(
        self, name: str, found: Traced, entries: list[Entry], compiled: Callable[..., Any]
    ):  # fmt: skip
        self.found = found
        self.rules: Rules | None = None
        self.freed: Node | None = None
        outs = [target.tensor for target in found.targets]
        self.tracked = [k for k, y in enumerate(outs) if y.node is not None and not is_leaf(y)]
        self.wrt = taped([outs[k] for k in self.tracked], entries)
        if self.wrt:
            self.derive(name, [outs[k] for k in self.tracked], entries, compiled)
        groups: dict[str, list[int]] = {"state": [], "gradient": [], "result": [], "other": []}
        for k, target in enumerate(found.targets):
            groups[kind_of(target)].append(k)
        self.states, self.gradients, self.results, self.others = groups.values()
        first = found.returned[0] if found.bare else None
        leaf = type(first) is int and is_leaf(found.targets[first].tensor)
        self.single = first if type(first) is int and not leaf else None  # what most give

    def derive(
        self, name: str, outs: list[Tensor], entries: list[Entry], compiled: Callable[..., Any]
    ) -> None:  # fmt: skip
        """State the derivatives, unless the function took them itself."""
        try:
            self.rules = Rules(name, self.found.trace, entries, self.wrt, outs, compiled)
        except GraphError as error:  # for whoever asks for them nevertheless
            self.freed = Node(Refused(name, error), (), {}, outs[0].array, NOTHING)

    def tensors(self, found: list, arrays: list[ndarray], leaves: Sequence[Any]) -> dict:
        """Results that can be differentiated, by the number of the output."""
        if self.rules is None:
            return {k: Tensor(found[k], self.freed) for k in self.tracked}
        places = self.found.places
        parents = [tensor_of(places[self.rules.inputs[k]], leaves) for k in self.wrt]
        arrays = [
            a if places[entry].tensor is not None else a.copy()  # the caller may write into it
            for a, entry in zip(arrays, self.rules.inputs)
        ]
        outs = [found[k] for k in self.tracked]
        kept = found[len(self.found.targets) :]
        return dict(zip(self.tracked, self.rules.results(outs, parents, arrays, kept)))

    def rest(self, found: list, made: dict, leaves: Sequence[Any]) -> None:
        """Let all but the usual states stand for their new values, and forget gradients."""
        for k in self.others:
            put(self.found.targets[k], made[k] if k in made else Tensor(found[k]), leaves)
        for source in self.found.cleared:
            tensor_of(source, leaves)._grad = None

    def value(self, found: list, made: dict, leaves: Sequence[Any]) -> Any:
        """What the function gives."""
        if self.single is not None:
            return made[self.single] if made else Tensor(found[self.single])
        return self.found.assemble(
            [self.returned(y, found, made, leaves) for y in self.found.returned]
        )

    def returned(self, y: Any, found: list, made: dict, leaves: Sequence[Any]) -> Any:
        """One tensor of what the function gives."""
        if y is None:
            return None
        if isinstance(y, Source):
            tensor = tensor_of(y, leaves)
            return tensor._grad if y.gradient else tensor
        if type(y) is int:
            tensor = made[y] if y in made else Tensor(found[y])
            leaf = is_leaf(self.found.targets[y].tensor)
        else:  # made inside, of numbers that do not change
            tensor, leaf = Tensor(y.array), is_leaf(y)
        if leaf:
            tensor.requires_grad = True
        return tensor


def ordered(found: Traced) -> Traced:
    """The same with states first among the outputs, then gradients, results and what is left."""
    kinds = ["state", "gradient", "result", "other"]
    order = sorted(range(len(found.targets)), key=lambda k: kinds.index(kind_of(found.targets[k])))
    number = {old: new for new, old in enumerate(order)}
    returned = tuple(number[y] if type(y) is int else y for y in found.returned)
    return found._replace(targets=tuple(found.targets[k] for k in order), returned=returned)


def kind_of(target: Target) -> str:
    """What becomes of an output: "result", the "state" of a tensor, a "gradient", or "other"."""
    source = target.source
    if source is None:
        return "result"
    tracked = target.tensor.node is not None and not is_leaf(target.tensor)
    if source.place >= 0 or source.tensor is None or tracked:
        return "other"
    if source.gradient:
        return "other" if target.kept else "gradient"
    return "other" if source.tensor.node is not None and not is_leaf(source.tensor) else "state"


def is_leaf(tensor: Tensor) -> bool:
    return tensor.node is not None and tensor.node.prim is None


def put(target: Target, value: Tensor, leaves: Sequence[Any]) -> None:
    """Let a tensor, or its gradient, stand for `value`."""
    assert target.source is not None
    tensor = tensor_of(target.source, leaves)
    if target.source.gradient and not target.kept:
        tensor._grad = value
        return
    tensor = tensor._grad if target.source.gradient else tensor
    tensor.array = value.array
    if not is_leaf(tensor) and tensor.node is not value.node:
        tensor.node = value.node
        flipped()
