"""Floor 3. Sliding windows: overlapping views, and their transpose, overlapping sums."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy import ndarray

from ..errors import ShapeError
from ..kinds import Move
from ..shapes import Shape

__all__ = ["overlap_add", "window"]


def counts(shape: Shape, size: Shape, stride: Shape, dilation: Shape) -> Shape:
    """How many windows fit along each of the last axes; an error where none does."""
    last = shape[len(shape) - len(size) :]
    found = tuple(
        (n - d * (k - 1) - 1) // s + 1
        for n, k, s, d in zip(last, size, stride, dilation, strict=True)
    )
    if any(n < 1 for n in found):
        raise ShapeError(
            f"window: size {size} with dilation {dilation} does not fit into the axes {last}; "
            "use a smaller window or more padding"
        )
    return found


def windows(x: Any, *, size: Shape, stride: Shape, dilation: Shape) -> ndarray:
    lead = x.ndim - len(size)
    steps = x.strides[lead:]
    apart = tuple(s * n for s, n in zip(stride, steps, strict=True))
    inside = tuple(d * n for d, n in zip(dilation, steps, strict=True))
    return np.lib.stride_tricks.as_strided(
        x,
        (*x.shape[:lead], *counts(x.shape, size, stride, dilation), *size),
        (*x.strides[:lead], *apart, *inside),
        writeable=False,
    )


def added(y: Any, *, size: Shape, stride: Shape, dilation: Shape, shape: Shape) -> ndarray:
    """Every window added to the place it was taken from, one slice for each place in a window."""
    out = np.zeros(shape, y.dtype)
    found = y.shape[y.ndim - 2 * len(size) : y.ndim - len(size)]
    for place in product(*map(range, size)):
        key = tuple(
            slice(d * k, d * k + s * n, s)
            for k, d, s, n in zip(place, dilation, stride, found, strict=True)
        )
        out[(..., *key)] += y[(..., *place)]
    return out


# (..., n) to (..., windows, size), for as many last axes as `size` has.
window = Move(
    "window",
    windows,
    lambda x, *, size, stride, dilation: (
        *x.shape[: len(x.shape) - len(size)],
        *counts(x.shape, size, stride, dilation),
        *size,
    ),
    lambda g, node, i: overlap_add(g, **node.params, shape=node.parents[0].shape),
)

overlap_add = Move(
    "overlap_add",
    added,
    lambda y, *, size, stride, dilation, shape: shape,
    lambda g, node, i: window(g, **{k: v for k, v in node.params.items() if k != "shape"}),
)
