"""Floor 7. What a learning-rate schedule is: a formula of the number of steps taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .limits import check

__all__ = ["LRScheduler", "per_group"]


@dataclass(eq=False)
class LRScheduler:
    """Set the rate of every group, at once and at each step; a subclass states `rate(t, base)`.

    That is the rate after `t` steps of a group that began with `base`; one set by hand lasts until
    the next step.  With `last_epoch` steps behind it, groups have to know their "initial_lr".
    Raises TypeError and ValueError for arguments that make no sense.

    >>> class Halving(tg.optim.lr_scheduler.LRScheduler):
    ...     def rate(self, t, base):
    ...         return base * 0.5**t
    >>> opt = tg.optim.SGD([tg.tensor(1.0, requires_grad=True)], lr=0.5)
    >>> schedule = Halving(opt)
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.25]
    """

    optimizer: Any = field(repr=False)
    last_epoch: int = field(default=-1, kw_only=True)

    def __post_init__(self) -> None:
        owner, groups = type(self).__name__, getattr(self.optimizer, "param_groups", None)
        if groups is None:
            raise TypeError(f"{owner}: takes an optimizer, not {type(self.optimizer).__name__}")
        if self.last_epoch != -1 and not all("initial_lr" in group for group in groups):
            raise ValueError(f"{owner}: no initial_lr; load the optimizer's state_dict first")
        self.base_lrs = [float(group.get("initial_lr", group["lr"])) for group in groups]
        self.complete()
        for name, value in vars(self).items():
            check(owner, name, value)
        for group, base in zip(groups, self.base_lrs):
            group["initial_lr"] = base
        self.place(self.last_epoch + 1)

    def complete(self) -> None:
        """Fill in what the arguments leave open, and check what no table can."""

    def rate(self, t: int, base: float) -> float:
        """The rate after `t` steps of a group that began with `base`."""
        raise NotImplementedError(f"{type(self).__name__} does not define rate(t, base)")

    def rates(self, t: int) -> list[float]:
        """The rates of all groups after `t` steps."""
        return [self.rate(t, base) for base in self.base_lrs]

    def place(self, t: int) -> None:
        """Set everything as it is after `t` steps."""
        rates = self.rates(t)
        for group, rate in zip(self.optimizer.param_groups, rates):
            group["lr"] = rate
        self.last_epoch, self.last_lr = t, rates

    def step(self) -> None:
        """Count one step, and set the rates for it."""
        self.place(self.last_epoch + 1)

    def get_last_lr(self) -> list[float]:
        """The rates set last, one per group."""
        return list(self.last_lr)

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer, as numbers, lists and strings.

        >>> opt = tg.optim.SGD([tg.tensor(1.0, requires_grad=True)], lr=0.5)
        >>> tg.optim.lr_scheduler.ExponentialLR(opt, gamma=0.5).state_dict()
        {'last_epoch': 0, 'gamma': 0.5, 'base_lrs': [0.5], 'last_lr': [0.5]}
        """
        return {k: plain(v) for k, v in vars(self).items() if k != "optimizer"}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a snapshot of the same kind of schedule; the optimizer has its own.

        Raises ValueError, with nothing changed, where the names or the number of groups differ.
        """
        for schedule, state in self.matched(state_dict):
            held = vars(schedule)
            held.update({k: plain(v) for k, v in state.items() if k != "schedulers"})

    def matched(self, state: Mapping[str, Any]) -> list[tuple[Any, Mapping]]:
        """This schedule and its parts, each with the snapshot that fits it."""
        differing = sorted(vars(self).keys() ^ {*state, "optimizer"})
        if differing or len(state["base_lrs"]) != len(self.base_lrs):
            raise ValueError(
                f"{type(self).__name__}.load_state_dict: saved by another kind of schedule, or "
                f"with other groups; they differ in {', '.join(differing or ['base_lrs'])}"
            )
        return [(self, state)]


def plain(value: Any) -> Any:
    """A schedule as its snapshot, a sequence as a new list."""
    if isinstance(value, LRScheduler):
        return value.state_dict()
    return [plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def per_group(owner: LRScheduler, name: str) -> list[float]:
    """The argument `name`, a number or one for each group, as a list."""
    value, count = getattr(owner, name), len(owner.optimizer.param_groups)
    values = list(value) if isinstance(value, (list, tuple)) else [value] * count
    if len(values) != count:
        what = f"{len(values)} entries in {name} for {count} groups"
        raise ValueError(f"{type(owner).__name__}: {what}")
    return values
