"""Floor 7. Run: what `fit` was given and how far it is, and what a checkpoint keeps of that."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from os import PathLike
from typing import Any

import tidegrad as tg

from .checkpoint import Checkpoint, resumable
from .history import History
from .measure import Averages, named

__all__ = ["Run"]

NUMBERS = ("epoch", "batch", "step", "loss", "seconds")
PLATEAU = "'epoch', since ReduceLROnPlateau needs an epoch's loss"


@dataclass(eq=False)
class Run:
    """A training run: what `fit` was given, and how far it is. Callbacks receive it.

    `epoch` counts finished epochs, `batch` the steps of the one under way, `step` all steps;
    `loss` is the last step's. What does not fit is a ValueError or TypeError at once.
    """

    model: Any
    loader: Any
    loss_function: Callable[..., Any]
    optimizer: Any
    epochs: int
    _: KW_ONLY
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
    checkpoint: str | PathLike[str] | None = None
    every: int | None = None
    # Whether to go on from the checkpoint, if there is one.
    resume: bool = True
    # Gives prediction and target of a model and a batch; a batch is (*inputs, target) otherwise.
    forward: Callable[..., Any] | None = None
    # True: a bar, or lines without tqdm; "lines"; False: silence.
    progress: bool | str = True

    def __post_init__(self) -> None:
        self.metrics, self.callbacks = named(self.metrics), tuple(self.callbacks)
        self.plateau = isinstance(self.schedule, tg.optim.lr_scheduler.ReduceLROnPlateau)
        for name in ("loader", "validate"):
            if isinstance(getattr(self, name), (tg.data.TensorDataset, tg.data.Subset, tg.Tensor)):
                raise TypeError(
                    f"fit: {name} is a {type(getattr(self, name)).__name__}, whose items are not "
                    "batches; wrap it: tg.data.DataLoader(dataset, batch_size=32)"
                )
        for name, fits, wanted in (
            ("epochs", is_count(self.epochs), "a whole number from 1 on"),
            ("every", self.every is None or is_count(self.every), "a whole number from 1 on"),
            ("progress", self.progress in (True, False, "lines"), "True, False or 'lines'"),
            ("schedule_per", self.schedule_per in ("epoch", "step"), "'epoch' or 'step'"),
            ("schedule_per", self.schedule_per == "epoch" or not self.plateau, PLATEAU),
        ):
            if not fits:
                raise ValueError(f"fit: {name} must be {wanted}, got {getattr(self, name)!r}")
        if holds_none(self.optimizer, self.model):
            raise ValueError(
                "fit: the optimizer holds none of the model's parameters; make it with "
                "model.parameters()"
            )
        self.epoch = self.batch = self.step = 0
        self.seconds, self.loss = 0.0, math.nan
        self.history, self.averages = History(), Averages()

    def stop(self, reason: str) -> None:
        """End the run after the current step or epoch."""
        self.history.stopped = str(reason)

    def tell(self, event: str) -> None:
        """Call this method of every callback that has it, and plain functions at `on_epoch`."""
        for callback in self.callbacks:
            if hasattr(callback, event):
                getattr(callback, event)(self)
            elif event == "on_epoch" and callable(callback):
                callback(self)

    def keeper(self) -> Checkpoint | None:
        """The checkpoint of all that the run needs to go on bit by bit, if it is to have one."""
        if self.checkpoint is None:
            return None
        maybe = {"loader": self.loader, "validate": self.validate, "schedule": self.schedule}
        for at, callback in enumerate(self.callbacks):
            maybe[f"{type(callback).__name__}.{at}"] = callback
        parts = {name: part for name, part in maybe.items() if resumable(part)}
        own = {"model": self.model, "optimizer": self.optimizer, "progress": self}
        return Checkpoint(self.checkpoint, **own, **parts)

    def save(self) -> None:
        """Write the checkpoint, if there is to be one."""
        keeper = self.keeper()
        if keeper is not None:
            keeper.save()

    def state_dict(self) -> dict[str, Any]:
        """How far the run is."""
        numbers = {name: getattr(self, name) for name in NUMBERS}
        ended = {"rows": list(self.history.rows), "stopped": self.history.stopped}
        return {**numbers, **ended, "averages": dict(self.averages)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where the run that gave `state` stood."""
        for name in NUMBERS:
            setattr(self, name, state[name])
        self.averages = Averages(state["averages"])
        # The History object stays the same one, as callbacks may hold it.
        self.history.rows, self.history.stopped = list(state["rows"]), state["stopped"]


def holds_none(optimizer: Any, model: Any) -> bool:
    """Whether an optimizer would step without changing anything of a model that has parameters."""
    if not isinstance(optimizer, tg.optim.Optimizer) or not isinstance(model, tg.nn.Module):
        return False
    own = {id(p) for p in model.parameters()}
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    return bool(own) and own.isdisjoint(held)


def is_count(value: Any) -> bool:
    """Whether something can be done this many times."""
    return isinstance(value, int) and value >= 1
