"""Floor 1. Whether operations are recorded, and what a Tensor stands for."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import ContextDecorator, contextmanager
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import Any

import numpy as np

from .abstract import Value
from .core import Node, Tensor, local
from .epoch import flipped
from .errors import DTypeError, GraphError, ShapeError

__all__ = ["Recording", "elements", "enable_grad", "is_grad_enabled", "is_traced", "is_weak"]
__all__ += ["no_grad"]
__all__ += ["quiet", "rebind", "refuse_escaped", "seen", "untraced"]


class Recording(ContextDecorator):
    """Whether operations are recorded, within a `with` block or a decorated function."""

    def __init__(self, wanted: bool):
        self.wanted = wanted
        self.before: list[bool] = []

    def __enter__(self) -> None:
        self.before.append(local.recording)
        local.recording = self.wanted

    def __exit__(self, *_: object) -> None:
        local.recording = self.before.pop()

    def _recreate_cm(self) -> Recording:
        return Recording(self.wanted)

    def __call__(self, function: Any) -> Any:
        if iscoroutinefunction(function) or isasyncgenfunction(function):
            raise TypeError(
                "no_grad, enable_grad: an async function changes hands; use with inside"
            )
        return (
            stepwise(function, self)
            if isgeneratorfunction(function)
            else super().__call__(function)
        )


def stepwise(function: Any, mode: Recording) -> Any:
    """A generator function whose every step runs in `mode`, and whose caller does not."""

    @wraps(function)
    def steps(*args: Any, **kwargs: Any) -> Any:
        running, sent = function(*args, **kwargs), None
        while True:
            try:
                with mode:
                    item = running.send(sent)
            except StopIteration as end:
                return end.value
            sent = yield item

    return steps


def no_grad(function: Any = None) -> Any:
    """Record nothing: as `with tg.no_grad():` or as a decorator.

    >>> x = tg.tensor(2.0, requires_grad=True)
    >>> with tg.no_grad():
    ...     (x * x).requires_grad
    False
    """
    return Recording(False) if function is None else Recording(False)(function)


def enable_grad(function: Any = None) -> Any:
    """Record again, inside a `no_grad` block."""
    return Recording(True) if function is None else Recording(True)(function)


def is_grad_enabled() -> bool:
    """Whether operations are being recorded in this thread."""
    return local.recording


def quiet() -> np.errstate:
    """Derivatives do not warn; that NumPy met an invalid operation is noted for `scale`."""
    return np.errstate(all="ignore", invalid="call", call=note)


def note(*_: object) -> None:
    local.invalid = True


def seen(tensor: Any) -> Any:
    """`tensor`, or what stands for it while a function is traced: a program reads it later."""
    return tensor if local.tracing is None else local.tracing.stand_in(tensor)


def elements(tensor: Tensor) -> Any:
    """The array of `tensor`, whose numbers are going to decide something outside of tensors.

    In a trace a program may rely on them only for as long as the tensor has this array.
    """
    array: Any = tensor.array if local.tracing is None else local.tracing.elements(tensor)
    return array if type(array) is np.ndarray else array.known()


@contextmanager
def untraced() -> Iterator[None]:
    """What is made within the block is no part of a program that is being traced: it stays."""
    before = local.trace, local.tracing
    local.trace = local.tracing = None
    try:
        yield
    finally:
        local.trace, local.tracing = before


def is_traced(tensor: Any) -> bool:
    """Whether the elements of `tensor` are not known yet, because a program will compute them."""
    return type(getattr(seen(tensor), "array", None)) is Value


def is_weak(tensor: Tensor) -> bool:
    """Whether `tensor` stands for a Python float, which takes the dtype of what it meets."""
    return local.tracing is not None and local.tracing.stands_for_float(tensor)


def kind_of(x: Any) -> Any:
    """What `promote` is asked about `x`: its dtype, or the type of the Python number it is."""
    if type(x) is Tensor and is_weak(x):
        return float
    return getattr(x, "dtype", type(x))


def refuse_escaped(operation: str, args: tuple) -> None:
    """Say so if one of `args` is left over from a trace."""
    for a in args:
        array = getattr(a, "array", a)
        if isinstance(array, Value):
            raise array.refused(operation, "")


def rebind(tensor: Tensor, value: Tensor, operation: str) -> Tensor:
    """Let the object `tensor` stand for `value`; graphs recorded before keep the old value.

    A leaf that needs a gradient stays a leaf, and is rebound only where nothing is recorded.
    """
    given, tensor, value = tensor, seen(tensor), seen(value)
    old, new = tensor.array, value.array
    if new.shape != old.shape or new.dtype != old.dtype:
        remedy = "write x = x + y instead" if operation.endswith("=") else "convert or reshape it"
        raise (ShapeError if new.shape != old.shape else DTypeError)(
            f"{operation}: {new.dtype}{list(new.shape)} does not fit the tensor "
            f"{old.dtype}{list(old.shape)} it is written to; {remedy}"
        )
    node = tensor.node
    if node is not None and node.prim is None:
        if local.recording:
            raise GraphError(
                f"{operation}: a leaf that needs a gradient cannot be changed while operations "
                "are recorded; do it inside tg.no_grad(), or on x * 1"
            )
    else:
        if (node is None) != (value.node is None):
            flipped()
        tensor.node = value.node
        if node is not None and node.owner is not None:
            move_owner(tensor, node)
    tensor.array = new
    return given


def move_owner(tensor: Tensor, old: Node) -> None:
    """A tensor whose gradient is retained wants that of its newest value."""
    old.owner = None
    if tensor.node is not None:
        tensor.node.owner = weakref.ref(tensor)
