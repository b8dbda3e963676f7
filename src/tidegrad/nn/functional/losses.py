"""Floor 7. Losses that compare elements: how far predictions are from targets, as one number."""

from __future__ import annotations

from math import prod
from typing import Any

import tidegrad as tg

__all__ = ["binary_cross_entropy", "binary_cross_entropy_with_logits", "cosine_similarity"]
__all__ += ["huber_loss", "kl_div", "l1_loss", "mse_loss", "normalize", "smooth_l1_loss"]

REDUCTIONS = ("mean", "sum", "none")


def mse_loss(input, target, reduction: str = "mean") -> tg.Tensor:
    """The squared difference of `input` and `target`, which have one shape.

    `reduction` is "mean", "sum" or "none", here and in every loss.

    >>> float(tg.nn.functional.mse_loss(tg.tensor([1.0, 2.0]), tg.tensor([1.0, 4.0])))
    2.0
    """
    difference = _difference("mse_loss", input, target)
    return reduced(difference * difference, reduction, "mse_loss")


def l1_loss(input, target, reduction: str = "mean") -> tg.Tensor:
    """The absolute difference of `input` and `target`."""
    return reduced(tg.abs(_difference("l1_loss", input, target)), reduction, "l1_loss")


def huber_loss(input, target, reduction: str = "mean", delta: float = 1.0) -> tg.Tensor:
    """Half the squared difference where that is below `delta`, linear beyond (Huber, 1964)."""
    if not delta > 0:
        raise ValueError(f"huber_loss: delta must be positive, not {delta}")
    return reduced(_huber(_difference("huber_loss", input, target), delta), reduction, "huber_loss")


def smooth_l1_loss(input, target, reduction: str = "mean", beta: float = 1.0) -> tg.Tensor:
    """`huber_loss` divided by its threshold `beta`; with `beta=0` the l1 loss."""
    if beta < 0:
        raise ValueError(f"smooth_l1_loss: beta must not be negative, but is {beta}")
    difference = _difference("smooth_l1_loss", input, target)
    loss: Any = _huber(difference, beta) / beta if beta else tg.abs(difference)
    return reduced(loss, reduction, "smooth_l1_loss")


def binary_cross_entropy(input, target, weight=None, reduction: str = "mean") -> tg.Tensor:
    """The cross entropy of probabilities `input` with targets between 0 and 1.

    Each logarithm is at least -100, so that probabilities 0 and 1 give a finite loss; where that
    bound is reached the gradient is 0.  Logits are safer: `binary_cross_entropy_with_logits`.
    """
    p, target = _pair("binary_cross_entropy", input, target)
    # The logarithm is not taken where it is infinite: the value there is known, and no warning.
    never, surely = p == 0, p == 1
    yes = tg.where(never, -100.0, tg.maximum(tg.log(tg.where(never, 1.0, p)), -100.0))
    no = tg.where(surely, -100.0, tg.maximum(tg.log1p(-tg.where(surely, 0.0, p)), -100.0))
    loss = (target - 1) * no - target * yes
    return reduced(_weighted(loss, weight), reduction, "binary_cross_entropy")


def binary_cross_entropy_with_logits(
    input,
    target,
    weight=None,
    reduction: str = "mean",
    pos_weight=None,
) -> tg.Tensor:
    """The cross entropy of `sigmoid(input)` with `target`, stable for logits of any size.

    `pos_weight` multiplies the loss of positive targets and broadcasts against them.

    >>> loss = tg.nn.functional.binary_cross_entropy_with_logits
    >>> float(loss(tg.tensor([1e4, -1e4]), tg.tensor([0.0, 0.0])))
    5000.0
    """
    x, target = _pair("binary_cross_entropy_with_logits", input, target)
    negative = tg.softplus(-x)
    if pos_weight is not None:
        negative = negative * (1 + (pos_weight - 1) * target)
    loss = (1 - target) * x + negative
    return reduced(_weighted(loss, weight), reduction, "binary_cross_entropy_with_logits")


def kl_div(input, target, reduction: str = "mean", log_target: bool = False) -> tg.Tensor:
    """The Kullback-Leibler divergence of probabilities `target` from log-probabilities `input`.

    With `log_target` the target is logarithms too.  "batchmean" divides the sum by the first
    axis, which is the divergence by its definition; "mean" divides by every element.
    """
    log_q, target = _pair("kl_div", input, target)
    if log_target:
        loss = tg.exp(target) * (target - log_q)
    else:
        # 0 log 0 counts as 0.
        loss = target * (tg.log(tg.where(target == 0, 1.0, target)) - log_q)
    if reduction == "batchmean":
        return tg.sum(loss) / loss.shape[0]
    return reduced(loss, reduction, "kl_div", (*REDUCTIONS, "batchmean"))


def normalize(input, p: float = 2.0, axis: int = 1, eps: float = 1e-12) -> tg.Tensor:
    """`input` divided by its `p`-norm along `axis`, which counts as at least `eps`.

    >>> tg.nn.functional.normalize(tg.tensor([[3.0, 4.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """
    norm = tg.linalg.vector_norm(input, axis=axis, keepdims=True, ord=p)
    return input / tg.maximum(norm, eps)


def cosine_similarity(x1, x2, axis: int = 1, eps: float = 1e-8) -> tg.Tensor:
    """The cosine of the angle between `x1` and `x2` along `axis`; 0 where one of them is 0.

    >>> tg.nn.functional.cosine_similarity(tg.tensor([[3.0, 4.0]]), tg.tensor([[6.0, 8.0]])).item()
    1.0
    """
    return tg.sum(normalize(x1, 2.0, axis, eps) * normalize(x2, 2.0, axis, eps), axis=axis)


def reduced(loss, reduction, operation, known=REDUCTIONS):
    """The mean, the sum or each of the elements of `loss`."""
    if reduction == "mean":
        return tg.mean(loss)
    if reduction == "sum":
        return tg.sum(loss)
    if reduction != "none":
        raise ValueError(f"{operation}: reduction {reduction!r} is not one of {', '.join(known)}")
    return loss


def _huber(difference, delta):
    # Written with a clipped difference, both derivatives are right at 0 and at delta.
    near = tg.clip(difference, -delta, delta)
    return near * (difference - 0.5 * near)


def _weighted(loss, weight):
    return loss if weight is None else loss * weight


def _difference(operation, input, target):
    input, target = _pair(operation, input, target)
    return input - target


def _pair(operation, input, target):
    """Both as tensors; a target of another shape would broadcast to a wrong loss unnoticed."""
    input = tg.asarray(input)
    if isinstance(target, (int, float)):
        return input, target
    target = tg.asarray(target)
    if target.shape != input.shape and prod(target.shape) != 1:
        raise ValueError(
            f"{operation}: input has shape {input.shape} and target {target.shape}; "
            "reshape one of them so that they are equal"
        )
    return input, target
