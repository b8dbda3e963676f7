"""Floor 7. How windows are written: seen, added up by places, summed, searched."""

from __future__ import annotations

import numpy as np

from ..abstract import Value
from ..ops.windows import flat
from ..shapes import Shape, size_of

__all__ = ["counted", "dtype", "overlapped", "peaked", "window", "window_sums"]


def dtype(of: np.dtype) -> str:
    return "bool" if of.kind == "b" else f"np.{of}"


def counted(places: str, v: Value) -> str:
    """`_0` added up by places in the flat result."""
    shape = v.params["shape"]
    flat = f"np.bincount({places}.ravel(), _0.ravel(), {size_of(shape)})"
    return f"{flat}.reshape({shape}).astype({dtype(v.dtype)})"


def windows(x: str, ndim: int, size: Shape, stride: Shape, dilation: Shape) -> str:
    reach = tuple(d * (k - 1) + 1 for k, d in zip(size, dilation))
    axes = tuple(range(ndim - len(size), ndim))
    text = f"np.lib.stride_tricks.sliding_window_view({x}, {reach}, {axes})"
    steps = [f"::{s}" for s in (*stride, *dilation)]
    return text if {*stride, *dilation} == {1} else f"{text}[..., {', '.join(steps)}]"


def window(v: Value) -> str:
    return windows("_0", len(v.parents[0].shape), **v.params)


def overlapped(v: Value) -> str:
    """The sum by places of what lies where, for an array that numbers its elements."""
    shape, size = v.params["shape"], v.params["size"]
    options = {name: p for name, p in v.params.items() if name != "shape"}
    numbers = f"np.arange({size_of(shape)}).reshape({shape})"
    inner = v.parents[0].shape
    found = ", ".join(f":{n}" for n in inner[len(inner) - 2 * len(size) : -len(size)])
    places = windows(numbers, len(shape), **options)
    return counted(f"{places}[..., {found}{', :' * len(size)}]", v)


def window_sums(v: Value) -> str:
    ndim, size = len(v.parents[0].shape), v.params["size"]
    axes = tuple(range(ndim, ndim + len(size)))
    seen = windows("_0", ndim, size, v.params["stride"], (1,) * len(size))
    return f"np.sum({seen}, axis={axes})"


def peaked(v: Value) -> str:
    """Where each window has its largest element: its place in the window, and the window's."""
    size, stride, dilation, pads = (v.params[n] for n in ("size", "stride", "dilation", "pads"))
    lead, plane = len(v.shape) - len(size), v.parents[0].shape[len(v.shape) - len(size) :]
    around = [(0, 0)] * lead + [tuple(p) for p in pads]
    wide = f"np.pad(_0, {around}, constant_values=-np.inf)" if any(map(any, pads)) else "_0"
    seen = windows(wide, len(v.shape), size, stride, dilation)
    found = f"np.argmax({seen}.reshape({(*v.shape, size_of(size))}), axis=-1)"
    inside = flat([np.arange(k) * d for k, d in zip(size, dilation)], plane).ravel().tolist()
    steps = [size_of(plane[axis + 1 :]) for axis in range(len(size))]
    starts = [
        f"np.arange({n}).reshape({(-1, *[1] * (len(size) - axis - 1))}) * {s * step}"
        for axis, (n, s, step) in enumerate(zip(v.shape[lead:], stride, steps))
    ]
    before = sum(a * step for (a, _), step in zip(pads, steps))
    return f"np.array({inside})[{found}] + ({' + '.join(starts)} - {before})"
