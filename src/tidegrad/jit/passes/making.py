"""Floor 6. What rules make Values with, and how they read the numbers in them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...abstract import Value, constant
from ...kinds import Prim, cast, expand, reshape
from ...shapes import Shape

__all__ = ["fitted", "like", "made", "number", "reshaped", "scalar", "uniform"]


def made(prim: Prim, *parents: Value, **params: Any) -> Value:
    """`prim` applied to Values; its own rule gives the shape and the dtype."""
    shape, dtype = prim.infer(*parents, **params)
    return Value(prim, parents, params, shape, dtype)


def like(value: Value, *parents: Value, **params: Any) -> Value:
    """The operation of `value`, and its parameters but for those given, applied to others."""
    return made(value.prim, *parents, **{**value.params, **params})


def scalar(x: Any, dtype: np.dtype) -> Value:
    """A constant without axes."""
    array = np.array(x, dtype)
    array.flags.writeable = False
    return constant(array)


def reshaped(x: Value, shape: Shape) -> Value:
    return x if x.shape == shape else made(reshape, x, shape=shape)


def fitted(x: Value, value: Value) -> Value:
    """`x` in the dtype and the shape of `value`, to which it broadcasts."""
    if x.dtype != value.dtype:
        x = made(cast, x, dtype=value.dtype)
    return x if x.shape == value.shape else made(expand, x, shape=value.shape)


def uniform(x: Value) -> Value | None:
    """The constant of one element that all elements of `x` are equal to, where that is known."""
    while x.prim is expand or x.prim is reshape:
        x = x.parents[0]
    return x if x.prim is None and x.saved is not None and x.saved.size == 1 else None


def number(x: Value) -> Any:
    """That element as a Python number, or None."""
    if x.prim is None and x.saved is None:
        return None
    found = uniform(x)
    return None if found is None else found.saved.item()
