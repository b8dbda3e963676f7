"""Floor 8. What a maligrad Variable can do: functions of tensors, by tables of its names."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any

import numpy as np

import tidegrad as tg

from ...shared import lacking, operators
from .variable import Variable

__all__ = ["Variable", "apply", "highest", "made", "mean", "raw"]

Axes = int | Sequence[int] | None


def apply(function: Callable, *inputs: Any) -> Variable:
    """`function` of tensors, as a function of Variables, arrays, lists and numbers.

    Of integers alone it computes in NumPy's float64, not in tidegrad's default dtype.
    """
    args = [operand(x) for x in inputs]
    arrays = [k for k, x in enumerate(args) if hasattr(x, "dtype")]
    out = function(*args)
    if out.dtype.kind == "f" and not any(args[k].dtype.kind == "f" for k in arrays):
        for k in arrays:
            args[k] = args[k].astype(np.float64)
        out = function(*args)
    return made(out)


def operand(x: Any) -> Any:
    if isinstance(x, list | tuple):
        return np.asarray(x)
    return x.read() if isinstance(x, Variable) else x


def made(tensor: tg.Tensor) -> Variable:
    """The Variable of an operation's result."""
    out = Variable.__new__(Variable)
    out._own, out._tensor, out._grad = None, tensor, None
    out.requires_grad = tensor.requires_grad
    return out


def raw(x: Any) -> Any:
    return x.data if isinstance(x, Variable) else x


def total(x: Any, axis: Axes = None, keepdims: bool = False) -> tg.Tensor:
    return tg.sum(x, axis=axis, keepdims=keepdims)


def mean(x: Any, axis: Axes = None, keepdims: bool = False) -> tg.Tensor:
    return tg.mean(x, axis=axis, keepdims=keepdims)


def extreme(fold: Callable, x: Any, axis: Axes = None, keepdims: bool = False) -> tg.Tensor:
    """By `fold`, max or min; where finite ones are equal each gets the whole gradient."""
    axis = tuple(range(x.ndim)) if axis is None else axis
    end = fold(x, axis=axis, keepdims=True)
    if end.requires_grad:  # of which each of equal ones has a share
        ties = tg.sum(x == end, axis=axis, keepdims=True)
        finite = tg.where(tg.isfinite(end), end, 0)
        # Less 0 and not plus 0, as -0.0 + 0.0 is 0.0.
        end = end - (tg.stop_gradient(finite) - finite) * (ties - 1)
    return end if keepdims else tg.squeeze(end, axis)


highest, lowest = partial(extreme, tg.max), partial(extreme, tg.min)


METHODS: dict[str, Callable] = {
    "exp": lambda x: tg.exp(x),
    "log": lambda x: tg.log(x),
    "max": highest,
    "mean": mean,
    "min": lowest,
    "reshape": lambda x, *new_shape: x.reshape(*new_shape),
    "squeeze": lambda x, axes=None: tg.squeeze(x, axes),
    "sum": total,
    "swap_axes": lambda x, axis1, axis2: tg.swapaxes(x, axis1, axis2),
    "transpose": lambda x, axes=None: tg.transpose(x, axes),
    "unsqueeze": lambda x, axes: tg.expand_dims(x, axes),
    "__getitem__": lambda x, key: x[tuple(map(raw, key)) if type(key) is tuple else raw(key)],
    "__neg__": lambda x: x * -1,
}
CHOICES = {"maximum": operator.ge, "minimum": operator.le}
COMPARISONS = ("gt", "ge", "lt", "le", "eq", "ne")


def method(name: str, function: Callable) -> Callable[..., Variable]:
    """A method that hands all but the Variable itself through to `function`."""

    @wraps(function)
    def call(self: Variable, *args: Any, **options: Any) -> Variable:
        return apply(lambda x: function(x, *args, **options), self)

    call.__name__ = call.__qualname__ = name
    return call


def choosing(compare: Callable) -> Callable[[Variable, Any], Variable]:
    """The left one where it compares so with the right one, or is NaN."""

    def choose(x: Any, y: Any) -> tg.Tensor:
        return tg.where(tg.logical_or(compare(x, y), x != x), x, y)

    return lambda self, other: apply(choose, self, other)


def compared(compare: Callable) -> Callable[[Variable, Any], Variable]:
    return lambda self, other: Variable(compare(self.data, raw(other)))


def held(name: str) -> property:
    """What array or tensor, whichever there is, says of itself."""
    return property(lambda v: getattr(v._tensor if v._own is None else v._own, name))


NAMES: dict[str, Any] = {
    **{name: method(name, function) for name, function in METHODS.items()},
    **{name: choosing(compare) for name, compare in CHOICES.items()},
    **{f"__{name}__": compared(getattr(operator, name)) for name in COMPARISONS},
    **{name: held(name) for name in ("shape", "ndim", "size", "dtype")},
    "__pos__": lambda self: self,
    "__invert__": lambda self: Variable(~self.data),
}
for name, value in NAMES.items():
    setattr(Variable, name, value)
operators(Variable, apply)

__getattr__ = lacking("maligrad")
