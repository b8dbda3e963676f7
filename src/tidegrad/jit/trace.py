"""Floor 6. Trace: while a function runs, its operations become Values instead of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import values  # noqa: F401 (which gives Values their operators)
from ..abstract import Value, constant
from ..arrays import as_array
from ..core import RAW, TRACES, WEAK, Node, Tensor, bind, local, record
from ..kinds import cast, expand
from ..lines import calling_line
from ..shapes import size_of
from ..transforms import SAME
from .entries import UNREAD, Entries, Entry
from .promotion import WEAKLY, check_dtypes, resolved

__all__ = ["UNREAD", "Entry", "Trace"]

LARGE = 1 << 16  # elements


class Trace(Entries):
    """Gives `prim` of Values as a new Value; what a function found outside has a stand-in.

    A trace may be entered again, to derive more from what it has seen.
    """

    def __init__(self) -> None:
        super().__init__()
        self.before: list[tuple] = []  # what was at work when it was entered
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

    def seeds(self, given: Mapping[Node, Any]) -> dict[Node, Any]:
        """Cotangents to start from, as Values, so that what comes of them is a program's work."""
        return {node: self.unknown(g) for node, g in given.items()}

    def unknown(self, g: Any) -> Any:
        if type(g) is Tensor:
            return g if type(g.array) is Value else Tensor(self.unknown(g.array), g.node)
        return value_of(g, None, self.token)

    def stands_for_float(self, tensor: Tensor) -> bool:
        return type(tensor.array) is Value and tensor.array in self.weak

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
        args = tuple(map(self.stand_in, args))  # which may have been set to a constant
        local.trace = None
        try:
            return bind(prim, args, params)
        finally:
            local.trace = self

    def applied(self, prim: Any, arrays: list, dtypes: Sequence, params: dict) -> Value:
        """The Value of `prim` of these arrays, numbers and Values, which have their dtypes."""
        if prim in SAME:
            return arrays[0]
        parents = tuple(value_of(a, dtype, self.token) for a, dtype in zip(arrays, dtypes))
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


def value_of(a: Any, dtype: np.dtype | None, token: object) -> Value:
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
