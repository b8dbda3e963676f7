"""Floor 8. What a Tensor of pygrad is beneath its operations: value, gradient, the way back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy import ndarray

from ..shared import lacking
from .constants import PRECISION

__all__ = ["Recorded", "numbers"]

FLAGS = {"label": str, "learnable": bool, "leaf": bool, "_prev": tuple}
KEPT = ("dtype", "label", "learnable", "leaf", "origin", "_value", "grad")
FRESH = {"_prev": (), "pull": None, "own_bpass": None, "walked": False}


class Recorded:
    """An array, its gradient, and the Tensors that it was made of."""

    __slots__ = (*KEPT, *FRESH)
    __array_ufunc__ = None  # so that `ndarray + Tensor` asks the Tensor
    dtype: Any
    label: Any
    learnable: bool
    leaf: bool
    grad: Any
    origin: Any
    pull: Any
    own_bpass: Any
    _prev: tuple

    def __init__(self, value: Any, label: str = "", dtype: Any = PRECISION,
                 learnable: bool = True, leaf: bool = False, _prev: tuple = ()):  # fmt: skip
        given = {"label": label, "learnable": learnable, "leaf": leaf, "_prev": _prev}
        for name, x in given.items():
            if not isinstance(x, FLAGS[name]):
                raise TypeError(f"Tensor: {name} is a {FLAGS[name].__name__}, not {x!r}")
        if not all(isinstance(x, Recorded) for x in _prev):
            raise TypeError("Tensor: _prev holds Tensors")
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise TypeError(f"Tensor: dtype is float32 or float64, not {np.dtype(dtype)}")
        self.dtype, self.origin = np.dtype(dtype).type, None
        for name, x in (FRESH | given).items():
            setattr(self, name, x)
        self.new_value(value)

    @property
    def value(self) -> ndarray:
        """The array: what is written into it, or assigned, the next operation sees."""
        return self._value

    @value.setter
    def value(self, x: Any) -> None:
        self._value = numbers(x, self.dtype)

    shape = property(lambda self: self._value.shape)

    def new_value(self, x: Any) -> None:
        """Assign a copy of `x`, of any shape, and reset the gradient."""
        self.value = numbers(x, self.dtype).copy()
        self.reset_grad()

    def reset_grad(self) -> None:
        self.grad = np.zeros(self.shape, self.dtype)

    def create_graph(self) -> tuple[list, list]:
        """All Tensors that this one came from, itself last; and those of them that are no leaf."""
        nodes = past(self)
        return [x for x in nodes if x.learnable], [x for x in nodes if not x.leaf]

    # A list kept here would hold the Tensor itself, and its memory until the next collection.
    topo = property(lambda self: self.create_graph()[0] if self.walked else None)
    weights = property(lambda self: self.create_graph()[1] if self.walked else None)

    def backward(self, reset_grad: bool = True) -> None:
        """The gradient of the sum of this Tensor, for every Tensor that it came from.

        Without `reset_grad` it is added to the one that each has, as PyTorch does.
        """
        nodes = past(self)
        before = [x.grad for x in nodes]
        for x in nodes:
            x.reset_grad()
        self.grad = np.ones_like(self._value)
        with np.errstate(all="ignore"):
            for x in reversed(nodes):
                if x.learnable:
                    x.bpass()
        if not reset_grad:
            for x, grad in zip(nodes, before):
                x.grad = np.asarray(x.grad + grad)
        self.walked = True

    @property
    def bpass(self) -> Callable[[], None]:
        """What adds to the gradients of `_prev`: assign one for an operation of your own."""
        return self.own_bpass or partial(pass_back, self)

    @bpass.setter
    def bpass(self, function: Callable[[], None]) -> None:
        self.own_bpass = function

    def __getstate__(self) -> tuple[Any, dict[str, Any]]:
        own = getattr(self, "__dict__", None)  # of a program's own class
        return own, {name: getattr(self, name) for name in KEPT} | FRESH

    __getattr__ = lacking("pygrad", "Tensor")


def numbers(value: Any, dtype: Any) -> ndarray:
    """`value` as an array: the very same where that is one of `dtype`."""
    array = np.asarray(value.value if isinstance(value, Recorded) else value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"Tensor: takes real numbers and arrays, not {type(value).__name__}")
    return array.astype(dtype, copy=False)


def past(root: Recorded) -> list[Recorded]:
    """All that `root` came from, each once and after what it was made of; no recursion."""
    order, seen, stack = [], set(), [(root, False)]
    while stack:
        x, entered = stack.pop()
        if entered:
            order.append(x)
        elif x not in seen:
            seen.add(x)
            stack.append((x, True))
            stack += [(parent, False) for parent in reversed(x._prev)]
    return order


def pass_back(x: Recorded) -> None:
    """Add to the gradients of what `x` was made of, by the derivative that tidegrad gave."""
    if x.pull is not None:
        for parent, part in zip(x._prev, x.pull(x.grad)):
            if parent.shape != part.shape:
                raise ValueError(
                    f"backward: a Tensor of shape {part.shape} has now a value of shape "
                    f"{parent.shape}; compute anew what was made of it"
                )
            parent.grad = np.asarray(parent.grad + part.numpy())
