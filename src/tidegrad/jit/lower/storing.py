"""Floor 6. Storing: which Values are kept in memory; others are computed where they are read."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from ...abstract import Value
from ...kinds import Map, Reduce, expand, permute, reshape
from ...ops.contractions import Contract
from ...ops.indexing import gather, put_at, scatter
from ...ops.movement import cut, flip_
from ...ops.philox import Draw
from ...ops.plans import terms
from ...ops.scans import Recurrence, Running
from ...ops.windows import overlap_add, window
from ..graph import Graph
from ..regions import Holding
from .affine import Affine, Derived, Loop, linear, places, strides
from .folds import FOLDS
from .sliding import SUMS
from .views import VIEWS, sources_of, steps_of

__all__ = ["effort", "inside_out", "is_native", "is_number", "place_of", "stored_values"]

# About how many simple operations an operation costs.
COSTS = dict.fromkeys(
    "exp expm1 log log1p log2 log10 sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh "
    "atanh erf pow sigmoid softplus silu gelu elu logaddexp hypot".split(), 12
) | dict.fromkeys("divide sqrt reciprocal remainder floor_divide".split(), 4)  # fmt: skip
COSTS |= dict.fromkeys("random_bits random_unit random_integers random_normal".split(), 40)
PLAIN = {reshape, permute, expand, cut, flip_, window}  # moves that a contraction reads through
CHEAP = 8  # to be computed again wherever it is read
DEEP = 40  # operations on operations, before one is stored
MOST_TERMS = 64


def is_native(v: Value) -> bool:
    """Whether loops are generated for it; everything else is NumPy's work."""
    prim = v.prim
    if isinstance(prim, Reduce):
        return prim.name in FOLDS
    if prim in SUMS:
        return prod(v.params["size"]) <= MOST_TERMS
    known = prim is None or prim is put_at or prim in VIEWS
    return known or isinstance(prim, (Map, Contract, Recurrence, Running))


def is_number(v: Value) -> bool:
    """Whether a Value's elements need no memory: a constant of one number, or one that counts."""
    if v.prim is not None or v.saved is None:
        return False
    return v.size == 1 or (v.dtype.kind in "iu" and steps_of(v) is not None)


class Costs:
    """What it takes to compute an element from what is stored, and from how far."""

    def __init__(self) -> None:
        self.known: dict[Value, tuple[int, int]] = {}

    def of(self, v: Value, stored: set[Value]) -> tuple[int, int]:
        if v in stored or v.prim is None:
            return 0, 0
        if v not in self.known:
            parts = [self.of(p, stored) for p in v.parents]
            own = COSTS.get(v.prim.name, isinstance(v.prim, Map) or v.prim is gather)
            self.known[v] = (
                own + sum(cost for cost, _ in parts),
                1 + max((depth for _, depth in parts), default=0),
            )
        return self.known[v]


def stored_values(graph: Graph) -> set[Value]:
    """Inputs, arrays of constants, outputs, and what is worth a place in memory."""
    order = graph.order()
    stored = {v for v in order if v.prim is None and not is_number(v)} | set(graph.inputs)
    wanted = {place_of(v) for v in graph.outputs} | demanded(order)
    users, repeated = used(order, graph.outputs), spread(order)
    costs = Costs()
    for v in order:
        there = v.prim is reshape and v not in wanted and inside_out(v) in stored
        if v.prim is None or there or isinstance(v.prim, Holding):
            continue
        cost, depth = costs.of(v, stored)
        folded = isinstance(v.prim, (Reduce, Contract)) or is_sum(v) or is_alone(v)
        again = cost > CHEAP and (users[v] > 1 or v in repeated)
        if folded or v in wanted or again or depth > DEEP:
            stored.add(v)
    return stored


