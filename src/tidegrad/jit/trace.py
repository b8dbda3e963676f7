"""Floor 6. Trace: while a function runs, its operations become Values instead of numbers."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from .. import values  # noqa: F401 (which gives Values their operators)
from ..abstract import Value, constant, unknown
from ..arrays import as_array
from ..core import NOTHING, RAW, TRACES, WEAK, Node, Tensor, bind, local, record
from ..errors import GraphError
from ..kinds import cast, expand
from ..lines import calling_line
from ..ops.elementwise import positive, stop_gradient
from ..shapes import size_of
from ..transforms import variable
from .promotion import WEAKLY, check_dtypes, resolved

__all__ = ["UNREAD", "Entry", "Trace"]

SAME = {positive, stop_gradient, variable}  # the value is the input's; only the tape differs


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


LARGE = 1 << 16  # elements


class Outside:
    """The owner of a node made outside, where a backward inside must not end silently."""

    def __call__(self):
        raise GraphError(
            "backward: this reaches a tensor that an operation outside of the compiled function "
            "made; make it inside, give its .detach(), or call backward outside"
        )


class Trace:
    """Gives `prim` of Values as a new Value; what a function found outside has a stand-in.

    Nothing outside is changed while the function runs: its effects are the stand-ins' own.  A
    trace may be entered again, to derive more from what it has seen.
    """

    def __init__(self) -> None:
        self.before: list[tuple] = []  # what was at work when it was entered
        self.token = object()  # by which Values know their trace
        self.mine: dict[int, Tensor] = {}  # every tensor made since, by its id
        self.known: dict[int, Entry] = {}  # by the id of the tensor
        self.entries: dict[int, Entry] = {}  # by that of its stand-in
        self.relied: dict[int, tuple[Tensor, ndarray]] = {}  # whose elements were looked at
        self.weak: set[Value] = set()  # Python's floats, which have no dtype of their own

    def __enter__(self) -> Trace:
        self.before.append((local.trace, local.tracing))
        TRACES.append(self)
        local.trace = local.tracing = self
        return self

    def __exit__(self, *_: object) -> None:
        local.trace, local.tracing = self.before.pop()
        TRACES.remove(self)
        if not self.before:
            self.mine.clear()

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
            now = entry.tensor._grad  # type: ignore[union-attr]
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

    def seeds(self, given: Mapping[Node, Any]) -> dict[Node, Any]:
        """Cotangents to start from, as Values, so that what comes of them is a program's work."""
        return {node: self.unknown(g) for node, g in given.items()}

    def unknown(self, g: Any) -> Any:
        if type(g) is Tensor:
            return g if type(g.array) is Value else Tensor(self.unknown(g.array), g.node)
        return as_value(g, None, self.token)

    def note(self, made: Any) -> None:
        """Results of a whole function: known already, as every new tensor is."""

    def __call__(self, prim: Any, args: tuple, params: dict) -> Any:
        arrays, nodes, mask, bare = self.opened(prim, args)
        if Value not in map(type, arrays) and not grows(prim, arrays, params):
            return self.at_once(prim, args, params)
        dtypes, weakly = resolved(prim, [self.kind_of(a) for a in arrays])
        for k, (a, dtype) in enumerate(zip(arrays, dtypes)):
            if dtype is not None and getattr(a, "dtype", dtype) != dtype:
                same = cast(args[k], dtype=dtype)
                return self(prim, (*args[:k], same, *args[k + 1 :]), params)
        out = self.applied(prim, arrays, dtypes, params)
        if weakly:
            self.weak.add(out)
        if bare:
            return out
        tracked = mask and prim.differentiable and local.recording
        tracked = tracked and (out.dtype.kind == "f" or "results" in params)
        return Tensor(out, record(prim, arrays, nodes, mask, params, out) if tracked else None)

    def opened(self, prim: Any, args: tuple) -> tuple[list, list, int, bool]:
        """The bare arguments, their nodes, which of these are there, and whether no arg had one."""
        arrays: list = []
        nodes: list = []
        mask, bare = 0, True
        for k, a in enumerate(args):
            node = None
            if type(a) not in RAW and not isinstance(a, Value | np.generic):
                a, bare = self.stand_in(lifted(a, prim.name)), False
                node, a = a.node, a.array
                mask |= (node is not None) << k
            if type(a) is Value and a.owner is not self.token:
                raise a.refused(prim.name, "")
            arrays.append(a)
            nodes.append(node)
        return arrays, nodes, mask, bare

    def at_once(self, prim: Any, args: tuple, params: dict) -> Any:
        """A result of numbers that are known already."""
        local.trace = None
        try:
            return bind(prim, args, params)
        finally:
            local.trace = self

    def applied(self, prim: Any, arrays: list, dtypes: Sequence, params: dict) -> Value:
        """The Value of `prim` of these arrays, numbers and Values, which have their dtypes."""
        if prim in SAME:
            return arrays[0]
        parents = tuple(as_value(a, dtype, self.token) for a, dtype in zip(arrays, dtypes))
        check_dtypes(prim, tuple(p.dtype for p in parents), params)
        shape, dtype = prim.infer(*parents, **params)
        made = Value(prim, parents, params, tuple(shape), np.dtype(dtype))
        made.owner, made.where = self.token, calling_line()
        return made

    def kind_of(self, a: Any) -> Any:
        """What promotion asks about: the dtype of an array, or a number."""
        if type(a) in WEAK:
            return a
        return WEAKLY if type(a) is Value and a in self.weak else a.dtype


def grows(prim: Any, arrays: list, params: dict) -> bool:
    """Whether little is spread to much, which is a program's work and no constant to keep."""
    return prim is expand and size_of(params["shape"]) > LARGE > arrays[0].size


def as_value(a: Any, dtype: np.dtype | None, token: object) -> Value:
    """`a` as a Value; what is known already is a constant."""
    if type(a) is Value:
        return a
    array = np.asarray(a, dtype).view()
    array.flags.writeable = False
    made = constant(array)
    made.owner = token
    return made


def lifted(x: Any, operation: str) -> Tensor:
    return x if type(x) is Tensor else Tensor(as_array(x, operation))
