"""Floor 6. Inner: the trace of a function inside a traced one, such as the body of a loop."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..abstract import Value
from ..core import Tensor, local, toposort
from ..custom import pick
from ..errors import GraphError
from ..ops.stream import draws
from ..recording import Recording, rebind
from ..shapes import Shape
from ..transforms import new_variable, pulled, pushed
from .graph import Graph
from .trace import UNREAD, Entry, Trace
from .trace import as_value as known
from .traced import as_value

__all__ = ["Inner", "Region", "applied", "picked", "settled", "tracked"]


class Inner(Trace):
    """Whatever the function finds outside, of the trace around it or of none, is an input.

    What it rebinds there is a result: `rebound` names these inputs.  `found` are the tensors
    outside, in the order in which they were met, with what stands for each.  Gradients flow to
    those that are tracked outside, and to `flowing`, which are about to be.
    """

    def __init__(self, outer: Trace, operation: str, flowing: Iterable[Tensor] = ()):
        super().__init__()
        self.outer, self.operation, self.flowing = outer, operation, set(map(id, flowing))
        self.found: list[tuple[Tensor, Entry]] = []
        self.drawn: list[tuple] = []

    def __enter__(self) -> Inner:
        super().__enter__()
        # Draws inside are the inner trace's; a generator's counter is state like any other.
        self.drawn.append((draws.noted, draws.ahead))
        draws.noted = draws.ahead = None
        return self

    def __exit__(self, *error: object) -> None:
        draws.noted, draws.ahead = self.drawn.pop()
        super().__exit__(*error)

    def stand_in(self, x: Any) -> Any:
        if type(x) is not Tensor or id(x) in self.mine:
            return x
        if type(x.array) is Value and x.array.owner is self.token:
            return x
        outside = self.outer.stand_in(x)
        array = outside.array
        if type(array) is Value and array.owner is not self.outer.token:
            raise array.refused(self.operation, "")
        known = self.known.get(id(outside))
        if known is None:
            known = self.known[id(outside)] = self.entered(outside, array.shape, array.dtype)
            self.found.append((x, known))
            if id(outside) in self.flowing and known.tape is None:
                known.track()
                known.stand_in.node = new_variable(known.stand_in).node
            if type(array) is Value and array in self.outer.weak:
                self.weak.add(known.value)
        return known.stand_in

    def given(self, shape: Shape, dtype: np.dtype, record: bool) -> tuple[Entry, Tensor]:
        """A new input, and a tensor of it, which the function may rebind."""
        entry = self.entered(None, shape, dtype)
        if record and dtype.kind == "f":
            entry.track()
            return entry, new_variable(entry.stand_in)
        return entry, Tensor(entry.value)

    def grad(self, tensor: Tensor) -> Tensor | None:
        stand_in = self.stand_in(tensor)
        if stand_in._grad is UNREAD:
            entry = self.entries[id(stand_in)]
            now = self.outer.grad(entry.tensor)  # type: ignore[arg-type]
            entry.gradient = stand_in._grad = None if now is None else self.stand_in(now)
        return stand_in._grad

    def elements(self, tensor: Tensor) -> Any:
        stand_in = self.stand_in(tensor)
        known = self.known.get(id(self.outer.stand_in(tensor)))
        if known is None or stand_in.array is not known.value:
            return stand_in.array
        return self.outer.elements(tensor)

    def rebound(self) -> list[tuple[Tensor, Entry]]:
        """What the function has changed outside; it may not change gradients."""
        for tensor, entry in self.found:
            if entry.stand_in._grad is not entry.gradient:
                raise GraphError(
                    f"{self.operation}: the function sets .grad of a tensor outside of it, of "
                    f"shape {tensor.array.shape}; take the gradient with tg.grad, and return it"
                )
        return self.changed()

    def graded(self) -> list[tuple[Tensor, Tensor | None]]:
        """The gradients, outside, that the function sets without having asked for old ones."""
        found = [(x, e) for x, e in self.found if e.gradient is UNREAD]
        set_ones = [(x, e) for x, e in found if e.stand_in._grad is not UNREAD]
        made = [(x, e.stand_in._grad) for x, e in set_ones]
        for _, entry in set_ones:
            entry.gradient = entry.stand_in._grad  # type: ignore[assignment]
        return made

    def changed(self) -> list[tuple[Tensor, Entry]]:
        return [(x, entry) for x, entry in self.found if entry.stand_in.array is not entry.value]

    def unchanged(self) -> list[tuple[Tensor, Entry]]:
        return [(x, entry) for x, entry in self.found if entry.stand_in.array is entry.value]

    def lost(self) -> list[Tensor]:
        """The changed tensors whose gradients would be lost, as none flow to them outside."""
        return [
            entry.tensor
            for _, entry in self.changed()
            if entry.tape is None and entry.stand_in.node is not None and entry.tensor is not None
        ]


class Variable(NamedTuple):
    """What a derivative is by."""

    node: Any


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
        return [Variable(self.inputs[i].tape) for i in wrt]

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
            value = known(array, None, trace.token)
            args[k] = Tensor(value, x.node) if type(x) is Tensor else value
            break
    return local.trace(prim, tuple(args), params) if args else prim.run(**params)


def picked(whole: Any, k: int) -> Any:
    """One of the results."""
    if type(whole) is tuple:
        return Tensor(whole[k])
    return local.trace(pick, (whole,), {"k": k})
