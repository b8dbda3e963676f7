"""Floor 6. Packing: what products read again and again, laid out in the order of their loops."""

from __future__ import annotations

from math import prod

from ...abstract import Value
from ...kinds import Prim, permute, reshape
from ...ops.contractions import Contract
from ...ops.elementwise import positive
from ...ops.movement import cut, place
from ...ops.plans import terms
from ..graph import Graph, rewritten

__all__ = ["packed"]

LANES = 16  # numbers side by side in a packed panel, at least those of a vector
ROWS = 8  # rows side by side, where they are what a tile shares
PAGE = 4096  # bytes
DEEP = 64  # rows
WORK = 1 << 10  # products for each result's row, below which copies do not pay


def packed(graph: Graph) -> Graph:
    """`graph` with its larger matrix products on panels: for each k, neighbours of a result.

    The right side "kj" becomes (panels, k, lanes), and so does a left side "ki" whose rows are
    far apart.  The result's axes are then (rows, panels, lanes), which is the same memory.
    """

    def rule(v: Value) -> Value:
        return as_panels(v) if isinstance(v.prim, Contract) else v

    return rewritten(graph, rule)


def as_panels(v: Value) -> Value:
    x, y = v.parents
    a, b, out = terms(v.params["spec"])
    batch = [n for n in out if n in a and n in b]
    rows = [n for n in out if n not in b]
    columns = [n for n in out if n not in a]
    inner = [n for n in a if n in b and n not in out]
    if batch or len(rows) != 1 or len(columns) != 1 or len(inner) != 1:
        return v
    (i,), (j,), (k,) = rows, columns, inner
    sizes = dict(zip(a + b, x.shape + y.shape))
    if sizes[i] < ROWS or sizes[i] * sizes[k] < WORK or v.dtype.kind != "f":
        return v
    left, right = is_far(x, a, i), is_far(y, b, j) or b[-1] != j
    if 2 * sizes[j] < LANES or not (left or right):
        return v
    first, second, result = a, b, [i, j]
    if right:
        y, second, result[1] = panels(y, b, j, LANES), f"P{k}C", "PC"
    if left:
        x, first, result[0] = panels(x, a, i, ROWS), f"Q{k}R", "QR"
    whole = applied(v.prim, x, y, spec=f"{first},{second}->{''.join(result)}")
    wide = (sizes[i], sizes[j])
    tall = (
        prod(whole.shape[:2]) if left else sizes[i],
        prod(whole.shape[-2:]) if right else sizes[j],
    )
    flat = applied(reshape, whole, shape=tall)
    if tall != wide:
        flat = applied(cut, flat, key=(slice(0, wide[0]), slice(0, wide[1])))
    return flat if out == i + j else applied(permute, flat, axes=(1, 0))


def is_far(v: Value, labels: str, axis: str) -> bool:
    """Whether the rows of a matrix are so far apart that they fall on the same lines of a cache."""
    return labels[-1] == axis and v.shape[-1] * v.dtype.itemsize >= PAGE and v.shape[0] >= DEEP


def panels(v: Value, labels: str, axis: str, count: int) -> Value:
    """A matrix as (panels, k, count), zeros where the last panel is not full."""
    at = labels.index(axis)
    n = v.shape[at]
    whole = -(-n // count) * count
    if whole != n:
        shape = tuple(whole if d == at else m for d, m in enumerate(v.shape))
        key = tuple(slice(0, m) for m in v.shape)
        v = applied(place, v, key=key, shape=shape)
    split = [*v.shape[:at], whole // count, count, *v.shape[at + 1 :]]
    v = applied(reshape, v, shape=tuple(split))
    v = applied(permute, v, axes=(at, 2 if at == 0 else 0, at + 1))
    return applied(positive, v)  # no view, which would be read where it is


def applied(prim: Prim, *parents: Value, **params: object) -> Value:
    """The Value of an operation."""
    shape, dtype = prim.infer(*parents, **params)
    return Value(prim, parents, params, shape, dtype)
