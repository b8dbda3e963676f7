"""Floor 4. Operators and methods of Tensor, from tables of names."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any

import numpy as np
from numpy import ndarray

from .core import Tensor, bind, local
from .errors import GraphError, ShapeError
from .kinds import Prim, cast, permute
from .namespace import PUBLIC
from .ops import contractions, elementwise
from .ops.creation import lift
from .ops.elementwise import stop_gradient
from .ops.subscripts import getitem, setitem
from .reading import contains, item, length, number, numpy, truth
from .recording import Recording, elements, rebind, seen
from .shapes import ALL
from .show import formatted, show

__all__ = ["METHODS"]

OPERATORS = {
    "add": elementwise.add,
    "sub": elementwise.subtract,
    "mul": elementwise.multiply,
    "truediv": elementwise.divide,
    "floordiv": elementwise.floor_divide,
    "mod": elementwise.remainder,
    "pow": elementwise.power,
    "and": elementwise.bitwise_and,
    "or": elementwise.bitwise_or,
    "xor": elementwise.bitwise_xor,
    "lshift": elementwise.bitwise_left_shift,
    "rshift": elementwise.bitwise_right_shift,
}
COMPARISONS = {
    "eq": elementwise.equal,
    "ne": elementwise.not_equal,
    "lt": elementwise.less,
    "le": elementwise.less_equal,
    "gt": elementwise.greater,
    "ge": elementwise.greater_equal,
}
# Methods that are public functions with the tensor as their first argument.
METHODS = (
    *("abs", "all", "any", "argmax", "argmin", "argsort", "astype", "clip", "cos", "cosh"),
    *("cumulative_prod", "cumulative_sum", "diff", "erf", "exp", "expand_dims", "expm1", "flip"),
    *("floor", "ceil", "gelu", "isfinite", "isinf", "isnan", "log", "log1p", "log2", "log10"),
    *("log_softmax", "logsumexp", "masked_fill", "max", "maximum", "mean", "min", "minimum"),
    *("moveaxis", "nonzero", "pad", "pow", "prod", "ravel", "reciprocal", "relu", "repeat"),
    *("roll", "round", "sigmoid", "sign", "silu", "sin", "sinh", "softmax", "softplus", "sort"),
    *("split", "sqrt", "square", "squeeze", "std", "sum", "swapaxes", "take", "tan", "tanh"),
    *("tile", "tril", "triu", "unstack", "var", "dot", "matmul"),
)
# Properties that are those of the array.
PROPERTIES = {
    "shape": "The sizes of the axes.",
    "ndim": "The number of axes.",
    "size": "The number of elements.",
    "dtype": "The type of the elements.",
    "nbytes": "The bytes that the elements take.",
}
KNOWN = (Tensor, float, int, bool)


def operator(prim: Prim, name: str, swapped: bool = False) -> Callable[[Tensor, Any], Any]:
    """A binary operator; ndarrays are copied, as nobody else may write what a tape keeps."""

    def method(self, other):
        if type(other) not in KNOWN:
            if not isinstance(other, (ndarray, np.generic, list, tuple)):
                return NotImplemented
            other = lift(other, prim.name)
        return bind(prim, (other, self) if swapped else (self, other), NO_PARAMS)

    method.__name__ = method.__qualname__ = name
    return method


NO_PARAMS: dict = {}
REVERSED = tuple({"axes": axes[::-1]} for axes in ALL)


def in_place(compute: Callable[[Tensor, Any], Any], symbol: str) -> Callable[[Tensor, Any], Any]:
    """`x += y`: the object `x` stands for the new value from now on."""

    def method(self, other):
        value = compute(self, other)
        if value is NotImplemented:
            return value
        if value.array.dtype != self.array.dtype:
            if not np.can_cast(value.array.dtype, self.array.dtype, "same_kind"):
                raise TypeError(
                    f"{symbol}: the result is {value.array.dtype}, which does not fit a tensor "
                    f"of {self.array.dtype}; write x = x {symbol[:-1]} y"
                )
            value = cast(value, dtype=self.array.dtype)
        return rebind(self, value, symbol)

    return method


def matmul(self: Tensor, other: Any) -> Any:
    if type(other) is not Tensor and not isinstance(other, (ndarray, list, tuple)):
        return NotImplemented
    return contractions.matmul(self, other)


def reflected_matmul(self: Tensor, other: Any) -> Any:
    if not isinstance(other, (ndarray, list, tuple)):
        return NotImplemented
    return contractions.matmul(other, self)


def assign(self: Tensor, key: Any, value: Any) -> None:
    rebind(self, setitem(self, key, value), "assignment")


def reshape(self: Tensor, *shape: Any) -> Tensor:
    """`x.reshape(2, 3)` or `x.reshape((2, 3))`."""
    return PUBLIC["reshape"](self, shape[0] if len(shape) == 1 else shape)


def transpose(self: Tensor, *axes: Any) -> Tensor:
    """`x.transpose()`, `x.transpose(2, 0, 1)` or `x.transpose((2, 0, 1))`."""
    given = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
    return PUBLIC["transpose"](self, given)


def detach(self: Tensor) -> Tensor:
    """The same value, without its history."""
    return stop_gradient(self)


def clone(self: Tensor) -> Tensor:
    """The same value as a result of its own, through which gradients flow."""
    return elementwise.positive(self)


def requires_grad_(self: Tensor, requires_grad: bool = True) -> Tensor:
    """Set `requires_grad`, and return the tensor."""
    if type(requires_grad) is not bool:
        raise TypeError(f"requires_grad_: takes True or False, not {requires_grad!r}")
    self.requires_grad = requires_grad
    return self


def retain_grad(self: Tensor) -> None:
    """Let backward set `.grad` of this tensor although it is not a leaf."""
    if self.node is None:
        raise GraphError("retain_grad: this tensor does not depend on anything with requires_grad")
    if self.node.owner is None:
        self.node.owner = weakref.ref(self)


def set_grad(self: Tensor, value: Any) -> None:
    """Set `.grad`, which has the tensor's own shape and dtype."""
    if value is not None:
        value = lift(value, "grad")
        if value.array.shape != self.array.shape or value.array.dtype != self.array.dtype:
            raise ShapeError(
                f"grad: {value.array.dtype}{list(value.array.shape)} is not a gradient of "
                f"{self.array.dtype}{list(self.array.shape)}; shape and dtype must agree"
            )
    seen(self)._grad = value


