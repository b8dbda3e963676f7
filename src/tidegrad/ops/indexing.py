"""Floor 3. Indexing's primitives: elements read, added and written at places that arrays name."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy import ndarray

from ..core import Node
from ..kinds import Move, Prim, where
from ..shapes import broadcast
from .movement import cut, cut_shape

__all__ = ["gather", "put", "put_at", "scatter"]


class Always(dict):
    """The same answer for every key."""

    def __init__(self, answer):
        self.answer = answer

    def __missing__(self, key):
        return self.answer


class Index(Prim):
    """Linear in its first input; the others, integer arrays, say where on `axes` of the long side.

    `back(g, indices, node)` is the transpose.
    """

    promotes = False

    def __init__(self, name: str, run: Callable, infer: Callable, back: Callable):
        super().__init__(name)
        self.run, self.infer, self.back = run, infer, back
        self.drop = Always((0, -1))

    def vjp(self, node, g, saved):
        return [self.back(g, saved[1:-1], node), *(None for _ in saved[1:-1])]

    def jvp(self, node, tangents, saved):
        return self(tangents[0], *saved[1:-1], **node.params)


def located(indices, axes):
    """NumPy's key for `indices` at `axes`."""
    key = [slice(None)] * (max(axes) + 1)
    for axis, index in zip(axes, indices):
        key[axis] = index
    return tuple(key)


def front(axes):
    """Where the indices' own axes go: to the place of adjacent `axes`, else to the front."""
    return axes[0] if axes == tuple(range(axes[0], axes[0] + len(axes))) else 0


def gathered(x, *indices, axes):
    """Shape and dtype of a gather; an index out of range is named."""
    for axis, index in zip(axes, indices):
        places = getattr(index, "array", index)
        places = places.saved if isinstance(places, Node) else places  # of a trace: if known
        n = x.shape[axis]
        if isinstance(places, ndarray) and ((places < -n) | (places >= n)).any():
            bad = places[(places < -n) | (places >= n)].flat[0]
            raise IndexError(f"index: {bad} is out of range for axis {axis} of size {n}")
    wide = broadcast("index", *(i.shape for i in indices))
    rest = [n for i, n in enumerate(x.shape) if i not in axes]
    return (*rest[: front(axes)], *wide, *rest[front(axes) :]), x.dtype


def scattered(y, *indices, axes, shape):
    """Zeros of `shape`, to which `y` is added at the places that the indices name."""
    sizes = tuple(shape[a] for a in axes)
    wide = np.broadcast_shapes(*(i.shape for i in indices))
    rest = tuple(n for i, n in enumerate(shape) if i not in axes)
    places = np.zeros(wide, np.intp)
    for index, n in zip(indices, sizes):
        places = places * n + (index.astype(np.intp) + n * (index < 0))
    at = front(axes)
    own = (*range(at, at + len(wide)), *range(at), *range(at + len(wide), y.ndim))
    rows = y.transpose(own).reshape(places.size, math.prod(rest))
    total = summed_rows(rows, places.ravel(), int(np.prod(sizes, dtype=np.intp)))
    return np.moveaxis(total.reshape(sizes + rest), range(len(axes)), axes)


def summed_rows(rows, places, count):
    """`count` rows, each the sum of those `rows` whose place it is; far faster than `np.add.at`."""
    if rows.shape[1] == 1 and rows.dtype.kind == "f":
        return np.bincount(places, rows[:, 0], count).astype(rows.dtype)[:, None]
    total = np.zeros((count, rows.shape[1]), rows.dtype)
    if len(places):
        order = np.argsort(places, kind="stable")
        ordered = places[order]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        total[ordered[starts]] = np.add.reduceat(rows[order], starts, axis=0)
    return total


gather = Index(
    "gather",
    lambda x, *indices, axes: x[located(indices, axes)],
    gathered,
    lambda g, indices, node: scatter(
        g, *indices, axes=node.params["axes"], shape=node.parents[0].shape
    ),
)

scatter = Index(
    "scatter",
    scattered,
    lambda y, *indices, axes, shape: (shape, y.dtype),
    lambda g, indices, node: gather(g, *indices, axes=node.params["axes"]),
)


def _written(x, v, *indices, key):
    out = np.array(x)
    out[key] = v
    return out


def _inner(node, i):
    return node.shape if i == 0 else cut_shape(node, key=node.params["key"])


# `x` with `v` written at a basic index.
put = Move(
    "put",
    _written,
    lambda x, v, *, key: x.shape,
    lambda g, node, i: (
        put(g, np.zeros(_inner(node, 1), node.dtype), **node.params)
        if i == 0
        else cut(g, **node.params)
    ),
    _inner,
)


class PutAt(Prim):
    """`x` with `v` written at places that index arrays name, where the last of equals wins."""

    promotes = False

    def __init__(self, name: str):
        super().__init__(name)
        self.drop = Always((0, 1, -1))

    @staticmethod
    def run(x, v, *indices, axes):
        return _written(x, v, key=located(indices, axes))

    def infer(self, x, v, *indices, axes):
        gathered(x, *indices, axes=axes)
        return x.shape, x.dtype

    def vjp(self, node, g, saved):
        indices = saved[2:-1]
        inner = gathered(node, *indices, **node.params)[0]
        gone = np.zeros(inner, node.dtype)
        won = where(self.winners(node, indices, inner), gather(g, *indices, **node.params), 0)
        both = [self(g, gone, *indices, **node.params), won]
        return [p and part for p, part in zip(node.parents, both)] + [None] * len(indices)

    def jvp(self, node, tangents, saved):
        indices = saved[2:-1]
        shapes = (node.shape, gathered(node, *indices, **node.params)[0])
        pair = [
            np.zeros(shape, node.dtype) if t is None else t for t, shape in zip(tangents, shapes)
        ]
        return self(*pair, *indices, **node.params)

    @staticmethod
    def winners(node, indices, inner):
        """Which elements of `v` are still there at the end, places being named more than once."""
        order = np.arange(int(np.prod(inner, dtype=np.intp))).reshape(inner)
        blank = np.full(node.shape, -1)
        last = put_at(blank, order, *indices, **node.params)
        return gather(last, *indices, **node.params) == order


put_at = PutAt("put_at")
