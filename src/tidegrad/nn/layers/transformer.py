"""Floor 7. Transformer layers and their stacks (Vaswani et al., 2017)."""

from __future__ import annotations

import copy
from collections.abc import Callable

import tidegrad as tg

from .. import functional as F
from ..containers import ModuleList
from ..module import Module
from .attention import MultiheadAttention
from .linear import Dropout, Linear
from .norms import LayerNorm

__all__ = ["TransformerDecoder", "TransformerDecoderLayer", "TransformerEncoder"]
__all__ += ["TransformerEncoderLayer"]


class Block(Module):
    """What encoder and decoder layers share: residual branches with norms, a feed-forward part.

    With `norm_first` a branch reads its normalised input, else the sum is normalised after it.
    """

    branches = 2

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        dtype=None,
    ):
        if isinstance(activation, str) and activation not in ("relu", "gelu"):
            raise ValueError(
                f'{type(self).__name__}: activation is "relu", "gelu" or a function, '
                f"not {activation!r}"
            )
        self.activation, self.norm_first = activation, norm_first
        attend = (d_model, nhead, dropout, bias, batch_first, dtype)
        self.self_attn = MultiheadAttention(*attend)
        if self.branches == 3:
            self.multihead_attn = MultiheadAttention(*attend)
        self.linear1 = Linear(d_model, dim_feedforward, bias, dtype)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, dtype)
        for i in range(1, self.branches + 1):
            setattr(self, f"norm{i}", LayerNorm(d_model, layer_norm_eps, True, bias, dtype))
        for i in range(1, self.branches + 1):
            setattr(self, f"dropout{i}", Dropout(dropout))

    def _branch(self, x, number, part):
        """`x` plus what `part` makes of it."""
        norm, drop = vars(self)[f"norm{number}"], vars(self)[f"dropout{number}"]
        return x + drop(part(norm(x))) if self.norm_first else norm(x + drop(part(x)))

    def _attend(self, x, mask, padding, is_causal):
        return self.self_attn(x, x, x, padding, False, mask, is_causal=is_causal)[0]

    def _feed(self, x):
        function = self.activation
        function = getattr(F, function) if isinstance(function, str) else function
        return self.linear2(self.dropout(function(self.linear1(x))))


class TransformerEncoderLayer(Block):
    """Self-attention, then a feed-forward part, each with residual, norm and dropout.

    >>> layer = tg.nn.TransformerEncoderLayer(8, 2, dim_feedforward=16)
    >>> layer(tg.ones((3, 5, 8))).shape
    (3, 5, 8)
    """

    def forward(
        self,
        src,
        src_mask=None,
        src_key_padding_mask=None,
        is_causal: bool = False,
    ) -> tg.Tensor:
        """(T, N, d_model), or (N, T, d_model) if `batch_first`; masks as in attention."""
        masks = (src_mask, src_key_padding_mask, is_causal)
        return self._branch(self._branch(src, 1, lambda x: self._attend(x, *masks)), 2, self._feed)


class TransformerDecoderLayer(Block):
    """Self-attention, attention to the encoder's result, then a feed-forward part."""

    branches = 3

    def forward(
        self,
        tgt,
        memory,
        tgt_mask=None,
        memory_mask=None,
        tgt_key_padding_mask=None,
        memory_key_padding_mask=None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> tg.Tensor:
        """`tgt` (T, N, d_model) attending to `memory` (S, N, d_model)."""

        def recall(x):
            options = (memory_key_padding_mask, False, memory_mask)
            return self.multihead_attn(x, memory, memory, *options, is_causal=memory_is_causal)[0]

        masks = (tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        x = self._branch(tgt, 1, lambda x: self._attend(x, *masks))
        return self._branch(self._branch(x, 2, recall), 3, self._feed)


class Stack(Module):
    """`num_layers` copies of a layer, then perhaps a norm."""

    def __init__(self, layer: Module, num_layers: int, norm: Module | None = None):
        self.layers = ModuleList(copy.deepcopy(layer) for _ in range(num_layers))
        self.num_layers, self.norm = num_layers, norm

    def forward(self, x, *inputs, **options) -> tg.Tensor:
        """Each layer applied to the result of the one before."""
        for layer in self.layers:
            x = layer(x, *inputs, **options)
        return x if self.norm is None else self.norm(x)


class TransformerEncoder(Stack):
    """A stack of copies of an encoder layer; its options are the layer's, `mask` for `src_mask`.

    >>> layer = tg.nn.TransformerEncoderLayer(8, 2, dim_feedforward=16)
    >>> tg.nn.TransformerEncoder(layer, 3)(tg.ones((3, 5, 8)), is_causal=True).shape
    (3, 5, 8)
    """

    def forward(
        self, src, mask=None, src_key_padding_mask=None, is_causal: bool = False
    ) -> tg.Tensor:
        """(T, N, d_model) through all layers, each with the same masks."""
        return super().forward(src, mask, src_key_padding_mask, is_causal)


class TransformerDecoder(Stack):
    """A stack of copies of a decoder layer; its options are the layer's."""
