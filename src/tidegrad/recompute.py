"""Floor 5. checkpoint: intermediate results are computed again instead of kept."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .arrays import own
from .core import Node, Tensor, local
from .custom import Call, only_tensors
from .errors import GraphError
from .ops.stream import noted, repeated
from .recording import Recording, seen
from .transforms import new_variable, pulled, pushed
from .trees import flatten
from .watching import Watch

__all__ = ["checkpoint"]


def checkpoint(f: Callable) -> Callable[..., Any]:
    """`f`, which keeps only its inputs for the backward pass and there computes the rest again.

    Everything that `f` reads is replayed: its arguments, tensors it closes over, such as a
    module's parameters, as they were, and random numbers, of whatever generator.  What `f`
    rebinds, such as running statistics, changes once.  Whatever else it closes over, NumPy arrays
    among it, has to stay as it is until then.

    >>> tg.grad(tg.checkpoint(lambda x: tg.exp(x) * x))(0.0)
    tensor(1.)
    """

    @functools.wraps(f)
    def kept(*args, **kwargs):
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


def unshared(argument):
    """An ndarray may have been written to before the function runs again."""
    return argument.copy() if isinstance(argument, np.ndarray) else argument


class Read(NamedTuple):
    """A tensor that a function reads, its node then, and the value that stood for it."""

    tensor: Tensor
    node: Node | None
    value: Tensor


class Reads(Watch):
    """Which tensors does a function read that it has not made?"""

    def __init__(self) -> None:
        super().__init__()
        self.read: dict[int, Read] = {}

    def look(self, prim, args):
        for a in args:
            if type(a) is Tensor and not self.own(a) and id(a) not in self.read:
                value = self.stand_in(a)
                self.read[id(a)] = Read(a, seen(a).node, Tensor(own(value.array), value.node))


UNKNOWN: tuple[Any, Any, Any] = (None, None, None)


class Replay(Watch):
    """Runs a function again on stand-ins for the tensors that it read the first time."""

    def __init__(self, stand_ins: dict[int, tuple[Tensor, Any, Tensor]]):
        super().__init__()
        self.stand_ins = stand_ins

    def __call__(self, prim, args: tuple, params: dict):
        # What is not known here, another replay around this one may know.
        return self.passed_on(prim, tuple(self.known(a, a) for a in args), params)

    def stand_in(self, a):
        known = self.known(a, None)
        return super().stand_in(a) if known is None else known

    def known(self, a, default):
        tensor, now, other = self.stand_ins.get(id(a), UNKNOWN)
        # What the function has rebound meanwhile is its own new value.
        return other if a is tensor and seen(a).array is now else default


class Run:
    """One call of a checkpointed function, and how to repeat it."""

    def __init__(self, call: Callable[[], Any]):
        self.call = call
        with Recording(False), noted() as self.draws, Reads() as watch:
            self.value = call()
        self.read = list(watch.read.values())
        self.refuse_lost_gradients()
        self.places = [i for i, read in enumerate(self.read) if read.value.node is not None]
        self.tracked = [self.read[i].value for i in self.places]

    def refuse_lost_gradients(self) -> None:
        """Nothing was recorded, so what the function rebound would have lost its history."""
        lost = [read for read in self.read if read.node and seen(read.tensor).node is not read.node]
        for tensor, node, value in lost:
            tensor = seen(tensor)
            tensor.array, tensor.node = value.array, node
        if lost:
            raise GraphError(
                "checkpoint: the function changes a tensor that needs a gradient, of shape "
                f"{lost[0].value.array.shape}; write y = x + 1 instead of x += 1"
            )

    def again(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """The function's results on `inputs`, recorded; its effects happened the first time."""
        given = dict(zip(self.places, inputs, strict=True))
        stand_ins = {
            id(t): (t, seen(t).array, given.get(i, value))
            for i, (t, _, value) in enumerate(self.read)
        }
        now = [(t, t.array, t.node) for t in [seen(read.tensor) for read in self.read]]
        try:
            with Recording(True), repeated(self.draws), Replay(stand_ins):
                return only_tensors(flatten(self.call())[0], "checkpoint")
        finally:
            for tensor, array, node in now:
                if tensor.array is not array:
                    tensor.array, tensor.node = array, node

    def pull(self, gs: Sequence[Tensor | None], inputs: Sequence[Tensor], record: bool) -> list:
        variables = [new_variable(x) for x in inputs]
        outs = self.again(variables)
        return pulled(outs, gs, variables, record=record, release=not record)

    def push(self, ts: Sequence[Tensor | None], inputs: Sequence[Tensor], record: bool) -> list:
        variables = [new_variable(x) for x in inputs]
        return pushed(variables, ts, self.again(variables), record)
