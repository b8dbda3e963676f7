"""Floor 6. Packing: what products read again and again, laid out in the order of their loops."""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd, prod
from typing import NamedTuple

from ...abstract import Value
from ...kinds import permute, reshape
from ...ops.elementwise import positive
from ...ops.movement import cut, place
from ...ops.plans import terms
from ..passes.making import made

__all__ = ["LANES", "Sides", "as_panels", "panels", "sides_of"]

LANES = 16  # numbers side by side in a packed panel, at least those of a vector
ROWS = 8  # rows side by side, where they are what a tile shares
USES = 16  # of each element, below which copies do not pay
PAGE = 4096  # bytes after which lines fall on the same places of the first cache
WAYS = 8  # lines for which each place has room
DEEP = 64  # rows
WORK = 1 << 10  # products for each result's row, below which copies do not pay


class Sides(NamedTuple):
    """A product whose right side alone has the axis `j`, the left side the axes `rows`."""

    x: Value
    y: Value
    a: str
    b: str
    rows: str
    j: str


def sides_of(v: Value) -> Sides | None:
    """The sides of a product, the one on the right that has the result's last axis, if long."""
    x, y = v.parents
    a, b, out = terms(v.params["spec"])
    rows, columns = (
        "".join(n for n in out if n in own and n not in other) for own, other in ((a, b), (b, a))
    )
    sizes = dict(zip(a + b, x.shape + y.shape))
    both = [Sides(x, y, a, b, rows, columns), Sides(y, x, b, a, columns, rows)]
    own = [s for s in both if out and out[-1] in s.j and 2 * sizes[out[-1]] >= LANES]
    fitting = own or [s for s in both if len(s.j) == 1 and 2 * sizes[s.j] >= LANES]
    chosen = fitting[0] if fitting else None
    return chosen if chosen and len(chosen.j) == 1 and chosen.rows else None


def as_panels(v: Value) -> Value:
    """A product "...rk,...jk->...rj", in whatever order, that reads its right side as panels."""
    sides, (a, b, out) = sides_of(v), terms(v.params["spec"])
    inner = "".join(n for n in a if n in b and n not in out)
    if sides is None or not inner or v.dtype.kind != "f":
        return v
    x, y, a, b, rows, j = sides
    sizes = dict(zip(a + b, x.shape + y.shape))
    tall = prod(sizes[n] for n in rows)
    if tall < USES or tall * prod(sizes[n] for n in inner) < WORK:
        return v
    batch = "".join(n for n in out if n in a and n in b)
    order = out.replace(j, "") + j
    left = len(rows) == 1 and not batch and is_far(x, a, rows) and order == rows + j
    right = b[-1] != j or is_far(y, b, j)
    if not (left or right):
        return v
    first, second, result = a, b, order
    if right:
        lead = batch + leading(b, inner, sizes)
        second = f"{lead}P{without(inner, lead)}C"
        y, result = panels(y, b, j, second, LANES), order[:-1] + "PC"
    if left:
        x = panels(x, a, rows, f"P{inner}C", ROWS)
        first, result = f"Q{inner}R", "QR" + result[1:]
    whole = made(v.prim, x, y, spec=f"{first},{second}->{result}")
    shape = tuple(sizes[n] for n in order)
    ends = prod(whole.shape[-2:]) if right else sizes[j]
    starts = (prod(whole.shape[:2]),) if left else shape[:-1]
    flat = made(reshape, whole, shape=(*starts, ends))
    if flat.shape != shape:
        flat = made(cut, flat, key=tuple(slice(0, n) for n in shape))
    return flat if order == out else made(permute, flat, axes=tuple(map(order.index, out)))


def is_far(v: Value, labels: str, axis: str) -> bool:
    """Whether the rows of a matrix lie so that a column does not fit into the first cache."""
    deep, row = v.size // v.shape[-1], v.shape[-1] * v.dtype.itemsize
    room = WAYS * PAGE // gcd(row, PAGE)
    return labels[-1] == axis and deep >= DEEP and (row >= PAGE or deep > 2 * room)


def leading(labels: str, inner: str, sizes: Mapping[str, int]) -> str:
    """An axis to leave outside of panels: what is made row by row is copied so, too."""
    deep = len(inner) > 1 and int(prod(sizes[n] for n in inner[1:])) >= DEEP
    return inner[0] if deep and labels[0] == inner[0] else ""


def without(labels: str, some: str) -> str:
    return "".join(n for n in labels if n not in some)


def panels(v: Value, labels: str, axis: str, order: str, count: int) -> Value:
    """An operand with its `axis` as panels "P" of `count` neighbours "C", zeros in the last one."""
    at = labels.index(axis)
    n = v.shape[at]
    whole = -(-n // count) * count
    if whole != n:
        shape = tuple(whole if d == at else m for d, m in enumerate(v.shape))
        v = made(place, v, key=tuple(slice(0, m) for m in v.shape), shape=shape)
    split = [*v.shape[:at], whole // count, count, *v.shape[at + 1 :]]
    v = made(reshape, v, shape=tuple(split))
    names = labels.replace(axis, "PC")
    v = made(permute, v, axes=tuple(map(names.index, order)))
    return made(positive, v)  # no view, which would be read where it is
