"""Floor 7. Lion: the sign of an interpolated momentum."""

from __future__ import annotations

from typing import Any

import numpy as np

from .groups import ParamGroup
from .optimizer import Optimizer

__all__ = ["Lion"]


class Lion(Optimizer):
    """Step by lr in the direction sign(beta1 * m + (1 - beta1) * g), elementwise.

    The momentum is m = beta2 * m + (1 - beta2) * g; weights decay by themselves as in AdamW;
    `maximize` climbs.  Chen et al., "Symbolic discovery of optimization algorithms" (2023), whose
    advice is a rate 3 to 10 times smaller than Adam's and a decay as many times larger.
    Raises ValueError for negative rates, and for betas outside [0, 1).

    >>> x = tg.tensor([1.0, -2.0], requires_grad=True)
    >>> opt = tg.optim.Lion([x], lr=0.25)
    >>> (x * x).sum().backward()
    >>> opt.step()
    >>> x.tolist()
    [0.75, -1.75]
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ):
        rates = dict(lr=lr, betas=betas, weight_decay=weight_decay)
        super().__init__(params, {**rates, "maximize": maximize})

    def slots(self, group: ParamGroup) -> tuple[str, ...]:
        return ("exp_avg",)

    def numbers(self, group: ParamGroup, step: Any) -> list[Any]:
        b1, b2, lr, decay = group.numbers("betas", "lr", "weight_decay")
        return [b1, 1 - b1, b2, 1 - b2, lr, 1 - lr * decay]

    def rule(self, group: ParamGroup, x: Any, g: Any, slots: list, numbers: list) -> list[Any]:
        b1, rest1, b2, rest2, lr, shrink = numbers
        g = -g if group["maximize"] else g
        (m,) = slots
        if group.uses("weight_decay"):
            x = shrink * x
        return [x - lr * np.sign(b1 * m + rest1 * g), b2 * m + rest2 * g]
