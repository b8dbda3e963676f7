"""Floor 8. The operations of pygrad's Tensor, each one of tidegrad's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import tidegrad as tg

from ..shared import lacking, operators
from .graph import Recorded, numbers
from .numba_ops import convolve

__all__ = ["Tensor", "array"]


class Tensor(Recorded):
    """An array with `.value` and `.grad` that remembers the Tensors it was made of.

    Unlike the engine's: a constant is no weight and no part of the graph; a backward with
    `reset_grad=False` adds up; lists, tuples and Tensors are values too; `softmax`,
    `softmax_log` and `sigmoid` take every shape; a copied or pickled Tensor has no past, and
    inside `tg.no_grad()` nothing is remembered.  The dtypes are float32 and float64.

    >>> x = Tensor(1)
    >>> (((x**3 + x**2 + x + 1) - 1) ** 2).backward()
    >>> print(x, x.grad)
    Tensor(value=1.0, shape=(), dtype=<class 'numpy.float64'>) 36.0
    """

    __slots__ = ()
    __add__: Any
    __mul__: Any
    __matmul__: Any

    @staticmethod
    def made(function: Callable, *operands: Any) -> Any:
        """What tidegrad's `function` makes of Tensors and arrays, in the first Tensor's dtype."""
        parents = tuple(x for x in operands if isinstance(x, Recorded))
        dtype = parents[0].dtype
        fixed = [x if isinstance(x, Recorded) else numbers(x, dtype) for x in operands]

        def run(*values: tg.Tensor) -> tg.Tensor:
            given = iter(values)
            return function(*(next(given) if isinstance(x, Recorded) else x for x in fixed))

        with np.errstate(all="ignore"):
            out, pull = tg.vjp(run, *(x.value for x in parents))
        new = Tensor(out.numpy(), dtype=dtype, leaf=True)
        if tg.is_grad_enabled():
            new._prev, new.pull = parents, pull
        return new

    def __neg__(self) -> Tensor:
        return self.made(tg.negative, self)

    def __getitem__(self, idcs: Any) -> Any:
        """The elements as NumPy's array: no gradient flows through it."""
        return self.value[idcs]

    def __repr__(self) -> str:
        name = f"name={self.label}, " if self.label != "" else ""
        value = "" if self.shape else f"value={self.value}, "
        return f"Tensor({name}{value}shape={self.shape}, dtype={self.dtype})"

    def sum(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return self.made(partial(tg.sum, axis=axis, keepdims=keepdims), self)

    def mean(self, axis: Any = -1, keepdims: bool = True) -> Tensor:
        return self.made(partial(tg.mean, axis=axis, keepdims=keepdims), self)

    def std(self, axis: Any = -1, keepdim: bool = True) -> Tensor:
        """The deviation of the whole population; of equal elements the gradient is 0."""
        return self.made(partial(tg.std, axis=axis, keepdims=keepdim), self)

    def reshape(self, shape: tuple) -> Tensor:
        return self.made(partial(tg.reshape, shape=shape), self)

    def transpose(self, axes: Any = None) -> Tensor:
        return self.made(lambda x: x.transpose(axes), self)

    @property
    def T(self) -> Tensor:
        """The last two axes swapped; a vector or a number is itself."""
        if len(self.shape) < 2:
            return self
        new = self.made(tg.matrix_transpose, self)
        new.label = f"{self.label}.T"
        return new

    def mask_idcs(self, mask_idcs: Any, value: float = 0.0) -> Tensor:
        """`value` at these indices, through which no gradient flows."""
        hidden = np.zeros(self.shape, bool)
        hidden[mask_idcs] = True
        return self.made(lambda x: tg.where(hidden, value, x), self)

    def log(self) -> Tensor:
        if np.any(self.value < 0):
            raise ValueError(f"log: takes no negative numbers, and there is {self.value.min()}")
        return self.made(tg.log, self)

    def conv2D(self, other: Tensor) -> Tensor:
        """The images `other` (batch, in, H, W) under this kernel (1 or batch, out, in, kH, kW)."""
        new = self.made(convolve, self, other)
        new.label = "Conv2D"
        return new

    Conv2D = conv2D  # as the engine's pages spell it


ACTIVATIONS: dict[str, Callable] = {
    "relu": tg.relu,
    "tanh": tg.tanh,
    "sigmoid": tg.sigmoid,
    "softmax": partial(tg.softmax, axis=-1),
    "softmax_log": partial(tg.log_softmax, axis=-1),
}


def method(function: Callable) -> Callable[[Tensor], Tensor]:
    return lambda self: self.made(function, self)


for name, function in ACTIVATIONS.items():
    setattr(Tensor, name, method(function))
operators(Tensor, Tensor.made)


def array(*args: Any, **kwargs: Any) -> Tensor:
    """A Tensor, in the manner of NumPy."""
    return Tensor(*args, **kwargs)


__getattr__ = lacking("pygrad")
