"""Floor 7. Metrics: plain functions of a prediction and its target that return a float."""

from __future__ import annotations

from typing import Any

import numpy as np

import tidegrad as tg

__all__ = ["accuracy", "binary_accuracy", "mean_absolute_error", "top_k_accuracy"]

# Each is a mean over items, so that the mean over batches, weighted by their sizes, is exact.


def accuracy(prediction: Any, target: Any) -> float:
    """The share of items whose largest score is at the target class.

    `prediction` is (N, classes, ...) scores with the classes on axis 1, as in cross_entropy, or
    (classes,) for one item; `target` is (N, ...) class indices, or probabilities of the
    prediction's shape. Shapes that do not fit are a ValueError.

    >>> tg.training.accuracy(tg.tensor([[0.1, 0.9], [0.8, 0.2]]), tg.tensor([1, 1]))
    0.5
    """
    scores, wanted = values(prediction), values(target)
    axis = min(1, scores.ndim - 1)
    if scores.ndim and wanted.shape == scores.shape:
        wanted = wanted.argmax(axis=axis)
    if scores.ndim == 0 or wanted.shape != scores.shape[:axis] + scores.shape[axis + 1 :]:
        raise misfit("accuracy", scores, wanted, "(N, classes, ...) scores and (N, ...) indices")
    return float(np.mean(scores.argmax(axis=axis) == wanted))


def binary_accuracy(prediction: Any, target: Any) -> float:
    """The share of logits that lie on their target's side of 0; targets are 0 or 1, or bool.

    >>> tg.training.binary_accuracy(tg.tensor([-1.0, 2.0, 3.0]), tg.tensor([0, 1, 0]))
    0.6666666666666666
    """
    scores, wanted = values(prediction), values(target)
    if scores.shape != wanted.shape:
        raise misfit("binary_accuracy", scores, wanted, "equal shapes")
    return float(np.mean((scores > 0) == (wanted > 0.5)))


def top_k_accuracy(prediction: Any, target: Any, k: int = 5) -> float:
    """The share of items whose target class is among the `k` largest scores; ties count as hits.

    Shapes are (N, classes) and (N,). Name it for `fit` by a lambda in a dict.

    >>> scores = tg.tensor([[0.1, 0.5, 0.4], [0.8, 0.15, 0.05]])
    >>> tg.training.top_k_accuracy(scores, tg.tensor([2, 2]), k=2)
    0.5
    """
    scores, wanted = values(prediction), values(target)
    if scores.ndim != 2 or wanted.shape != scores.shape[:1]:
        raise misfit("top_k_accuracy", scores, wanted, "(N, classes) scores and (N,) indices")
    if not 1 <= k <= scores.shape[1]:
        raise ValueError(f"top_k_accuracy: k is {k}, but there are {scores.shape[1]} classes")
    own = np.take_along_axis(scores, wanted[:, None], axis=1)
    return float(np.mean((scores > own).sum(axis=1) < k))


def mean_absolute_error(prediction: Any, target: Any) -> float:
    """The mean distance of prediction and target, which have equal shapes.

    >>> tg.training.mean_absolute_error(tg.tensor([1.0, 2.0]), tg.tensor([2.0, 4.0]))
    1.5
    """
    found, wanted = values(prediction), values(target)
    if found.shape != wanted.shape:
        raise misfit("mean_absolute_error", found, wanted, "equal shapes")
    return float(np.mean(np.abs(found - wanted)))


def values(x: Any) -> np.ndarray:
    """The plain numbers of a tensor, recorded or not, or of an array."""
    return np.asarray(x.data if isinstance(x, tg.Tensor) else x)


def misfit(name: str, found: np.ndarray, wanted: np.ndarray, remedy: str) -> ValueError:
    return ValueError(
        f"{name}: a prediction of shape {found.shape} and a target of shape {wanted.shape} "
        f"do not fit; give {remedy}"
    )
