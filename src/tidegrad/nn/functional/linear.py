"""Floor 7. Linear maps of the last axis, rows looked up in a table, and dropout."""

from __future__ import annotations

from string import ascii_uppercase

import tidegrad as tg
from tidegrad.ops.contractions import contract

from .classes import check_classes

__all__ = ["dropout", "embedding", "linear", "probability"]


def linear(input, weight, bias=None) -> tg.Tensor:
    """`input @ weight.T + bias`: (..., in) with weight (out, in) and bias (out,) to (..., out).

    Raises ValueError naming both sizes when the last axis does not fit.

    >>> tg.nn.functional.linear(tg.ones((2, 3)), tg.ones((4, 3))).shape
    (2, 4)
    """
    if input.shape[-1:] != weight.shape[-1:]:
        raise ValueError(
            f"linear: the last axis of the input must have size {weight.shape[-1]} for a weight "
            f"of shape {tuple(weight.shape)}, but the input has shape {tuple(input.shape)}"
        )
    rows = ascii_uppercase[: len(input.shape) - 1]
    # Not through weight.T, so that the gradient lies in memory as the weight does.
    product = contract(input, weight, spec=f"{rows}i,oi->{rows}o")
    return product if bias is None else product + bias


def embedding(input, weight, padding_idx: int | None = None) -> tg.Tensor:
    """Rows of `weight` (rows, width) for integer indices (...): a result (..., width).

    No gradient flows to the row `padding_idx`.  Raises IndexError for a row that is not there.
    """
    index = tg.asarray(input)
    if index.dtype.kind not in "iu":
        raise TypeError(f"embedding: indices must be integers, not {index.dtype}")
    check_classes("embedding", index, weight.shape[0], None)
    rows = tg.take(weight, index, axis=0)
    if padding_idx is None:
        return rows
    padding = tg.expand_dims(index == padding_idx % weight.shape[0], axis=-1)
    return tg.where(padding, tg.stop_gradient(rows), rows)


def dropout(input, p: float = 0.5, training: bool = True, generator=None) -> tg.Tensor:
    """`input` with each element zero with probability `p`, the others divided by `1 - p`.

    Outside training it is `input` itself (Srivastava et al., 2014; inverted, as is usual now).
    """
    if not training or probability("dropout", p) == 0:
        return input
    kept = tg.random.bernoulli(p=1.0 - p, shape=input.shape, generator=generator)
    # Selected, not multiplied: a dropped infinity is 0 and not NaN.
    return tg.where(kept, input / (1.0 - p) if p < 1 else input, 0.0)


def probability(name: str, p: float) -> float:
    """`p`, or an error where it is no probability."""
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"{name}: p is a probability within 0 to 1, not {p}")
    return p
