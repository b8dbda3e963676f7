"""Floor 8. maligrad's functions of networks: windows over any number of axes, activations, loss."""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np

import tidegrad as tg

from ...shared import lacking
from ..autograd.engine import Variable
from ..autograd.methods import apply, highest, mean, raw

__all__ = ["Variable", "avgpool", "categorical_crossentropy", "conv", "exp", "maxpool", "relu"]
__all__ += ["sigmoid", "softmax"]

Steps = int | tuple[int, ...]


def conv(img: Any, ker: Any, dim: int, stride: Steps = 1, dilation: Steps = 1) -> Variable:
    """The kernel over the last `dim` axes: (*images, *kernels, *places), whatever the first two.

    A tuple gives steps for each of the last axes. A number leaves the first of several axes alone
    if the kernel covers it, as channels are; there, batch and channels were strided over as well.

    >>> conv(np.ones((5, 3, 9, 9)), np.ones((4, 3, 2, 2)), 3, stride=2).shape
    (5, 4, 1, 4, 4)
    """

    def convolved(x: Any, y: Any) -> tg.Tensor:
        x, y = tg.asarray(x), tg.asarray(y)
        if not 0 < dim <= min(x.ndim, y.ndim):
            raise ValueError(f"conv: shapes {x.shape} and {y.shape} do not both have {dim} axes")
        size, last = y.shape[-dim:], tuple(range(-dim, 0))
        channels = dim > 1 and size[0] == x.shape[-dim]
        seen = windows("conv", x, size, stride, dilation, channels)
        out = tg.tensordot(seen, y, axes=(last, last))
        images, kernels = x.ndim - dim, y.ndim - dim
        return tg.moveaxis(out, tuple(range(-kernels, 0)), tuple(range(images, images + kernels)))

    return apply(convolved, img, ker)


def maxpool(img: Any, ker_shape: tuple, stride: Steps = 1, dilation: Steps = 1) -> Variable:
    """The maximum of each window over the last axes; all that are equal get its gradient."""
    return pooled("maxpool", highest, img, ker_shape, stride, dilation)


def avgpool(img: Any, ker_shape: tuple, stride: Steps = 1, dilation: Steps = 1) -> Variable:
    """The mean of each window over the last axes."""
    return pooled("avgpool", mean, img, ker_shape, stride, dilation)


def exp(x: Any) -> Variable:
    return Variable.ensure(x).exp()


def relu(x: Any) -> Variable:
    """`x` where it is not below 0; the slope at 0 is 1, as there."""
    return Variable.ensure(x).maximum(0)


def sigmoid(x: Any) -> Variable:
    return apply(lambda x: tg.sigmoid(x), x)


def softmax(x: Any, axis: int = -1) -> Variable:
    return apply(lambda x: tg.softmax(x, axis=axis), x)


def categorical_crossentropy(y: Any, target: Any, eps: float = 1e-8) -> Variable:
    """The mean of -log(y + eps) at the classes `target`, where the last axis of `y` has them.

    `target` broadcasts to the other axes.
    """
    y = Variable.ensure(y)
    wanted = tg.broadcast_to(np.asarray(raw(target)), y.shape[:-1]).numpy()
    return -(y[(*np.indices(wanted.shape, sparse=True), wanted)] + eps).log().mean()


def pooled(name: str, fold: Any, img: Any, size: Any, stride: Steps, dilation: Steps) -> Variable:
    last = tuple(range(-len(size), 0))
    return apply(
        lambda x: fold(windows(name, tg.asarray(x), tuple(size), stride, dilation), last), img
    )


def windows(
    name: str, x: tg.Tensor, size: tuple, stride: Steps, dilation: Steps, channels: bool = False
) -> tg.Tensor:
    """All windows of `size` over the last axes, (..., *places, *size): slices, stacked."""
    if len(size) > x.ndim:
        raise ValueError(f"{name}: a kernel of shape {size} has more axes than {x.shape}")
    strides = per_axis(name, "stride", stride, len(size), channels)
    dilations = per_axis(name, "dilation", dilation, len(size), channels)
    for axis, (k, s, d) in enumerate(zip(size, strides, dilations), x.ndim - len(size)):
        n = x.shape[axis]
        span = d * (k - 1) + 1
        if not 1 <= span <= n:
            raise ValueError(f"{name}: a kernel of {k}, dilation {d}, does not fit an axis of {n}")
        if span == n == k:  # one window, which is all there is
            x = tg.expand_dims(tg.moveaxis(x, axis, -1), axis)
            continue
        ends = [(i * d, i * d + (n - span) // s * s + 1) for i in range(k)]
        before = (slice(None),) * axis
        x = tg.stack([x[(*before, slice(start, end, s))] for start, end in ends], axis=-1)
    return x


def per_axis(name: str, what: str, value: Steps, axes: int, channels: bool) -> list[int]:
    """A step for each of the windowed axes, from a number or from those of the last axes."""
    if isinstance(value, tuple | list):
        given = [index(n) for n in value]
        extra = given[: max(len(given) - axes, 0)]
        found = [1] * (axes - len(given)) + given[len(extra) :]
    else:
        extra, found = [], [1] * channels + [index(value)] * (axes - channels)
    if min(found) < 1 or any(n != 1 for n in extra):
        raise ValueError(f"{name}: {what} {value} for {axes} axes; it is at least 1, 1 elsewhere")
    return found


__getattr__ = lacking("maligrad")
