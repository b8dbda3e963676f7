"""Floor 7. Losses over classes: cross entropy and the negative log likelihood."""

from __future__ import annotations

from typing import Any

import numpy as np

import tidegrad as tg

from .losses import reduced

__all__ = ["check_classes", "cross_entropy", "nll_loss"]


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> tg.Tensor:
    """The cross entropy of logits `input` with class indices or class probabilities `target`.

    Logits are (C,), (N, C) or (N, C, d1, ...); indices have that shape without C, probabilities
    have it whole.  "mean" divides by the weights of the targets that count, for probabilities by
    their number.  Label smoothing: Szegedy et al., 2016.  Raises IndexError for a class that is
    not there, and ValueError for shapes that do not fit.

    >>> logits = tg.tensor([[2.0, 1.0, 0.0], [0.0, 0.0, 1e4]])
    >>> round(float(tg.nn.cross_entropy(logits, tg.tensor([0, 2]))), 4)
    0.2038
    """
    input, target = _tensors(input, target)
    if not 0.0 <= label_smoothing <= 1.0:
        raise ValueError(f"cross_entropy: label_smoothing {label_smoothing} is not within 0 to 1")
    if input.ndim == 0:
        raise ValueError("cross_entropy: a 0-d input has no axis of classes; give it shape (C,)")
    axis = 0 if input.ndim == 1 else 1
    scores = tg.log_softmax(input, axis=axis)
    if target.shape == input.shape:
        return _soft(scores, target, weight, reduction, label_smoothing, axis)
    return _hard("cross_entropy", scores, target, weight, ignore_index, reduction, label_smoothing)


def nll_loss(
    input: Any, target: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean"
) -> tg.Tensor:
    """Minus the log-probability in `input` of each class index in `target`.

    Shapes and errors as in `cross_entropy`, which is this after `log_softmax`.

    >>> float(tg.nn.functional.nll_loss(tg.tensor([[-1.0, -2.0]]), tg.tensor([1])))
    2.0
    """
    input, target = _tensors(input, target)
    return _hard("nll_loss", input, target, weight, ignore_index, reduction, 0.0)


def _hard(
    operation: str,
    scores: tg.Tensor,
    target: tg.Tensor,
    weight: Any,
    ignore_index: int,
    reduction: str,
    smoothing: float,
) -> tg.Tensor:
    axis = 0 if scores.ndim == 1 else 1
    classes = scores.shape[axis]
    _check_shapes(operation, scores.shape, target, axis)
    counted = None
    if not check_classes(operation, target, classes, ignore_index):
        # Ignored targets point at class 0 and then count nothing.
        counted = target != ignore_index
        target = tg.where(counted, target, 0)
    loss = -_picked(scores, target, axis)
    importance = None if weight is None else tg.take(_along(weight, classes, operation), target)
    loss = loss if importance is None else loss * importance
    if smoothing:
        even = _even(scores, weight, axis)
        loss = (1 - smoothing) * loss + (smoothing / classes) * even
    if counted is not None:
        loss = tg.where(counted, loss, 0.0)
    if reduction != "mean" or (counted is None and importance is None):
        return reduced(loss, reduction, operation)
    return tg.sum(loss) / _total(importance, counted, loss.dtype)


def _picked(scores: tg.Tensor, target: tg.Tensor, axis: int) -> tg.Tensor:
    """The score of each target's class: every axis indexed, the others by their own places."""
    places: list[Any] = list(np.indices(target.shape, sparse=True))
    places.insert(axis, target)
    return scores[tuple(places)]


def _soft(
    scores: tg.Tensor,
    target: tg.Tensor,
    weight: Any,
    reduction: str,
    smoothing: float,
    axis: int,
) -> tg.Tensor:
    if target.dtype.kind != "f":
        raise TypeError(
            f"cross_entropy: a target of the input's shape {target.shape} holds probabilities and "
            f"must be floating, not {target.dtype}; class indices have no axis of classes"
        )
    classes = scores.shape[axis]
    if smoothing:
        target = target * (1 - smoothing) + smoothing / classes
    if weight is not None:
        target = target * _shaped(_along(weight, classes, "cross_entropy"), scores.ndim, axis)
    # A class of probability 0 costs nothing, also where its score is -inf.
    loss = -tg.sum(tg.where(target == 0, 0.0, scores) * target, axis=axis)
    return reduced(loss, reduction, "cross_entropy")


def _even(scores: tg.Tensor, weight: Any, axis: int) -> tg.Tensor:
    """What every class alike would cost."""
    if weight is not None:
        weight = _along(weight, scores.shape[axis], "cross_entropy")
        scores = scores * _shaped(weight, scores.ndim, axis)
    return -tg.sum(scores, axis=axis)


def _total(importance: Any, counted: Any, dtype: Any) -> Any:
    """The sum of the weights of the targets that count."""
    if importance is None:
        return tg.sum(counted.astype(dtype))
    return tg.sum(importance if counted is None else tg.where(counted, importance, 0.0))


def _along(weight: Any, classes: int, operation: str) -> Any:
    weight = tg.asarray(weight)
    if weight.shape != (classes,):
        raise ValueError(
            f"{operation}: weight has shape {weight.shape}, but there are {classes} classes; "
            f"use one weight a class, shape ({classes},)"
        )
    return weight


def _shaped(weight: tg.Tensor, ndim: int, axis: int) -> tg.Tensor:
    return tg.reshape(weight, tuple(-1 if i == axis else 1 for i in range(ndim)))


def _tensors(input: Any, target: Any) -> tuple[tg.Tensor, tg.Tensor]:
    input = input if isinstance(input, tg.Tensor) else tg.asarray(input)
    return input, target if isinstance(target, tg.Tensor) else tg.asarray(target)


def _check_shapes(operation: str, shape: tuple[int, ...], target: tg.Tensor, axis: int) -> None:
    expected = shape[:axis] + shape[axis + 1 :]
    if target.shape != expected:
        raise ValueError(
            f"{operation}: input of shape {shape} has {shape[axis]} classes on axis {axis} and "
            f"needs class indices of shape {expected}, not {target.shape}"
        )
    if target.dtype.kind not in "iu":
        raise TypeError(
            f"{operation}: class indices must be integers, not {target.dtype}; "
            "convert with .astype(tg.int64)"
        )


def check_classes(operation: str, index: tg.Tensor, classes: int, ignored: int | None) -> bool:
    """Whether every index counts, none being `ignored`; IndexError if one names no class.

    Negative indices are errors: they would pick the wrong class without a word.
    """
    values = index.data
    if not values.size:
        return True
    if values.max() >= classes or values.min() < 0:
        wrong = values[(values < 0) | (values >= classes)]
        wrong = wrong if ignored is None else wrong[wrong != ignored]
        if wrong.size:
            raise IndexError(
                f"{operation}: index {wrong[0]} is out of range for {classes} classes; "
                f"use 0 to {classes - 1}"
            )
        return False
    return ignored is None or not 0 <= ignored < classes or not (values == ignored).any()
