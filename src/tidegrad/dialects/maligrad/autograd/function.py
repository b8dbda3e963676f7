"""Floor 8. maligrad's Functions: those that a program makes itself, and the engine's own."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np

import tidegrad as tg

from ...shared import lacking
from .methods import Variable, made

__all__ = ["Add", "Compare", "Function", "Invert", "Log", "Matmul", "Max", "Mul", "Pow"]
__all__ += ["Reshape", "Slice", "Sum", "Transpose", "accumulate_grad"]


class Function:
    """An operation of a program's own: `forward` of arrays, and `backward` of their partials.

    Both return tuples; `backward` one partial or None for each input, of the input's shape or what
    broadcasting made of it. Unlike there, one object may be called again and again.

    >>> class Square(Function):
    ...     def forward(self, x):
    ...         self.save_for_backprop(x)
    ...         return (x * x,)
    ...
    ...     def backward(self, partial):
    ...         return (2 * self.saved_ctx[0] * partial,)
    >>> x = Variable(3.0, requires_grad=True)
    >>> (Square()(x) + x).backward()
    >>> x.grad
    array(7.)
    """

    is_differentiable = True

    def __init__(self) -> None:
        self.saved_ctx: list[Any] = []

    def save_for_backprop(self, *to_save: Any) -> None:
        self.saved_ctx += to_save

    def forward(self, *inputs: Any) -> tuple:
        raise NotImplementedError(f"{type(self).__name__}.forward is not written")

    def backward(self, *partials: Any) -> tuple:
        raise NotImplementedError(f"{type(self).__name__}.backward is not written")

    def __call__(self, *inputs: Any) -> Any:
        once = copy.copy(self)
        once.saved_ctx = []
        places = [k for k, x in enumerate(inputs) if isinstance(x, Variable)]
        tensors = [inputs[k].read() for k in places]

        def run(*read: tg.Tensor) -> tuple:
            args = list(inputs)
            for k, x in zip(places, read):
                args[k] = x.numpy()
            return tuple(tg.tensor(np.asarray(y)) for y in once.parts("forward", args))

        def pull(_: None, gs: tuple) -> tuple:
            partials = once.parts("backward", [np.array(g) for g in gs])
            if len(partials) <= max(places):
                raise ValueError(
                    f"{type(self).__name__}.backward returned {len(partials)} partials for "
                    f"{len(inputs)} inputs; return one for each, None where there is none"
                )
            return tuple(fitting(partials[k], x) for k, x in zip(places, tensors))

        step = tg.custom_vjp(run)
        step.defvjp(lambda *read: (run(*read), None), pull)
        with nullcontext() if self.is_differentiable else tg.no_grad():
            outs = [made(y if y.dtype.kind == "f" else y.detach()) for y in step(*tensors)]
        return outs if len(outs) > 1 else outs[0]

    def parts(self, name: str, args: list) -> tuple:
        found = getattr(self, name)(*args)
        if not isinstance(found, tuple | list):
            kind = type(found).__name__
            raise TypeError(f"{type(self).__name__}.{name} returns a tuple, not {kind}")
        return tuple(found)


def fitting(partial: Any, x: tg.Tensor) -> tg.Tensor | None:
    """A partial as the cotangent of `x`, None where there is none."""
    if partial is None or x.dtype.kind != "f":
        return None
    grad = np.zeros(x.shape, x.dtype)
    accumulate_grad(grad, np.asarray(partial))
    return tg.tensor(grad)


def accumulate_grad(grad: np.ndarray, partial: np.ndarray) -> None:
    """Add `partial` to `grad`, in place; what broadcasting would have repeated is summed."""
    try:
        shape = np.broadcast_shapes(grad.shape, partial.shape)
    except ValueError:
        raise ValueError(
            f"accumulate_grad: a partial of shape {partial.shape} does not fit shape {grad.shape}"
        ) from None
    lead = len(shape) - grad.ndim
    single = [k for k, n in enumerate(grad.shape, lead) if n == 1]
    summed = np.broadcast_to(partial, shape).sum((*range(lead), *single), keepdims=True)
    grad += summed.reshape(grad.shape)


def operation(name: str, method: str, differentiable: bool = True) -> Any:
    """A Function of the engine's own: a method of Variable, whose derivative is tidegrad's."""

    def call(self: Function, first: Any, *rest: Any) -> Variable:
        return getattr(Variable.ensure(first), method)(*rest)

    body = {"__call__": call, "__doc__": f"The operation {name}.", "__module__": __name__}
    return type(name, (Function,), body | {"is_differentiable": differentiable})


Add = operation("Add", "__add__")
Invert = operation("Invert", "__invert__", differentiable=False)
Log = operation("Log", "log")
Matmul = operation("Matmul", "__matmul__")
Max = operation("Max", "max")
Mul = operation("Mul", "__mul__")
Pow = operation("Pow", "__pow__")
Reshape = operation("Reshape", "reshape")
Slice = operation("Slice", "__getitem__")
Sum = operation("Sum", "sum")
Transpose = operation("Transpose", "transpose")


class Compare(Function):
    """A comparison by a function of `operator`; its result has no gradient."""

    is_differentiable = False

    def __init__(self, compare_op: Callable):
        self.op = compare_op

    def __call__(self, a: Any, b: Any) -> Any:
        return self.op(Variable.ensure(a), b)


__getattr__ = lacking("maligrad")
