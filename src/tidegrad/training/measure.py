"""Floor 7. Measure: the loss and metrics of a model, on one batch or on a whole loader."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from typing import Any

import numpy as np

import tidegrad as tg

__all__ = ["READ_ONCE", "Averages", "accuracy", "evaluate", "measure", "named"]

READ_ONCE = "an iterator can be read only once, so give a DataLoader or a list"


def accuracy(prediction: Any, target: Any) -> float:
    """The share of items whose largest score is at the target class.

    `prediction` is (N, classes, ...) scores with the classes on axis 1, as in cross_entropy, or
    (classes,) for one item; `target` is (N, ...) class indices, or probabilities of the
    prediction's shape. Shapes that do not fit are a ValueError.

    >>> tg.training.accuracy(tg.tensor([[0.1, 0.9], [0.8, 0.2]]), tg.tensor([1, 1]))
    0.5
    """
    scores, wanted = tg.asarray(prediction).data, tg.asarray(target).data
    axis = min(1, scores.ndim - 1)
    if scores.ndim and wanted.shape == scores.shape:
        wanted = wanted.argmax(axis=axis)
    if scores.ndim == 0 or wanted.shape != scores.shape[:axis] + scores.shape[axis + 1 :]:
        raise ValueError(
            f"accuracy: a prediction of shape {scores.shape} and a target of shape {wanted.shape} "
            "do not fit; give (N, classes, ...) scores and (N, ...) indices"
        )
    return float(np.mean(scores.argmax(axis=axis) == wanted))


def evaluate(
    model: Any,
    loader: Iterable[Any],
    loss: Callable[..., Any],
    *,
    metrics: Any = (),
    forward: Callable[..., Any] | None = None,
) -> dict[str, float]:
    """The mean loss and metrics over `loader`, in eval mode and without gradients.

    `metrics` and `forward` are those of `Run`. A loader without a batch is a ValueError.

    >>> net = tg.nn.Linear(1, 1)
    >>> batches = [(tg.ones((2, 1)), net(tg.ones((2, 1))).detach())]
    >>> tg.training.evaluate(net, batches, tg.nn.mse_loss)
    {'loss': 0.0}
    """
    metrics, averages = named(metrics), Averages()
    training = model.training
    model.eval()
    try:
        with tg.no_grad(), closing(batch for batch in loader) as batches:
            for batch in batches:
                averages.add(*measure(model, batch, loss, metrics, forward)[1:])
    finally:
        model.train(training)
    if not averages:
        raise ValueError(f"evaluate: the loader gave no batch; {READ_ONCE}")
    return averages.means()


def measure(
    model: Any, batch: Any, loss: Any, metrics: Mapping[str, Any], forward: Any
) -> tuple[Any, dict[str, float], int]:
    """The loss of a batch, the numbers of its row, and for how many items they stand."""
    if forward is not None:
        prediction, target = forward(model, batch)
    elif isinstance(batch, (tuple, list)) and len(batch) > 1:
        prediction, target = model(*batch[:-1]), batch[-1]
    else:
        raise TypeError(
            f"fit: a batch should be (*inputs, target), and this one is a {type(batch).__name__}; "
            "pass forward=, a function of model and batch that returns prediction and target"
        )
    value = loss(prediction, target)
    if not isinstance(value, tg.Tensor):
        raise TypeError(f"fit: the loss must be a Tensor, not {type(value).__name__}")
    if value.shape != ():
        raise ValueError(
            f"fit: the loss must be a scalar, not of shape {value.shape}; take .mean()"
        )
    numbers = {"loss": value.item()}
    with tg.no_grad():
        for name, metric in metrics.items():
            numbers[name] = float(metric(prediction, target))
    first, *_ = [*tg.trees.flatten(prediction)[0], value]
    return value, numbers, first.shape[0] if first.ndim else 1


def named(metrics: Any) -> dict[str, Any]:
    """Metrics under their names: a mapping as it is, functions under their own."""
    if isinstance(metrics, Mapping):
        metrics = metrics.items()
    else:
        metrics = [(getattr(metric, "__name__", ""), metric) for metric in metrics]
    found: dict[str, Any] = {}
    for name, metric in metrics:
        if not callable(metric):
            raise TypeError(f"fit: metric {name!r} is a {type(metric).__name__}, not a function")
        if name in ("", "<lambda>", "loss") or name in found:
            raise ValueError(
                f"fit: a metric cannot be called {name!r} (unnamed, taken or twice); "
                "give a dict such as {'accuracy': function}"
            )
        found[name] = metric
    return found


class Averages(dict):
    """Sums of named numbers over items, whose number is under ""; empty before the first."""

    def add(self, numbers: Mapping[str, float], items: int) -> None:
        """Count `numbers`, which are means over `items`."""
        for name, value in {"": 1.0, **numbers}.items():
            self[name] = self.get(name, 0.0) + value * items

    def means(self) -> dict[str, float]:
        """The mean of every name."""
        return {name: total / self[""] for name, total in self.items() if name}
