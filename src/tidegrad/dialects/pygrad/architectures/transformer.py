"""Floor 8. pygrad's transformer of Vaswani et al. (2017): sequences in, sequences out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from ...shared import lacking
from ..basics import Dropout, Linear
from ..constants import PRECISION
from ..module import Module
from ..tensor import Tensor
from .attention import Attention, Embedding, MultiHeadAttention, onehot_tokens
from .layers import DecoderLayer, EncoderLayer

__all__ = ["Attention", "Decoder", "DecoderLayer", "Embedding", "Encoder", "EncoderLayer"]
__all__ += ["MultiHeadAttention", "Transformer", "onehot_tokens"]


class Encoder:
    """Embedding, dropout, and `n_layers` of EncoderLayer."""

    def __init__(self, d_vocab: int, n_heads: int, d_model: int, d_k: int, d_v: int, d_ff: int,
                 n_layers: int, d_context: int, dropout: float,
                 dtype: Any = PRECISION):  # fmt: skip
        self.d_vocab, self.d_context, self.dropout_rate = d_vocab, d_context, dropout
        self.embedding, self.dropout = Embedding(d_vocab, d_model, dtype), Dropout(dropout)
        sizes = (n_heads, d_model, d_k, d_v, d_ff, d_context, dropout, dtype)
        self.encoder_layers = [EncoderLayer(*sizes) for _ in range(n_layers)]

    def __call__(self, x: Tensor, padding_mask: Any, training: bool) -> Tensor:
        x = self.dropout(self.embedding.gen_embeddings(self.d_context, x), training)
        for layer in self.encoder_layers:
            x = layer(x, padding_mask, training)
        return x


class Decoder:
    """Embedding, dropout, `n_layers` of DecoderLayer, and scores for each word."""

    def __init__(self, d_vocab: int, n_heads: int, d_model: int, d_k: int, d_v: int, d_ff: int,
                 n_layers: int, d_context: int, dropout: float,
                 dtype: Any = PRECISION):  # fmt: skip
        self.d_vocab, self.d_context, self.dropout_rate = d_vocab, d_context, dropout
        self.embedder, self.dropout = Embedding(d_vocab, d_model, dtype), Dropout(dropout)
        sizes = (n_heads, d_model, d_k, d_v, d_ff, d_context, dropout, dtype)
        self.decoder_layers = [DecoderLayer(*sizes) for _ in range(n_layers)]
        self.linear = Linear(d_model, d_vocab, dtype=dtype)

    def __call__(self, x: Tensor, encoder_output: Tensor, lookahead_mask: Any, cross_mask: Any,
                 training: bool) -> Tensor:  # fmt: skip
        x = self.dropout(self.embedder.gen_embeddings(self.d_context, x), training)
        for layer in self.decoder_layers:
            x = layer(x, encoder_output, lookahead_mask, cross_mask, training)
        return self.linear(x)


class Transformer(Module):
    """Scores (batch, length, words) for what follows each place of `dec_inp`; token 0 is padding.

    Masks are (batch, heads, from, to), 1 where there is nothing to see.
    """

    def __init__(self, enc_tokenizer: Any, dec_tokenizer: Any, n_heads: int = 8,
                 d_model: int = 512, d_k: int = 512, d_v: int = 512, d_ff: int = 2048,
                 n_layers: int = 6, enc_seq_length: int = 1, dec_seq_length: int = 1,
                 batch_size: int = 1, label: str = "Transformer", dropout: float = 0.10,
                 dtype: Any = PRECISION):  # fmt: skip
        self.dtype, self.label, self.n_heads, self.d_model = dtype, label, n_heads, d_model
        self.d_vocab_enc, self.d_vocab_dec = len(enc_tokenizer), len(dec_tokenizer)
        self.dropout_rate, sizes = dropout, (n_heads, d_model, d_k, d_v, d_ff, n_layers)
        self.encoder = Encoder(self.d_vocab_enc, *sizes, enc_seq_length, dropout, dtype)
        self.decoder = Decoder(self.d_vocab_dec, *sizes, dec_seq_length, dropout, dtype)
        lengths = {"enc_inp": enc_seq_length, "dec_inp": dec_seq_length}
        ones = {k: Tensor(np.ones((batch_size, n)), leaf=True) for k, n in lengths.items()}
        super().__init__(**ones, training=False)

    def forward(self, enc_inp: Tensor, dec_inp: Tensor, training: bool) -> Tensor:
        seen = self.encoder(enc_inp, self.make_enc_mask(enc_inp), training)
        ahead, across = (
            self.make_dec_lookahead_mask(dec_inp),
            self.make_cross_mask(enc_inp, dec_inp),
        )
        return self.decoder(dec_inp, seen, ahead, across, training)

    def padding_mask(self, x: ndarray) -> ndarray:
        """1 where there is padding."""
        return np.equal(x, 0).astype(self.dtype)

    def lookahead_mask(self, shape: int) -> ndarray:
        """(1, to, from), 1 for what comes later."""
        return np.triu(np.ones((1, shape, shape)), 1)

    def make_enc_mask(self, enc_inp: Tensor) -> Tensor:
        return self.make_cross_mask(enc_inp, enc_inp)

    def make_cross_mask(self, enc_inp: Tensor, dec_inp: Tensor) -> Tensor:
        hidden = self.padding_mask(enc_inp.value)[:, None, :]
        return self.for_heads(np.repeat(hidden, dec_inp.shape[1], axis=1))

    def make_dec_lookahead_mask(self, dec_inp: Tensor) -> Tensor:
        padding, later = self.padding_mask(dec_inp.value), self.lookahead_mask(dec_inp.shape[1])
        return self.for_heads(padding[:, None] + padding[:, :, None] + later > 0)

    def for_heads(self, hidden: ndarray) -> Tensor:
        """One mask (batch, from, to) for every head."""
        mask = np.repeat(hidden[:, None], self.n_heads, axis=1)
        return Tensor(mask, learnable=False, leaf=True)

    def onehot_tokens(self, inp: Tensor) -> ndarray:
        return onehot_tokens(inp, self.d_vocab_dec)


__getattr__ = lacking("pygrad")
