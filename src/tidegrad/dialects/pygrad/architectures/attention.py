"""Floor 8. What pygrad's transformer is made of: embedding and attention."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from ...shared import lacking
from ..basics import Linear
from ..constants import PRECISION
from ..tensor import Tensor

__all__ = ["Attention", "Embedding", "MultiHeadAttention", "onehot_tokens"]

HIDDEN = -1e9  # the score of what must not be attended to


def onehot_tokens(inp: Any, d_vocab: int) -> ndarray:
    """Token numbers (batch, length) as rows with a single one; of `d_vocab`, not of 10000."""
    tokens = np.asarray(inp.value if isinstance(inp, Tensor) else inp).astype(int)
    return np.eye(d_vocab, dtype=int)[tokens.reshape(tokens.shape[0], -1)]


class Embedding:
    """A row of `cust_emb` for each token, which is learned here, and its place as sines."""

    def __init__(self, d_vocab: int, d_model: int, dtype: Any = PRECISION):
        self.d_vocab, self.d_model, self.dtype = d_vocab, d_model, dtype
        rows = np.random.normal(0, 0.8, size=(d_vocab, d_model))
        self.cust_emb = Tensor(rows, "embedding", dtype)

    def generate_pos_embeddings(self, max_len: int) -> ndarray:
        column = np.arange(self.d_model)
        angle = np.arange(max_len)[:, None] / 10000 ** (column // 2 * 2 / self.d_model)
        return np.where(column % 2, np.cos(angle), np.sin(angle))

    def onehot_tokens(self, inp: Any, d_vocab: int) -> ndarray:
        return onehot_tokens(inp, d_vocab)

    def generate_normal_embeddings(self, input: Tensor) -> Tensor:
        tokens = input.value.astype(int)
        return Tensor.made(lambda rows: rows[tokens], self.cust_emb)

    def gen_embeddings(self, max_len: int, input: Tensor) -> Tensor:
        new = self.generate_normal_embeddings(input) + self.generate_pos_embeddings(max_len)
        new.label = "embeddings"
        return new


class Attention:
    """softmax(Q K^T / sqrt(d_k / n_heads)) V, but not to where `mask` is not 0."""

    def __init__(self, d_k: int, n_heads: int | None = None, label: str = "Attention",
                 eps: float = 1e9, dtype: Any = PRECISION):  # fmt: skip
        self.d_k, self.n_heads, self.label = d_k, n_heads or 1, label
        self.eps, self.dtype = eps, dtype

    def __call__(self, Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None = None) -> Tensor:
        scores = (Q @ K.T) * (self.d_k / self.n_heads) ** -0.5
        scores.label = "attention presoftmax"
        if mask is not None:
            scores = scores.mask_idcs(mask.value.astype(bool), value=HIDDEN)
        return scores.softmax() @ V


class MultiHeadAttention:
    """Attention in `n_heads` parts of the model's width, and a linear layer around each side."""

    def __init__(self, n_heads: int, d_n: int, d_k: int, d_v: int, d_model: int,
                 dtype: Any = PRECISION, label: str = "MHA"):  # fmt: skip
        self.n_heads, self.d_n, self.d_k, self.d_v = n_heads, d_n, d_k, d_v
        self.d_model, self.dtype, self.label = d_model, dtype, label
        self.attention = Attention(d_v, n_heads, label, dtype=dtype)
        self.WQ, self.WK, self.WV, self.WO = (
            Linear(d_model, d_model, label=name, dtype=dtype) for name in ("WQ", "WK", "WV", "WO")
        )

    def reshape_Tensor(self, x: Tensor, shape_into: bool = True) -> Tensor:
        """(batch, length, width) as (batch, heads, length, part), or back."""
        if shape_into:
            return x.reshape((*x.shape[:2], self.n_heads, -1)).transpose((0, 2, 1, 3))
        x = x.transpose((0, 2, 1, 3))
        return x.reshape((*x.shape[:2], -1))

    def __call__(self, Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None = None) -> Tensor:
        Q, K, V = map(self.reshape_Tensor, (self.WQ(Q), self.WK(K), self.WV(V)))
        out = self.WO(self.reshape_Tensor(self.attention(Q, K, V, mask=mask), shape_into=False))
        out.label = "MultiHeadAttention Output"
        return out


__getattr__ = lacking("pygrad")
