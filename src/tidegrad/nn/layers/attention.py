"""Floor 7. Multi-head attention, and encodings of position for it."""

from __future__ import annotations

from typing import Any

import numpy as np

import tidegrad as tg

from .. import functional as F
from .. import init
from ..module import Module
from ..tree import Parameter
from .linear import Linear

__all__ = ["LearnedPositionalEncoding", "MultiheadAttention", "SinusoidalPositionalEncoding"]


class MultiheadAttention(Module):
    """Attention in `num_heads` subspaces at once (Vaswani et al., 2017).

    The three projections are one weight `in_proj_weight`, (3 * embed_dim, embed_dim), unless keys
    or values have sizes `kdim`, `vdim` of their own; names and initial values are PyTorch's.

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
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        dtype: Any = None,
    ):
        if num_heads < 1 or embed_dim % num_heads:
            raise ValueError(
                f"MultiheadAttention: {num_heads} heads do not divide embed_dim {embed_dim}"
            )
        self.embed_dim, self.num_heads, self.dropout = embed_dim, num_heads, dropout
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self.batch_first = batch_first
        if self.kdim == self.vdim == embed_dim:
            self.in_proj_weight = _xavier((3 * embed_dim, embed_dim), dtype)
        else:
            self.q_proj_weight = _xavier((embed_dim, embed_dim), dtype)
            self.k_proj_weight = _xavier((embed_dim, self.kdim), dtype)
            self.v_proj_weight = _xavier((embed_dim, self.vdim), dtype)
        self.in_proj_bias = Parameter(tg.zeros((3 * embed_dim,), dtype=dtype)) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias=bias, dtype=dtype)
        if self.out_proj.bias is not None:
            init.zeros_(self.out_proj.bias)

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[tg.Tensor, tg.Tensor | None]:
        """The attended values, and the weights (N, L, S) if `need_weights`.

        Query (L, N, E), key and value (S, N, E): (N, L, E) if `batch_first`, without N for one
        example.  Bool masks are True where a key must *not* be seen, float ones are added:
        `key_padding_mask` is (N, S), `attn_mask` (L, S) or (N * num_heads, L, S).
        """
        single = len(query.shape) == 2
        turned = not single and not self.batch_first
        inputs = [self._batched(x, single, turned) for x in (query, key, value)]
        self._check(*inputs)
        q, k, v = (self._split(x) for x in self._project(*inputs))
        mask = _combined(attn_mask, key_padding_mask, (*q.shape[:-1], k.shape[-2]), single)
        dropped = self.dropout if self.training else 0.0
        weights = None
        if need_weights:
            weights = F.attention_weights(q, k, mask, is_causal)
            seen = tg.matmul(F.dropout(weights, dropped) if dropped else weights, v)
            weights = tg.mean(weights, axis=1) if average_attn_weights else weights
            weights = tg.squeeze(weights, axis=0) if single else weights
        else:
            seen = F.scaled_dot_product_attention(q, k, v, mask, dropped, is_causal)
        n, heads, length, size = seen.shape
        joined = tg.reshape(tg.swapaxes(seen, 1, 2), (n, length, heads * size))
        out = self.out_proj(joined)
        if single:
            return tg.squeeze(out, axis=0), weights
        return (tg.swapaxes(out, 0, 1) if turned else out), weights

    def _batched(self, x: Any, single: bool, turned: bool) -> Any:
        if len(x.shape) != (2 if single else 3):
            raise ValueError(
                "MultiheadAttention: query, key and value must all be 3-d, or 2-d without a "
                f"batch, but one has shape {tuple(x.shape)}"
            )
        if turned:
            return tg.swapaxes(x, 0, 1)
        return tg.expand_dims(x, axis=0) if single else x

    def _check(self, query: Any, key: Any, value: Any) -> None:
        expected = (self.embed_dim, self.kdim, self.vdim)
        given = tuple(x.shape[-1] for x in (query, key, value))
        if given != expected:
            raise ValueError(
                f"MultiheadAttention: query, key and value must have {expected} features, "
                f"but have {given}"
            )
        if key.shape[:2] != value.shape[:2] or query.shape[0] != key.shape[0]:
            shapes = ", ".join(str(tuple(x.shape)) for x in (query, key, value))
            raise ValueError(
                "MultiheadAttention: query, key and value must agree in their batch, key and "
                f"value in their length; as (N, length, features) they are {shapes}"
            )

    def _project(self, query: Any, key: Any, value: Any) -> list[Any]:
        bias = self.in_proj_bias
        packed = vars(self).get("in_proj_weight")
        if packed is not None and query is key and key is value:
            return tg.split(F.linear(query, packed, bias), 3, axis=-1)
        if packed is not None:
            weights = tg.split(packed, 3, axis=0)
        else:
            weights = [self.q_proj_weight, self.k_proj_weight, self.v_proj_weight]
        biases = [None] * 3 if bias is None else tg.split(bias, 3, axis=0)
        inputs = (query, key, value)
        return [F.linear(x, w, b) for x, w, b in zip(inputs, weights, biases, strict=True)]

    def _split(self, x: Any) -> Any:
        """(N, length, E) as (N, heads, length, E / heads)."""
        n, length, size = x.shape
        parts = tg.reshape(x, (n, length, self.num_heads, size // self.num_heads))
        return tg.swapaxes(parts, 1, 2)

    def extra_repr(self) -> str:
        """The sizes."""
        return f"embed_dim={self.embed_dim}, num_heads={self.num_heads}, dropout={self.dropout}"


class SinusoidalPositionalEncoding(Module):
    """Adds sines and cosines of the position at d_model / 2 frequencies (Vaswani et al., 2017).

    Input (T, N, d_model), or (N, T, d_model) if `batch_first`; T up to `max_len`.

    >>> tg.nn.SinusoidalPositionalEncoding(4)(tg.zeros((2, 1, 4))).tolist()[0]
    [[0.0, 1.0, 0.0, 1.0]]
    """

    def __init__(
        self,
        d_model: int,
        max_len: int = 5000,
        dropout: float = 0.0,
        batch_first: bool = False,
        dtype: Any = None,
    ):
        self.d_model, self.dropout, self.batch_first = d_model, dropout, batch_first
        rates = 10000.0 ** (-np.arange(0, d_model, 2) / d_model)
        angles = np.arange(max_len)[:, None] * rates
        table = np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(max_len, -1)
        kept = tg.zeros((), dtype=dtype).dtype
        encoding = tg.asarray(table[:, :d_model].astype(kept))
        self.register_buffer("encoding", encoding, persistent=False)

    def forward(self, input: Any) -> tg.Tensor:
        """`input` plus the encoding of each position."""
        out = input + _positions(self, self.encoding, input)
        return F.dropout(out, self.dropout, self.training)

    def extra_repr(self) -> str:
        """The sizes."""
        return f"{self.d_model}, max_len={self.encoding.shape[0]}, dropout={self.dropout}"


class LearnedPositionalEncoding(Module):
    """Adds a trained vector to each position, normal with deviation 0.02 at first.

    Input (T, N, d_model), or (N, T, d_model) if `batch_first`; T up to `max_len`.

    >>> tg.nn.LearnedPositionalEncoding(4, max_len=10)(tg.zeros((3, 2, 4))).shape
    (3, 2, 4)
    """

    def __init__(
        self,
        d_model: int,
        max_len: int = 5000,
        dropout: float = 0.0,
        batch_first: bool = False,
        dtype: Any = None,
    ):
        self.d_model, self.dropout, self.batch_first = d_model, dropout, batch_first
        self.weight = init.normal_(Parameter(tg.empty((max_len, d_model), dtype=dtype)), std=0.02)

    def forward(self, input: Any) -> tg.Tensor:
        """`input` plus the vector of each position."""
        out = input + _positions(self, self.weight, input)
        return F.dropout(out, self.dropout, self.training)

    def extra_repr(self) -> str:
        """The sizes."""
        return f"{self.d_model}, max_len={self.weight.shape[0]}, dropout={self.dropout}"


def _positions(layer: Any, table: Any, input: Any) -> Any:
    """As many rows of `table` as `input` has positions, shaped to be added to it."""
    shape, axis = tuple(input.shape), 1 if layer.batch_first else 0
    if len(shape) != 3 or shape[-1] != layer.d_model or shape[axis] > table.shape[0]:
        form = "(N, T, {})" if layer.batch_first else "(T, N, {})"
        raise ValueError(
            f"{type(layer).__name__}: expected an input {form.format(layer.d_model)} with T up to "
            f"{table.shape[0]}, but its shape is {shape}"
        )
    return tg.expand_dims(table[: shape[axis]], axis=1 - axis)


def _combined(attn_mask: Any, padding: Any, shape: tuple[int, ...], single: bool) -> Any:
    """Both masks as one for (N, heads, L, S): bool, True where seen, or float, to be added."""
    n, heads, length, keys = shape
    parts = []
    if attn_mask is not None:
        known = {(length, keys): (1, 1, length, keys), (n * heads, length, keys): shape}
        parts.append(_shaped("attn_mask", attn_mask, known))
    if padding is not None:
        known = {((keys,) if single else (n, keys)): (n, 1, 1, keys)}
        parts.append(_shaped("key_padding_mask", padding, known))
    if all(part.dtype.kind == "b" for part in parts):
        # PyTorch's modules mark what is hidden, its function what is seen.
        return ~(parts[0] | parts[-1]) if parts else None
    floats = [tg.where(x, -np.inf, 0.0) if x.dtype.kind == "b" else x for x in parts]
    return floats[0] if len(floats) == 1 else floats[0] + floats[1]


def _shaped(name: str, mask: Any, known: dict[tuple[int, ...], tuple[int, ...]]) -> Any:
    mask = tg.asarray(mask)
    if mask.shape not in known:
        expected = " or ".join(map(str, known))
        raise ValueError(f"MultiheadAttention: {name} must have shape {expected}, not {mask.shape}")
    return tg.reshape(mask, known[mask.shape])


def _xavier(shape: tuple[int, ...], dtype: Any) -> tg.Tensor:
    return init.xavier_uniform_(Parameter(tg.empty(shape, dtype=dtype)))
