"""Floor 7. Attention: values averaged with weights that queries and keys agree on."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

import tidegrad as tg

from .linear import dropout

__all__ = ["attention_weights", "scaled_dot_product_attention"]

# The score of a hidden key: finite, so that a row of nothing else has a softmax.
HIDDEN = -3e38


def scaled_dot_product_attention(
    query,
    key,
    value,
    attn_mask=None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> tg.Tensor:
    """softmax(query @ key.mT * scale) @ value (Vaswani et al., 2017).

    Query (..., L, E), key (..., S, E) and value (..., S, V) give (..., L, V).  A bool mask is True
    where a key may be seen, a float one is added; it broadcasts to (..., L, S).  `is_causal`
    lets position i see keys up to i.  A query that may see no key gets 0.  `scale` defaults to
    1 / sqrt(E).  Dropout applies whenever `dropout_p` is positive.

    >>> x = tg.ones((1, 3, 4))
    >>> tg.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True).shape
    (1, 3, 4)
    """
    weights = attention_weights(query, key, attn_mask, is_causal, scale)
    if key.shape[-2] != value.shape[-2]:
        raise ValueError(
            "scaled_dot_product_attention: keys and values must be as many, but their shapes are "
            f"{tuple(key.shape)} and {tuple(value.shape)}"
        )
    return tg.matmul(dropout(weights, dropout_p), value)


def attention_weights(
    query,
    key,
    attn_mask=None,
    is_causal: bool = False,
    scale: float | None = None,
) -> tg.Tensor:
    """How much each query looks at each key, (..., L, S): rows that sum to 1, or to 0 unseen."""
    if query.shape[-1] != key.shape[-1]:
        raise ValueError(
            "scaled_dot_product_attention: queries and keys must have one size, but their shapes "
            f"are {tuple(query.shape)} and {tuple(key.shape)}"
        )
    scale = 1.0 / sqrt(max(query.shape[-1], 1)) if scale is None else scale
    scores = tg.matmul(query * scale, key.mT)
    seen: Any = None
    if attn_mask is not None:
        seen = attn_mask = tg.asarray(attn_mask)
        if attn_mask.dtype.kind != "b":
            seen, scores = attn_mask.detach() != -np.inf, scores + attn_mask
    if is_causal:
        past = tg.tril(tg.ones(scores.shape[-2:], dtype=tg.bool))
        seen = past if seen is None else seen & past
    if seen is None:
        return tg.softmax(scores, axis=-1)
    # A row that sees nothing is 0, in value and gradient, and not NaN.
    return tg.where(seen, tg.softmax(tg.where(seen, scores, HIDDEN), axis=-1), 0.0)
