"""Floor 7. Report: a progress bar, plain lines, or silence, while a run goes on."""

from __future__ import annotations

import sys
import time
from typing import Any, Self

import tidegrad as tg

from .history import ASIDE
from .run import Run

__all__ = ["Report", "reporting"]


class Report:
    """Silence, and what a report is asked to show."""

    def __init__(self, run: Run):
        self.run = run
        self.began, self.first = time.perf_counter(), run.step

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the screen tidy, also after an exception."""

    def note(self, text: str) -> None:
        """A sentence of its own."""

    def step(self) -> None:
        """A step was made."""

    def epoch(self) -> None:
        """An epoch was finished."""


class Lines(Report):
    """A line per epoch on standard error, and one every ten seconds in between."""

    PAUSE = 10.0

    def __init__(self, run: Run):
        super().__init__(run)
        self.last = self.began

    def note(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def step(self) -> None:
        if time.perf_counter() - self.last >= self.PAUSE:
            self._line(self.run.epoch + 1, self.run.averages.means())

    def epoch(self) -> None:
        self._line(self.run.epoch, self.run.history.rows[-1])

    def _line(self, epoch: int, numbers: dict[str, float]) -> None:
        self.last = time.perf_counter()
        run = self.run
        rate = (run.step - self.first) / max(self.last - self.began, 1e-9)
        total = total_steps(run)
        left = "" if total is None else f"  {duration((total - run.step) / max(rate, 1e-9))} left"
        shown = "  ".join(f"{name} {value}" for name, value in measures(numbers).items())
        self.note(f"epoch {epoch}/{run.epochs}  {shown}  {rate:.1f} steps/s{left}")


class Bar(Report):
    """One tqdm bar over all steps of the run."""

    def __init__(self, run: Run, tqdm: Any):
        super().__init__(run)
        total = total_steps(run)
        self.bar = tqdm(
            total=total, initial=run.step, unit="step", dynamic_ncols=True, desc=self._title()
        )
        self.latest: dict[str, str] = {}

    def __exit__(self, *_: object) -> None:
        self.bar.refresh()
        self.bar.close()

    def note(self, text: str) -> None:
        self.bar.write(text, file=sys.stderr)

    def step(self) -> None:
        # Written out only when tqdm would draw, since means and formats cost more than a step.
        if self.bar.update(1):
            self._show(self.run.averages.means())
            self.bar.refresh()

    def epoch(self) -> None:
        self._show(self.run.history.rows[-1])

    def _title(self) -> str:
        return f"epoch {min(self.run.epoch + 1, self.run.epochs)}/{self.run.epochs}"

    def _show(self, numbers: dict[str, float]) -> None:
        # Validated numbers stay until the next validation.
        self.latest.update(measures(numbers))
        self.bar.set_description(self._title(), refresh=False)
        self.bar.set_postfix(self.latest, refresh=False)


def reporting(run: Run) -> Report:
    """What `progress` asks for: a bar (lines without tqdm), lines, or silence."""
    progress = run.options.progress
    if not progress:
        return Report(run)
    if progress == "lines":
        return Lines(run)
    try:
        return Bar(run, tg.errors.extra("tqdm", "train").tqdm)
    except ImportError:
        return Lines(run)


def total_steps(run: Run) -> int | None:
    """The steps of the whole run, if the loader knows its length."""
    return run.epochs * len(run.loader) if hasattr(run.loader, "__len__") else None


def measures(numbers: dict[str, float]) -> dict[str, str]:
    """Losses and metrics in four figures."""
    return {name: f"{value:.4g}" for name, value in numbers.items() if name not in ASIDE}


def duration(seconds: float) -> str:
    """Minutes and seconds, and hours if there are any."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
