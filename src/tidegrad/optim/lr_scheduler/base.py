"""Floor 7. What all schedules share: a count of steps, and one rule for the next rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["LRScheduler"]


class LRScheduler:
    """Set the learning rate of every group after each step; a subclass states `rate`.

    `rate(lr, base)` gives the next rate from the present one and the initial one, where
    `self.last_epoch` counts the steps so far.  The first rate is set at once.  With `last_epoch`
    other than -1 the schedule goes on from there, and groups must know their "initial_lr".

    >>> class Halving(tg.optim.lr_scheduler.LRScheduler):
    ...     def rate(self, lr, base):
    ...         return base * 0.5**self.last_epoch
    >>> opt = tg.optim.SGD([tg.tensor([1.0], requires_grad=True)], lr=0.5)
    >>> schedule = Halving(opt)
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.25]
    """

    def __init__(self, optimizer: Any, last_epoch: int = -1):
        groups = getattr(optimizer, "param_groups", None)
        if groups is None:
            raise TypeError(
                f"{type(self).__name__}: takes an optimizer, not {type(optimizer).__name__}"
            )
        for number, group in enumerate(groups):
            if "initial_lr" in group:
                continue
            if last_epoch != -1:
                raise ValueError(
                    f"{type(self).__name__}: last_epoch is {last_epoch}, but group {number} does "
                    "not know its initial_lr; load the optimizer's state_dict first"
                )
            group["initial_lr"] = float(group["lr"])
        self.optimizer = optimizer
        self.base_lrs = [float(group["initial_lr"]) for group in groups]
        self.last_epoch = last_epoch
        self.step()

    def rate(self, lr: float, base: float) -> float:
        """The rate for step `last_epoch` of a group that has `lr` now and began with `base`."""
        raise NotImplementedError(f"{type(self).__name__} does not define rate(lr, base)")

    def get_lr(self) -> list[float]:
        """The rates that the present step sets."""
        groups = zip(self.optimizer.param_groups, self.base_lrs, strict=True)
        return [self.rate(float(group["lr"]), base) for group, base in groups]

    def step(self) -> None:
        """Count one step, and set the rates for it."""
        self.last_epoch += 1
        try:
            rates = self.get_lr()
        except BaseException:
            self.last_epoch -= 1
            raise
        self.apply(rates)

    def start(self) -> None:
        """Begin at step 0, from the rates that are set now."""
        self.last_epoch = -1
        self.step()

    def apply(self, rates: list[float]) -> None:
        """Give each group its rate."""
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = lr
        self.last_lr = rates

    def get_last_lr(self) -> list[float]:
        """The rates set last, one per group."""
        return list(self.last_lr)

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer and functions, as numbers, lists and strings.

        >>> opt = tg.optim.SGD([tg.tensor([1.0], requires_grad=True)], lr=0.5)
        >>> tg.optim.lr_scheduler.ExponentialLR(opt, gamma=0.5).state_dict()
        {'gamma': 0.5, 'base_lrs': [0.5], 'last_epoch': 0, 'last_lr': [0.5]}
        """
        held = vars(self).items()
        return {name: copied(value) for name, value in held if is_state(name, value)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a snapshot of the same kind of schedule; the optimizer has its own.

        Raises ValueError, with nothing changed, where the names differ.
        """
        wanted = set(self.state_dict())
        if differing := sorted(wanted ^ set(state_dict)):
            raise ValueError(
                f"{type(self).__name__}.load_state_dict: {', '.join(differing)} "
                "missing or unexpected; was it saved by another kind of schedule?"
            )
        if len(state_dict.get("base_lrs", self.base_lrs)) != len(self.base_lrs):
            raise ValueError(
                f"{type(self).__name__}.load_state_dict: {len(state_dict['base_lrs'])} groups were "
                f"saved, and the optimizer has {len(self.base_lrs)}"
            )
        for name, value in state_dict.items():
            setattr(self, name, copied(value))


def is_state(name: str, value: Any) -> bool:
    """Whether an attribute belongs into a snapshot."""
    functions = isinstance(value, (list, tuple)) and any(map(callable, value))
    return name != "optimizer" and not callable(value) and not functions


def copied(value: Any) -> Any:
    """`value`, a list of numbers as a new list."""
    return list(value) if isinstance(value, (list, tuple)) else value


def per_group(value: Any, optimizer: Any, owner: str, name: str) -> list[Any]:
    """`value` as a list with one entry for each group."""
    count = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * count
    if len(value) != count:
        raise ValueError(f"{owner}: {len(value)} entries in {name} for {count} groups")
    return list(value)


def check(owner: Any, condition: bool, message: str) -> None:
    """Raise ValueError with `message` unless `condition` holds."""
    if not condition:
        raise ValueError(f"{type(owner).__name__}: {message}")
