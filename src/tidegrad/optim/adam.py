"""Floor 7. Adam and its kin: running means of the gradient and of its square."""

from __future__ import annotations

from typing import Any

import numpy as np

from .groups import ParamGroup
from .optimizer import Optimizer

__all__ = ["Adam", "AdamW"]

BETAS = (0.9, 0.999)


class Adam(Optimizer):
    """Step by the running mean of the gradient over the root of the running mean of its square.

    Both means start at 0 and are corrected for it.  `amsgrad` divides by the largest mean square
    so far; `weight_decay` adds a multiple of x to g, `maximize` climbs.  Kingma and Ba, "Adam: a
    method for stochastic optimization" (2015); amsgrad is Reddi, Kale and Kumar's (2018).
    Raises ValueError for negative rates, and for betas outside [0, 1).

    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> opt = tg.optim.Adam([x], lr=0.5)
    >>> (x * x).sum().backward()
    >>> opt.step()
    >>> [round(v, 6) for v in x.tolist()]
    [0.5, 1.5]
    """

    decoupled = False

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = BETAS,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ):
        rates = dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)
        super().__init__(params, {**rates, "amsgrad": amsgrad, "maximize": maximize})

    def slots(self, group: ParamGroup) -> tuple[str, ...]:
        largest = ("max_exp_avg_sq",) if group["amsgrad"] else ()
        return ("exp_avg", "exp_avg_sq", *largest)

    def numbers(self, group: ParamGroup, step: Any) -> list[Any]:
        b1, b2, lr, eps, decay = group.numbers("betas", "lr", "eps", "weight_decay")
        # Both corrections go into two numbers: with c the correction of the mean square,
        # (m / c1) / (sqrt(v / c) + eps)  =  sqrt(c) / c1 * m / (sqrt(v) + sqrt(c) * eps).
        root = np.sqrt(1 - b2**step)
        shrink = 1 - lr * decay if self.decoupled else decay
        return [b1, 1 - b1, b2, 1 - b2, lr * root / (1 - b1**step), eps * root, shrink]

    def rule(self, group: ParamGroup, x: Any, g: Any, slots: list, numbers: list) -> list[Any]:
        b1, rest1, b2, rest2, lr, eps, decay = numbers
        g = -g if group["maximize"] else g
        if group.uses("weight_decay"):
            if self.decoupled:
                x = decay * x
            else:
                g = g + decay * x
        m = b1 * slots[0] + rest1 * g
        v = b2 * slots[1] + rest2 * (g * g)
        new = [m, v]
        if group["amsgrad"]:
            new.append(np.maximum(slots[2], v))
        return [x - lr * m / (np.sqrt(new[-1]) + eps), *new]


class AdamW(Adam):
    """Adam with weights that decay by themselves, x - lr * weight_decay * x, outside the means.

    Loshchilov and Hutter, "Decoupled weight decay regularization" (2019).  Arguments and errors
    are Adam's.

    >>> x = tg.tensor([1.0], requires_grad=True)
    >>> opt = tg.optim.AdamW([x], lr=0.5, weight_decay=0.5)
    >>> (x * x).sum().backward()
    >>> opt.step()
    >>> round(x.item(), 6)
    0.25
    """

    decoupled = True

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = BETAS,
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ):
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)
