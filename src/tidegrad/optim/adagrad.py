"""Floor 7. Adagrad: steps divided by the root of all squared gradients so far."""

from __future__ import annotations

from typing import Any

import numpy as np

import tidegrad as tg

from .groups import ParamGroup
from .optimizer import Optimizer

__all__ = ["Adagrad"]


class Adagrad(Optimizer):
    """Divide the gradient by the root of the sum of its squares over all steps.

    The rate falls as lr / (1 + lr_decay * steps before); the sum starts at
    `initial_accumulator_value`; `weight_decay` adds a multiple of x to g, `maximize` climbs.
    Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic
    optimization" (2011).  Raises ValueError for negative rates.

    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> opt = tg.optim.Adagrad([x], lr=0.25)
    >>> (x * x).sum().backward()
    >>> opt.step()
    >>> x.tolist()
    [0.75, 1.75]
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ):
        start = initial_accumulator_value
        rates = dict(lr=lr, lr_decay=lr_decay, weight_decay=weight_decay)
        rates = dict(rates, initial_accumulator_value=start, eps=eps)
        super().__init__(params, {**rates, "maximize": maximize})

    def slots(self, group: ParamGroup) -> tuple[str, ...]:
        return ("sum",)

    def initial(self, name: str, parameter: Any, group: ParamGroup) -> Any:
        return tg.full_like(parameter, float(group["initial_accumulator_value"]))

    def numbers(self, group: ParamGroup, step: Any) -> list[Any]:
        lr, fall, decay, eps = group.numbers("lr", "lr_decay", "weight_decay", "eps")
        return [lr / (1 + (step - 1) * fall), decay, eps]

    def rule(self, group: ParamGroup, x: Any, g: Any, slots: list, numbers: list) -> list[Any]:
        lr, decay, eps = numbers
        g = -g if group["maximize"] else g
        if group.uses("weight_decay"):
            g = g + decay * x
        total = slots[0] + g * g
        return [x - lr * g / (np.sqrt(total) + eps), total]
