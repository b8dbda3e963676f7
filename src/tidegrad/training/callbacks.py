"""Floor 7. Callbacks: what happens between steps and epochs; early stopping, the best model."""

from __future__ import annotations

import math
from os import PathLike

import tidegrad as tg

from .checkpoint import checked_path
from .run import Run

__all__ = ["BestCheckpoint", "Callback", "EarlyStopping"]


class Callback:
    """Something told of the progress of a run, by those of these methods that it defines.

    - `on_start(run)` before the first step, after resuming
    - `on_gradients(run)` between backward and the optimizer's step
    - `on_step(run)` after a step, whose loss is `run.loss`
    - `on_epoch(run)` after an epoch, whose row is `run.history.rows[-1]`
    - `on_end(run)` at the end, early or by Ctrl-C too, but not after an exception

    One with `state_dict` and `load_state_dict` is kept in the checkpoint. A plain function of the
    run does as well: it is called as `on_epoch`.

    >>> class ClipGradients(tg.training.Callback):
    ...     def on_gradients(self, run):
    ...         tg.optim.clip_grad_norm(run.model.parameters(), 1.0)
    """


class Watcher(Callback):
    """Knows how long ago one column of the history was at its best."""

    def __init__(self, monitor: str | None, mode: str | None):
        name = monitor or "loss"
        if mode is None and name.endswith(("loss", "error", "accuracy")):
            mode = "max" if name.endswith("accuracy") else "min"
        if mode not in ("min", "max"):
            raise ValueError(
                f"{type(self).__name__}: is a high or a low {name} better? "
                f"mode must be 'min' or 'max', not {mode!r}"
            )
        self.monitor = monitor
        self.mode = mode

    def waited(self, run: Run) -> tuple[str, int]:
        """The name of the column, and how many epochs ago it was at its best; NaN never is."""
        name = self.monitor or ("val_loss" if "val_loss" in run.history.names else "loss")
        best, worst = (min, math.inf) if self.mode == "min" else (max, -math.inf)
        values = [worst if v is None or math.isnan(v) else v for v in run.history[name]]
        return name, len(values) - 1 - values.index(best(values))


class EarlyStopping(Watcher):
    """Ends the run when `monitor` has not improved for `patience` epochs.

    `monitor` is `val_loss` (or `loss` without validation) unless named; columns that end in
    loss or error should fall and those that end in accuracy rise, for others say `mode`.

    >>> tg.training.EarlyStopping(patience=3, monitor="val_accuracy").mode
    'max'
    """

    def __init__(self, patience: int = 5, monitor: str | None = None, mode: str | None = None):
        super().__init__(monitor, mode)
        if patience < 1:
            raise ValueError(f"EarlyStopping: patience must be at least 1, got {patience}")
        self.patience = patience

    def on_epoch(self, run: Run) -> None:
        """Stop the run once the best epoch is `patience` epochs ago."""
        name, epochs = self.waited(run)
        if epochs >= self.patience:
            run.stop(f"{name} has not improved for {epochs} epochs")


class BestCheckpoint(Watcher):
    """Keeps the model's `state_dict` of the best epoch in a file; see `EarlyStopping` for the rest.

    Load it with `model.load_state_dict(tg.load(path))`.

    >>> tg.training.BestCheckpoint("best.safetensors").mode
    'min'
    """

    def __init__(
        self, path: str | PathLike[str], monitor: str | None = None, mode: str | None = None
    ):
        super().__init__(monitor, mode)
        self.path = checked_path(path)

    def on_epoch(self, run: Run) -> None:
        """Write the file if this epoch is the best."""
        if self.waited(run)[1] == 0:
            tg.save(self.path, run.model.state_dict())
