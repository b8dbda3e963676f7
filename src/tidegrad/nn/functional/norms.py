"""Floor 7. Normalisation: over a batch, a layer, groups of channels, or by the mean square."""

from __future__ import annotations

from math import prod

import numpy as np

import tidegrad as tg

__all__ = ["as_shape", "batch_norm", "group_norm", "layer_norm", "rms_norm"]


def layer_norm(input, normalized_shape, weight=None, bias=None, eps: float = 1e-5) -> tg.Tensor:
    """`input` with mean 0 and variance 1 over its last axes (Ba, Kiros and Hinton, 2016).

    `normalized_shape` is those axes' shape, and that of `weight` and `bias`.

    >>> tg.nn.functional.layer_norm(tg.tensor([[1.0, 3.0]]), (2,), eps=0.0).tolist()
    [[-1.0, 1.0]]
    """
    axes = _last_axes("layer_norm", input.shape, normalized_shape)
    return _scaled(_standard(input, axes, eps)[0], weight, bias)


def rms_norm(input, normalized_shape, weight=None, eps: float | None = None) -> tg.Tensor:
    """`input` divided by the root of its mean square over its last axes (Zhang, Sennrich, 2019).

    `eps` is added to the mean square; None is the machine epsilon of the dtype.
    """
    axes = _last_axes("rms_norm", input.shape, normalized_shape)
    eps = float(np.finfo(input.dtype).eps) if eps is None else eps
    return _scaled(_divided(input, axes, eps)[0], weight, None)


def group_norm(input, num_groups: int, weight=None, bias=None, eps: float = 1e-5) -> tg.Tensor:
    """(N, C, ...) normalised over each of `num_groups` groups of channels (Wu and He, 2018)."""
    shape = _channelled("group_norm", input, weight)
    if shape[1] % num_groups:
        raise ValueError(
            f"group_norm: {num_groups} groups do not divide the {shape[1]} channels of an input "
            f"of shape {shape}"
        )
    grouped = tg.reshape(input, (shape[0], num_groups, prod(shape[1:]) // num_groups))
    normal = tg.reshape(_standard(grouped, (2,), eps)[0], shape)
    return _scaled(normal, _channels(weight, len(shape)), _channels(bias, len(shape)))


def batch_norm(
    input,
    running_mean,
    running_var,
    weight=None,
    bias=None,
    training: bool = False,
    momentum=0.1,
    eps: float = 1e-5,
) -> tg.Tensor:
    """(N, C, ...) with each channel normalised over the batch (Ioffe and Szegedy, 2015).

    In training (or without running statistics) the batch itself is measured, and the running
    statistics, (C,) each, are rebound to `(1 - momentum) * old + momentum * new`, where the new
    variance is the unbiased one.  Otherwise the running statistics are used.

    >>> mean, var = tg.zeros(3), tg.ones(3)
    >>> out = tg.nn.functional.batch_norm(tg.ones((4, 3)), mean, var, training=True)
    >>> mean.tolist()[0] == float(tg.tensor(0.1)), out.tolist()[0]
    (True, [0.0, 0.0, 0.0])
    """
    shape = _channelled("batch_norm", input, running_mean, weight)
    ndim = len(shape)
    if training or running_mean is None:
        count = prod(shape) // max(shape[1], 1)
        if training and count < 2:
            raise ValueError(
                "batch_norm: training needs more than 1 value per channel to measure, but the "
                f"input has shape {shape}; use a larger batch, or .eval()"
            )
        normal, mean, var = _standard(input, (0, *range(2, ndim)), eps)
        if training and running_mean is not None:
            _follow(running_mean, mean, momentum)
            _follow(running_var, var * (count / (count - 1)), momentum)
    else:
        root = tg.sqrt(_channels(running_var, ndim) + eps)
        normal = (input - _channels(running_mean, ndim)) / root
    return _scaled(normal, _channels(weight, ndim), _channels(bias, ndim))


def as_shape(normalized_shape) -> tuple[int, ...]:
    """A number or several as a shape."""
    return (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)


def _follow(running, new, momentum):
    """Move a running statistic towards `new`; graphs that were made before keep the old value."""
    with tg.no_grad():
        new = tg.reshape(new, running.shape)
        running[...] = (running * (1 - momentum) + new * momentum).astype(running.dtype)


def _standard(x, axes, eps):
    """`x` with mean 0 and variance 1 over `axes`; its mean and (biased) variance there."""
    mean = tg.mean(x, axis=axes, keepdims=True)
    normal, var = _divided(x - mean, axes, eps)
    return normal, mean, var


def _divided(x, axes, eps):
    """`x` over the root of its mean square and `eps`; that mean square."""
    square = tg.mean(x * x, axis=axes, keepdims=True)
    return x / tg.sqrt(square + eps), square


def _scaled(x, weight, bias):
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def _channels(x, ndim):
    """A (C,) tensor shaped to meet the second axis of an `ndim`-dimensional one."""
    return x if x is None or ndim == 2 else tg.reshape(x, (-1, *(1,) * (ndim - 2)))


def _channelled(operation, input, *per_channel):
    """The shape of `input`, whose channels fit what there is for each of them."""
    shape = tuple(input.shape)
    if len(shape) < 2:
        raise ValueError(
            f"{operation}: expected an input (N, C) or (N, C, ...), but its shape is {shape}"
        )
    for x in per_channel:
        if x is not None and x.shape != (shape[1],):
            raise ValueError(
                f"{operation}: expected {x.shape[0]} channels on axis 1, but the input has shape "
                f"{shape}"
            )
    return shape


def _last_axes(operation, shape, normalized_shape):
    wanted = as_shape(normalized_shape)
    first = len(shape) - len(wanted)
    if not wanted or tuple(shape[max(first, 0) :]) != wanted:
        raise ValueError(
            f"{operation}: the last axes of the input must have shape {wanted}, "
            f"but the input has shape {tuple(shape)}"
        )
    return tuple(range(first, len(shape)))
