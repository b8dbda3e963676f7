"""Floor 7. The schedule that watches a metric."""

from __future__ import annotations

import math
from typing import Any

from .base import LRScheduler, check, per_group

__all__ = ["ReduceLROnPlateau"]


class ReduceLROnPlateau(LRScheduler):
    """Multiply by `factor` when a metric has not improved for more than `patience` steps.

    `mode` is "min" or "max"; better means by more than `threshold`, a part of the best value
    (`threshold_mode` "rel") or an amount ("abs").  After a reduction, `cooldown` steps do not
    count.  No rate goes below `min_lr`, and changes smaller than `eps` are left out.

    >>> opt = tg.optim.SGD([tg.tensor([1.0], requires_grad=True)], lr=1.0)
    >>> schedule = tg.optim.lr_scheduler.ReduceLROnPlateau(opt, factor=0.5, patience=1)
    >>> for loss in (1.0, 1.0, 1.0):
    ...     schedule.step(loss)
    >>> schedule.get_last_lr()
    [0.5]
    """

    def __init__(
        self,
        optimizer: Any,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0.0,
        eps: float = 1e-8,
    ):
        check(self, 0 <= factor < 1, f"factor must be at least 0 and below 1, not {factor}")
        check(self, mode in ("min", "max"), f"mode must be 'min' or 'max', not {mode!r}")
        known = threshold_mode in ("rel", "abs")
        check(self, known, f"threshold_mode must be 'rel' or 'abs', not {threshold_mode!r}")
        self.mode, self.factor, self.patience = mode, factor, patience
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.cooldown, self.eps = cooldown, eps
        self.min_lrs = per_group(min_lr, optimizer, type(self).__name__, "min_lr")
        self.best: float | None = None
        self.num_bad_epochs = self.cooldown_counter = 0
        self.optimizer, self.last_epoch = optimizer, 0
        self.base_lrs = [float(group["lr"]) for group in optimizer.param_groups]
        self.last_lr = list(self.base_lrs)

    def is_better(self, metric: float) -> bool:
        """Whether `metric` improves on the best one so far by more than the threshold."""
        if self.best is None:
            return math.isfinite(metric)
        sign = 1 if self.mode == "max" else -1
        if self.threshold_mode == "abs":
            return sign * metric > sign * self.best + self.threshold
        return sign * metric > sign * self.best * (1 + sign * self.threshold)

    def step(self, metrics: Any) -> None:  # type: ignore[override]
        """Take note of a metric, and reduce the rates if it has stayed on a plateau too long."""
        metric = float(metrics)
        self.last_epoch += 1
        if self.is_better(metric):
            self.best, self.num_bad_epochs = metric, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self.reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self.last_lr = [float(group["lr"]) for group in self.optimizer.param_groups]

    def reduce(self) -> None:
        """Lower the rate of every group."""
        for group, least in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
            lr = float(group["lr"])
            lower = max(lr * self.factor, least)
            if lr - lower > self.eps:
                group["lr"] = lower
