"""Floor 7. Layers that normalise, and batch norm's running statistics."""

from __future__ import annotations

import tidegrad as tg

from .. import functional as F
from ..tree import Parameter
from .base import Layer

__all__ = ["BatchNorm1d", "BatchNorm2d", "GroupNorm", "LayerNorm", "RMSNorm"]


class Norm(Layer):
    """A layer that may scale by a trained weight, 1 at first, and shift by a bias, 0 at first."""

    def _make(self, shape, weight, bias, dtype):
        self.weight = Parameter(tg.ones(shape, dtype=dtype)) if weight else None
        self.bias = Parameter(tg.zeros(shape, dtype=dtype)) if bias else None


class BatchNorm(Norm):
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
        dtype=None,
    ):
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self._make((num_features,), affine, affine, dtype)
        mean, var = tg.zeros((num_features,), dtype=dtype), tg.ones((num_features,), dtype=dtype)
        count = tg.zeros((), dtype=tg.int64)
        statistics = {"running_mean": mean, "running_var": var, "num_batches_tracked": count}
        for name, start in statistics.items():
            self.register_buffer(name, start if track_running_stats else None)

    def forward(self, input):
        shape = tuple(input.shape)
        if len(shape) not in self.axes or shape[1] != self.num_features:
            forms = " or ".join(f"{n}-d" for n in self.axes)
            raise ValueError(
                f"{self._line()}: expected a {forms} input with {self.num_features} channels on "
                f"axis 1, but its shape is {shape}"
            )
        mean, var, momentum = self.running_mean, self.running_var, self.momentum
        if self.training and self.track_running_stats:
            with tg.no_grad():
                self.num_batches_tracked += 1
                if momentum is None:
                    momentum = 1.0 / self.num_batches_tracked.astype(mean.dtype)
        options = (self.weight, self.bias, self.training, momentum, self.eps)
        return F.batch_norm(input, mean, var, *options)


class BatchNorm1d(BatchNorm):
    """Batch norm of (N, C) or (N, C, L) (Ioffe and Szegedy, 2015)."""

    axes = (2, 3)


class BatchNorm2d(BatchNorm):
    """Batch norm of (N, C, H, W) (Ioffe and Szegedy, 2015)."""

    axes = (4,)


class LayerNorm(Norm):
    """Mean 0 and variance 1 over the last axes, then scaled and shifted (Ba et al., 2016).

    >>> tg.nn.LayerNorm(4)(tg.ones((2, 4))).tolist()[0]
    [0.0, 0.0, 0.0, 0.0]
    """

    def __init__(
        self,
        normalized_shape,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        dtype=None,
    ):
        self.normalized_shape, self.eps = F.as_shape(normalized_shape), eps
        self.elementwise_affine = elementwise_affine
        self._make(self.normalized_shape, elementwise_affine, elementwise_affine and bias, dtype)

    def forward(self, input):
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)


class RMSNorm(Norm):
    """Division by the root mean square over the last axes (Zhang and Sennrich, 2019)."""

    def __init__(
        self,
        normalized_shape,
        eps: float | None = None,
        elementwise_affine: bool = True,
        dtype=None,
    ):
        self.normalized_shape, self.eps = F.as_shape(normalized_shape), eps
        self.elementwise_affine = elementwise_affine
        self._make(self.normalized_shape, elementwise_affine, False, dtype)

    def forward(self, input):
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)


class GroupNorm(Norm):
    """(N, C, ...) normalised over each of `num_groups` groups of channels (Wu and He, 2018)."""

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        dtype=None,
    ):
        if num_channels % num_groups:
            raise ValueError(
                f"GroupNorm: {num_groups} groups do not divide {num_channels} channels"
            )
        self.num_groups, self.num_channels = num_groups, num_channels
        self.eps, self.affine = eps, affine
        self._make((num_channels,), affine, affine, dtype)

    def forward(self, input):
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)
