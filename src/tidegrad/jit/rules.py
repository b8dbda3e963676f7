"""Floor 6. Rules: a program as one operation, whose derivatives are programs, to any order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from ..abstract import Value
from ..arrays import SHARED, owned
from ..core import NOTHING, Node, Tensor, local, toposort
from ..custom import Parts, pick
from ..errors import GraphError
from ..kinds import Prim
from ..transforms import pulled, pushed
from .gathering import in_order
from .native.forks import new_lock
from .partition import cut_off, partition
from .trace import Entry, Trace
from .traced import as_value

__all__ = ["Refused", "Rules", "taped"]


class Derived:
    """A program of Values that a trace knows, from some of its inputs and from what was kept."""

    def __init__(
        self, compiled: Callable[..., Any], trace: Trace, outputs: Sequence[Value],
        inputs: Sequence[Entry], kept: Sequence[Value] = (),
    ):  # fmt: skip
        reached = set(toposort(outputs, frozenset(kept)))
        self.taken = [k for k, entry in enumerate(inputs) if entry.value in reached]
        known = {entry.value for entry in inputs}
        # Tensors that only the derivative reads are read when it runs.
        self.others = [
            e for e in trace.entries.values() if e.value in reached and e.value not in known
        ]
        given = [inputs[k].value for k in self.taken] + [e.value for e in self.others]
        self.graph = cut_off(outputs, given, kept)
        self.compiled = compiled
        self.executable: Any = None  # made when it is first asked for

    def __call__(self, arrays: Sequence[ndarray], kept: Sequence[ndarray] = ()) -> list[ndarray]:
        if self.executable is None:
            self.executable = self.compiled(self.graph, {})
        read = [e.tensor.array for e in self.others]  # type: ignore[union-attr]  # no arguments
        given = [*(arrays[k] for k in self.taken), *read, *kept]
        given = in_order(list(map(np.asarray, given)))  # cotangents may be views, or numbers
        return self.executable(given, [None] * len(self.graph.outputs))


class Rules(Prim):
    """What computes `outs`, abstract tensors on the tape of a trace, from `inputs`.

    Gradients flow to the inputs numbered `wrt`.  A node of it saves their arrays, and after them
    a pair: the arrays of all inputs, and those of `kept`, which the forward program gives besides.
    """

    def __init__(
        self, name: str, trace: Trace, inputs: Sequence[Entry], wrt: Sequence[int],
        outs: Sequence[Tensor], compiled: Callable[..., Any],
    ):  # fmt: skip
        super().__init__(name)
        self.compiled = compiled
        self.trace, self.inputs, self.wrt, self.outs = trace, list(inputs), list(wrt), list(outs)
        self.lock = new_lock(threading.RLock)
        self.made: dict[str, Any] = {}
        with trace:
            seeds = self.like(outs)
            found = pulled(outs, [s.stand_in for s in seeds], self.variables(), record=False)
        self.given = [g is not None for g in found]
        grads = [as_value(g.array) for g in found if g is not None]
        boundary = partition(grads, [s.value for s in seeds])
        self.kept = [v for v in boundary if v.prim is not None]
        self.back = Derived(compiled, trace, grads, [*seeds, *inputs], self.kept)

    def variables(self) -> list[Any]:
        return [self.inputs[k].variable for k in self.wrt]

    def like(self, tensors: Iterable[Tensor], track: bool = False) -> list[Entry]:
        """New inputs of the shapes of `tensors`: cotangents or tangents."""
        entries = []
        for x in tensors:
            entries.append(self.trace.entered(None, x.array.shape, x.array.dtype))
            if track:
                entries[-1].track()
        return entries

    def once(self, what: str, record: bool) -> Any:
        """What pulls cotangents back or pushes tangents on, differentiable where `record`."""
        key = f"{what} {record}"
        with self.lock:
            if key not in self.made:
                with self.trace:
                    self.made[key] = self.pulling() if what == "pull" else self.pushing(record)
            return self.made[key]

    def pulling(self) -> Any:
        seeds = self.like(self.outs, track=True)
        found = pulled(self.outs, [s.stand_in for s in seeds], self.variables(), record=True)
        return self.next_order(seeds, [g for g in found if g is not None])

    def pushing(self, record: bool) -> Any:
        seeds = self.like((self.inputs[k].stand_in for k in self.wrt), track=record)
        found = pushed(self.variables(), [s.stand_in for s in seeds], self.outs, record)
        if record:
            return self.next_order(seeds, found)
        outputs = [as_value(t.array) for t in found]
        return Derived(self.compiled, self.trace, outputs, [*seeds, *self.inputs])

    def next_order(self, seeds: list[Entry], outs: list[Tensor]) -> Rules:
        wrt = [*range(len(seeds)), *(len(seeds) + k for k in self.wrt)]
        return Rules(self.name, self.trace, [*seeds, *self.inputs], wrt, outs, self.compiled)

    def vjp(self, node: Node, g: Any, saved: Sequence) -> list:
        parts = g.parts if isinstance(g, Parts) else {0: g}
        gs: list[Any] = [parts.get(k, zeros(y)) for k, y in enumerate(self.outs)]
        *primals, (arrays, kept) = saved
        if any(type(g) is Tensor for g in gs):
            found = self.once("pull", True).apply([*map(as_tensor, gs), *primals], arrays)
        else:
            found = self.back([*gs, *arrays], kept)
        rest = iter(found)
        return [next(rest) if given else None for given in self.given]

    def jvp(self, node: Node, tangents: Sequence, saved: Sequence) -> Any:
        *primals, (arrays, _) = saved
        inputs = [self.inputs[k].stand_in for k in self.wrt]
        ts = [zeros(x) if t is None else t for t, x in zip(tangents, inputs)]
        if any(type(t) is Tensor for t in ts):
            found = self.once("push", True).apply([*map(as_tensor, ts), *primals], arrays)
        else:
            found = self.once("push", False)([*ts, *arrays])
        return found if len(found) > 1 else found[0]

    def apply(self, parents: Sequence[Tensor], rest: Sequence[ndarray]) -> list[Tensor]:
        """The results for these Tensors; `rest` are the arrays of the inputs at the end."""
        seeds = len(self.inputs) - len(rest)
        arrays = [*(p.array for p in parents[:seeds]), *rest]
        with self.lock:
            if "forward" not in self.made:
                outputs = [*(as_value(y.array) for y in self.outs), *self.kept]
                self.made["forward"] = Derived(self.compiled, self.trace, outputs, self.inputs)
        found = self.made["forward"](arrays)
        return self.results(found[: len(self.outs)], parents, arrays, found[len(self.outs) :])

    def results(
        self, outs: Sequence[ndarray], parents: Sequence[Tensor], arrays: Sequence[ndarray],
        kept: Sequence[ndarray],
    ) -> list[Tensor]:  # fmt: skip
        """The program's results as Tensors that remember the program."""
        nodes = tuple(p.node for p in parents)
        if not local.recording or not any(nodes):
            return [Tensor(y) for y in outs]
        arrays = owned(list(arrays)) if SHARED else arrays
        saved = [*(arrays[k] for k in self.wrt), (arrays, kept)]
        whole = Node(self, nodes, {"results": len(outs)}, outs[0], saved)
        return [Tensor(y, result(whole, k, y, len(outs))) for k, y in enumerate(outs)]


def result(whole: Node, k: int, y: ndarray, count: int) -> Node:
    """The node of one of the results."""
    return whole if count == 1 else Node(pick, (whole,), {"k": k}, y, NOTHING)


def zeros(x: Tensor) -> ndarray:
    return np.zeros(x.array.shape, x.array.dtype)


def as_tensor(x: Any) -> Tensor:
    return x if type(x) is Tensor else Tensor(x)


class Refused(Prim):
    """What has no derivative any more, because the function itself took it."""

    def __init__(self, name: str, error: GraphError):
        super().__init__(name)
        self.error = error

    def vjp(self, node, g, saved):
        raise GraphError(*self.error.args)

    def jvp(self, node, tangents, saved):
        raise GraphError(*self.error.args)


def taped(outs: Iterable[Tensor], entries: Sequence[Entry]) -> list[int]:
    """Which of the inputs `outs` depend on, in a way that derivatives follow."""
    reached = set(toposort(y.node for y in outs if y.node is not None))
    return [k for k, entry in enumerate(entries) if entry.tape in reached]
