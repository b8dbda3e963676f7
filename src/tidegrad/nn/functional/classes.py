"""Floor 7. Losses over classes: cross entropy and the negative log likelihood."""

from __future__ import annotations

import numpy as np

import tidegrad as tg
from tidegrad.recording import is_traced

from .losses import reduced

__all__ = ["check_classes", "cross_entropy", "nll_loss"]


def cross_entropy(
    input,
    target,
    weight=None,
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
    input, target = tg.asarray(input), tg.asarray(target)
    if not 0.0 <= label_smoothing <= 1.0:
        raise ValueError(f"cross_entropy: label_smoothing {label_smoothing} is not within 0 to 1")
    if input.ndim == 0:
        raise ValueError("cross_entropy: a 0-d input has no axis of classes; give it shape (C,)")
    scores = tg.log_softmax(input, axis=min(input.ndim - 1, 1))
    if target.shape == input.shape:
        return _soft(scores, target, weight, reduction, label_smoothing)
    return _hard("cross_entropy", scores, target, weight, ignore_index, reduction, label_smoothing)


def nll_loss(
    input, target, weight=None, ignore_index: int = -100, reduction: str = "mean"
) -> tg.Tensor:
    """Minus the log-probability in `input` of each class index in `target`.

    Shapes and errors as in `cross_entropy`, which is this after `log_softmax`.
    """
    input, target = tg.asarray(input), tg.asarray(target)
    return _hard("nll_loss", input, target, weight, ignore_index, reduction, 0.0)


def _hard(
    operation,
    scores,
    target,
    weight,
    ignore_index,
    reduction,
    smoothing,
):
    axis = min(scores.ndim - 1, 1)
    classes = scores.shape[axis]
    _check_target(operation, scores.shape, target, axis)
    share = counted = None
    if not check_classes(operation, target, classes, ignore_index):
        # Ignored targets point at class 0 and then count nothing.
        counted = target != ignore_index
        target = tg.where(counted, target, 0)
    # Every axis is indexed, the others by their own places.
    places = list(np.indices(target.shape, sparse=True))
    places.insert(axis, target)
    loss = -scores[tuple(places)]
    if weight is not None:
        weight = _along(operation, weight, scores)
        share = tg.take(weight.reshape(-1), target)
        loss = loss * share
    if smoothing:
        even = -tg.sum(scores if weight is None else scores * weight, axis=axis)
        loss = (1 - smoothing) * loss + (smoothing / classes) * even
    if counted is not None:
        loss = tg.where(counted, loss, 0.0)
        share = counted.astype(loss.dtype) if share is None else tg.where(counted, share, 0.0)
    if reduction != "mean" or share is None:
        return reduced(loss, reduction, operation)
    return tg.sum(loss) / tg.sum(share)


def _soft(scores, target, weight, reduction, smoothing):
    if target.dtype.kind != "f":
        raise TypeError(
            f"cross_entropy: a target of the input's shape {target.shape} holds probabilities and "
            f"must be floating, not {target.dtype}; class indices have no axis of classes"
        )
    axis = min(scores.ndim - 1, 1)
    if smoothing:
        target = target * (1 - smoothing) + smoothing / scores.shape[axis]
    if weight is not None:
        target = target * _along("cross_entropy", weight, scores)
    # A class of probability 0 costs nothing, also where its score is -inf.
    loss = -tg.sum(tg.where(target == 0, 0.0, scores) * target, axis=axis)
    return reduced(loss, reduction, "cross_entropy")


def _along(operation, weight, scores):
    """A weight for each class, shaped to meet the scores."""
    weight, axis = tg.asarray(weight), min(scores.ndim - 1, 1)
    classes = scores.shape[axis]
    if weight.shape != (classes,):
        raise ValueError(
            f"{operation}: weight has shape {weight.shape}, but there are {classes} classes; "
            f"use one weight a class, shape ({classes},)"
        )
    return weight.reshape(-1, *[1] * (scores.ndim - 1 - axis))


def _check_target(operation, shape, target, axis):
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

    Negative indices are errors: they would pick the wrong class without a word.  What a compiled
    function computes is not looked at: any of its indices may be `ignored`.
    """
    if is_traced(index):
        return ignored is None
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
