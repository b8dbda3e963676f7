"""Floor 7. RMSprop: steps divided by a running root mean square of the gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from .groups import ParamGroup
from .optimizer import Optimizer

__all__ = ["RMSprop"]


class RMSprop(Optimizer):
    """Divide the gradient by the root of v = alpha * v + (1 - alpha) * g**2.

    `centered` subtracts the square of the running mean gradient from v; `momentum` lets the
    divided gradients build up; `weight_decay` adds a multiple of x to g, `maximize` climbs.
    From Hinton's lecture 6e of "Neural Networks for Machine Learning" (2012), centered after
    Graves (2013).  Raises ValueError for negative rates.

    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> opt = tg.optim.RMSprop([x], lr=0.1, alpha=0.9)
    >>> (x * x).sum().backward()
    >>> opt.step()
    >>> [round(v, 4) for v in x.tolist()]
    [0.6838, 1.6838]
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ):
        rates = dict(lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum)
        super().__init__(params, {**rates, "centered": centered, "maximize": maximize})

    def slots(self, group: ParamGroup) -> tuple[str, ...]:
        moving = ("momentum_buffer",) if group.uses("momentum") else ()
        return ("square_avg", *moving, *(("grad_avg",) if group["centered"] else ()))

    def numbers(self, group: ParamGroup, step: Any) -> list[Any]:
        names = ("lr", "alpha", "eps", "weight_decay", "momentum")
        lr, alpha, eps, decay, momentum = group.numbers(*names)
        return [lr, alpha, 1 - alpha, eps, decay, momentum]

    def rule(self, group: ParamGroup, x: Any, g: Any, slots: list, numbers: list) -> list[Any]:
        lr, alpha, rest, eps, decay, momentum = numbers
        g = -g if group["maximize"] else g
        if group.uses("weight_decay"):
            g = g + decay * x
        square, *others = slots
        square = alpha * square + rest * (g * g)
        new, variance = [square], square
        if group["centered"]:
            mean = alpha * others.pop() + rest * g
            # A variance; rounding can take it below 0 where the gradient is constant.
            variance = np.maximum(square - mean * mean, 0)
            new.append(mean)
        step = g / (np.sqrt(variance) + eps)
        if group.uses("momentum"):
            step = momentum * others.pop() + step
            new.insert(1, step)
        return [x - lr * step, *new]
