"""Floor 7. Layers that map the last axis, look rows up, drop or rearrange."""

from __future__ import annotations

from math import prod, sqrt

import tidegrad as tg

from .. import functional as F
from .. import init
from ..tree import Parameter
from .base import Layer

__all__ = ["Dropout", "Embedding", "Flatten", "Identity", "Linear"]


class Identity(Layer):
    """Its input, unchanged; takes any arguments and ignores them."""

    def __init__(self, *args, **kwargs):
        pass

    def forward(self, input):
        return input


class Weighted(Layer):
    """A layer with a weight (out, in, ...) and perhaps a bias, uniform at first as in PyTorch."""

    weight: tg.Tensor
    bias: tg.Tensor | None

    def _make(self, shape, bias, dtype):
        """A weight of this shape and a bias of this size."""
        self.weight = Parameter(tg.empty(shape, dtype=dtype))
        self.bias = None if bias is None else Parameter(tg.empty((bias,), dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the initial values anew, within 1 / sqrt(fan in)."""
        init.kaiming_uniform_(self.weight, a=sqrt(5))
        if self.bias is not None:
            bound = 1 / sqrt(max(prod(self.weight.shape[1:]), 1))
            init.uniform_(self.bias, -bound, bound)


class Linear(Weighted):
    """`x @ weight.T + bias`, from (..., in_features) to (..., out_features).

    >>> layer = tg.nn.Linear(3, 2)
    >>> layer(tg.ones((5, 3))).shape, layer.weight.shape
    ((5, 2), (2, 3))
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, dtype=None):
        self.in_features, self.out_features = in_features, out_features
        self._make((out_features, in_features), out_features if bias else None, dtype)

    def forward(self, input):
        return F.linear(input, self.weight, self.bias)


class Embedding(Layer):
    """Rows of a trained table, looked up by integer; the row `padding_idx` stays as it starts.

    Initial values are standard normal, the padding row 0.

    >>> tg.nn.Embedding(10, 3)(tg.tensor([[1, 2], [9, 0]])).shape
    (2, 2, 3)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        dtype=None,
    ):
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(
                f"Embedding: padding_idx {padding_idx} is not one of {num_embeddings} rows"
            )
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        self.weight = Parameter(tg.empty((num_embeddings, embedding_dim), dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the initial values anew."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with tg.no_grad():
                self.weight[self.padding_idx] = 0.0

    def forward(self, input):
        return F.embedding(input, self.weight, self.padding_idx)


class Dropout(Layer):
    """In training, each element zero with probability `p`, the others divided by `1 - p`.

    >>> tg.nn.Dropout(0.5).eval()(tg.ones(3)).tolist()
    [1.0, 1.0, 1.0]
    """

    def __init__(self, p: float = 0.5, generator=None):
        self.p, self.generator = F.probability("Dropout", p), generator

    def forward(self, input):
        return F.dropout(input, self.p, self.training, self.generator)


class Flatten(Layer):
    """The axes from `start_axis` to `end_axis` as one; by default all but the first.

    >>> tg.nn.Flatten()(tg.ones((2, 3, 4))).shape
    (2, 12)
    """

    def __init__(self, start_axis: int = 1, end_axis: int = -1):
        self.start_axis, self.end_axis = start_axis, end_axis

    def forward(self, input):
        shape = tuple(input.shape)
        for axis in (self.start_axis, self.end_axis):
            if not -len(shape) <= axis < len(shape):
                raise IndexError(f"Flatten: axis {axis} is out of range for shape {shape}")
        start, end = self.start_axis % len(shape), self.end_axis % len(shape)
        if start > end:
            raise ValueError(
                f"Flatten: start_axis {start} is behind end_axis {end} for shape {shape}"
            )
        merged = prod(shape[start : end + 1])
        return tg.reshape(input, (*shape[:start], merged, *shape[end + 1 :]))
