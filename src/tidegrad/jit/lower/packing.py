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
    """A product "...rk,...jk->...rj", in whatever order, that reads its right side as panels."""
    x, y = v.parents
    a, b, out = terms(v.params["spec"])
    batch = [n for n in out if n in a and n in b]
    rows = [n for n in out if n not in b]
    columns = [n for n in out if n not in a]
    inner = [n for n in a if n in b and n not in out]
    if len(columns) != 1 or not inner or not rows or out[-1] in batch or v.dtype.kind != "f":
        return v
    if out[-1] != columns[0]:
        if len(rows) != 1:
            return v
        x, y, a, b, rows, columns = y, x, b, a, columns, rows
    (j,), k = columns, "".join(inner)
    sizes = dict(zip(a + b, x.shape + y.shape))
    tall, deep = prod(sizes[n] for n in rows), prod(sizes[n] for n in inner)
    if tall < ROWS or tall * deep < WORK or 2 * sizes[j] < LANES:
        return v
    first, second, result = a, b, out[:-1] + j
    left = len(rows) == 1 and not batch and is_far(x, a, rows[0]) and out[0] == rows[0]
    right = b[-1] != j or is_far(y, b, j)
    if not (left or right):
        return v
    if right:
        y, second = panels(y, b, j, k, LANES), "".join(batch) + f"P{k}C"
        result = result[:-1] + "PC"
    if left:
        x, first = panels(x, a, rows[0], k, ROWS), f"Q{k}R"
        result = "QR" + result[1:]
    whole = applied(v.prim, x, y, spec=f"{first},{second}->{result}")
    ends = prod(whole.shape[-2:]) if right else sizes[j]
    starts = (prod(whole.shape[:2]),) if left else v.shape[:-1]
    flat = applied(reshape, whole, shape=(*starts, ends))
    if flat.shape != v.shape:
        flat = applied(cut, flat, key=tuple(slice(0, n) for n in v.shape))
    return flat


def is_far(v: Value, labels: str, axis: str) -> bool:
    """Whether the rows of a matrix are so far apart that they fall on the same lines of a cache."""
    row = v.shape[-1] * v.dtype.itemsize
    deep = v.size // v.shape[-1] >= DEEP
    return labels[-1] == axis and deep and (row >= PAGE or (row >= PAGE // 2 and row % 1024 == 0))


def panels(v: Value, labels: str, axis: str, inner: str, count: int) -> Value:
    """An operand as (..., panels, k, count), with zeros where the last panel is not full."""
    at = labels.index(axis)
    n = v.shape[at]
    whole = -(-n // count) * count
    if whole != n:
        shape = tuple(whole if d == at else m for d, m in enumerate(v.shape))
        v = applied(place, v, key=tuple(slice(0, m) for m in v.shape), shape=shape)
    split = [*v.shape[:at], whole // count, count, *v.shape[at + 1 :]]
    v = applied(reshape, v, shape=tuple(split))
    names = labels.replace(axis, "PC")
    batch = [label for label in labels if label != axis and label not in inner]
    order = [*batch, "P", *inner, "C"]
    v = applied(permute, v, axes=tuple(names.index(label) for label in order))
    return applied(positive, v)  # no view, which would be read where it is


def applied(prim: Prim, *parents: Value, **params: object) -> Value:
    """The Value of an operation."""
    shape, dtype = prim.infer(*parents, **params)
    return Value(prim, parents, params, shape, dtype)
