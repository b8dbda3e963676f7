"""Floor 8. simplegrad's Tensor: a cursor that every operation moves, over tidegrad's tensors."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial, wraps
from typing import Any

import numpy as np

import tidegrad as tg

from ..shared import lacking
from .accel.symbolic import SymbolicArray
from .cursor import Cursor
from .devices import Numpy, at_work
from .habits import FUNCTIONS, METHODS, as_strided

__all__ = ["Tensor"]

unknown = lacking("simplegrad", "Tensor")


class Tensor(Cursor, np.lib.mixins.NDArrayOperatorsMixin):
    """An array that operations are made of in place: each moves the Tensor and returns it.

    `c = a + b` makes `c` the same object as `a`, of which `a.fork()` keeps the old value.  `.grad`
    is the gradient with respect to what the Tensor was created from, replaced by every backward.
    What is used more than once gets the sum of all contributions, of which the engine kept one;
    operands stay as they are, also those of `sub` and `div`.  Integers are computed in float64.
    Answers without gradient (comparisons, argmax) are arrays, and move nothing.

    >>> a = Tensor(np.array([1.0, 2.0]))
    >>> b = a.fork()
    >>> (a * a) is a, a.data, b.data
    (True, array([1., 4.]), array([1., 2.]))
    >>> a.sum().add(b.sum()).backward()
    >>> a.grad, b.grad
    (array([3., 5.]), array([1., 1.]))
    """

    def __repr__(self) -> str:
        form: Any = {"precision": 4, "suppress_small": True, "separator": ", "}
        text = np.array2string(self.cpu(), 88, prefix="Tensor(", suffix=")", **form)
        return f"Tensor({text})"

    def __getattr__(self, name: str) -> Any:
        """A function of NumPy's as a method; the device's come in where it is computed."""
        for place in () if name[:1] == "_" else (Numpy, Tensor.device):
            found = getattr(place, name, None)
            if callable(found) and not isinstance(found, type):
                return partial(found, self)
        return unknown(self, name)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if options.get("out", (None,))[0] is self:
            del options["out"]  # as `x += y` has it: the result moves the Tensor anyway
        return applied(ufunc if method == "__call__" else getattr(ufunc, method), inputs, options)

    def __array_function__(self, function: Any, types: Any, inputs: Any, options: Any) -> Any:
        return applied(function, inputs, options)

    def cpu(self) -> np.ndarray:
        return getattr(Tensor.device, "to_cpu", Numpy.to_cpu)(self.data)

    def as_strided(self, shape: Any, strides: Any) -> Any:
        """A view by strides in bytes, as those of `data`; outside of the array is an error."""
        own = self._start.data if self._now is None else self._now.numpy()
        return applied(partial(as_strided, own=np.asarray(own)), (self, shape, strides), {})


def applied(function: Callable, inputs: Any, options: dict[str, Any]) -> Any:
    """`function`, as simplegrad has it, of Tensors and others; the first Tensor becomes it."""
    tensors: list[Tensor] = []
    inputs = [taken(x, tensors) for x in inputs]
    options = {name: taken(x, tensors) for name, x in options.items()}
    dtype = common([*inputs, *tensors]) if any(x._start.weak for x in tensors) else None
    positional = [opened(x, dtype) for x in inputs]
    named = {name: opened(x, dtype) for name, x in options.items()}
    symbolic = any(x._symbolic for x in tensors)
    with at_work(Tensor.device), tg.whole_tape() if symbolic else nullcontext():
        out = FUNCTIONS.get(function, function)(*positional, **named)
    first, *others = tensors
    if others:
        first._past = (first._past, *(x._past for x in others if x is not first))
        first._symbolic = symbolic
    if isinstance(out, list | tuple):
        return type(out)(first._beside(x) if differentiable(x) else answer(x) for x in out)
    if differentiable(out):
        first._now = out
        return first
    return answer(out)


def differentiable(out: Any) -> bool:
    return isinstance(out, tg.Tensor) and out.dtype.kind == "f"


def answer(out: Any) -> Any:
    return out.numpy() if isinstance(out, tg.Tensor) else out


def taken(x: Any, tensors: list[Tensor]) -> Any:
    """An input, symbolic arrays as Tensors; the Tensors in it are noted."""
    if isinstance(x, SymbolicArray):
        x = Tensor(x)
    if isinstance(x, Tensor):
        tensors.append(x)
    return type(x)([taken(y, tensors) for y in x]) if type(x) in (list, tuple) else x


def opened(x: Any, dtype: Any) -> Any:
    """An input as tidegrad takes it; Tensors of Python numbers in `dtype`."""
    if isinstance(x, Tensor):
        return x._tensor(dtype)
    return type(x)([opened(y, dtype) for y in x]) if type(x) in (list, tuple) else x


def common(inputs: list[Any]) -> Any:
    """The float dtype of those inputs that have one."""
    arrays: list[Any] = [x for x in inputs if isinstance(x, np.ndarray)]
    arrays += [x._tensor() for x in inputs if isinstance(x, Tensor) and not x._start.weak]
    floats = [x.dtype for x in arrays if x.dtype.kind == "f"]
    return np.result_type(*floats) if floats else None


def method(name: str, function: Callable) -> Callable[..., Any]:
    @wraps(function)
    def call(self: Tensor, *inputs: Any, **options: Any) -> Any:
        return applied(function, (self, *inputs), options)

    call.__name__ = call.__qualname__ = name
    return call


for name, function in METHODS.items():
    setattr(Tensor, name, method(name, function))
