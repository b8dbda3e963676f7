"""Floor 7. Report: a progress bar, plain lines, or silence, while a run goes on."""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import timedelta
from time import perf_counter
from typing import Any

import tidegrad as tg

from .history import ASIDE, shown
from .run import Run

__all__ = ["Lines", "reporting"]


class Lines:
    """A line per epoch on standard error, and one every ten seconds in between; or silence."""

    PAUSE = 10.0

    def __init__(self, run: Run):
        self.run, self.first = run, run.step
        self.began = self.last = perf_counter()
        self.total = run.epochs * len(run.loader) if hasattr(run.loader, "__len__") else None

    def note(self, text: str) -> None:
        """A sentence of its own."""
        if self.run.progress:
            print(text, file=sys.stderr, flush=True)

    def step(self) -> None:
        """A step was made; means and formats cost more than one, so few are shown."""
        if self.due():
            self.show(self.run.epoch + 1, self.run.averages.means())

    def due(self) -> bool:
        """Whether it is time to show something."""
        return perf_counter() - self.last >= self.PAUSE

    def show(self, epoch: int, numbers: dict[str, Any]) -> None:
        """How far the run is, in this epoch or at its end."""
        self.last = perf_counter()
        made, run = self.run.step - self.first, self.run
        rate = made / max(self.last - self.began, 1e-9)
        left = ""
        if self.total and made:
            left = f"  {timedelta(seconds=round((self.total - run.step) / rate))} left"
        measured = "  ".join(f"{name} {value}" for name, value in measures(numbers).items())
        self.note(f"epoch {epoch}/{run.epochs}  {measured}  {rate:.1f} steps/s{left}")

    def close(self) -> None:
        """Leave the screen tidy, also after an exception."""


class Bar(Lines):
    """One tqdm bar over all steps of the run."""

    def __init__(self, run: Run, tqdm: Any):
        super().__init__(run)
        self.bar = tqdm(total=self.total, initial=run.step, unit="step", dynamic_ncols=True)
        self.latest: dict[str, str] = {}

    def note(self, text: str) -> None:
        self.bar.write(text, file=sys.stderr)

    def due(self) -> bool:
        return bool(self.bar.update(1))

    def show(self, epoch: int, numbers: dict[str, Any]) -> None:
        # Validated numbers stay until the next validation.
        self.latest.update(measures(numbers))
        self.bar.set_description(f"epoch {epoch}/{self.run.epochs}", refresh=False)
        self.bar.set_postfix(self.latest)

    def close(self) -> None:
        self.bar.close()


def measures(numbers: dict[str, Any]) -> dict[str, str]:
    """Losses and metrics as text."""
    return {name: shown(value) for name, value in numbers.items() if name not in ASIDE}


def reporting(run: Run) -> Lines:
    """What `progress` asks for: a bar (lines without tqdm), lines, or silence."""
    if run.progress is True:
        with suppress(ImportError):
            return Bar(run, tg.errors.extra("tqdm", "train").tqdm)
    return Lines(run)
