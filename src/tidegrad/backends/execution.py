"""Floor 6. Execution: operations done by other hands than NumPy's, and recorded all the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from ..abstract import Value
from ..core import WEAK, Tensor, bind, local, record
from ..kinds import Prim, where
from ..shapes import Shape

__all__ = ["Execution", "inferred"]


class Execution:
    """Stands where a trace would, and gives results at once; a subclass says how, by `apply`."""

    name: str

    def apply(self, prim: Prim, arrays: list, params: dict) -> Any:
        """The result array, of arguments that are arrays and numbers of fitting dtypes."""
        raise NotImplementedError

    def explain(self, error: Exception, prim: Prim, args: tuple, params: dict) -> None:
        """Say more about an error of `apply`."""

    def held(self, array: Any) -> Any:
        """An argument's array as `apply` wants it, and as the tape keeps it."""
        return array

    def wanted(self, prim: Prim, args: tuple, params: dict) -> bool:
        """Whether this operation is one for other hands."""
        return True

    def __call__(self, prim: Prim, args: tuple, params: dict) -> Any:
        args = tuple(a if type(a) in BARE else tensor_of(prim, a) for a in args)
        if not self.wanted(prim, args, params):
            return self.at_home(prim, args, params)
        dtypes = {a.dtype for a in args if type(a) not in WEAK}
        floats = prim.floats or float in map(type, args)
        if prim.promotes and (len(dtypes) > 1 or (floats and all(d.kind != "f" for d in dtypes))):
            return bind(prim, prim.unify(args), params)
        arrays, nodes = [], []
        for a in args:
            nodes.append(a.node if type(a) is Tensor else None)
            a = a.array if type(a) is Tensor else a
            arrays.append(a if type(a) in WEAK else self.held(a))
        try:
            out = self.apply(prim, arrays, params)
        except Exception as error:  # of any kind: an accelerator is somebody else's
            self.explain(error, prim, args, params)
            raise
        if Tensor not in map(type, args):
            return out
        mask = sum((node is not None) << k for k, node in enumerate(nodes))
        tracked = mask and out.dtype.kind == "f" and prim.differentiable and local.recording
        return Tensor(out, record(prim, arrays, nodes, mask, params, out) if tracked else None)

    def at_home(self, prim: Prim, args: tuple, params: dict) -> Any:
        """What NumPy makes of it."""
        before, local.trace = local.trace, None
        try:
            return bind(prim, args, params)
        finally:
            local.trace = before

    def stand_in(self, x: Any) -> Any:
        """What stands for `x`, which others in this place ask for: itself."""
        return x

    def note(self, made: Sequence[Tensor]) -> None:
        """Results of a whole function: each of its operations has been done here."""


class Number(NamedTuple):
    """What a rule about shapes and dtypes sees of a Python number."""

    dtype: type
    shape: Shape = ()


def inferred(prim: Prim, arrays: Sequence[Any], params: dict) -> tuple[Shape, np.dtype]:
    """Shape and dtype of what NumPy makes of arrays and Python numbers."""
    known = [Number(type(a)) if type(a) in WEAK else a for a in arrays]
    shape, dtype = prim.infer(*known, **params)
    if prim is where:  # which no promotion of ours comes before
        dtype = np.result_type(*(a if type(a) in WEAK else a.dtype for a in arrays[1:]))
    return tuple(shape), np.dtype(dtype)


BARE: set = {Tensor, ndarray, *WEAK}


def tensor_of(prim: Prim, a: Any) -> Any:
    if isinstance(a, Value):
        return a
    return np.asarray(a) if isinstance(a, np.generic) else prim.lift((a,))[0]
