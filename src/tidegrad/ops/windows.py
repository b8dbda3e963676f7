"""Floor 3. Sliding windows over the last axes: seen, added up again, summed, searched."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np

from ..arrays import view
from ..core import Tensor
from ..errors import ShapeError
from ..kinds import Move, Opaque, inverse, permute
from ..shapes import canonical_axis, several
from .creation import lift
from .movement import cut

__all__ = ["overlap_add", "peaks", "sliding_window_view", "spread_windows", "sum_windows"]
__all__ += ["window"]

# `size`, `stride` and `dilation` have a number for each of the last axes; a shape (..., n)
# becomes (..., windows, size).  A sum over windows loops over the few places inside a window,
# each of which is one strided slice of the whole array.


def counts(shape, size, stride, dilation):
    """How many windows fit along each of the last axes; an error where none does."""
    last = shape[len(shape) - len(size) :]
    found = tuple(
        (n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(last, size, stride, dilation)
    )
    if any(n < 1 for n in found):
        raise ShapeError(
            f"window: size {size} with dilation {dilation} does not fit into the axes {last}; "
            "use a smaller window or more padding"
        )
    return found


def places(found, size, stride, dilation):
    """For each place inside a window, where all the windows have it: a slice for each axis."""
    for place in product(*map(range, size)):
        yield tuple(
            slice(d * k, d * k + s * (n - 1) + 1, s)
            for k, d, s, n in zip(place, dilation, stride, found)
        )


def seen(x, *, size, stride, dilation):
    lead = x.ndim - len(size)
    steps = x.strides[lead:]
    apart = tuple(s * n for s, n in zip(stride, steps))
    inside = tuple(d * n for d, n in zip(dilation, steps))
    found = counts(x.shape, size, stride, dilation)
    strides = (*x.strides[:lead], *apart, *inside)
    return view(x, (*x.shape[:lead], *found, *size), strides)


def added(y, *, size, stride, dilation, shape):
    """Every window added to the place it was taken from."""
    out = np.zeros(shape, y.dtype)
    found = y.shape[y.ndim - 2 * len(size) : y.ndim - len(size)]
    inner = product(*map(range, size))
    for key, place in zip(places(found, size, stride, dilation), inner):
        out[(..., *key)] += y[(..., *place)]
    return out


def windows_back(g, node, i):
    """The windows that were added, although more might fit into what is left at the end."""
    params = {name: v for name, v in node.params.items() if name != "shape"}
    axes, own = len(params["size"]), node.parents[0].shape
    ends = tuple(
        s * (n - 1) + d * (k - 1) + 1
        for n, k, s, d in zip(own[len(own) - 2 * axes :], *params.values())
    )
    if g.shape[len(g.shape) - axes :] != ends:
        whole = (slice(None),) * (len(g.shape) - axes)
        g = cut(g, key=whole + tuple(slice(0, n) for n in ends))
    return window(g, **params)


window = Move(
    "window",
    seen,
    lambda x, *, size, stride, dilation: (
        *x.shape[: len(x.shape) - len(size)],
        *counts(x.shape, size, stride, dilation),
        *size,
    ),
    lambda g, node, i: overlap_add(g, **node.params, shape=node.parents[0].shape),
)

overlap_add = Move(
    "overlap_add", added, lambda y, *, size, stride, dilation, shape: shape, windows_back
)


def along(ndim, axis, key):
    """The index that is `key` on one axis and everything on the others."""
    return (slice(None),) * axis + (key,) + (slice(None),) * (ndim - axis - 1)


def summed(x, *, size, stride):
    """One axis after the other, as the sum over a box is a sum of sums."""
    for axis, (k, s) in enumerate(zip(size, stride), x.ndim - len(size)):
        (n,) = counts(x.shape[axis : axis + 1], (k,), (s,), (1,))
        parts = [x[along(x.ndim, axis, key)] for (key,) in places((n,), (k,), (s,), (1,))]
        x = parts[0] + parts[1] if k > 1 else parts[0]
        for part in parts[2:]:
            x += part
    return x


def unsummed(y, *, size, stride, shape):
    lead = y.ndim - len(size)
    for axis, (k, s) in reversed(list(enumerate(zip(size, stride), lead))):
        out = np.zeros((*y.shape[:axis], shape[axis], *y.shape[axis + 1 :]), y.dtype)
        for (key,) in places(y.shape[axis : axis + 1], (k,), (s,), (1,)):
            out[along(y.ndim, axis, key)] += y
        y = out
    return y


# The sum of each window, (..., n) to (..., windows), and its transpose.
sum_windows = Move(
    "sum_windows",
    summed,
    lambda x, *, size, stride: (
        *x.shape[: len(x.shape) - len(size)],
        *counts(x.shape, size, stride, (1,) * len(size)),
    ),
    lambda g, node, i: spread_windows(g, **node.params, shape=node.parents[0].shape),
)

spread_windows = Move(
    "spread_windows",
    unsummed,
    lambda y, *, size, stride, shape: shape,
    lambda g, node, i: sum_windows(g, size=node.params["size"], stride=node.params["stride"]),
)


def framed(x, pads):
    """`x` with the lowest value there is around its last axes."""
    if not any(map(any, pads)):
        return x
    lead = x.ndim - len(pads)
    sizes = [a + n + b for n, (a, b) in zip(x.shape[lead:], pads)]
    lowest = -np.inf if x.dtype.kind == "f" else False if x.dtype.kind == "b" else None
    lowest = np.iinfo(x.dtype).min if lowest is None else lowest
    wide = np.full((*x.shape[:lead], *sizes), lowest, x.dtype)
    inner = [slice(a, a + n) for n, (a, _) in zip(x.shape[lead:], pads)]
    wide[(..., *inner)] = x
    return wide


def highest(x, *, size, stride, dilation, pads):
    """Where in its plane each window has its largest element: the first one, or a NaN.

    Inside a window places are numbered, and a later place wins only by being larger, so that
    the number of the winner is the largest number of all places that ever led.
    """
    wide = framed(x, pads)
    lead = x.ndim - len(size)
    found = counts(wide.shape, size, stride, dilation)
    starts = [np.arange(n) * s - a for n, s, (a, _) in zip(found, stride, pads)]
    number = np.min_scalar_type(prod(size)).type
    winner = np.empty((*x.shape[:lead], *found), number)
    winner[...] = first_places(starts, x.shape[lead:], size, dilation)
    keys = list(places(found, size, stride, dilation))
    best = wide[(..., *keys[0])].copy()
    for p, key in enumerate(keys[1:], 1):
        candidate = wide[(..., *key)]
        np.maximum(winner, (candidate > best).view(np.uint8) * number(p), out=winner)
        np.maximum(best, candidate, out=best)
    if x.dtype.kind == "f" and np.isnan(best).any():
        for p, key in enumerate(keys):
            winner[np.isnan(wide[(..., *key)])] = p
    inside = [np.arange(k) * d for k, d in zip(size, dilation)]
    return flat(starts, x.shape[lead:]) + flat(inside, x.shape[lead:]).ravel()[winner]


def flat(coordinates, shape):
    """Where in a plane of `shape` all combinations of coordinates are, even those outside."""
    steps = [prod(shape[axis + 1 :]) for axis in range(len(shape))]
    return sum(c * step for c, step in zip(np.ix_(*coordinates), steps))


def first_places(starts, shape, size, dilation):
    """The number of the first place in each window that is not in the frame."""
    first = [-(np.minimum(at, 0) // d) for at, d in zip(starts, dilation)]
    for at, k, n, d, m in zip(starts, first, shape, dilation, size):
        if (k >= m).any() or (at + k * d >= n).any():
            raise ShapeError(
                f"max_pool: a window of size {m} with dilation {d} would hold nothing but padding "
                f"on an axis of size {n}; use less padding"
            )
    return flat(first, size)


def peak_shape(x, *, size, stride, dilation, pads):
    lead = len(x.shape) - len(size)
    wide = tuple(a + n + b for n, (a, b) in zip(x.shape[lead:], pads))
    found = counts(wide, size, stride, dilation)
    return (*x.shape[:lead], *found), np.dtype(np.intp)


peaks = Opaque("peaks", highest, peak_shape)


def sliding_window_view(
    x: Any, window_shape: int | Sequence[int], axis: int | Sequence[int] | None = None
) -> Tensor:
    """Every window of this shape along `axis` (None: all axes), its elements on new last axes.

    As `numpy.lib.stride_tricks.sliding_window_view`, but that no axis is named twice.

    >>> tg.sliding_window_view([1.0, 2.0, 3.0], 2).tolist()
    [[1.0, 2.0], [2.0, 3.0]]
    """
    x, size = lift(x, "sliding_window_view"), tuple(several(window_shape))
    ndim = x.array.ndim
    named = range(ndim) if axis is None else several(axis)
    axes = tuple(canonical_axis(a, ndim, "sliding_window_view") for a in named)
    if len(axes) != len(size) or len(set(axes)) != len(axes) or min(size, default=1) < 1:
        raise ShapeError(
            f"sliding_window_view: a window of shape {size} needs a size of 1 or more for each of "
            f"the axes {axes}, which are named once"
        )
    order = (*(a for a in range(ndim) if a not in axes), *axes)
    ones = (1,) * len(size)
    seen = window(permute(x, axes=order), size=size, stride=ones, dilation=ones)
    return permute(seen, axes=(*inverse(order), *range(ndim, ndim + len(size))))
