"""Floor 6. Bodies: parts of inner traces as functions, whose derivatives are parts as well."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..abstract import Value
from ..core import Tensor, local, toposort
from ..custom import pick
from ..recording import Recording, rebind
from ..transforms import pulled, pushed
from .graph import Graph
from .inner import Inner
from .trace import Entry, value_of
from .traced import as_value

__all__ = ["Region", "applied", "picked", "settled", "tracked"]


class Region:
    """A part of an inner trace: tensors `outs` as a function of `inputs`."""

    def __init__(self, trace: Inner, inputs: Sequence[Entry], outs: Sequence[Tensor]):
        self.trace, self.inputs, self.outs = trace, list(inputs), list(outs)

    @property
    def values(self) -> list[Value]:
        return [as_value(y.array) for y in self.outs]

    def graph(self) -> Graph:
        return Graph(tuple(entry.value for entry in self.inputs), tuple(self.values))

    def sources(self, k: int) -> set[int]:
        """Which inputs a gradient of the `k`-th output flows to."""
        node = self.outs[k].node
        if node is None or self.outs[k].array.dtype.kind != "f":
            return set()
        reached = set(toposort([node]))
        return {i for i, entry in enumerate(self.inputs) if entry.tape in reached}

    def reached(self, tracked: Iterable[int], carries: int = 0) -> tuple[list[int], list[int]]:
        """The inputs that gradients flow to, and the outputs that they flow from.

        The first inputs and outputs may be `carries` of a loop, which go from one to the other.
        """
        sources = [self.sources(k) for k in range(len(self.outs))]
        wrt, before = set(tracked), set[int]()
        while wrt != before:
            before = set(wrt)
            wrt |= {k for k in range(carries) if sources[k] & wrt}
        return (
            [i for i in sorted(wrt) if self.inputs[i].tape is not None],
            [k for k, found in enumerate(sources) if found & wrt],
        )

    def variables(self, wrt: Sequence[int]) -> list[Any]:
        return [self.inputs[i].variable for i in wrt]

    def pull(self, seeded: Sequence[int], wrt: Sequence[int], record: bool) -> Region:
        """The cotangents of inputs from those of outputs, which are inputs before the others."""
        with self.trace:
            outs = [self.outs[k] for k in seeded]
            seeds = [self.seed(y, record) for y in outs]
            given = [s.stand_in for s in seeds]
            found = pulled(outs, given, self.variables(wrt), record=record)
            whole = [zeros(self.inputs[i]) if g is None else g for i, g in zip(wrt, found)]
        return Region(self.trace, [*seeds, *self.inputs], whole)

    def push(self, wrt: Sequence[int], record: bool) -> Region:
        """The tangents of all outputs from those of inputs, which stand before the others."""
        with self.trace:
            seeds = [self.seed(self.inputs[i].stand_in, record) for i in wrt]
            given = [s.stand_in for s in seeds]
            found = pushed(self.variables(wrt), given, self.outs, record)
        return Region(self.trace, [*seeds, *self.inputs], found)

    def seed(self, like: Tensor, record: bool) -> Entry:
        entry = self.trace.entered(None, like.array.shape, like.array.dtype)
        if record:
            entry.track()
        return entry


def zeros(entry: Entry) -> Tensor:
    return Tensor(np.zeros(entry.value.shape, entry.value.dtype))


def settled(changed: Iterable[tuple[Tensor, Entry]], found: Sequence[Tensor], what: str) -> None:
    """Let what a function has rebound stand for its last values."""
    with Recording(False):
        for (tensor, _), new in zip(changed, found):
            rebind(tensor, new, what)


def tracked(args: Sequence[Any]) -> set[int]:
    """Which of the arguments gradients flow to."""
    stand_in = local.tracing.stand_in
    return {i for i, x in enumerate(args) if getattr(stand_in(x), "node", None) is not None}


def applied(prim: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
    """All results of an operation that holds graphs: as a Tensor, a bare Value, or known already.

    At least one of the arguments is abstract for it.
    """
    trace = local.tracing
    args = list(args)
    for k, x in enumerate(args):
        x = trace.stand_in(x)
        array = x.array if type(x) is Tensor else x
        if type(array) is not Value:
            value = value_of(array, None, trace.token)
            args[k] = Tensor(value, x.node) if type(x) is Tensor else value
            break
    return local.trace(prim, tuple(args), params) if args else prim.run(**params)


def picked(whole: Any, k: int) -> Any:
    """One of the results."""
    if type(whole) is tuple:
        return Tensor(whole[k])
    return local.trace(pick, (whole,), {"k": k})
