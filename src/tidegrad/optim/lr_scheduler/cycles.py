"""Floor 7. Schedules that follow a cosine or a cycle."""

from __future__ import annotations

import math
from typing import Any

from .base import LRScheduler, check, per_group

__all__ = ["CosineAnnealingLR", "CosineAnnealingWarmRestarts", "OneCycleLR"]


def cosine(start: float, end: float, part: float) -> float:
    """From `start` (part 0) to `end` (part 1) along half a cosine."""
    left = (1 + math.cos(math.pi * part)) / 2
    return start * left + end * (1 - left)


def straight(start: float, end: float, part: float) -> float:
    """From `start` (part 0) to `end` (part 1) along a line."""
    return start * (1 - part) + end * part


class CosineAnnealingLR(LRScheduler):
    """From the initial rate to `eta_min` along half a cosine, in `T_max` steps.

    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017).

    >>> opt = tg.optim.SGD([tg.tensor([1.0], requires_grad=True)], lr=1.0)
    >>> schedule = tg.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=2)
    >>> schedule.step()
    >>> [round(lr, 9) for lr in schedule.get_last_lr()]
    [0.5]
    """

    def __init__(self, optimizer: Any, T_max: int, eta_min: float = 0.0, last_epoch: int = -1):
        check(self, T_max >= 1, f"T_max must be at least 1, not {T_max}")
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, lr: float, base: float) -> float:
        if self.last_epoch == 0:
            return lr
        now, before = (cosine(1, 0, (self.last_epoch - back) / self.T_max) for back in (0, 1))
        if (self.last_epoch - 1 - self.T_max) % (2 * self.T_max) == 0:
            # The rate was eta_min, from which no ratio leads up again.
            return lr + (base - self.eta_min) * now
        return self.eta_min + (lr - self.eta_min) * now / before


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half a cosine from the initial rate to `eta_min` again and again, in T_0, T_0 * T_mult, ...

    `step(epoch)` sets a place in the schedule, of which a fraction counts too.  Loshchilov and
    Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017).

    >>> opt = tg.optim.SGD([tg.tensor([1.0], requires_grad=True)], lr=1.0)
    >>> schedule = tg.optim.lr_scheduler.CosineAnnealingWarmRestarts(opt, T_0=2)
    >>> schedule.step(3)
    >>> [round(lr, 9) for lr in schedule.get_last_lr()]
    [0.5]
    """

    def __init__(
        self,
        optimizer: Any,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ):
        check(self, T_0 >= 1 and T_0 == int(T_0), f"T_0 must be a positive integer, not {T_0}")
        check(self, T_mult >= 1 and T_mult == int(T_mult), f"T_mult must be 1, 2, ... not {T_mult}")
        self.T_0, self.T_mult, self.eta_min = T_0, T_mult, eta_min
        self.T_i, self.T_cur = T_0, float(last_epoch)
        super().__init__(optimizer, last_epoch)

    def step(self, epoch: float | None = None) -> None:
        """Go on by one step, or to `epoch`."""
        where = self.last_epoch + 1 if epoch is None else epoch
        check(self, where >= 0, f"epoch must not be negative, and is {where}")
        self.T_i, self.T_cur = self.T_0, where
        if self.T_mult == 1:
            self.T_cur = where % self.T_0
        while self.T_cur >= self.T_i:
            self.T_cur -= self.T_i
            self.T_i *= self.T_mult
        self.last_epoch = math.floor(where)
        self.apply(self.get_lr())

    def rate(self, lr: float, base: float) -> float:
        return cosine(base, self.eta_min, self.T_cur / self.T_i)


class OneCycleLR(LRScheduler):
    """Up from max_lr / div_factor to `max_lr`, then down far below, in `total_steps` steps.

    Give `total_steps`, or `epochs` and `steps_per_epoch`; `max_lr` may be a list, one for each
    group.  `pct_start` is the part that goes up; with `three_phase` it comes down by the same way
    first; `anneal_strategy` is "cos" or "linear".  With `cycle_momentum` the momentum (of Adam:
    the first beta) goes the other way.  Raises ValueError when stepped beyond the end.
    Smith and Topin, "Super-convergence" (2018).

    >>> opt = tg.optim.SGD([tg.tensor([1.0], requires_grad=True)], lr=0.1, momentum=0.9)
    >>> schedule = tg.optim.lr_scheduler.OneCycleLR(opt, max_lr=1.0, total_steps=11)
    >>> schedule.get_last_lr()
    [0.04]
    """

    def __init__(
        self,
        optimizer: Any,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ):
        owner = type(self).__name__
        steps = total_steps if total_steps is not None else (epochs or 0) * (steps_per_epoch or 0)
        check(self, steps >= 1, "needs total_steps, or epochs and steps_per_epoch, above 0")
        check(self, 0 <= pct_start <= 1, f"pct_start must be between 0 and 1, not {pct_start}")
        known = anneal_strategy in ("cos", "linear")
        check(self, known, f"anneal_strategy must be 'cos' or 'linear', not {anneal_strategy!r}")
        self.total_steps, self.pct_start, self.three_phase = steps, pct_start, three_phase
        self.anneal_strategy, self.cycle_momentum = anneal_strategy, cycle_momentum
        self.max_lrs = per_group(max_lr, optimizer, owner, "max_lr")
        self.final_div_factor, self.div_factor = final_div_factor, div_factor
        self.base_momentums = per_group(base_momentum, optimizer, owner, "base_momentum")
        self.max_momentums = per_group(max_momentum, optimizer, owner, "max_momentum")
        groups = optimizer.param_groups
        turns = all("momentum" in g or "betas" in g for g in groups)
        check(self, turns or not cycle_momentum, "no momentum to cycle; pass cycle_momentum=False")
        if last_epoch == -1:
            for group, top in zip(groups, self.max_lrs, strict=True):
                group["initial_lr"] = top / div_factor
        super().__init__(optimizer, last_epoch)

    def place(self) -> tuple[int, float]:
        """The phase that the present step is in, and which part of it has passed."""
        up = self.pct_start * self.total_steps - 1
        ends = (
            [up, 2 * up, self.total_steps - 1] if self.three_phase else [up, self.total_steps - 1]
        )
        phase = sum(end < self.last_epoch for end in ends[:-1])
        start = ends[phase - 1] if phase else 0.0
        width = ends[phase] - start
        return phase, (self.last_epoch - start) / width if width else 1.0

    def get_lr(self) -> list[float]:
        if self.last_epoch >= self.total_steps:
            raise ValueError(
                f"OneCycleLR: step {self.last_epoch + 1} of a schedule of {self.total_steps}"
            )
        phase, part = self.place()
        anneal = cosine if self.anneal_strategy == "cos" else straight
        if self.cycle_momentum:
            self.turn_momentum(phase, part, anneal)
        rates = []
        for base, top in zip(self.base_lrs, self.max_lrs, strict=True):
            low = base / self.final_div_factor
            corners = [base, top, base, low] if self.three_phase else [base, top, low]
            rates.append(anneal(corners[phase], corners[phase + 1], part))
        return rates

    def turn_momentum(self, phase: int, part: float, anneal: Any) -> None:
        """Set the momentum of each group, which moves against the rate."""
        limits = zip(self.base_momentums, self.max_momentums, strict=True)
        for group, (low, high) in zip(self.optimizer.param_groups, limits, strict=True):
            corners = [high, low, high, high]
            value = anneal(corners[phase], corners[phase + 1], part)
            if "betas" in group:
                group["betas"] = (value, *(float(b) for b in group["betas"][1:]))
            else:
                group["momentum"] = value
