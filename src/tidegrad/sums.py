"""Floor 0. Sums that stay accurate over a million elements, whichever way they lie in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

__all__ = ["total"]

LONG, SHORT = 256, 32  # what is halved, and until when


def total(x: ndarray, *, axes: tuple[int, ...], keepdims: Any) -> ndarray:
    """The sum over `axes`; its error grows with the logarithm of how many are added.

    NumPy adds by halves (pairwise) along memory only.  Across it, it adds one by one: the mean of
    a million rows of 0.1 in float32 would be off by 1%.  Long axes are halved here first, which is
    also the faster way for narrow rows.
    """
    if len(axes) < x.ndim and x.dtype.kind == "f":
        for axis in axes:
            if x.shape[axis] > LONG and x.strides[axis] != x.itemsize:
                while x.shape[axis] > SHORT:
                    x = halved(x, axis)
    return np.add.reduce(x, axis=axes, keepdims=keepdims)


def halved(x: ndarray, axis: int) -> ndarray:
    """Each element of the first half along `axis` plus one of the second, a last odd one too."""
    lines = np.moveaxis(x, axis, 0)
    half = len(lines) // 2
    out = lines[:half] + lines[half : 2 * half]
    if len(lines) % 2:
        out[0] += lines[-1]
    return np.moveaxis(out, 0, axis)
