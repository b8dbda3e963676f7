"""Floor 7. History: what a training run measured, epoch by epoch, as a table and a picture."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import tidegrad as tg

from ..io.atomic import replacing

__all__ = ["ASIDE", "History", "shown"]

# What every row has; the rest are losses and metrics, which are drawn.
ASIDE = ("epoch", "lr", "seconds")
LONGEST = 20  # rows of a table; a longer one leaves its middle out


class History:
    """One row of numbers per epoch; `history["loss"]` is a column.

    `stopped` is the reason why the run ended early, or None; `interrupted` tells whether Ctrl-C
    ended it. A column that does not exist is a KeyError.

    >>> history = tg.training.History([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}])
    >>> history["loss"]
    [0.5, 0.25]
    >>> history
    epoch  loss
        1   0.5
        2  0.25
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]] = ()):
        self.rows: list[dict[str, Any]] = [dict(row) for row in rows]
        self.stopped: str | None = None
        self.interrupted = False

    @property
    def names(self) -> list[str]:
        """The names of the columns, in the order in which they first appeared."""
        return list({name: None for row in self.rows for name in row})

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str) -> list[Any]:
        if name not in self.names:
            raise KeyError(f"History: there is no column {name!r}, only {', '.join(self.names)}")
        return [row.get(name) for row in self.rows]

    def __repr__(self) -> str:
        if not self.rows:
            return "History(no epochs yet)"
        columns = [[name, *map(shown, self[name])] for name in self.names]
        lines = list(zip(*columns))
        if len(self) > LONGEST:
            lines[LONGEST // 2 + 1 : -LONGEST // 2] = [("...",) * len(columns)]
        widths = [max(map(len, column)) for column in columns]
        text = ["  ".join(map(str.rjust, line, widths)) for line in lines]
        text += [f"stopped: {self.stopped}"] if self.stopped else []
        text += ["interrupted"] if self.interrupted else []
        return "\n".join(text)

    def plot(self, path: Any = None) -> Any:
        """The matplotlib Figure of losses and metrics over epochs, also written to `path`.

        The suffix of `path` says the format (.png, .svg, .pdf). Needs the extra "train".
        """
        figures = tg.errors.extra("matplotlib.figure", "train")
        losses = [name for name in self.names if name.endswith("loss")]
        others = [name for name in self.names if name not in (*losses, *ASIDE)]
        panels = [names for names in (losses, others) if names]
        if not panels:
            raise ValueError("History.plot: nothing was measured yet; train at least one epoch")
        figure = figures.Figure(figsize=(5.5 * len(panels), 4), layout="constrained")
        for axes, names in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels):
            self._curves(axes, names)
        if path is not None:
            name = os.fsdecode(path)
            with replacing(name) as file:
                figure.savefig(file, format=os.path.splitext(name)[1][1:] or "png", dpi=120)
        return figure

    def _curves(self, axes: Any, names: list[str]) -> None:
        measured = list({name.removeprefix("val_"): None for name in names})
        marker = "." if len(self) <= LONGEST else None
        for name in names:
            # A validated curve has the colour of its training curve, and solid against dashed.
            line = "--" if f"val_{name}" in names else "-"
            colour = f"C{measured.index(name.removeprefix('val_')) % 10}"
            axes.plot(self["epoch"], self[name], line, color=colour, marker=marker, label=name)
        axes.set(title=measured[0] if len(measured) == 1 else "metrics", xlabel="epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)


def shown(value: Any) -> str:
    """A number in four figures."""
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
