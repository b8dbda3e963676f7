"""Floor 3. Sorting: an order is found by NumPy, elements follow it differentiably."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import Tensor
from ..kinds import Opaque
from .creation import lift, lift_along
from .elementwise import stop_gradient
from .subscripts import take_along_axis

__all__ = ["argsort", "sort"]


def _ordered(x, *, axis: int, descending: bool):
    if not descending:
        return np.argsort(x, axis=axis, kind="stable")
    # Sorting the mirror image keeps equal elements in their order.
    mirrored = np.argsort(np.flip(x, axis), axis=axis, kind="stable")
    return x.shape[axis] - 1 - np.flip(mirrored, axis)


order = Opaque("argsort", _ordered, lambda x, *, axis, descending: (x.shape, np.dtype(np.intp)))


def argsort(x: Any, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The indices that sort `x` along `axis`; equal elements keep their order."""
    x, at = lift_along(x, axis, "argsort")
    return order(stop_gradient(x), axis=at, descending=bool(descending))


def sort(x: Any, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The elements of `x` in order along `axis`; gradients follow them to their places.

    >>> tg.sort([3.0, 1.0, 2.0])
    tensor([1., 2., 3.])
    """
    x = lift(x, "sort")
    return take_along_axis(x, argsort(x, axis, descending), axis)
