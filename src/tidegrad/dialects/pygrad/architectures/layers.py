"""Floor 8. The layers of pygrad's transformer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...shared import lacking
from ..activations import ReLU
from ..basics import AddNorm, Dropout, Linear
from ..constants import PRECISION
from ..tensor import Tensor
from .attention import MultiHeadAttention

__all__ = ["DecoderLayer", "EncoderLayer"]


Made = Callable[[str], MultiHeadAttention]


class Block:
    """What encoder and decoder layers share: two linear layers, and adding what went through."""

    def __init__(self, n_heads: int, d_model: int, d_k: int, d_v: int, d_ff: int, d_context: int,
                 dropout: float, dtype: Any = PRECISION):  # fmt: skip
        self.d_context, self.dropout_rate, self.dtype = d_context, dropout, dtype
        self.FFN_L1 = Linear(d_model, d_ff, label="FFN_L1", dtype=dtype)
        self.FFN_relu1 = ReLU()
        self.FFN_L2 = Linear(d_ff, d_model, label="FFN_L2", dtype=dtype)
        self.dropout, self.add_norm = Dropout(dropout), AddNorm()
        sizes = n_heads, d_context, d_k, d_v, d_model, dtype
        self.add_heads(lambda label: MultiHeadAttention(*sizes, label))

    def add_heads(self, made: Made) -> None:
        """Add the layers of attention, each `made` of its label."""
        raise NotImplementedError

    def added(self, part: Tensor, x: Tensor, training: bool) -> Tensor:
        return self.add_norm(self.dropout(part, training), x)

    def fed_forward(self, x: Tensor, training: bool) -> Tensor:
        return self.added(self.FFN_L2(self.FFN_relu1(self.FFN_L1(x))), x, training)


class EncoderLayer(Block):
    """Attention to itself, then two linear layers."""

    def add_heads(self, made: Made) -> None:
        self.Att_E1 = made("MHA - Encoder - 1st")

    def __call__(self, x: Tensor, padding_mask: Any, training: bool) -> Tensor:
        x = self.added(self.Att_E1(x, x, x, mask=padding_mask), x, training)
        return self.fed_forward(x, training)


class DecoderLayer(Block):
    """Attention to itself, then to what the encoder made, then two linear layers."""

    def add_heads(self, made: Made) -> None:
        self.multihead_attention1 = made("MHA - Decoder - 1st")
        self.multihead_attention2 = made("MHA - Decoder - 2nd")

    def __call__(self, x: Tensor, encoder_output: Tensor, lookahead_mask: Any, cross_mask: Any,
                 training: bool) -> Tensor:  # fmt: skip
        x = self.added(self.multihead_attention1(x, x, x, mask=lookahead_mask), x, training)
        across = self.multihead_attention2(x, encoder_output, encoder_output, mask=cross_mask)
        return self.fed_forward(self.added(across, x, training), training)


__getattr__ = lacking("pygrad")
