"""Floor 8. picograd's `Value`: a number or an array that knows its gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tidegrad as tg

from ..shared import ARITHMETIC, lacking, operators
from .compute import compute, whole
from .config import wanted
from .graded import Graded
from .shards import Tensor

__all__ = ["Value"]

SYMBOLS = dict(zip(ARITHMETIC.values(), ("+", "-", "*", "/", "@", "**")))
UNARY = {"relu": "ReLU", "tanh": "tanh", "exp": "exp", "log": "log"}


class Value(Graded):
    """A number or an array with a gradient, float32 unless `data` is a Tensor of another dtype.

    Operands broadcast, also Tensors, arrays and numbers on either side; both sides of `**`
    have gradients. What is computed inside `tg.no_grad()` keeps no graph.

    >>> a, b = Value(2.0, label="a"), Value(3.0)
    >>> c = a * b + a**2
    >>> c.backward()
    >>> c, a, a.grad.data.item()
    (Value(10.0000), a, 7.0)
    """

    __slots__ = ("_op", "handed", "name", "shown")
    __getattr__ = lacking("picograd", "Value")
    _backward = property(None, lambda self, rule: self.__getattr__("_backward"))

    def __init__(self, data: Any, _children: Any = (), _op: str = "", label: str | None = None):
        if not isinstance(data, Tensor):
            self.become(tg.tensor(data, dtype=tg.float32, requires_grad=True))
        elif data.tracked:
            self.become(tg.positive(data.now()), (data,))
        else:
            self.become(tg.tensor(data.numbers(), requires_grad=True))
        self.handed = data if isinstance(data, Tensor) else None
        self.is_distributed = data.is_distributed if self.handed else wanted(self.held.size)
        self.gradient, self._op, self.shown = None, _op, tuple(_children)
        self.name = label or named(self.held)

    @property
    def data(self) -> Tensor:
        if self.handed is None:
            self.handed = whole(Tensor, tg.asarray(self.numbers(), copy=False))
            self.handed.array = self.array
            self.handed.is_distributed = self.is_distributed
        return self.handed

    @data.setter
    def data(self, value: Any) -> None:
        dtype = self.held.dtype
        value = value if isinstance(value, Tensor) else Tensor(value, dtype)
        self.assign(value.numbers())
        self.handed = value if value.dtype == dtype else None

    def numbers(self) -> np.ndarray:
        if self.handed is not None:
            self.array = self.handed.numbers()
        return super().numbers()

    def now(self) -> tg.Tensor:
        if self.handed is not None:
            self.numbers()
        return super().now()

    @property
    def label(self) -> str:
        if self.name is None:
            self.name = named(self.held)
        return self.name

    @label.setter
    def label(self, text: str) -> None:
        self.name = text

    @property
    def parts(self) -> tuple:
        """What this was made of: Values, Tensors, arrays and numbers."""
        return tuple(self.shown or self.sources)

    _prev = property(lambda self: {x if isinstance(x, Value) else Value(x) for x in self.parts})
    is_constant = property(lambda self: not self.parts)

    def __setstate__(self, state: dict) -> None:
        super().__setstate__(state)
        self.handed, self.shown, self._op = None, (), ""

    def __getstate__(self) -> dict:
        return super().__getstate__() | {"name": self.label}

    def __neg__(self) -> Value:
        return operate(tg.negative, self, symbol="neg")

    def __repr__(self) -> str:
        return self.label


def named(held: tg.Tensor) -> str:
    return f"Value({held.item():.4f})" if held.size == 1 else f"Value(shape={held.shape})"


def operate(function: Callable, *operands: Any, symbol: str = "") -> Value:
    made = compute(Value, function, *operands)
    made._op = symbol or SYMBOLS[function]
    if function is tg.pow and type(operands[1]) in (int, float):
        made._op = f"**{operands[1]}"
    made.handed = made.name = None
    made.shown = ()
    return made


def unary(function: Callable, symbol: str) -> Callable[[Value], Value]:
    return lambda self: operate(function, self, symbol=symbol)


operators(Value, operate)
for name, symbol in UNARY.items():
    setattr(Value, name, unary(getattr(tg, name), symbol))


__getattr__ = lacking("picograd")
