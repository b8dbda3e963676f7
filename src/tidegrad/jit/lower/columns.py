"""Floor 6. Columns: products with a large side, read once by panels, which results stay in."""

from __future__ import annotations

from string import ascii_letters

from ...abstract import Value
from ...kinds import Map, Reduce, permute, reshape
from ...ops.contractions import Contract
from ...ops.plans import terms
from ...shapes import Shape
from ..graph import Graph, rebuilt
from ..passes.making import like, made, reshaped
from ..sizes import slope_of
from .packing import LANES, Sides, as_panels, panels, sides_of
from .waiting import ends_of

__all__ = ["packed"]

LARGE = 1 << 20  # bytes, more than what a core has a cache for beside other things
MANY = 16  # panels, for threads to share
TAKEN = "PQCR"  # labels of panels


def packed(graph: Graph, body: bool = False) -> Graph:
    """`graph` with its larger matrix products on panels: for each k, neighbours of a result.

    The right side "kj" becomes (panels, k, lanes), and so does a left side "ki" whose rows are
    far apart.  The result's axes are then (rows, panels, lanes), which is the same memory, or
    (panels, rows, lanes) where the right side is large, unless it is the `body` of a loop:
    there each row of a batch had better go on by itself.
    """
    new: dict[Value, Value] = {}
    columns, ends = Columns(), ends_of(graph)
    for v in graph.order():
        same = rebuilt(v, tuple([new[p] for p in v.parents])) if v.parents else v
        new[v] = columns.rule(same, body or v in ends)
    return Graph(graph.inputs, tuple([new[y] for y in graph.outputs]))


class Columns:
    """Rules that keep in mind which Values there are as panels of columns, too.

    Panels of (..., n) are (n / lanes, ..., lanes): they are written panel by panel, and read by
    further products without another copy, on whichever side they stand.
    """

    def __init__(self) -> None:
        self.known: dict[Value, Value] = {}

    def product(self, v: Value, in_order: bool) -> Value:
        """A product that reads what there is as panels, and makes such unless wanted in order."""
        shape = v.shape
        for k in (0, 1):
            if v.parents[k] in self.known:
                v = self.opened(v, k)
        sides, (_, _, out) = sides_of(v), terms(v.params["spec"])
        if in_order or sides is None or not by_columns(v, sides, out):
            return reshaped(as_panels(v), shape)
        inner = "".join(n for n in sides.a if n in sides.b)
        right = f"P{inner}C"
        y = panels(sides.y, sides.b, sides.j, right, LANES)
        form = made(v.prim, sides.x, y, spec=f"{sides.a},{right}->P{out[:-1]}C")
        return reshaped(self.noted(form, v.shape), shape)

    def opened(self, v: Value, k: int) -> Value:
        """A product with its input number `k` as panels, and their two labels for its last."""
        labels = list(terms(v.params["spec"]))
        unused = [n for n in ascii_letters if n not in TAKEN and n not in v.params["spec"]]
        n, pair = labels[k][-1], "".join(unused[:2])
        parents = list(v.parents)
        parents[k] = self.known[v.parents[k]]
        own = pair[0] + labels[k][:-1] + pair[1]
        other = 1 - k
        if n in labels[other]:
            parents[other] = split(parents[other], labels[other].index(n))
        labels = [label.replace(n, pair) for label in labels]
        labels[k] = own
        return made(v.prim, *parents, spec=f"{labels[0]},{labels[1]}->{labels[2]}")

    def mapped(self, v: Value) -> Value:
        """What is computed of panels element by element, as panels."""
        if not any(p in self.known and p.shape == v.shape for p in v.parents):
            return v
        parts = [self.spread(p, v.shape) for p in v.parents]
        return self.noted(like(v, *parts), v.shape)

    def reduced(self, v: Value) -> Value:
        """What is folded along columns of panels."""
        (x,) = v.parents
        axes = v.params["axes"]
        if x not in self.known or axes != tuple(range(len(x.shape) - 1)):
            return v
        shifted = tuple(axis + 1 for axis in axes)
        found = like(v, self.known[x], axes=shifted, keepdims=False)
        return made(reshape, found, shape=v.shape)

    def noted(self, form: Value, shape: Shape) -> Value:
        """The Value of this shape that there is as panels."""
        n = len(shape)
        rows = made(permute, form, axes=(*range(1, n), 0, n))
        found = made(reshape, rows, shape=shape)
        self.known[found] = form
        return found

    def spread(self, p: Value, shape: Shape) -> Value:
        """Something that is broadcast to this shape, for panels."""
        if p in self.known and p.shape == shape:
            return self.known[p]
        whole = (*(1,) * (len(shape) - len(p.shape)), *p.shape)
        p = reshaped(p, whole)
        if whole[-1] == 1:
            return made(reshape, p, shape=(1, *whole))
        n = len(shape)
        return made(permute, split(p, n - 1), axes=(n - 1, *range(n - 1), n))

    def rule(self, v: Value, in_order: bool) -> Value:
        if isinstance(v.prim, Contract):
            return self.product(v, in_order)
        if isinstance(v.prim, Map):
            return self.mapped(v)
        return self.reduced(v) if isinstance(v.prim, Reduce) else v


def split(v: Value, axis: int) -> Value:
    """An axis as two, of which the second has as many places as a panel."""
    n = v.shape[axis]
    shape = (*v.shape[:axis], n // LANES, LANES, *v.shape[axis + 1 :])
    return made(reshape, v, shape=shape)


def by_columns(v: Value, sides: Sides, out: str) -> bool:
    """Whether the right side is the larger one: too large to be read again for each few rows."""
    x, y, n = sides.x, sides.y, v.shape[-1]
    inner = [label for label in sides.a if label in sides.b]
    if v.dtype.kind != "f" or not inner or out != sides.rows + sides.j or slope_of(n):
        return False
    large = int(y.nbytes) >= LARGE and max(int(x.size), int(v.size)) < int(y.size)
    return large and n % LANES == 0 and n >= MANY * LANES and int(v.size) >= LANES * n
