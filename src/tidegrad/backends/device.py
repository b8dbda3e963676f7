"""Floor 6. Device: the dozen operations of an accelerator, on arrays that know their shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from ..abstract import Value
from ..core import WEAK, Tensor
from ..jit.promotion import check_dtypes
from ..kinds import Prim
from ..ops.movement import cut_shape
from ..shapes import Shape, reduced
from ..transforms import SAME
from .execution import Execution, inferred
from .held import Held
from .host import Key
from .rules import Work, rule_of

__all__ = ["Device"]


def is_home(a: Any) -> bool:
    return type(a) is Tensor and type(a.array) is ndarray


class Device(Execution):
    """Everything on the accelerator `backend`, by its dozen operations.

    What has no rule is a library's routine, and runs in NumPy: sorting, running folds, random bits.
    """

    def __init__(self, name: str, backend: Any):
        self.name, self.backend = name, backend

    def wanted(self, prim: Prim, args: tuple, params: dict) -> bool:
        """All that tensors are part of; a stream's counter, one integer at home, stays there."""
        tensors = [a for a in args if isinstance(a, Tensor | Value)]
        return any(a.dtype.kind != "u" or a.ndim or not is_home(a) for a in tensors)

    def held(self, array: Any) -> Held:
        here = type(array) is Held and array.backend is self
        return array if here else self.array(np.asarray(array))

    def apply(self, prim: Prim, arrays: list, params: dict) -> Held:
        if prim in SAME:
            return arrays[0]
        if not any(type(a) in WEAK for a in arrays):
            check_dtypes(prim, tuple(a.dtype for a in arrays), params)
        (shape, dtype), rule = inferred(prim, arrays, params), rule_of(prim)
        if rule is not None:
            return rule(Work(self, prim, arrays, params, shape, dtype))
        homes = [a.known() if type(a) is Held else a for a in arrays]
        return self.array(np.asarray(prim.run(*homes, **params)))

    def explain(self, error: Exception, prim: Prim, args: tuple, params: dict) -> None:
        error.add_note(f"This was {prim.name} on the backend {self.name!r}.")

    def fetched(self, handle: Any) -> ndarray:
        return np.asarray(self.backend.numpy(handle))

    # The dozen.

    def array(self, x: ndarray) -> Held:
        return Held(self, self.backend.array(x), x.shape, x.dtype, x)

    def map(self, text: str, inputs: dict[str, Any], shape: Shape, dtype: np.dtype) -> Held:
        given = {name: getattr(a, "handle", a) for name, a in inputs.items()}
        return Held(self, self.backend.map(text, given, shape, dtype), shape, dtype)

    def reduce(self, name: str, x: Held, axes: Shape, dtype: np.dtype) -> Held:
        shape = reduced(x.shape, axes, True)
        return Held(self, self.backend.reduce(name, x.handle, axes, dtype), shape, dtype)

    def reshape(self, x: Held, shape: Shape) -> Held:
        if shape == x.shape:
            return x
        return Held(self, self.backend.reshape(x.handle, shape), shape, x.dtype)

    def permute(self, x: Held, axes: Shape) -> Held:
        shape = tuple(x.shape[a] for a in axes)
        return Held(self, self.backend.permute(x.handle, axes), shape, x.dtype)

    def expand(self, x: Held, shape: Shape) -> Held:
        return Held(self, self.backend.expand(x.handle, shape), shape, x.dtype)

    def cut(self, x: Held, key: Key) -> Held:
        return Held(self, self.backend.cut(x.handle, key), cut_shape(x, key=key), x.dtype)

    def put(self, x: Held, key: Key, value: Held) -> Held:
        return Held(self, self.backend.put(x.handle, key, value.handle), x.shape, x.dtype)

    def take(self, x: Held, places: ndarray, axis: int) -> Held:
        found = self.backend.take(x.handle, self.array(places).handle, axis)
        shape = (*x.shape[:axis], len(places), *x.shape[axis + 1 :])
        return Held(self, found, shape, x.dtype)

    def add_at(self, x: Held, places: ndarray, axis: int, size: int) -> Held:
        found = self.backend.add_at(x.handle, self.array(places).handle, axis, size)
        return Held(self, found, (*x.shape[:axis], size, *x.shape[axis + 1 :]), x.dtype)

    def contract(self, spec: str, x: Held, y: Held, shape: Shape, dtype: np.dtype) -> Held:
        return Held(self, self.backend.contract(spec, x.handle, y.handle), shape, dtype)
