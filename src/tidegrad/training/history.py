"""Floor 7. History: what a training run measured, epoch by epoch, as a table and a picture."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from typing import Any

import tidegrad as tg

__all__ = ["History"]

# What every row has; the rest are losses and metrics, which are drawn.
ASIDE = ("epoch", "lr", "seconds")
LONGEST = 20


class History:
    """One row of numbers per epoch; `history["loss"]` is a column.

    `stopped` is the reason why the run ended early, or None; `interrupted` tells whether Ctrl-C
    ended it. A notebook shows it as a table.

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
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str) -> list[Any]:
        if name not in self.names:
            raise KeyError(f"History: there is no column {name!r}, only {', '.join(self.names)}")
        return [row.get(name) for row in self.rows]

    def append(self, row: Mapping[str, Any]) -> None:
        """Add the row of one more epoch."""
        self.rows.append(dict(row))

    def as_dict(self) -> dict[str, list[Any]]:
        """Every column under its name: for a data frame, or JSON."""
        return {name: self[name] for name in self.names}

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
            figure.savefig(path, dpi=120)
        return figure

    def _curves(self, axes: Any, names: list[str]) -> None:
        epochs = [row.get("epoch", at) for at, row in enumerate(self.rows, 1)]
        trained = [name for name in names if not name.startswith("val_")]
        for name in names:
            validated = name not in trained and name.removeprefix("val_") in trained
            # A validated curve has the colour of its training curve, and solid against dashed.
            colour = trained.index(name.removeprefix("val_")) if validated else names.index(name)
            column = [float("nan") if value is None else value for value in self[name]]
            axes.plot(
                epochs,
                column,
                "--" if name in trained and f"val_{name}" in names else "-",
                color=f"C{colour % 10}",
                marker="." if len(epochs) <= LONGEST else None,
                label=name,
            )
        measured = {name.removeprefix("val_") for name in names}
        axes.set(title=measured.pop() if len(measured) == 1 else "metrics", xlabel="epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)

    def __repr__(self) -> str:
        if not self.rows:
            return "History(no epochs yet)"
        lines = self._table()
        widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
        text = ["  ".join(cell.rjust(w) for cell, w in zip(line, widths)) for line in lines]
        return "\n".join([*text, *self._ending()])

    def _repr_html_(self) -> str:
        head, *rest = self._table() if self.rows else [["no epochs yet"]]
        top = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
        rows = ("".join(f"<td>{html.escape(cell)}</td>" for cell in line) for line in rest)
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        notes = "".join(f"<p>{html.escape(line)}</p>" for line in self._ending())
        return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>{notes}"

    def _ending(self) -> list[str]:
        return [
            *([f"stopped: {self.stopped}"] if self.stopped else []),
            *(["interrupted"] if self.interrupted else []),
        ]

    def _table(self) -> list[list[str]]:
        """The head and the rows as text, the middle of a long table left out."""
        names = self.names
        lines = [[shown(row.get(name)) for name in names] for row in self.rows]
        if len(lines) > LONGEST:
            half = LONGEST // 2
            lines = [*lines[:half], ["..."] * len(names), *lines[-half:]]
        return [names, *lines]


def shown(value: Any) -> str:
    """A number in four figures."""
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