def effort(graph: Graph) -> int:
    """About how many simple operations a program makes."""
    total = 0
    for v in graph.order():
        if isinstance(v.prim, Contract):
            a, b, _ = terms(v.params["spec"])
            sizes = dict(zip(a + b, v.parents[0].shape + v.parents[1].shape))
            total += int(prod(sizes.values()))
        elif isinstance(v.prim, Holding):
            graphs = [p for p in v.params.values() if isinstance(p, Graph)]
            total += int(v.params.get("length", 1)) * max(map(effort, graphs))
        elif isinstance(v.prim, (Map, Draw)):
            total += COSTS.get(v.prim.name, 1) * int(v.size)
        elif isinstance(v.prim, (Reduce, Recurrence, Running)) or v.prim in (scatter, put_at):
            total += int(v.parents[0].size)
    return total


def used(order: Iterable[Value], outputs: Iterable[Value]) -> dict[Value, int]:
    """How often each Value is read."""
    users: dict[Value, int] = {v: 0 for v in order}
    for v in order:
        for p in set(v.parents):
            users[p] += 1
    for v in outputs:
        users[v] += 1
    return users


def spread(order: Iterable[Value]) -> set[Value]:
    """What is read more than once by the same operation, being broadcast."""
    found: set[Value] = set()
    for v in order:
        if isinstance(v.prim, Map) or v.prim is expand:
            found.update(inside_out(p) for p in v.parents if 1 < int(p.size) < int(v.size))
    return found


def is_sum(v: Value) -> bool:
    """Whether elements are sums of several."""
    if v.prim is not overlap_add:
        return v.prim in SUMS
    each = zip(v.params["size"], v.params["stride"], v.params["dilation"])
    return any(s < k or d > 1 for k, s, d in each if k > 1)


def is_alone(v: Value) -> bool:
    """Whether it is computed as a whole: by NumPy, or one element after another."""
    running = isinstance(v.prim, (Recurrence, Running))
    twice = v.prim is put_at or (v.prim is scatter and sources_of(v) is None)
    return running or twice or not is_native(v)


def inside_out(v: Value) -> Value:
    """`v` before reshapes, which leave memory as it is."""
    while v.prim is reshape:
        (v,) = v.parents
    return v


def place_of(v: Value) -> Value:
    """The Value whose memory holds `v`, an output: itself, where that would be an input's."""
    inner = inside_out(v)
    return v if inner.prim is None else inner


def demanded(order: Iterable[Value]) -> set[Value]:
    """What its users want in memory: many read it, or from another place each."""
    found: set[Value] = set()
    for v in order:
        if isinstance(v.prim, Contract):
            found.update(operand(p) for p in v.parents)
        elif v.prim is not None and not is_native(v):
            found.update(map(inside_out, v.parents))
        elif v.prim is reshape and not is_affine(v):
            found.add(inside_out(v))
        elif v.prim in SUMS and v.prim is not overlap_add:  # which reads each element once
            found.update(map(inside_out, v.parents))
        elif v.prim is expand and repeated_by_rows(v):
            found.add(inside_out(v.parents[0]))
    return {v for v in found if not is_number(v)}


def operand(v: Value) -> Value:
    """What a contraction reads again and again: moves by which neighbours stay apart alike stay."""
    while v.prim in PLAIN:
        if v.prim is reshape and not is_affine(v):
            break
        v = v.parents[0]
    return inside_out(v)


def is_affine(v: Value) -> bool:
    """Whether a reshape's elements come from places that grow evenly along each of its axes."""
    index = [Affine.of(Loop(str(k), n)) for k, n in enumerate(v.shape)]
    found = places(linear(index, strides(v.shape)), v.parents[0].shape)
    return not any(isinstance(w, Derived) for a in found for w in a.terms)


def repeated_by_rows(v: Value) -> bool:
    """Whether an expand repeats along leading axes, where loops inside would compute it anew."""
    (x,) = v.parents
    added = len(v.shape) - len(x.shape)
    sizes = (*(1,) * added, *x.shape)
    axis = next((k for k, (n, m) in enumerate(zip(sizes, v.shape)) if n != m), None)
    return axis is not None and x.size > 1 and any(n > 1 for n in sizes[axis + 1 :])
