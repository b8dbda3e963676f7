"""Floor 6. Entries: the tensors that a traced function finds, and what stands for each of them."""

from __future__ import annotations

import weakref
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from ..abstract import Value, unknown
from ..core import NOTHING, Node, Tensor
from ..errors import GraphError
from ..transforms import variable

__all__ = ["UNREAD", "Entries", "Entry"]


class Unread:
    """Stands in `_grad` until a trace reads or sets the gradient."""


UNREAD: Any = Unread()


class Entry:
    """What a function found outside: a tensor, or another argument, and what stands for it."""

    def __init__(self, tensor: Tensor | None, shape: Any, dtype: np.dtype, token: object):
        self.tensor, self.node = tensor, None if tensor is None else tensor.node
        self.value = unknown(shape, dtype)
        self.value.owner = token
        self.stand_in = Tensor(self.value)
        self.gradient: Entry | None = UNREAD  # what stands for `.grad`, once that is read
        self.met = False  # by the function itself, among what it closes over
        self.tape: Node | None = None  # what gradients of the stand-in flow to
        if self.node is not None:
            self.track().owner = weakref.ref(self.stand_in)
            if self.node.prim is not None:
                end = Node(None, (), {}, self.value, NOTHING)
                end.owner = Outside()
                self.tape = Node(variable, (end,), {"live": True}, self.value, NOTHING)
                self.stand_in.node = self.tape

    def track(self) -> Node:
        """Let gradients flow to the stand-in: to this node."""
        self.tape = self.stand_in.node = Node(None, (), {}, self.value, NOTHING)
        return self.tape

    @property
    def variable(self) -> Any:
        """What derivatives by the stand-in are taken by, whatever it stands for by then."""
        return Variable(self.tape)


class Variable(NamedTuple):
    """What a derivative is by."""

    node: Node | None


class Outside:
    """The owner of a node made outside, where a backward inside must not end silently."""

    def __call__(self):
        raise GraphError(
            "backward: this reaches a tensor that an operation outside of the compiled function "
            "made; make it inside, give its .detach(), or call backward outside"
        )


class Entries:
    """What a trace has found outside.

    Nothing of it is changed while the function runs: its effects are the stand-ins' own.
    """

    def __init__(self) -> None:
        self.token = object()  # by which Values know their trace
        self.mine: dict[int, Tensor] = {}  # every tensor made since, by its id
        self.known: dict[int, Entry] = {}  # by the id of the tensor
        self.entries: dict[int, Entry] = {}  # by that of its stand-in
        self.relied: dict[int, tuple[Tensor, ndarray]] = {}  # whose elements were looked at

    def stand_in(self, x: Any) -> Any:
        """What stands for `x`, a tensor that this trace may not have seen yet."""
        if type(x) is not Tensor or type(x.array) is Value or id(x) in self.mine:
            return x
        known = self.known.get(id(x))
        if known is None:
            known = self.known[id(x)] = self.entered(x, x.array.shape, x.array.dtype)
        known.met = True
        return known.stand_in

    def entered(self, tensor: Tensor | None, shape: Any, dtype: np.dtype) -> Entry:
        """A new input."""
        entry = Entry(tensor, shape, dtype, self.token)
        entry.stand_in._grad = None if tensor is None else UNREAD
        self.entries[id(entry.stand_in)] = entry
        return entry

    def grad(self, tensor: Tensor) -> Tensor | None:
        """`.grad`: an input of its own, once it is read."""
        stand_in = self.stand_in(tensor)
        if stand_in._grad is UNREAD:
            entry = self.entries[id(stand_in)]
            entry.gradient = stand_in._grad = None
            now = entry.tensor._grad  # type: ignore[union-attr]  # only a tensor's is unread
            if now is not None:
                entry.gradient = Entry(now, now.array.shape, now.array.dtype, self.token)
                stand_in._grad = entry.gradient.stand_in
        return stand_in._grad

    def elements(self, tensor: Tensor) -> Any:
        """The array of `tensor`; the program is right only while that stays the same."""
        if type(tensor.array) is Value or id(tensor) in self.mine:
            return tensor.array
        stand_in = self.stand_in(tensor)
        if stand_in.array is not self.known[id(tensor)].value:
            return stand_in.array
        self.relied[id(tensor)] = tensor, tensor.array
        return tensor.array
