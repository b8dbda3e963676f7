"""Floor 5. checkpoint: intermediate results are computed again instead of kept."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .arrays import own
from .autodiff import as_tensor, ebb, flood
from .core import Node, Tensor, bind, local
from .custom import Call, only_tensors
from .errors import GraphError
from .ops.random import default_generator
from .recording import Recording
from .transforms import new_variable, nodes_of
from .trees import flatten

__all__ = ["checkpoint"]


def checkpoint(f: Callable) -> Callable[..., Any]:
    """`f`, which keeps only its inputs for the backward pass and there computes the rest again.

    Everything that `f` reads is replayed: its arguments, tensors it closes over, such as a
    module's parameters, as they were, and the default generator's random numbers.  What `f`
    rebinds, such as running statistics, changes once.  Whatever else it closes over, NumPy arrays
    among it, has to stay as it is until then.

    >>> tg.grad(tg.checkpoint(lambda x: tg.exp(x) * x))(0.0)
    tensor(1.)
    """

    @functools.wraps(f)
    def kept(*args: Any, **kwargs: Any) -> Any:
        if not local.recording:
            return f(*args, **kwargs)
        named = {name: unshared(a) for name, a in kwargs.items()}
        run = Run(functools.partial(f, *map(unshared, args), **named))
        if not run.tracked:
            return run.value
        outs, rebuild = flatten(run.value)
        prim = Call("checkpoint", run.pull, run.push)
        return rebuild(prim.results(only_tensors(outs, "checkpoint"), run.tracked))

    return kept


def unshared(argument: Any) -> Any:
    """An ndarray may have been written to before the function runs again."""
    return argument.copy() if isinstance(argument, np.ndarray) else argument


class Watch:
    """Looks on while a function runs: which tensors does it read that it has not made?"""

    def __init__(self) -> None:
        self.before = local.trace
        self.made: dict[int, weakref.ref[Tensor]] = {}
        self.read: dict[int, tuple[Tensor, Any, Node | None]] = {}

    def __call__(self, prim: Any, args: tuple, params: dict) -> Any:
        for a in args:
            if type(a) is Tensor and not self.own(a) and id(a) not in self.read:
                self.read[id(a)] = (a, own(a.array), a.node)
        out = self.passed_on(prim, args, params)
        if type(out) is Tensor:
            self.made[id(out)] = weakref.ref(out)
        return out

    def own(self, tensor: Tensor) -> bool:
        known = self.made.get(id(tensor))
        return known is not None and known() is tensor

    def passed_on(self, prim: Any, args: tuple, params: dict) -> Any:
        local.trace = self.before
        try:
            return bind(prim, args, params)
        finally:
            local.trace = self

    def __enter__(self) -> Watch:
        local.trace = self
        return self

    def __exit__(self, *_: object) -> None:
        local.trace = self.before


UNKNOWN: tuple[Any, Any, Any] = (None, None, None)


class Replay(Watch):
    """Runs a function again on stand-ins for the tensors that it read the first time."""

    def __init__(self, stand_ins: dict[int, tuple[Tensor, Any, Tensor]]):
        super().__init__()
        self.stand_ins = stand_ins

    def __call__(self, prim: Any, args: tuple, params: dict) -> Any:
        return self.passed_on(prim, tuple(map(self.stand_in, args)), params)

    def stand_in(self, a: Any) -> Any:
        tensor, now, other = self.stand_ins.get(id(a), UNKNOWN)
        # What the function has rebound meanwhile is its own new value.
        return other if a is tensor and a.array is now else a


class Run:
    """One call of a checkpointed function, and how to repeat it."""

    def __init__(self, call: Callable[[], Any]):
        self.call = call
        self.random = default_generator().state_dict()
        with Recording(False), Watch() as watch:
            self.value = call()
        self.read = list(watch.read.values())
        self.refuse_lost_gradients()
        self.places = [i for i, (_, _, node) in enumerate(self.read) if node is not None]
        self.tracked: list[Tensor] = [Tensor(self.read[i][1], self.read[i][2]) for i in self.places]

    def refuse_lost_gradients(self) -> None:
        """Nothing was recorded, so what the function rebound would have lost its history."""
        lost = [(t, array, node) for t, array, node in self.read if node and t.node is not node]
        for tensor, array, node in lost:
            tensor.array, tensor.node = array, node
        if lost:
            raise GraphError(
                "checkpoint: the function changes a tensor that needs a gradient, of shape "
                f"{lost[0][1].shape}; write y = x + 1 instead of x += 1"
            )

    def again(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """The function's results on `inputs`, recorded; its effects happened the first time."""
        given = dict(zip(self.places, inputs, strict=True))
        stand_ins = {
            id(t): (t, t.array, given[i] if i in given else Tensor(array))
            for i, (t, array, _) in enumerate(self.read)
        }
        now = [(t, t.array, t.node) for t, _, _ in self.read]
        generator, later = default_generator(), default_generator().state_dict()
        generator.load_state_dict(self.random)
        try:
            with Recording(True), Replay(stand_ins):
                return only_tensors(flatten(self.call())[0], "checkpoint")
        finally:
            generator.load_state_dict(later)
            for tensor, array, node in now:
                if tensor.array is not array:
                    tensor.array, tensor.node = array, node

    def pull(self, gs: Sequence[Tensor | None], inputs: Sequence[Tensor], record: bool) -> list:
        variables = [new_variable(x) for x in inputs]
        seeds: dict[Node, Any] = {}
        for y, g in zip(self.again(variables), gs, strict=True):
            if g is not None and y.node is not None:
                part = g if record else g.array
                seeds[y.node] = seeds[y.node] + part if y.node in seeds else part
        found: dict = ebb(seeds, nodes_of(variables), release=not record, record=record)
        return [as_tensor(found[v.node]) if v.node in found else None for v in variables]

    def push(self, ts: Sequence[Tensor | None], inputs: Sequence[Tensor], record: bool) -> list:
        variables = [new_variable(x) for x in inputs]
        outs = self.again(variables)
        pairs = zip(nodes_of(variables), ts, strict=True)
        seeds = {node: t if record else t.array for node, t in pairs if t is not None}
        have: dict = flood(seeds, [y.node for y in outs if y.node is not None], record=record)
        return [as_tensor(have[y.node]) if y.node in have else y * 0 for y in outs]
