"""Floor 3. Running folds along the last axis; sums and products share one linear recurrence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import Tensor
from ..errors import AxisError
from ..kinds import Prim, inverse, permute
from ..shapes import canonical_axis
from .creation import lift
from .movement import cut, flip_, place

__all__ = ["cumulative_prod", "cumulative_sum"]


def backwards(x):
    """`x` from its last element to its first."""
    return flip_(x, axes=(len(x.shape) - 1,))


def delayed(x, initial):
    """`x` one place later, with `initial` in front: what a fold held before each step."""
    n = x.shape[-1]
    tail = place(
        cut(x, key=(..., slice(0, max(n - 1, 0)))), key=(..., slice(1, None)), shape=x.shape
    )
    first = np.zeros(n, x.dtype)
    first[:1] = initial
    return tail + first if initial else tail


class Recurrence(Prim):
    """`s[k] = x[k] * s[k-1] + y[k]` along the last axis, starting from 0."""

    def __init__(self) -> None:
        super().__init__("recurrence")
        self.drop = {1: (1,), 2: (1, 2), 3: (1,)}  # the multipliers, and the result for their slope

    @staticmethod
    def run(x, y):
        out = np.array(y)
        for k in range(1, out.shape[-1]):
            out[..., k] += x[..., k] * out[..., k - 1]
        return out

    def infer(self, x, y):
        return y.shape, y.dtype

    def vjp(self, node, g, saved):
        part = self.reverse(saved[0], g)
        x, y = node.parents
        return [x and part * delayed(saved[2], 0), y and part]

    def jvp(self, node, tangents, saved):
        x, y = tangents
        if x is not None:
            moved = x * delayed(saved[2], 0)
            y = moved if y is None else y + moved
        return self(saved[0], y)

    def reverse(self, x, g):
        """The transpose: `r[k] = g[k] + x[k+1] * r[k+1]`."""
        return backwards(self(delayed(backwards(x), 0), backwards(g)))


recurrence = Recurrence()


class Running(Prim):
    """A fold's value at each element of the last axis, as `fold` of NumPy's has it."""

    fold: Callable

    def run(self, x):
        return self.fold(x, axis=-1)

    def infer(self, x):
        return x.shape, self.fold(np.empty(0, x.dtype)).dtype


class CumulativeSum(Running):
    """Running sums: linear, transposed by summing from the other end."""

    fold = staticmethod(np.cumsum)

    def vjp(self, node, g, saved):
        return [backwards(self(backwards(g)))]

    def jvp(self, node, tangents, saved):
        return self(tangents[0])


class CumulativeProd(Running):
    """Running products: their derivatives are recurrences, and so are right at zeros too."""

    fold = staticmethod(np.cumprod)

    def __init__(self, name: str):
        super().__init__(name)
        self.drop = {1: ()}

    def vjp(self, node, g, saved):
        return [recurrence.reverse(saved[0], g) * delayed(saved[1], 1)]

    def jvp(self, node, tangents, saved):
        return recurrence(saved[0], tangents[0] * delayed(saved[1], 1))


running_sum = CumulativeSum("cumulative_sum")
running_product = CumulativeProd("cumulative_prod")


def cumulative_sum(
    x: Any, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Tensor:
    """The sums of the first 1, 2, 3 ... elements along `axis` (may be left out for 1-D).

    >>> tg.cumulative_sum([1.0, 2.0, 3.0])
    tensor([1., 3., 6.])
    """
    return running(running_sum, x, axis, dtype, include_initial, 0)


def cumulative_prod(
    x: Any, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Tensor:
    """The products of the first 1, 2, 3 ... elements along `axis` (may be left out for 1-D).

    >>> tg.cumulative_prod([1.0, 2.0, 3.0])
    tensor([1., 2., 6.])
    """
    return running(running_product, x, axis, dtype, include_initial, 1)


def running(prim, x, axis, dtype, include_initial, initial):
    x = lift(x, prim.name)
    x = x if dtype is None else x.astype(dtype)
    ndim = x.array.ndim
    if axis is None and ndim != 1:
        raise AxisError(f"{prim.name}: {ndim} axes; say along which with axis=")
    at = canonical_axis(-1 if axis is None else axis, ndim, prim.name)
    order = tuple(a for a in range(ndim) if a != at) + (at,)
    last = order == tuple(range(ndim))
    line = x if last else permute(x, axes=order)
    if include_initial:
        shape = (*line.array.shape[:-1], line.array.shape[-1] + 1)
        start = np.zeros(shape, line.array.dtype)
        start[..., 0] = initial
        line = place(line, key=(..., slice(1, None)), shape=shape) + Tensor(start)
    out = prim(line)
    return out if last else permute(out, axes=inverse(order))
