"""Floor 7. Callbacks: what happens between steps and epochs; early stopping, the best model."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

import tidegrad as tg

from .checkpoint import checked_path
from .run import Run, watched

__all__ = ["BestCheckpoint", "Callback", "EarlyStopping"]


class Callback:
    """Something told of the progress of a run; override what you need.

    One with `state_dict` and `load_state_dict` is kept in the checkpoint. A plain function of the
    run does as well: it is called as `on_epoch`.

    >>> class ClipGradients(tg.training.Callback):
    ...     def on_gradients(self, run):
    ...         tg.optim.clip_grad_norm(run.model.parameters(), 1.0)
    """

    def on_start(self, run: Run) -> None:
        """Before the first step, after resuming."""

    def on_gradients(self, run: Run) -> None:
        """Between backward and the optimizer's step."""

    def on_step(self, run: Run) -> None:
        """After a step; `run.loss` is its loss."""

    def on_epoch(self, run: Run) -> None:
        """After an epoch; its row is the last of `run.history.rows`."""

    def on_end(self, run: Run) -> None:
        """When training ends of itself, early or by Ctrl-C, but not by an exception."""


class Watcher(Callback):
    """Remembers the best value of one column of the history."""

    def __init__(self, monitor: str | None = None, mode: str | None = None, margin: float = 0.0):
        if mode not in (None, "min", "max"):
            raise ValueError(f"{type(self).__name__}: mode must be 'min' or 'max', got {mode!r}")
        if not margin >= 0:
            raise ValueError(f"{type(self).__name__}: margin must not be negative, got {margin}")
        self.monitor = monitor
        self.mode = mode
        self.margin = margin
        self.best: float | None = None
        self.epoch = 0

    def improved(self, run: Run) -> bool:
        """Whether the last row is the best so far; it is remembered if so. NaN never is."""
        name, value = watched(run.history, self.monitor)
        gain = math.inf if self.best is None else self.best - value
        if self.best is not None and self._direction(name) == "max":
            gain = -gain
        if math.isnan(value) or not gain > self.margin:
            return False
        self.best, self.epoch = value, run.epoch
        return True

    def _direction(self, name: str) -> str:
        if self.mode is not None:
            return self.mode
        if name.endswith(("loss", "error")):
            return "min"
        if name.endswith("accuracy"):
            return "max"
        raise ValueError(
            f"{type(self).__name__}: is a high or a low {name} better? Say mode='max' or 'min'"
        )

    def on_start(self, run: Run) -> None:
        # Asked now, so that an unclear direction does not end the run after its second epoch.
        if self.monitor is not None:
            self._direction(self.monitor)

    def state_dict(self) -> dict[str, Any]:
        """What has been the best so far, and when."""
        return {"best": self.best, "epoch": self.epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with the best of the run that gave `state`."""
        self.best, self.epoch = state["best"], state["epoch"]


class EarlyStopping(Watcher):
    """Ends the run when `monitor` has not improved by more than `margin` for `patience` epochs.

    `monitor` is `val_loss` (or `loss` without validation) unless named; columns that end in
    loss or error should fall and those that end in accuracy rise, for others say `mode`.

    >>> tg.training.EarlyStopping(patience=3, monitor="val_accuracy").patience
    3
    """

    def __init__(
        self,
        patience: int = 5,
        monitor: str | None = None,
        mode: str | None = None,
        margin: float = 0.0,
    ):
        super().__init__(monitor, mode, margin)
        if patience < 1:
            raise ValueError(f"EarlyStopping: patience must be at least 1, got {patience}")
        self.patience = patience

    def on_epoch(self, run: Run) -> None:
        """Stop the run once the best epoch is `patience` epochs ago."""
        if not self.improved(run) and run.epoch - self.epoch >= self.patience:
            name, _ = watched(run.history, self.monitor)
            run.stop(f"{name} has not improved for {self.patience} epochs")


class BestCheckpoint(Watcher):
    """Keeps the model's `state_dict` of the best epoch in a file.

    Load it with `model.load_state_dict(tg.load(path))`. See `EarlyStopping` for the rest.

    >>> tg.training.BestCheckpoint("best.safetensors", monitor="val_accuracy").mode is None
    True
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        monitor: str | None = None,
        mode: str | None = None,
    ):
        super().__init__(monitor, mode)
        self.path = checked_path(path)

    def on_epoch(self, run: Run) -> None:
        """Write the file if this epoch is the best."""
        if self.improved(run):
            tg.save(self.path, run.model.state_dict())
