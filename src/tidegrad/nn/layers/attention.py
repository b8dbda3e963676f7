"""Floor 7. Multi-head attention, and encodings of position for it."""

from __future__ import annotations

import numpy as np

import tidegrad as tg

from .. import functional as F
from .. import init
from ..tree import Parameter
from .base import Layer
from .linear import Linear

__all__ = ["LearnedPositionalEncoding", "MultiheadAttention", "SinusoidalPositionalEncoding"]


class MultiheadAttention(Layer):
    """Attention in `num_heads` subspaces at once (Vaswani et al., 2017).

    The three projections are one weight `in_proj_weight`, (3 * embed_dim, embed_dim); names and
    initial values are PyTorch's.

    >>> attention = tg.nn.MultiheadAttention(8, 2, batch_first=True)
    >>> x = tg.ones((5, 3, 8))
    >>> out, weights = attention(x, x, x, is_causal=True)
    >>> out.shape, weights.shape
    ((5, 3, 8), (5, 3, 3))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        batch_first: bool = False,
        dtype=None,
    ):
        if num_heads < 1 or embed_dim % num_heads:
            raise ValueError(
                f"MultiheadAttention: {num_heads} heads do not divide embed_dim {embed_dim}"
            )
        self.embed_dim, self.num_heads, self.dropout = embed_dim, num_heads, dropout
        self.batch_first = batch_first
        weight = Parameter(tg.empty((3 * embed_dim, embed_dim), dtype=dtype))
        self.in_proj_weight = init.xavier_uniform_(weight)
        self.in_proj_bias = Parameter(tg.zeros((3 * embed_dim,), dtype=dtype)) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias=bias, dtype=dtype)
        if self.out_proj.bias is not None:
            init.zeros_(self.out_proj.bias)

    def forward(
        self,
        query,
        key,
        value,
        key_padding_mask=None,
        need_weights: bool = True,
        attn_mask=None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[tg.Tensor, tg.Tensor | None]:
        """The attended values, and the weights (N, L, S) if `need_weights`.

        Query (L, N, E), key and value (S, N, E): (N, L, E) if `batch_first`, without N for one
        example.  Bool masks are True where a key must *not* be seen, float ones are added:
        `key_padding_mask` is (N, S), `attn_mask` (L, S) or (N * num_heads, L, S).
        """
        self._check(query, key, value)
        single, turned = query.ndim == 2, query.ndim == 3 and not self.batch_first
        q, k, v = (self._split(x, turned) for x in self._project(query, key, value))
        mask = _combined(attn_mask, key_padding_mask, (*q.shape[:-1], k.shape[-2]), single)
        weights = F.attention_weights(q, k, mask, is_causal)
        seen = tg.matmul(F.dropout(weights, self.dropout, self.training), v)
        n, heads, length, size = seen.shape
        joined = tg.reshape(tg.swapaxes(seen, 1, 2), (n, length, heads * size))
        out = self.out_proj(tg.swapaxes(joined, 0, 1) if turned else joined)
        weights = tg.mean(weights, axis=1) if average_attn_weights else weights
        if single:
            out, weights = tg.squeeze(out, axis=0), tg.squeeze(weights, axis=0)
        return out, weights if need_weights else None

    def _check(self, *inputs):
        shapes = [tuple(x.shape) for x in inputs]
        query, key, value = shapes
        batch = slice(-2) if self.batch_first else slice(1, -1)
        fits = len(query) in (2, 3) and len(query) == len(key) and key == value
        if not fits or query[batch] != key[batch] or {query[-1], key[-1]} != {self.embed_dim}:
            form = "(N, {}, {})" if self.batch_first else "({}, N, {})"
            wanted = ", ".join(form.format(length, self.embed_dim) for length in "LSS")
            raise ValueError(
                f"MultiheadAttention: query, key and value must be {wanted}, or all without N, but "
                f"have shapes {', '.join(map(str, shapes))}"
            )

    def _project(self, query, key, value):
        weight, bias = self.in_proj_weight, self.in_proj_bias
        if query is key is value:
            return tg.split(F.linear(query, weight, bias), 3, axis=-1)
        weights = tg.split(weight, 3, axis=0)
        biases = [None] * 3 if bias is None else tg.split(bias, 3, axis=0)
        return [F.linear(*each) for each in zip((query, key, value), weights, biases, strict=True)]

    def _split(self, x, turned):
        """(N, length, E), (length, N, E) or (length, E) as (N, heads, length, E / heads)."""
        x = tg.reshape(x, (*x.shape[:-1], self.num_heads, self.embed_dim // self.num_heads))
        x = x if x.ndim == 4 else tg.expand_dims(x, axis=0)
        return tg.permute_dims(x, (1, 2, 0, 3) if turned else (0, 2, 1, 3))


def _combined(attn_mask, padding, shape, single):
    """Both masks as one for (N, heads, L, S): bool, True where seen, or float, to be added."""
    n, heads, length, keys = shape
    full = {(length, keys): (1, 1, length, keys), (n * heads, length, keys): shape}
    rows = {((keys,) if single else (n, keys)): (n, 1, 1, keys)}
    parts = []
    for name, mask, known in (("attn_mask", attn_mask, full), ("key_padding_mask", padding, rows)):
        if mask is None:
            continue
        mask = tg.asarray(mask)
        if mask.shape not in known:
            raise ValueError(
                f"MultiheadAttention: {name} must have shape {' or '.join(map(str, known))}, "
                f"not {mask.shape}"
            )
        parts.append(tg.reshape(mask, known[mask.shape]))
    if all(part.dtype.kind == "b" for part in parts):
        # PyTorch's modules mark what is hidden, its function what is seen.
        return ~(parts[0] | parts[-1]) if parts else None
    floats = [tg.where(x, -np.inf, 0.0) if x.dtype.kind == "b" else x for x in parts]
    return sum(floats[1:], floats[0])


class Positions(Layer):
    """Adds a vector to each position: input (T, N, d_model), or (N, T, d_model) `batch_first`."""

    table = "weight"

    def __init__(
        self,
        d_model: int,
        max_len: int = 5000,
        dropout: float = 0.0,
        batch_first: bool = False,
        dtype=None,
    ):
        self.d_model, self.max_len, self.batch_first = d_model, max_len, batch_first
        self.dropout = F.probability(type(self).__name__, dropout)
        self._make((max_len, d_model), dtype)

    def _make(self, shape, dtype):
        """Hold the vectors as the attribute that `table` names."""
        raise NotImplementedError

    def forward(self, input):
        """`input` plus the vector of each position; ValueError for a shape that does not fit."""
        shape, axis = tuple(input.shape), 1 if self.batch_first else 0
        if len(shape) != 3 or shape[-1] != self.d_model or shape[axis] > self.max_len:
            form = "(N, T, {})" if self.batch_first else "(T, N, {})"
            raise ValueError(
                f"{self._line()}: expected an input {form.format(self.d_model)} with T up to "
                f"{self.max_len}, but its shape is {shape}"
            )
        out = input + tg.expand_dims(getattr(self, self.table)[: shape[axis]], axis=1 - axis)
        return F.dropout(out, self.dropout, self.training)


class SinusoidalPositionalEncoding(Positions):
    """Sines and cosines of the position at d_model / 2 frequencies (Vaswani et al., 2017).

    >>> tg.nn.SinusoidalPositionalEncoding(4)(tg.zeros((2, 1, 4))).tolist()[0]
    [[0.0, 1.0, 0.0, 1.0]]
    """

    table = "encoding"

    def _make(self, shape, dtype):
        length, width = shape
        angles = np.arange(length)[:, None] * 10000.0 ** (-np.arange(0, width, 2) / width)
        waves = np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(length, -1)
        encoding = tg.empty(shape, dtype=dtype)
        encoding.data = waves[:, :width].astype(encoding.dtype)
        self.register_buffer("encoding", encoding, persistent=False)


class LearnedPositionalEncoding(Positions):
    """A trained vector for each position, normal with deviation 0.02 at first."""

    def _make(self, shape, dtype):
        self.weight = init.normal_(Parameter(tg.empty(shape, dtype=dtype)), std=0.02)