def set_data(self: Tensor, value: Any) -> None:
    """Give the tensor a new value of the same shape and dtype; its node, if a leaf, stays."""
    new = lift(value, "data")
    array = seen(new).array
    fresh = Tensor(array.copy() if new is value and isinstance(array, ndarray) else array)
    with Recording(False):
        rebind(self, fresh, "data")


def rows(self: Tensor) -> Iterator[Tensor]:
    if not self.array.ndim:
        raise TypeError("iteration: a 0-d tensor has no elements to go through; use .item()")
    return (getitem(self, i) for i in range(self.array.shape[0]))


def get_grad(self: Tensor) -> Tensor | None:
    return self._grad if local.tracing is None else local.tracing.grad(self)


def attach() -> None:
    """Give Tensor everything in the tables."""
    for name, prim in OPERATORS.items():
        forward = operator(prim, f"__{name}__")
        setattr(Tensor, f"__{name}__", forward)
        setattr(Tensor, f"__r{name}__", operator(prim, f"__r{name}__", swapped=True))
        setattr(Tensor, f"__i{name}__", in_place(forward, f"{SYMBOLS[name]}="))
    for name, prim in COMPARISONS.items():
        setattr(Tensor, f"__{name}__", operator(prim, f"__{name}__"))
    for name in METHODS:
        setattr(Tensor, name, PUBLIC[name])
    for name, doc in PROPERTIES.items():
        setattr(Tensor, name, property(attrgetter(f"array.{name}"), doc=doc))
    for name, value in SPECIAL.items():
        setattr(Tensor, name, value)


SYMBOLS = dict(zip(OPERATORS, ["+", "-", "*", "/", "//", "%", "**", "&", "|", "^", "<<", ">>"],
                   strict=True))  # fmt: skip
SPECIAL: dict[str, Any] = {
    "__hash__": object.__hash__,
    "__neg__": PUBLIC["negative"],
    "__pos__": PUBLIC["positive"],
    "__abs__": PUBLIC["abs"],
    "__divmod__": lambda self, other: (self // other, self % other),
    "__rdivmod__": lambda self, other: (other // self, other % self),
    "__round__": PUBLIC["round"],
    "__invert__": PUBLIC["bitwise_invert"],
    "__matmul__": matmul,
    "__rmatmul__": reflected_matmul,
    "__imatmul__": in_place(matmul, "@="),
    "__getitem__": getitem,
    "__setitem__": assign,
    "__len__": length,
    "__iter__": rows,
    "__contains__": contains,
    "__bool__": truth,
    "__float__": number(float),
    "__int__": number(int),
    "__index__": lambda self: elements(self).__index__(),
    "__repr__": show,
    "__format__": formatted,
    "grad": property(get_grad, set_grad, doc="The gradient that backward has added up, or None."),
    "data": property(numpy, set_data, doc="The elements, read-only; may be set to new ones."),
    "is_leaf": property(
        lambda self: self.node is None or self.node.prim is None,
        doc="Whether this is not the result of a recorded operation.",
    ),
    "T": property(
        lambda self: bind(permute, (self,), REVERSED[self.array.ndim]), doc="The axes reversed."
    ),
    "mT": property(PUBLIC["matrix_transpose"], doc="The last two axes swapped."),
    "clone": clone,
    "cumprod": PUBLIC["cumulative_prod"],
    "cumsum": PUBLIC["cumulative_sum"],
    "detach": detach,
    "flatten": PUBLIC["ravel"],
    "item": item,
    "numpy": numpy,
    "permute": transpose,
    "requires_grad_": requires_grad_,
    "reshape": reshape,
    "retain_grad": retain_grad,
    "tolist": lambda self: elements(self).tolist(),
    "transpose": transpose,
}
attach()
