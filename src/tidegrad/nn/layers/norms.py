"""Floor 7. Layers that normalise, and batch norm's running statistics."""

from __future__ import annotations

from typing import Any

import tidegrad as tg

from .. import functional as F
from ..module import Module
from ..tree import Parameter

__all__ = ["BatchNorm1d", "BatchNorm2d", "GroupNorm", "LayerNorm", "RMSNorm"]


class BatchNorm(Module):
    """Each channel normalised by the batch in training, by running statistics after `eval()`.

    `momentum` is how far the running statistics move towards each batch's; None averages all
    batches alike.
    """

    axes: tuple[int, ...] = ()

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        dtype: Any = None,
    ):
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        shape = (num_features,)
        self.weight = Parameter(tg.ones(shape, dtype=dtype)) if affine else None
        self.bias = Parameter(tg.zeros(shape, dtype=dtype)) if affine else None
        track = track_running_stats
        self.register_buffer("running_mean", tg.zeros(shape, dtype=dtype) if track else None)
        self.register_buffer("running_var", tg.ones(shape, dtype=dtype) if track else None)
        count = tg.zeros((), dtype=tg.int64) if track else None
        self.register_buffer("num_batches_tracked", count)

    def forward(self, input: Any) -> tg.Tensor:
        """`input` normalised; ValueError for other axes or channels than expected."""
        shape = tuple(input.shape)
        if len(shape) not in self.axes or shape[1] != self.num_features:
            forms = " or ".join(f"{n}-d" for n in self.axes)
            raise ValueError(
                f"{type(self).__name__}({self.num_features}): expected a {forms} input with "
                f"{self.num_features} channels on axis 1, but its shape is {shape}"
            )
        momentum: Any = self.momentum
        if self.training and self.track_running_stats:
            with tg.no_grad():
                self.num_batches_tracked += 1
                if momentum is None:
                    momentum = 1.0 / self.num_batches_tracked.astype(self.running_mean.dtype)
        return F.batch_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training,
            momentum,
            self.eps,
        )

    def extra_repr(self) -> str:
        """The options."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(BatchNorm):
    """Batch norm of (N, C) or (N, C, L) (Ioffe and Szegedy, 2015).

    >>> norm = tg.nn.BatchNorm1d(2)
    >>> norm(tg.tensor([[1.0, 0.0], [3.0, 0.0]])).shape, norm.running_mean.tolist()
    ((2, 2), [0.20000000298023224, 0.0])
    """

    axes = (2, 3)


class BatchNorm2d(BatchNorm):
    """Batch norm of (N, C, H, W) (Ioffe and Szegedy, 2015).

    >>> tg.nn.BatchNorm2d(3).eval()(tg.ones((2, 3, 4, 4))).shape
    (2, 3, 4, 4)
    """

    axes = (4,)


class LayerNorm(Module):
    """Mean 0 and variance 1 over the last axes, then scaled and shifted (Ba et al., 2016).

    >>> tg.nn.LayerNorm(4)(tg.ones((2, 4))).tolist()[0]
    [0.0, 0.0, 0.0, 0.0]
    """

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        dtype: Any = None,
    ):
        self.normalized_shape, self.eps = _shape(normalized_shape), eps
        affine, shape = elementwise_affine, self.normalized_shape
        self.weight = Parameter(tg.ones(shape, dtype=dtype)) if affine else None
        self.bias = Parameter(tg.zeros(shape, dtype=dtype)) if affine and bias else None

    def forward(self, input: Any) -> tg.Tensor:
        """`input` normalised; ValueError when its last axes have another shape."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The options."""
        affine = self.weight is not None
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={affine}"


class RMSNorm(Module):
    """Division by the root mean square over the last axes (Zhang and Sennrich, 2019).

    >>> tg.nn.RMSNorm(2)(tg.tensor([[2.0, 2.0]])).tolist()
    [[1.0, 1.0]]
    """

    def __init__(
        self,
        normalized_shape: Any,
        eps: float | None = None,
        elementwise_affine: bool = True,
        dtype: Any = None,
    ):
        self.normalized_shape, self.eps = _shape(normalized_shape), eps
        made = tg.ones(self.normalized_shape, dtype=dtype)
        self.weight = Parameter(made) if elementwise_affine else None

    def forward(self, input: Any) -> tg.Tensor:
        """`input` normalised; ValueError when its last axes have another shape."""
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """The options."""
        affine = self.weight is not None
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={affine}"


class GroupNorm(Module):
    """(N, C, ...) normalised over each of `num_groups` groups of channels (Wu and He, 2018).

    >>> tg.nn.GroupNorm(3, 6)(tg.ones((2, 6, 4))).shape
    (2, 6, 4)
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        dtype: Any = None,
    ):
        if num_channels % num_groups:
            raise ValueError(
                f"GroupNorm: {num_groups} groups do not divide {num_channels} channels"
            )
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self.weight = Parameter(tg.ones((num_channels,), dtype=dtype)) if affine else None
        self.bias = Parameter(tg.zeros((num_channels,), dtype=dtype)) if affine else None

    def forward(self, input: Any) -> tg.Tensor:
        """`input` normalised; ValueError for another number of channels."""
        if tuple(input.shape[1:2]) != (self.num_channels,):
            raise ValueError(
                f"GroupNorm({self.num_groups}, {self.num_channels}): expected "
                f"{self.num_channels} channels on axis 1, but the shape is {tuple(input.shape)}"
            )
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The options."""
        affine = self.weight is not None
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={affine}"


def _shape(normalized_shape: Any) -> tuple[int, ...]:
    return (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
