"""Floor 8. micrograd's operations of a program's own: Values made with children and a rule."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

import tidegrad as tg

from ..shared import lacking

__all__ = ["by_hand", "leaf", "retained"]


def leaf(number: Any) -> tg.Tensor:
    return tg.tensor(np.float64(number), requires_grad=True)


def by_hand(out: Any) -> tg.Tensor:
    """The result of a program's own operation, whose `_backward` adds to its inputs' `.grad`."""
    inputs, here, result = tuple(out._prev), weakref.ref(out), tg.tensor(np.float64(out._data))

    def pull(_: Any, g: tg.Tensor) -> tuple:
        out: Any = here()
        before = [x.grad for x in (out, *inputs)]
        out.grad = g.item()
        for x in inputs:
            x.grad = 0
        try:
            out._backward()
            return tuple(tg.tensor(np.float64(x.grad)) for x in inputs)
        finally:
            for x, grad in zip((out, *inputs), before):
                x.grad = grad

    step = tg.custom_vjp(lambda *_: result)
    step.defvjp(lambda *_: (result, None), pull)
    return retained(step(*(x.tensor for x in inputs)))


def retained(tensor: tg.Tensor) -> tg.Tensor:
    if tensor.requires_grad:
        tensor.retain_grad()
    return tensor


__getattr__ = lacking("micrograd")
