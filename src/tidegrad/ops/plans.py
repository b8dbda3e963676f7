"""Floor 3. Plans: how NumPy's matrix product computes a contraction, chosen once for each text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import takewhile
from math import prod
from operator import attrgetter

import numpy as np
from numpy import ndarray

__all__ = ["plan", "terms"]

Run = Callable[[ndarray, ndarray], ndarray]

# From this many columns (or summands) on a product of its own for each row of the batch is
# faster than one large product of axes that were copied into another order.
WIDE = 32


def terms(spec: str) -> tuple[str, str, str]:
    """The labels of the two inputs and of the result."""
    inputs, out = spec.split("->")
    a, b = inputs.split(",")
    return a, b, out


@lru_cache(maxsize=4096)
def plan(spec: str) -> Run:
    """How NumPy computes a contraction: as (batch, rows, inner) @ (batch, inner, columns).

    Plain matrix products of transposed or untransposed inputs go to BLAS as they are.
    """
    a, b, out = terms(spec)
    batch = [n for n in out if n in a and n in b]
    rows = [n for n in out if n not in b]
    columns = [n for n in out if n not in a]
    inner = [n for n in a if n in b and n not in out]
    if rows and columns and out.index(columns[0]) < out.index(rows[0]):
        swapped = plan(f"{b},{a}->{out}")
        return lambda x, y: swapped(y, x)
    whole = arranged(a, b, out, batch, rows, inner, columns)
    return by_rows(a, b, out, whole) or by_sums(a, b, out, whole) or whole


def by_rows(a: str, b: str, out: str, whole: Run) -> Run | None:
    """A product for each of the rows that stand before the columns, others standing behind them.

    As in a convolution, "nchwkl,ockl->nohw": its result needs no other order afterwards.
    """
    columns = [n for n in out if n not in a]
    head = list(out[: out.index(columns[0])]) if columns else []
    after = [n for n in out if n not in b and n not in head]
    inner = [n for n in a if n in b and n not in out]
    if not (after and inner and set(head) - set(b)):
        return None
    batch = head + [n for n in out if n in a and n in b and n not in head]
    split = arranged(b, a, out, batch, columns, inner, after)
    wide = [a.index(n) for n in after]
    return lambda x, y: split(y, x) if prod([x.shape[i] for i in wide]) >= WIDE else whole(x, y)


def by_sums(a: str, b: str, out: str, whole: Run) -> Run | None:
    """A product for each of the first labels of both inputs, summed afterwards.

    As in the gradient of a convolution's kernel, "nohw,nchwkl->ockl": to sum over `nhw` at once
    both inputs would be copied.  Not where the products took more memory than the inputs.
    """
    head = [n for n, _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b))]
    inner = [n for n in a if n in b and n not in out]
    outer, rest = [n for n in inner if n in head], [n for n in inner if n not in head]
    rows, columns = ([n for n in out if n not in m] for m in (b, a))
    if not (outer and rest and rows and columns):
        return None
    batch = head + [n for n in out if n in a and n in b and n not in head]
    order = [n for n in batch if n not in outer] + rows + columns
    split = arranged(a, b, "".join(batch + rows + columns), batch, rows, rest, columns)
    summed = tuple(batch.index(n) for n in outer)
    back = tuple(order.index(n) for n in out)

    def run(x, y):
        sizes = dict(zip(a + b, x.shape + y.shape))
        products = prod(sizes[n] for n in batch + rows + columns)
        deep = prod(sizes[n] for n in rest)
        if x.dtype.kind != "f" or deep < WIDE or products > max(x.size, y.size):
            return whole(x, y)
        return np.add.reduce(split(x, y), axis=summed).transpose(back)

    return run


def arranged(
    a: str, b: str, out: str, batch: Sequence[str], rows: list, inner: list, columns: list
) -> Run:
    """The product of the inputs' axes in these groups, its axes in the order of `out`."""
    order = [*batch, *rows, *columns]
    back = None if order == list(out) else tuple(order.index(n) for n in out)
    x_form, y_form = form(a, batch, rows, inner), form(b, batch, inner, columns)
    multiply = product if inner else np.multiply
    grouped = len(rows) != 1 or len(columns) != 1
    if not grouped and back is None:
        if x_form is y_form is as_it_is:
            return np.matmul if inner else np.multiply
        return lambda x, y: multiply(x_form(x), y_form(y))

    def run(x, y):
        z = multiply(x_form(x), y_form(y))
        if grouped:
            sizes = dict(zip(a + b, x.shape + y.shape))
            z = z.reshape([sizes[n] for n in order])
        return z if back is None else z.transpose(back)

    return run


def product(x: ndarray, y: ndarray) -> ndarray:
    """The matrix product; of one column with one row, for which NumPy is slow, by broadcasting."""
    outer = x.shape[-1] == 1 and y.shape[-1] >= WIDE
    return np.multiply(x, y) if outer else np.matmul(x, y)


def as_it_is(x: ndarray) -> ndarray:
    return x


def form(labels: str, batch: Sequence[str], *pair: list[str]) -> Callable[[ndarray], ndarray]:
    """A function that brings an array's axes into an order, the last two groups as one each.

    A label of the batch that the array lacks becomes an axis of size 1.
    """
    held = [n for n in batch if n in labels]
    order = tuple(labels.index(n) for group in (held, *pair) for n in group)
    turned = order != tuple(range(len(labels)))
    if len(held) == len(batch) and all(len(group) == 1 for group in pair):
        return (
            as_it_is
            if not turned
            else attrgetter("T")
            if len(order) == 2
            else (lambda x: x.transpose(order))
        )
    other = tuple(labels.index(n) for group in (held, *pair[::-1]) for n in group)
    ends = [labels.index(group[-1]) for group in pair if group]
    split = len(held) + len(pair[0]), len(held) + len(pair[1])
    missing = [i for i, n in enumerate(batch) if n not in labels]

    def shaped(x):
        # Where axes can only be joined in a copy, it is made along the longest lines in memory.
        swap = len(ends) == 2 and line(x, ends[0]) < line(x, ends[1])
        x = x.transpose(other if swap else order) if swap or turned else x
        shape = list(x.shape[: len(held)])
        for i in missing:
            shape.insert(i, 1)
        x = x.reshape(*shape, prod(x.shape[len(held) : split[swap]]), prod(x.shape[split[swap] :]))
        return x.swapaxes(-1, -2) if swap else x

    return shaped


def line(x: ndarray, axis: int) -> tuple[int, int]:
    """Smaller for an axis whose elements are nearer to each other, or more."""
    return abs(x.strides[axis]), -x.shape[axis]
