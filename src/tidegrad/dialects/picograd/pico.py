"""Floor 8. picograd's functions of tensors: made of random numbers, of shapes, and of tensors."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np

import tidegrad as tg

from ..shared import lacking
from .tensors import apply, tensor, to_tensor

__all__ = ["Any", "Callable", "cos", "exp", "expand", "glorot_normal", "glorot_uniform"]
__all__ += ["identity", "np", "ones", "ones_like", "rand", "relu", "reshape", "sigmoid", "sin"]
__all__ += ["softmax", "squeeze", "sum", "tensor", "tile", "to_tensor", "unsqueeze", "zeros"]
__all__ += ["zeros_like"]


def rand(*shape: int, sigma: float = 0.05, mu: float = 0) -> tensor:
    """Normal numbers, from `np.random` as `np.random.seed` left it."""
    return tensor(mu + sigma * np.random.randn(*shape))


def glorot_uniform(*shape: int, in_size: int, out_size: int) -> tensor:
    high = (6 / (in_size + out_size)) ** 0.5
    return tensor(np.random.uniform(low=-high, high=high, size=shape))


def glorot_normal(*shape: int, in_size: int, out_size: int) -> tensor:
    return tensor(np.random.randn(*shape) * (2 / (in_size + out_size)) ** 0.5)


def zeros(*shape: int) -> tensor:
    return tensor(np.zeros(shape))


def ones(*shape: int) -> tensor:
    return tensor(np.ones(shape))


def zeros_like(t: Any) -> tensor:
    return zeros(*to_tensor(t).shape)


def ones_like(t: Any) -> tensor:
    return ones(*to_tensor(t).shape)


def identity(n: int) -> tensor:
    return tensor(np.eye(n))


def sin(x: Any) -> tensor:
    return apply(tg.sin, x)


def cos(x: Any) -> tensor:
    return apply(tg.cos, x)


def exp(x: Any) -> tensor:
    return apply(tg.exp, x)


def sigmoid(x: Any) -> tensor:
    """Right for any x, where `1 / (1 + exp(-x))` overflows."""
    return apply(tg.sigmoid, x)


def sum(x: Any, *axis: Any, **named: Any) -> Any:
    """`sum(x, axis=-1)` over any axis of a tensor or array, which is kept with length 1.

    Anything else goes to the builtin of this name, which a star import hides.

    >>> sum(tensor([[1, 2], [3, 4]]), 0).value, sum([1, 2], 3)
    (array([[4., 6.]], dtype=float32), 6)
    """
    if not isinstance(x, tensor | np.ndarray):
        return builtins.sum(x, *axis, **named)
    return total(x, *axis, **named)


def total(x: Any, axis: Any = -1) -> tensor:
    return apply(tg.sum, x, axis=axis, keepdims=True)


def tile(x: Any, n: int, axis: int = 0) -> tensor:
    """A new axis of length n, along which `x` repeats; each copy's gradient counts."""

    def tiled(x: tg.Tensor) -> tg.Tensor:
        x = tg.expand_dims(x, axis=axis)
        return tg.repeat(x, n, axis=axis)

    return apply(tiled, x)


def expand(x: Any, n: int, axis: int = -1) -> tensor:
    """`x` repeated n times along an axis; each copy's gradient counts."""

    def expanded(x: tg.Tensor) -> tg.Tensor:
        return tg.concat([x] * n, axis=axis)

    return apply(expanded, x)


def squeeze(x: Any, axis: int = -1) -> tensor:
    return apply(tg.squeeze, x, axis=axis)


def unsqueeze(x: Any, axis: int = -1) -> tensor:
    return apply(tg.expand_dims, x, axis=axis)


def reshape(x: Any, new_shape: Any) -> tensor:
    return apply(tg.reshape, x, shape=new_shape)


def softmax(x: Any, axis: int) -> tensor:
    return apply(tg.softmax, x, axis=axis)


def relu(x: Any, threshold: float = 0) -> tensor:
    """`x` from the threshold on, where the slope is 1 already, and 0 below."""
    return apply(lambda x: tg.where(x < threshold, 0.0, x), x)


__getattr__ = lacking("picograd")
