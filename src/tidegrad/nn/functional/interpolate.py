"""Floor 7. interpolate: images and signals at another size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import tidegrad as tg
from tidegrad.ops.windows import spread_windows

__all__ = ["interpolate"]

LINEAR = {"linear": 1, "bilinear": 2}


def interpolate(
    input,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> tg.Tensor:
    """(batch, c, ...) at `size`, or at `scale_factor` times its size; PyTorch's coordinates.

    `mode` is "nearest", "linear" (one axis) or "bilinear" (two); with `align_corners` the
    outermost elements keep their places.

    >>> tg.nn.functional.interpolate(tg.tensor([[[1.0, 2.0]]]), scale_factor=2).tolist()
    [[[1.0, 1.0, 2.0, 2.0]]]
    """
    x = tg.asarray(input)
    axes = x.ndim - 2
    check_options(x, size, scale_factor, mode, align_corners)
    factors, wanted = listed(scale_factor, axes), listed(size, axes)
    for axis, (n, factor, m) in enumerate(zip(x.shape[2:], factors, wanted, strict=True), 2):
        m = int(n * factor) if m is None else m
        if not isinstance(m, int) or m < 1 or n < 1:
            raise ValueError(f"interpolate: axis {axis} would go from size {n} to {m}")
        if m == n:
            # As in PyTorch (but for its nearest values of a single axis, whose gradients it
            # gives like this), an axis that keeps its size keeps its elements.
            continue
        if mode == "nearest":
            x = nearest(x, axis, m, factor)
        else:
            x = linear(x, axis, m, n / m if factor is None else 1 / factor, align_corners)
    return x


def check_options(x, size, scale_factor, mode, align):
    axes = x.ndim - 2
    if axes < 1:
        raise ValueError(
            f"interpolate: takes (batch, channels, ...) with one axis or more, not shape {x.shape}"
        )
    if mode != "nearest" and LINEAR.get(mode) != axes:
        raise ValueError(
            f'interpolate: mode is "nearest", "linear" for 3 axes or "bilinear" for 4, not '
            f"{mode!r} for an input of shape {x.shape}"
        )
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate: give either size or scale_factor")
    if mode == "nearest" and align is not None:
        raise ValueError("interpolate: align_corners is for linear and bilinear")


def listed(value, axes):
    found = list(value) if isinstance(value, (tuple, list)) else [value] * axes
    if len(found) != axes:
        raise ValueError(f"interpolate: {value} must be one number or {axes} of them")
    return found


def nearest(x, axis, m, factor):
    """Along one axis, the element whose cell a new element begins in."""
    n = x.shape[axis]
    places = np.arange(m) * n // m
    if m % n == 0 and factor in (None, m // n):
        # Each element becomes a window of its own, which is summed on the way back.
        return spread_windows(x, **repeated(x.shape, axis, m // n))
    if factor is not None:
        # In float32, as PyTorch counts them, so that the same elements are taken.
        places = np.floor(np.arange(m, dtype=np.float32) * np.float32(1 / factor))
    return tg.take(x, np.minimum(places, n - 1).astype(np.int64), axis=axis)


def repeated(shape, axis, times):
    """`axis` and those after it in windows that do not overlap: of `times` elements, and of 1."""
    size = (times, *[1] * (len(shape) - axis - 1))
    return {
        "size": size,
        "stride": size,
        "shape": (*shape[:axis], shape[axis] * times, *shape[axis + 1 :]),
    }


def linear(x, axis, m, step, align):
    """Along one axis, a weighted mean of the two elements around each new one."""
    n = x.shape[axis]
    if align:
        places = np.linspace(0, n - 1, m) if m > 1 else np.zeros(1)
    else:
        places = np.clip((np.arange(m) + 0.5) * step - 0.5, 0, None)
    low = np.minimum(places.astype(np.int64), n - 1)
    high = np.minimum(low + 1, n - 1)
    weight = (places - low).astype(x.dtype).reshape(-1, *[1] * (x.ndim - 1 - axis))
    below, above = tg.take(x, low, axis=axis), tg.take(x, high, axis=axis)
    return below * (1 - weight) + above * weight
