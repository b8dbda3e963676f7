"""Floor 7. Linear maps of the last axis, and rows looked up in a table."""

from __future__ import annotations

from typing import Any

import tidegrad as tg

from .classes import check_classes

__all__ = ["bilinear", "embedding", "linear"]


def linear(input: Any, weight: Any, bias: Any = None) -> tg.Tensor:
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
    product = tg.matmul(input, weight.T)
    return product if bias is None else product + bias


def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> tg.Tensor:
    """`input1 @ weight[k] @ input2` for each k: (..., a), (..., b) and (out, a, b) to (..., out).

    >>> tg.nn.functional.bilinear(tg.ones((5, 2)), tg.ones((5, 3)), tg.ones((4, 2, 3))).shape
    (5, 4)
    """
    sizes = (input1.shape[-1:] + input2.shape[-1:], weight.shape[1:])
    if sizes[0] != sizes[1] or input1.shape[:-1] != input2.shape[:-1]:
        raise ValueError(
            f"bilinear: inputs of shapes {tuple(input1.shape)} and {tuple(input2.shape)} do not "
            f"fit a weight of shape {tuple(weight.shape)}; the last axes must have its last sizes"
        )
    product = tg.einsum("...a,kab,...b->...k", input1, weight, input2)
    return product if bias is None else product + bias


def embedding(input: Any, weight: Any, padding_idx: int | None = None) -> tg.Tensor:
    """Rows of `weight` (rows, width) for integer indices (...): a result (..., width).

    No gradient flows to the row `padding_idx`.  Raises IndexError for a row that is not there.

    >>> tg.nn.functional.embedding(tg.tensor([2, 0]), tg.eye(3)).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    index = input if isinstance(input, tg.Tensor) else tg.asarray(input)
    if index.dtype.kind not in "iu":
        raise TypeError(f"embedding: indices must be integers, not {index.dtype}")
    check_classes("embedding", index, weight.shape[0], None)
    rows = tg.take(weight, index, axis=0)
    if padding_idx is None:
        return rows
    padding = tg.expand_dims(index == padding_idx % weight.shape[0], axis=-1)
    return tg.where(padding, tg.stop_gradient(rows), rows)
