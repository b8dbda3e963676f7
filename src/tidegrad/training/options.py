"""Floor 7. Options: what `fit` takes by name, checked before anything happens."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tidegrad as tg

from .checkpoint import Checkpoint

__all__ = ["Options", "check_batches", "check_count", "named_metrics"]

Metric = Callable[[Any, Any], Any]


@dataclass(kw_only=True)
class Options:
    """What `fit` takes by name; what does not fit is a ValueError or TypeError at once.

    >>> tg.training.Options(every=0)
    Traceback (most recent call last):
    ValueError: fit: every must be a whole number from 1 on, got 0
    """

    # A second loader, read after every epoch in eval mode and without gradients.
    validate: Iterable[Any] | None = None
    # Functions of prediction and target, by name or under their own names.
    metrics: Any = ()
    # Told of steps and epochs: Callback objects, or functions called after each epoch.
    callbacks: Sequence[Any] = ()
    # A schedule of tg.optim.lr_scheduler, and whether it steps per "epoch" or per "step".
    schedule: Any = None
    schedule_per: str = "epoch"
    # The file of the whole run, saved after every epoch and every so many steps.
    checkpoint: str | os.PathLike[str] | Checkpoint | None = None
    every: int | None = None
    # Whether to go on from the checkpoint, if there is one.
    resume: bool = True
    # Gives prediction and target of a model and a batch; a batch is (*inputs, target) otherwise.
    forward: Callable[[Any, Any], tuple[Any, Any]] | None = None
    # Whether a loss that is NaN or infinite is an error.
    stop_on_nan: bool = True
    # True: a bar, or lines without tqdm; "lines"; False: silence.
    progress: bool | str = True

    def __post_init__(self) -> None:
        self.metrics = named_metrics(self.metrics)
        self.callbacks = tuple(self.callbacks)
        check_batches("validate", self.validate)
        if self.every is not None:
            check_count("every", self.every)
        if self.schedule_per not in ("epoch", "step"):
            raise ValueError(
                f"fit: schedule_per must be 'epoch' or 'step', got {self.schedule_per!r}"
            )
        if self.schedule_per == "step" and self.plateau:
            raise ValueError(
                "fit: ReduceLROnPlateau needs an epoch's loss; use schedule_per='epoch'"
            )
        if self.progress not in (True, False, "lines"):
            raise ValueError(f"fit: progress must be True, False or 'lines', got {self.progress!r}")

    @property
    def plateau(self) -> bool:
        """Whether the schedule wants to know the loss."""
        return isinstance(self.schedule, tg.optim.lr_scheduler.ReduceLROnPlateau)


def named_metrics(metrics: Any) -> dict[str, Metric]:
    """Metrics under their names: a mapping as it is, functions under their own."""
    if isinstance(metrics, Mapping):
        pairs = list(metrics.items())
    else:
        pairs = [(getattr(metric, "__name__", "<metric>"), metric) for metric in metrics]
    for name, metric in pairs:
        if not callable(metric):
            raise TypeError(f"fit: metric {name!r} is a {type(metric).__name__}, not a function")
        if name.startswith("<") or name == "loss" or [other for other, _ in pairs].count(name) > 1:
            raise ValueError(
                f"fit: a metric cannot be called {name!r} (unnamed, taken or twice); "
                "give a dict such as {'accuracy': function}"
            )
    return dict(pairs)


def check_batches(name: str, batches: Any) -> None:
    """Raise for a dataset where a loader belongs: its items would pass for batches."""
    if isinstance(batches, (tg.data.TensorDataset, tg.data.Subset, tg.Tensor)):
        raise TypeError(
            f"fit: {name} is a {type(batches).__name__}, whose items are not batches; "
            "wrap it: tg.data.DataLoader(dataset, batch_size=32)"
        )


def check_count(name: str, value: Any) -> None:
    """Raise unless `value` counts something."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"fit: {name} must be a whole number from 1 on, got {value!r}")
