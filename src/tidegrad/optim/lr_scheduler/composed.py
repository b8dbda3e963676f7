"""Floor 7. Schedules made of schedules: one after the other, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from .base import LRScheduler, check
from .plateau import ReduceLROnPlateau

__all__ = ["ChainedScheduler", "SequentialLR"]


class Composed(LRScheduler):
    """Several schedules of one optimizer; their snapshots are part of its own."""

    def __init__(self, optimizer: Any, schedulers: Sequence[Any]):
        check(self, len(schedulers) > 0, "needs at least one schedule")
        for number, schedule in enumerate(schedulers):
            same = getattr(schedule, "optimizer", None) is optimizer
            check(self, same, f"schedule {number} belongs to another optimizer")
            steered = isinstance(schedule, ReduceLROnPlateau)
            check(self, not steered, f"schedule {number} needs metrics; step it by itself")
        self.optimizer = optimizer
        self.schedulers = list(schedulers)
        self.base_lrs = list(schedulers[0].base_lrs)
        self.last_epoch = 0

    def note(self) -> None:
        """Take down the rates that the parts have set."""
        self.last_lr = [float(group["lr"]) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """The count of steps, and the snapshot of each part."""
        parts = [schedule.state_dict() for schedule in self.schedulers]
        return {**super().state_dict(), "schedulers": parts}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a snapshot of a schedule made of the same parts."""
        parts = state_dict.get("schedulers", ())
        check(self, len(parts) == len(self.schedulers), "the snapshot has other parts")
        before = self.state_dict()
        try:
            for schedule, part in zip(self.schedulers, parts, strict=True):
                schedule.load_state_dict(part)
            own = {k: v for k, v in state_dict.items() if k != "schedulers"}
            super().load_state_dict({**own, "schedulers": self.schedulers})
        except ValueError:
            for schedule, part in zip(self.schedulers, before["schedulers"], strict=True):
                schedule.load_state_dict(part)
            raise


class SequentialLR(Composed):
    """One schedule after the other: part k + 1 begins, at its own step 0, at `milestones[k]`.

    Raises ValueError where the milestones do not increase, or do not fit the parts.

    >>> opt = tg.optim.SGD([tg.tensor([1.0], requires_grad=True)], lr=1.0)
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

    def __init__(self, optimizer: Any, schedulers: Sequence[Any], milestones: Sequence[int]):
        super().__init__(optimizer, schedulers)
        fits = len(milestones) == len(schedulers) - 1
        check(self, fits, f"{len(schedulers)} schedules need one milestone less")
        rising = all(a < b for a, b in zip([0, *milestones], milestones, strict=False))
        check(self, rising, f"milestones must increase, from above 0: {list(milestones)}")
        self.milestones = list(milestones)
        self.begin(self.schedulers[0])

    def begin(self, schedule: Any) -> None:
        """Let `schedule` start from the initial rates."""
        for group, base in zip(self.optimizer.param_groups, schedule.base_lrs, strict=True):
            group["lr"] = base
        schedule.start()
        self.note()

    def start(self) -> None:
        self.last_epoch = 0
        self.begin(self.schedulers[0])

    def step(self) -> None:
        """Count one step, and let the part whose turn it is set the rates for it."""
        self.last_epoch += 1
        active = self.schedulers[bisect_right(self.milestones, self.last_epoch)]
        if self.last_epoch in self.milestones:
            self.begin(active)
        else:
            active.step()
            self.note()


class ChainedScheduler(Composed):
    """Several schedules at once: each changes the rate that the one before it has left.

    >>> opt = tg.optim.SGD([tg.tensor([1.0], requires_grad=True)], lr=1.0)
    >>> half = tg.optim.lr_scheduler.ConstantLR(opt, factor=0.5, total_iters=4)
    >>> fall = tg.optim.lr_scheduler.ExponentialLR(opt, gamma=0.5)
    >>> schedule = tg.optim.lr_scheduler.ChainedScheduler([half, fall])
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.25]
    """

    def __init__(self, schedulers: Sequence[Any], optimizer: Any = None):
        check(self, len(schedulers) > 0, "needs at least one schedule")
        super().__init__(optimizer or schedulers[0].optimizer, schedulers)
        self.note()

    def start(self) -> None:
        self.last_epoch = 0
        for schedule in self.schedulers:
            schedule.start()
        self.note()

    def step(self) -> None:
        """One step of every part."""
        self.last_epoch += 1
        for schedule in self.schedulers:
            schedule.step()
        self.note()
