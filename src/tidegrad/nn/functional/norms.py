"""Floor 7. Normalisation: over a batch, a layer, groups of channels, or by the mean square."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

import tidegrad as tg

__all__ = ["batch_norm", "group_norm", "instance_norm", "layer_norm", "rms_norm"]


def layer_norm(
    input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> tg.Tensor:
    """`input` with mean 0 and variance 1 over its last axes (Ba, Kiros and Hinton, 2016).

    `normalized_shape` is those axes' shape, and that of `weight` and `bias`.

    >>> tg.nn.functional.layer_norm(tg.tensor([[1.0, 3.0]]), (2,), eps=0.0).tolist()
    [[-1.0, 1.0]]
    """
    axes = _last_axes("layer_norm", input.shape, normalized_shape)
    return _scaled(_standard(input, axes, eps)[0], weight, bias)


def rms_norm(
    input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None
) -> tg.Tensor:
    """`input` divided by the root of its mean square over its last axes (Zhang, Sennrich, 2019).

    `eps` is added to the mean square; None is the machine epsilon of the dtype.

    >>> tg.nn.functional.rms_norm(tg.tensor([[3.0, 3.0]]), (2,)).tolist()
    [[1.0, 1.0]]
    """
    axes = _last_axes("rms_norm", input.shape, normalized_shape)
    if eps is None:
        eps = float(np.finfo(input.dtype).eps)
    root = tg.sqrt(tg.mean(input * input, axis=axes, keepdims=True) + eps)
    return _scaled(input / root, weight, None)


def group_norm(
    input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> tg.Tensor:
    """(N, C, ...) normalised over each of `num_groups` groups of channels (Wu and He, 2018).

    >>> tg.nn.functional.group_norm(tg.ones((2, 6, 4)), 3).shape
    (2, 6, 4)
    """
    shape = input.shape
    if len(shape) < 2 or shape[1] % num_groups:
        raise ValueError(
            f"group_norm: {num_groups} groups need an input (N, C, ...) whose C they divide, "
            f"but its shape is {tuple(shape)}"
        )
    grouped = tg.reshape(input, (shape[0], num_groups, -1) if prod(shape) else (*shape[:1], 0, 0))
    normal = tg.reshape(_standard(grouped, (2,), eps)[0], shape)
    return _scaled(normal, _channels(weight, len(shape)), _channels(bias, len(shape)))


def instance_norm(input: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> tg.Tensor:
    """(N, C, ...) with every channel of every example normalised on its own.

    >>> tg.nn.functional.instance_norm(tg.ones((2, 6, 4))).shape
    (2, 6, 4)
    """
    return group_norm(input, input.shape[1], weight, bias, eps)


def batch_norm(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: Any = 0.1,
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
    _check_channels(input.shape, running_mean, weight)
    ndim = len(input.shape)
    if not training and running_mean is not None:
        root = tg.sqrt(_channels(running_var, ndim) + eps)
        normal = (input - _channels(running_mean, ndim)) / root
        return _scaled(normal, _channels(weight, ndim), _channels(bias, ndim))
    count = prod(input.shape) // max(input.shape[1], 1)
    if training and count < 2:
        raise ValueError(
            "batch_norm: training needs more than 1 value per channel to measure, but the input "
            f"has shape {tuple(input.shape)}; use a larger batch, or .eval()"
        )
    axes = (0, *range(2, ndim))
    normal, mean, var = _standard(input, axes, eps)
    if training and running_mean is not None:
        with tg.no_grad():
            _follow(running_mean, mean, momentum)
            _follow(running_var, var * (count / (count - 1)), momentum)
    return _scaled(normal, _channels(weight, ndim), _channels(bias, ndim))


def _follow(running: tg.Tensor, new: tg.Tensor, momentum: Any) -> None:
    """Move a running statistic towards `new`; graphs that were made before keep the old value."""
    new = tg.reshape(new.detach(), running.shape)
    running[...] = (running * (1 - momentum) + new * momentum).astype(running.dtype)


def _standard(x: Any, axes: tuple[int, ...], eps: float) -> tuple[Any, Any, Any]:
    """`x` with mean 0 and variance 1 over `axes`; its mean and (biased) variance there."""
    mean = tg.mean(x, axis=axes, keepdims=True)
    centred = x - mean
    var = tg.mean(centred * centred, axis=axes, keepdims=True)
    return centred / tg.sqrt(var + eps), mean, var


def _scaled(x: Any, weight: Any, bias: Any) -> tg.Tensor:
    if weight is not None:
        x = x * weight
    return x if bias is None else x + bias


def _channels(x: Any, ndim: int) -> Any:
    """A (C,) tensor shaped to meet the second axis of an `ndim`-dimensional one."""
    return x if x is None or ndim == 2 else tg.reshape(x, (-1, *(1,) * (ndim - 2)))


def _last_axes(operation: str, shape: Any, normalized_shape: Any) -> tuple[int, ...]:
    wanted = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not wanted or tuple(shape[-len(wanted) :]) != wanted:
        raise ValueError(
            f"{operation}: the last axes of the input must have shape {wanted}, "
            f"but the input has shape {tuple(shape)}"
        )
    return tuple(range(len(shape) - len(wanted), len(shape)))


def _check_channels(shape: Any, *per_channel: Any) -> None:
    if len(shape) < 2:
        raise ValueError(
            f"batch_norm: expected an input (N, C) or (N, C, ...), but its shape is {tuple(shape)}"
        )
    for x in per_channel:
        if x is not None and x.shape != (shape[1],):
            raise ValueError(
                f"batch_norm: expected {x.shape[0]} channels on axis 1, "
                f"but the input has shape {tuple(shape)}"
            )
