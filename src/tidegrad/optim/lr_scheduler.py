"""Floor 7. Learning-rate schedules, under PyTorch's names and with its arguments."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .schedule import LRScheduler, per_group

__all__ = ["CosineAnnealingLR", "ExponentialLR", "LRScheduler", "LinearLR", "MultiStepLR"]
__all__ += ["OneCycleLR", "ReduceLROnPlateau", "SequentialLR", "StepLR"]


@dataclass(eq=False)
class StepLR(LRScheduler):
    """Multiply by `gamma` every `step_size` steps.

    >>> opt = tg.optim.SGD([tg.tensor(1.0, requires_grad=True)], lr=1.0)
    >>> [tg.optim.lr_scheduler.StepLR(opt, 2, gamma=0.5).rate(t, base=1.0) for t in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    step_size: int
    gamma: float = 0.1

    def rate(self, t, base):
        return base * self.gamma ** (t // self.step_size)


@dataclass(eq=False)
class MultiStepLR(LRScheduler):
    """Multiply by `gamma` at each of `milestones`, twice at one that is there twice.

    >>> opt = tg.optim.SGD([tg.tensor(1.0, requires_grad=True)], lr=1.0)
    >>> [tg.optim.lr_scheduler.MultiStepLR(opt, [1, 3], 0.5).rate(t, base=1.0) for t in range(4)]
    [1.0, 0.5, 0.5, 0.25]
    """

    milestones: Sequence[int]
    gamma: float = 0.1

    def rate(self, t, base):
        return base * self.gamma ** sum(m <= t for m in self.milestones)


@dataclass(eq=False)
class ExponentialLR(LRScheduler):
    """Multiply by `gamma` at every step.

    >>> opt = tg.optim.SGD([tg.tensor(1.0, requires_grad=True)], lr=1.0)
    >>> [tg.optim.lr_scheduler.ExponentialLR(opt, 0.5).rate(t, base=1.0) for t in range(3)]
    [1.0, 0.5, 0.25]
    """

    gamma: float

    def rate(self, t, base):
        return base * self.gamma**t


@dataclass(eq=False)
class LinearLR(LRScheduler):
    """A factor that goes from `start_factor` to `end_factor` in `total_iters` steps: a warm-up.

    >>> opt = tg.optim.SGD([tg.tensor(1.0, requires_grad=True)], lr=1.0)
    >>> [tg.optim.lr_scheduler.LinearLR(opt, 0.5, 1.0, 2).rate(t, base=1.0) for t in range(4)]
    [0.5, 0.75, 1.0, 1.0]
    """

    start_factor: float = 1 / 3
    end_factor: float = 1.0
    total_iters: int = 5

    def rate(self, t, base):
        part = min(t / self.total_iters, 1)
        return base * (self.start_factor + (self.end_factor - self.start_factor) * part)


@dataclass(eq=False)
class CosineAnnealingLR(LRScheduler):
    """From the initial rate to `eta_min` along half a cosine, in `T_max` steps, and back.

    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017).

    >>> opt = tg.optim.SGD([tg.tensor(1.0, requires_grad=True)], lr=1.0)
    >>> [tg.optim.lr_scheduler.CosineAnnealingLR(opt, 1).rate(t, base=1.0) for t in range(3)]
    [1.0, 0.0, 1.0]
    """

    T_max: int
    eta_min: float = 0.0

    def rate(self, t, base):
        return self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * t / self.T_max)) / 2


@dataclass(eq=False)
class OneCycleLR(LRScheduler):
    """Up from max_lr / div_factor to `max_lr`, then down far below, in `total_steps` steps.

    Give `total_steps`, or `epochs` and `steps_per_epoch`; `max_lr` and the momenta may be lists,
    one entry for each group.  `pct_start` is the part that goes up; with `three_phase` it comes
    down by the same way first; `anneal_strategy` is "cos" or "linear".  With `cycle_momentum` the
    momentum (of Adam: the first beta) goes the other way.  Raises ValueError when stepped beyond
    the end.  Smith and Topin, "Super-convergence" (2018).

    >>> opt = tg.optim.SGD([tg.tensor(1.0, requires_grad=True)], lr=0.1, momentum=0.9)
    >>> tg.optim.lr_scheduler.OneCycleLR(opt, max_lr=1.0, total_steps=11).get_last_lr()
    [0.04]
    """

    max_lr: Any
    total_steps: Any = None
    epochs: int | None = None
    steps_per_epoch: int | None = None
    pct_start: float = 0.3
    anneal_strategy: str = "cos"
    cycle_momentum: bool = True
    base_momentum: Any = 0.85
    max_momentum: Any = 0.95
    div_factor: float = 25.0
    final_div_factor: float = 1e4
    three_phase: bool = False

    def complete(self):
        if self.total_steps is None:
            self.total_steps = (self.epochs or 0) * (self.steps_per_epoch or 0)
        for name in ("max_lr", "base_momentum", "max_momentum"):
            setattr(self, name, per_group(self, name))
        turns = all("momentum" in g or "betas" in g for g in self.optimizer.param_groups)
        if self.cycle_momentum and not turns:
            raise ValueError("OneCycleLR: no momentum to cycle; pass cycle_momentum=False")
        if self.last_epoch == -1:
            self.base_lrs = [top / self.div_factor for top in self.max_lr]

    def curve(self, t: int, corners: Sequence[float]) -> float:
        """A curve from one corner to the next in each phase, at step `t`."""
        steps = self.total_steps
        up = self.pct_start * steps - 1
        ends = [0.0, up, 2 * up, steps - 1] if self.three_phase else [0.0, up, steps - 1]
        phase = bisect_left(ends[1:-1], t)
        width = ends[phase + 1] - ends[phase]
        part = (t - ends[phase]) / width if width else 1.0
        left = (1 + math.cos(math.pi * part)) / 2 if self.anneal_strategy == "cos" else 1 - part
        return corners[phase] * left + corners[phase + 1] * (1 - left)

    def rates(self, t):
        if t >= self.total_steps:
            raise ValueError(f"OneCycleLR: step {t + 1} of a schedule of {self.total_steps}")
        found = []
        for base, top in zip(self.base_lrs, self.max_lr):
            way = [base, top, base] if self.three_phase else [base, top]
            found.append(self.curve(t, [*way, base / self.final_div_factor]))
        return found

    def place(self, t):
        super().place(t)
        if not self.cycle_momentum:
            return
        limits = zip(self.base_momentum, self.max_momentum)
        for group, (low, high) in zip(self.optimizer.param_groups, limits):
            value = self.curve(t, [high, low, high, high])
            if "betas" in group:
                group["betas"] = (value, *(float(b) for b in group["betas"][1:]))
            else:
                group["momentum"] = value


