"""Floor 7. Run: where a training run stands, and the part of it that a checkpoint keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .checkpoint import resumable
from .history import History
from .options import Options, check_batches, check_count

__all__ = ["Averages", "Run", "watched"]


class Averages:
    """Running means of named numbers, weighted by the number of items they stand for."""

    def __init__(self) -> None:
        self.weight = 0.0
        self.sums: dict[str, float] = {}

    def add(self, numbers: Mapping[str, float], weight: int) -> None:
        """Count `numbers`, which are means over `weight` items."""
        self.weight += weight
        for name, value in numbers.items():
            self.sums[name] = self.sums.get(name, 0.0) + value * weight

    def means(self) -> dict[str, float]:
        """The mean of every name."""
        return {name: total / self.weight for name, total in self.sums.items()}

    def state_dict(self) -> dict[str, Any]:
        """The sums so far."""
        return {"weight": self.weight, "sums": dict(self.sums)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from these sums."""
        self.weight, self.sums = state["weight"], dict(state["sums"])


@dataclass
class Run:
    """A training run: what it is made of, and how far it is. Callbacks receive it.

    `epoch` counts finished epochs, `batch` the steps of the one under way, `step` all steps;
    `loss` is the last step's.
    """

    model: Any
    loader: Any
    loss_function: Callable[[Any, Any], Any]
    optimizer: Any
    epochs: int
    options: Options

    epoch: int = 0
    batch: int = 0
    step: int = 0
    loss: float | None = None
    seconds: float = 0.0
    history: History = field(default_factory=History)
    averages: Averages = field(default_factory=Averages)

    def __post_init__(self) -> None:
        check_count("epochs", self.epochs)
        check_batches("loader", self.loader)

    def stop(self, reason: str) -> None:
        """End the run after the current step or epoch."""
        self.history.stopped = str(reason)

    def tell(self, event: str) -> None:
        """Call this method of every callback, and every plain function at `on_epoch`."""
        for callback in self.options.callbacks:
            if hasattr(callback, event):
                getattr(callback, event)(self)
            elif event == "on_epoch" and callable(callback):
                callback(self)

    def parts(self) -> dict[str, Any]:
        """What a checkpoint must keep for the run to go on bit by bit."""
        parts = {"model": self.model, "optimizer": self.optimizer, "progress": self}
        options = {"validate": self.options.validate, "schedule": self.options.schedule}
        others = {"loader": self.loader, **options}
        return {**parts, **{name: part for name, part in others.items() if resumable(part)}}

    def state_dict(self) -> dict[str, Any]:
        """How far the run is, with the state of its callbacks."""
        kept = [c.state_dict() if resumable(c) else None for c in self.options.callbacks]
        counts = {name: getattr(self, name) for name in COUNTS}
        rows = [dict(row) for row in self.history.rows]
        ending = {"history": rows, "stopped": self.history.stopped, "callbacks": kept}
        return {**counts, **ending, "averages": self.averages.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where the run that gave `state` stood."""
        kept = state["callbacks"]
        found = [resumable(callback) for callback in self.options.callbacks]
        if found != [part is not None for part in kept]:
            raise ValueError(
                f"fit: the checkpoint was made with {len(kept)} callbacks, of which "
                f"{sum(part is not None for part in kept)} have a state, and now there are "
                f"{len(found)} with {sum(found)}; give the same callbacks or start over "
                "with resume=False"
            )
        for name in COUNTS:
            setattr(self, name, state[name])
        # The History object stays the same one, as callbacks may hold it.
        self.history.rows = [dict(row) for row in state["history"]]
        self.history.stopped = state["stopped"]
        self.averages.load_state_dict(state["averages"])
        for callback, part in zip(self.options.callbacks, kept, strict=True):
            if part is not None:
                callback.load_state_dict(part)


COUNTS = ("epoch", "batch", "step", "loss", "seconds")


def watched(history: History, monitor: str | None) -> tuple[str, float]:
    """The name and the last value of the column to watch: val_loss, else loss, unless named."""
    row = history.rows[-1]
    name = monitor or ("val_loss" if "val_loss" in row else "loss")
    if name not in row:
        raise ValueError(f"fit: there is no {name!r} to monitor, only {', '.join(row)}")
    return name, float(row[name])
