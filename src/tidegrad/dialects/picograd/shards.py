"""Floor 8. picograd's `Tensor`, whose operations run on all cores where it is distributed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tidegrad as tg

from ..shared import lacking, operators
from .cells import Cell, leaf
from .compute import applied, compute
from .config import wanted
from .graded import Graded

__all__ = ["Tensor"]


class Tensor(Graded):
    """An array of any dtype, which results keep; of NumPy's operations, those here.

    Where one operand is distributed an operation and its gradient run on all cores. With
    `requires_grad` it is differentiable, which picograd's was not.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    Tensor(data=[2. 4.])
    """

    __slots__ = ()
    __getattr__ = lacking("picograd", "Tensor")

    def __init__(
        self,
        data: Any,
        dtype: Any = np.float32,
        distributed: bool | None = None,
        requires_grad: bool = False,
    ):
        self.become(leaf(data, dtype, requires_grad))
        self.gradient = None
        self.is_distributed = wanted(self.held.size) if distributed is None else distributed

    data = property(Cell.numbers, Cell.assign, doc="The array, which may be written into.")
    shape = property(lambda self: self.held.shape)
    dtype = property(lambda self: self.held.dtype)

    @property
    def requires_grad(self) -> bool:
        return self.tracked

    @requires_grad.setter
    def requires_grad(self, tracked: bool) -> None:
        if tracked != self.tracked:
            self.begin(self.numbers(), tracked)
            self.gradient = None

    def apply(self, op_func: Callable, other: Any = None) -> Tensor:
        """`op_func`, also a lambda, of this tensor or of two: of NumPy's functions or any other."""
        operands = (self,) if other is None else (self, other)
        return compute(Tensor, lambda *xs: applied(op_func, xs), *operands)

    def reshape(self, *shape: Any) -> Tensor:
        return compute(Tensor, lambda x: x.reshape(*shape), self)

    def transpose(self, *axes: Any) -> Tensor:
        return compute(Tensor, lambda x: x.transpose(*axes), self, keep=False)

    T = property(transpose)

    def to_numpy(self) -> np.ndarray:
        return self.numbers().copy()

    def enable_distributed(self) -> None:
        self.is_distributed = True

    def disable_distributed(self) -> None:
        self.is_distributed = False

    def __neg__(self) -> Tensor:
        return compute(Tensor, tg.negative, self)

    def __getitem__(self, idx: Any) -> Tensor:
        return compute(Tensor, lambda x: x[idx], self, keep=False)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """For NumPy's functions; one with a gradient, which they would lose, is refused."""
        return np.asarray(self.now(), dtype).copy()

    def __len__(self) -> int:
        return self.shape[0] if self.shape else 1

    def __repr__(self) -> str:
        few = self.held.size <= 10
        told = f"data={self.data}" if few else f"shape={self.shape}, dtype={self.dtype}"
        return f"Tensor({told}{', distributed=True' if self.is_distributed else ''})"

    @classmethod
    def from_array(cls, arr: Any, distributed: bool | None = None) -> Tensor:
        return cls(arr, distributed=distributed)

    @classmethod
    def zeros(cls, shape: Any, dtype: Any = np.float32, distributed: bool | None = None) -> Tensor:
        return cls(np.zeros(shape), dtype, distributed)

    @classmethod
    def ones(cls, shape: Any, dtype: Any = np.float32, distributed: bool | None = None) -> Tensor:
        return cls(np.ones(shape), dtype, distributed)

    @classmethod
    def randn(cls, *shape: int, dtype: Any = np.float32, distributed: bool | None = None) -> Tensor:
        return cls(np.random.randn(*shape), dtype, distributed)


def reduction(function: Callable) -> Callable:
    def reduce(self: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
        return compute(Tensor, function, self, axis=axis, keepdims=keepdims, keep=False)

    return reduce


def combine(function: Callable, left: Any, right: Any) -> Any:
    if any(isinstance(x, Cell) and not isinstance(x, Tensor) for x in (left, right)):
        return NotImplemented  # a Value's own operators take Tensors
    return compute(Tensor, function, left, right)


Graded.plain = Tensor
operators(Tensor, combine)
for name in ("sum", "mean", "max", "min"):
    setattr(Tensor, name, reduction(getattr(tg, name)))