@dataclass(eq=False)
class ReduceLROnPlateau(LRScheduler):
    """Multiply by `factor` when a metric has not improved for more than `patience` steps.

    `mode` is "min" or "max"; better means by more than `threshold`, a part of the best value
    (`threshold_mode` "rel") or an amount ("abs").  After a reduction, `cooldown` steps do not
    count.  No rate goes below `min_lr`, and changes smaller than `eps` are left out.

    >>> opt = tg.optim.SGD([tg.tensor(1.0, requires_grad=True)], lr=1.0)
    >>> schedule = tg.optim.lr_scheduler.ReduceLROnPlateau(opt, factor=0.5, patience=1)
    >>> for loss in (1.0, 1.0, 1.0):
    ...     schedule.step(loss)
    >>> schedule.get_last_lr()
    [0.5]
    """

    mode: str = "min"
    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    threshold_mode: str = "rel"
    cooldown: int = 0
    min_lr: Any = 0.0
    eps: float = 1e-8

    def complete(self) -> None:
        self.min_lr = per_group(self, "min_lr")
        self.best: float | None = None
        self.num_bad_epochs = self.cooldown_counter = 0

    def rates(self, t):
        return [float(group["lr"]) for group in self.optimizer.param_groups]

    def is_better(self, metric: float) -> bool:
        """Whether `metric` improves on the best one so far by more than the threshold."""
        if self.best is None:
            return math.isfinite(metric)
        sign = 1 if self.mode == "max" else -1
        by = sign * self.threshold
        limit = self.best + by if self.threshold_mode == "abs" else self.best * (1 + by)
        return sign * metric > sign * limit

    def step(self, metrics: Any = None) -> None:
        """Take note of a metric, and reduce the rates if it has stayed on a plateau too long."""
        metric = float(metrics)
        self.num_bad_epochs += 1
        if self.is_better(metric):
            self.best, self.num_bad_epochs = metric, 0
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
            for group, least in zip(self.optimizer.param_groups, self.min_lr):
                lower = max(float(group["lr"]) * self.factor, least)
                if float(group["lr"]) - lower > self.eps:
                    group["lr"] = lower
        super().step()


@dataclass(eq=False)
class SequentialLR(LRScheduler):
    """One schedule after the other: part k + 1 begins, at its own step 0, at `milestones[k]`.

    Raises ValueError where the milestones do not increase, or do not fit the parts.

    >>> opt = tg.optim.SGD([tg.tensor(1.0, requires_grad=True)], lr=1.0)
    >>> rise = tg.optim.lr_scheduler.LinearLR(opt, start_factor=0.5, total_iters=2)
    >>> fall = tg.optim.lr_scheduler.ExponentialLR(opt, gamma=0.5)
    >>> schedule = tg.optim.lr_scheduler.SequentialLR(opt, [rise, fall], milestones=[2])
    >>> rates = schedule.get_last_lr()
    >>> for _ in range(4):
    ...     schedule.step()
    ...     rates += schedule.get_last_lr()
    >>> rates
    [0.5, 0.75, 1.0, 0.5, 0.25]
    """

    schedulers: Sequence[Any]
    milestones: Sequence[int]

    def complete(self):
        for number, part in enumerate(self.schedulers):
            if getattr(part, "optimizer", None) is not self.optimizer:
                raise ValueError(f"SequentialLR: schedule {number} belongs to another optimizer")
            if isinstance(part, ReduceLROnPlateau):
                raise ValueError(
                    f"SequentialLR: schedule {number} needs metrics; step it by itself"
                )
        starts = [0, *self.milestones]
        if len(starts) != len(self.schedulers) or sorted({*starts}) != starts:
            raise ValueError("SequentialLR: needs one milestone less than schedules, increasing")

    def place(self, t):
        starts = [0, *self.milestones]
        active = bisect_right(starts, t) - 1
        self.schedulers[active].place(t - starts[active])
        self.last_epoch, self.last_lr = t, self.schedulers[active].last_lr

    def matched(self, state):
        found = super().matched(state)
        if len(state["schedulers"]) != len(self.schedulers):
            raise ValueError("SequentialLR.load_state_dict: the snapshot has other parts")
        for part, saved in zip(self.schedulers, state["schedulers"]):
            found += part.matched(saved)
        return found
