"""Floor 8. micrograd's Value: one number that remembers what it was made of."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from numbers import Real
from typing import Any

import numpy as np

import tidegrad as tg

from ..shared import lacking
from .own import by_hand, leaf, retained

__all__ = ["Value"]


class Value:
    """A number, its gradient, and the Values that it was made of (`_prev`, by `_op`).

    Every Value has a `.grad`, results too; it is 0 at first, and backward adds to it. Unlike
    there, a second `backward` adds the same once more, a Value that was edited after the forward
    pass leaves its gradients right, chains may be of any length, and copies are pickled. What is
    no number is refused, as is another `.data` for a result.

    >>> x = Value(3.0)
    >>> y = (x * x - 1) / 2
    >>> y.backward()
    >>> y, x, [v.data for v in y._prev if v._op]
    (Value(data=4.0, grad=1), Value(data=3.0, grad=3.0), [8.0])
    """

    _rule: Any  # of a program's own operation alone

    def __init__(self, data: Any, _children: Iterable[Value] = (), _op: str = ""):
        self._data, self._grad, self._prev, self._op = number(data), 0, set(_children), _op
        self.tensor = leaf(data)
        if self._prev:
            self._rule, self.tensor = None, by_hand(self)

    @property
    def data(self) -> Any:
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        if self._prev:
            raise AttributeError(f"Value.data: of {self._op or 'a result'}; edit what it came from")
        self.tensor.data = np.float64(number(value))
        self._data = value

    @property
    def grad(self) -> Any:
        found = self.tensor.grad
        return self._grad if found is None else self._grad + found.item()

    @grad.setter
    def grad(self, value: Any) -> None:
        self._grad, self.tensor.grad = value, None

    @property
    def _backward(self) -> Any:
        """The rule of an operation of a program's own, one made with children."""
        return vars(self).get("_rule") or self.__getattr__("_backward")

    @_backward.setter
    def _backward(self, rule: Callable[[], None]) -> None:
        if "_rule" not in vars(self):
            raise AttributeError(
                f"Value._backward: {self._op or 'a Value without children'} keeps its own; for "
                "another rule make Value(data, children)"
            )
        self._rule = rule

    def backward(self) -> None:
        """Add the gradient of this number to every Value that it came from; its own is 1."""
        self.tensor.backward(retain_graph=True)
        self.grad = 1

    def __add__(self, other: Any) -> Value:
        return made("+", operator.add, self, other)

    def __mul__(self, other: Any) -> Value:
        return made("*", operator.mul, self, other)

    def __pow__(self, other: Any) -> Value:
        if not isinstance(other, Real):
            raise TypeError(f"Value ** {type(other).__name__}: powers are numbers; use tg.pow")
        return made(f"**{other}", lambda x: x**other, self)

    def relu(self) -> Value:
        return made("ReLU", lambda x: tg.relu(x) if isinstance(x, tg.Tensor) else max(x, 0), self)

    def __neg__(self) -> Value:
        return self * -1

    def __sub__(self, other: Any) -> Value:
        return self + (-other)

    def __rsub__(self, other: Any) -> Value:
        return other + (-self)

    def __truediv__(self, other: Any) -> Value:
        return self * other**-1

    def __rtruediv__(self, other: Any) -> Value:
        return other * self**-1

    __radd__, __rmul__ = __add__, __mul__

    def __repr__(self) -> str:
        return f"Value(data={self.data}, grad={self.grad})"

    def __getstate__(self) -> dict[str, Any]:
        """A copy or a pickle has no past."""
        own = {name: x for name, x in vars(self).items() if name not in ("tensor", "_rule")}
        return own | {"_grad": self.grad, "_prev": set(), "_op": ""}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.tensor = leaf(self._data)

    __getattr__ = lacking("micrograd", "Value")


def number(x: Any) -> Any:
    if not isinstance(x, float | int | Real | np.bool_):
        raise TypeError(f"Value holds one number, not {type(x).__name__}; tg.tensor holds arrays")
    return x


def made(symbol: str, function: Callable, *operands: Any) -> Value:
    """The result of `function`, which takes Python's numbers, whose kinds stay, and tensors."""
    inputs = [x if isinstance(x, Value) else Value(x) for x in operands]
    out = Value.__new__(Value)  # without a leaf of its own
    out._data, out._grad = number(function(*(x._data for x in inputs))), 0
    out.tensor = retained(function(*(x.tensor for x in inputs)))
    out._prev, out._op = set(inputs), symbol
    return out


__getattr__ = lacking("micrograd")
