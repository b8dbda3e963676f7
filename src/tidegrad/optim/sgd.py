"""Floor 7. Gradient descent, with momentum of either kind."""

from __future__ import annotations

from typing import Any

import numpy as np

from .groups import ParamGroup
from .optimizer import Optimizer

__all__ = ["SGD"]


class SGD(Optimizer):
    """Stochastic gradient descent: x - lr * g, where momentum lets g build up over steps.

    With `momentum`, v = momentum * v + (1 - dampening) * g takes the place of g (in the first
    step v = g); `nesterov` looks ahead, g + momentum * v.  `weight_decay` adds a multiple of x to
    g, `maximize` climbs.  Momentum is Polyak's of 1964, Nesterov's as in Sutskever et al.,
    "On the importance of initialization and momentum in deep learning" (2013).
    Raises ValueError for negative rates, and for `nesterov` without momentum or with dampening.

    >>> x = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> opt = tg.optim.SGD([x], lr=0.1, momentum=0.9)
    >>> for _ in range(2):
    ...     opt.zero_grad()
    ...     ((x - tg.tensor([0.0, 0.0, 3.0])) ** 2).sum().backward()
    ...     opt.step()
    >>> np.round(x.numpy(), 6).tolist() == np.float32([0.46, 0.92, 3.0]).tolist()
    True
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ):
        rates = dict(lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay)
        super().__init__(params, {**rates, "nesterov": nesterov, "maximize": maximize})

    def made(self, group: Any, taken: list) -> ParamGroup:
        made = super().made(group, taken)
        if made["nesterov"] and (made.uses("dampening") or not made.uses("momentum")):
            raise ValueError("SGD: nesterov needs a momentum above 0 and a dampening of 0")
        return made

    def slots(self, group: ParamGroup) -> tuple[str, ...]:
        return ("momentum_buffer",) if group.uses("momentum") else ()

    def numbers(self, group: ParamGroup, step: Any) -> list[Any]:
        lr, momentum, dampening, decay = group.numbers(
            "lr", "momentum", "dampening", "weight_decay"
        )
        # The first gradient enters the buffer whole.
        return [lr, momentum, 1 - dampening * np.minimum(step - 1, 1), decay]

    def rule(self, group: ParamGroup, x: Any, g: Any, slots: list, numbers: list) -> list[Any]:
        lr, momentum, share, decay = numbers
        g = -g if group["maximize"] else g
        if group.uses("weight_decay"):
            g = g + decay * x
        if not group.uses("momentum"):
            return [x - lr * g]
        (v,) = slots
        v = momentum * v + (share * g if group.uses("dampening") else g)
        return [x - lr * (g + momentum * v if group["nesterov"] else v), v]
