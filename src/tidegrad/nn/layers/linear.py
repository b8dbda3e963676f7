"""Floor 7. Layers that map the last axis, look rows up, or rearrange."""

from __future__ import annotations

from math import prod, sqrt
from typing import Any

import tidegrad as tg

from .. import functional as F
from .. import init
from ..module import Module
from ..tree import Parameter

__all__ = ["Bilinear", "Embedding", "Flatten", "Identity", "Linear", "Unflatten"]


class Identity(Module):
    """Its input, unchanged; takes any arguments and ignores them.

    >>> tg.nn.Identity()(tg.ones(2)).tolist()
    [1.0, 1.0]
    """

    def __init__(self, *args: Any, **kwargs: Any):
        pass

    def forward(self, input: Any) -> Any:
        """`input`."""
        return input


class Linear(Module):
    """`x @ weight.T + bias`, from (..., in_features) to (..., out_features).

    Initial values are uniform within 1 / sqrt(in_features), as in PyTorch.

    >>> layer = tg.nn.Linear(3, 2)
    >>> layer(tg.ones((5, 3))).shape, layer.weight.shape
    ((5, 2), (2, 3))
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, dtype: Any = None):
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(tg.empty((out_features, in_features), dtype=dtype))
        self.bias = Parameter(tg.empty((out_features,), dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the initial values anew."""
        init.kaiming_uniform_(self.weight, a=sqrt(5))
        if self.bias is not None:
            init.uniform_bias_(self.bias, self.in_features)

    def forward(self, input: Any) -> tg.Tensor:
        """The product; raises ValueError when the last axis has not in_features."""
        if input.shape[-1:] != (self.in_features,):
            raise ValueError(
                f"{self._line()}: the last axis of the input must have size {self.in_features}, "
                f"but the input has shape {tuple(input.shape)}"
            )
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """The sizes."""
        bias = self.bias is not None
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={bias}"


class Bilinear(Module):
    """`x1 @ weight[k] @ x2 + bias[k]` for each output k.

    >>> tg.nn.Bilinear(2, 3, 4)(tg.ones((5, 2)), tg.ones((5, 3))).shape
    (5, 4)
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        dtype: Any = None,
    ):
        self.in1_features, self.in2_features = in1_features, in2_features
        self.out_features = out_features
        self.weight = Parameter(tg.empty((out_features, in1_features, in2_features), dtype=dtype))
        self.bias = Parameter(tg.empty((out_features,), dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the initial values anew."""
        init.uniform_bias_(self.weight, self.in1_features)
        if self.bias is not None:
            init.uniform_bias_(self.bias, self.in1_features)

    def forward(self, input1: Any, input2: Any) -> tg.Tensor:
        """The products."""
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        """The sizes."""
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )


class Embedding(Module):
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
        dtype: Any = None,
    ):
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(
                f"Embedding: padding_idx {padding_idx} is not one of {num_embeddings} rows"
            )
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        self.weight = Parameter(tg.empty((num_embeddings, embedding_dim), dtype=dtype))
        self.reset_parameters()

    @classmethod
    def from_pretrained(
        cls, embeddings: Any, freeze: bool = True, padding_idx: int | None = None
    ) -> Any:
        """A layer with these rows, (num_embeddings, embedding_dim), frozen unless said otherwise.

        >>> tg.nn.Embedding.from_pretrained(tg.eye(3))(tg.tensor([2])).tolist()
        [[0.0, 0.0, 1.0]]
        """
        if len(embeddings.shape) != 2:
            raise ValueError(
                "Embedding.from_pretrained: expected (rows, width), "
                f"but the shape is {tuple(embeddings.shape)}"
            )
        layer = cls(embeddings.shape[0], embeddings.shape[1], padding_idx)
        layer.weight = Parameter(embeddings, requires_grad=not freeze)
        return layer

    def reset_parameters(self) -> None:
        """Draw the initial values anew."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with tg.no_grad():
                self.weight[self.padding_idx] = 0.0

    def forward(self, input: Any) -> tg.Tensor:
        """The rows `input` names; raises IndexError for one that is not there."""
        return F.embedding(input, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        """The sizes."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"


class Flatten(Module):
    """The axes from `start_axis` to `end_axis` as one; by default all but the first.

    >>> tg.nn.Flatten()(tg.ones((2, 3, 4))).shape
    (2, 12)
    """

    def __init__(self, start_axis: int = 1, end_axis: int = -1):
        self.start_axis, self.end_axis = start_axis, end_axis

    def forward(self, input: Any) -> tg.Tensor:
        """`input` reshaped."""
        shape = tuple(input.shape)
        start, end = (_axis(axis, shape) for axis in (self.start_axis, self.end_axis))
        if start > end:
            raise ValueError(
                f"Flatten: start_axis {start} is behind end_axis {end} for shape {shape}"
            )
        merged = prod(shape[start : end + 1])
        return tg.reshape(input, (*shape[:start], merged, *shape[end + 1 :]))

    def extra_repr(self) -> str:
        """The axes."""
        return f"start_axis={self.start_axis}, end_axis={self.end_axis}"


class Unflatten(Module):
    """One axis as several: the inverse of Flatten; one size may be -1.

    >>> tg.nn.Unflatten(1, (3, 4))(tg.ones((2, 12))).shape
    (2, 3, 4)
    """

    def __init__(self, axis: int, unflattened_size: Any):
        self.axis, self.unflattened_size = axis, tuple(unflattened_size)

    def forward(self, input: Any) -> tg.Tensor:
        """`input` reshaped."""
        shape = tuple(input.shape)
        axis = _axis(self.axis, shape)
        return tg.reshape(input, (*shape[:axis], *self.unflattened_size, *shape[axis + 1 :]))

    def extra_repr(self) -> str:
        """The axis and its new sizes."""
        return f"axis={self.axis}, unflattened_size={self.unflattened_size}"


def _axis(axis: int, shape: tuple[int, ...]) -> int:
    if not -len(shape) <= axis < len(shape):
        raise IndexError(f"axis {axis} is out of range for shape {shape}")
    return axis % len(shape)
