"""Floor 7. Evaluate: the loss and metrics of a model, over one batch or a whole loader."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import tidegrad as tg

from .options import named_metrics
from .run import Averages

__all__ = ["evaluate", "measured", "reading", "scalar", "size", "supervised"]


def evaluate(
    model: Any,
    loader: Iterable[Any],
    loss: Callable[[Any, Any], Any],
    *,
    metrics: Mapping[str, Callable[[Any, Any], Any]] | Sequence[Callable[[Any, Any], Any]] = (),
    forward: Callable[[Any, Any], tuple[Any, Any]] | None = None,
) -> dict[str, float]:
    """The mean loss and metrics over `loader`, in eval mode and without gradients.

    >>> net = tg.nn.Linear(1, 1)
    >>> batches = [(tg.ones((2, 1)), net(tg.ones((2, 1))).detach())]
    >>> tg.training.evaluate(net, batches, tg.nn.mse_loss)
    {'loss': 0.0}
    """
    named = named_metrics(metrics)
    averages = Averages()
    training = model.training
    model.eval()
    try:
        with tg.no_grad(), reading(loader) as batches:
            for batch in batches:
                prediction, target = (forward or supervised)(model, batch)
                value = scalar(loss(prediction, target))
                averages.add(
                    {"loss": value.item(), **measured(named, prediction, target)}, size(prediction)
                )
    finally:
        model.train(training)
    if not averages.sums:
        raise ValueError("evaluate: the loader gave no batch; an iterator can be read only once")
    return averages.means()


@contextmanager
def reading(loader: Iterable[Any]) -> Iterator[Iterator[Any]]:
    """An iterator of `loader` that is closed in the end, so that its thread never outlives it."""
    batches = iter(loader)
    try:
        yield batches
    finally:
        if batches is not loader and hasattr(batches, "close"):
            batches.close()


def supervised(model: Any, batch: Any) -> tuple[Any, Any]:
    """The prediction for a batch of inputs and a target, and the target."""
    if not isinstance(batch, (tuple, list)) or len(batch) < 2:
        raise TypeError(
            f"fit: a batch should be (*inputs, target), and this one is a {type(batch).__name__}; "
            "pass forward=, a function of model and batch that returns prediction and target"
        )
    *inputs, target = batch
    return model(*inputs), target


def scalar(loss: Any) -> Any:
    """`loss`, if it is one number."""
    if not isinstance(loss, tg.Tensor):
        raise TypeError(f"fit: the loss must be a Tensor, not {type(loss).__name__}")
    if loss.shape != ():
        raise ValueError(f"fit: the loss must be a scalar, not of shape {loss.shape}; take .mean()")
    return loss


def measured(
    metrics: Mapping[str, Callable[[Any, Any], Any]], prediction: Any, target: Any
) -> dict[str, float]:
    """Every metric of a prediction, as a float."""
    return {name: float(metric(prediction, target)) for name, metric in metrics.items()}


def size(prediction: Any) -> int:
    """The number of items that a prediction, or the first tensor of one, is for."""
    leaves, _ = tg.trees.flatten(prediction)
    return leaves[0].shape[0] if leaves and leaves[0].ndim else 1
