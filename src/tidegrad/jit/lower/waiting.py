"""Floor 6. Waiting: what is not computed as early as can be: copies, and what overwrites inputs."""

from __future__ import annotations

from collections.abc import Mapping

from ...abstract import Value
from ...kinds import Map
from ...ops.contractions import Contract
from ...ops.elementwise import positive
from ..graph import Graph
from .stages import Folding, Maps, aligned, natural_rows
from .storing import place_of
from .views import VIEWS

__all__ = ["Waiting", "ends_of"]


class Waiting:
    """Copies of inputs that one product reads row by row, and what must come after that product.

    Such a copy is made with the product, for a block of rows at a time, and never lies in memory
    as a whole.  So the input has to stay until then: what is written in its place comes later.
    """

    def __init__(self, graph: Graph, stored: set[Value], parts: int, pairs: Mapping[int, int]):
        order, users = graph.order(), users_of(graph)
        self.copies: dict[Value, set[Value]] = {}  # and the inputs that they are made of
        for v in order:
            if v.prim is positive and v in stored and v.shape and len(users[v]) == 1:
                inputs = inputs_of(v, stored)
                if inputs and goes_through(users[v][0], v, stored, parts):
                    self.copies[v] = inputs
        self.last: dict[Value, Value] = {}  # and the input that is written over
        if self.copies:
            self.find_last(graph, pairs)

    def find_last(self, graph: Graph, pairs: Mapping[int, int]) -> None:
        """Products, and all that follows from them, that in the end are written over inputs."""
        copied, ends = set().union(*self.copies.values()), ends_of(graph)
        for k, place in pairs.items():
            x = graph.inputs[place]
            if x in copied:
                for v in products_of(place_of(graph.outputs[k])):
                    if v in ends:
                        self.last[v] = x
        for v in graph.order():
            found = [self.last[p] for p in v.parents if p in self.last]
            if found and v in ends:
                self.last.setdefault(v, found[0])


def users_of(graph: Graph) -> dict[Value, list[Value]]:
    """What is computed of each Value."""
    order = graph.order()
    users: dict[Value, list[Value]] = {v: [] for v in order}
    for v in order:
        for p in set(v.parents):
            users[p].append(v)
    return users


def ends_of(graph: Graph) -> set[Value]:
    """Values of which nothing more is computed than results, element by element."""
    users, ends = users_of(graph), set[Value]()
    for v in reversed(graph.order()):
        if all(u in ends and is_elementwise(u) for u in users[v]):
            ends.add(v)
    return ends


def inputs_of(v: Value, stored: set[Value]) -> set[Value]:
    """What a copy reads, if that is inputs alone."""
    read = {a.value for a in Maps([v]).reads(stored, 1)[0]}
    return read if all(p.prim is None and p.saved is None for p in read) else set()


def goes_through(product: Value, copy: Value, stored: set[Value], parts: int) -> bool:
    """Whether a product has the rows of a copy, and for each of its own reads one of these."""
    if not isinstance(product.prim, Contract) or product not in stored:
        return False
    stage, rows = Folding(product), copy.shape[0]
    if rows != natural_rows(copy.shape, parts) or not stage.fits(rows):
        return False
    accesses, loop = stage.reads(stored, rows)
    return all(aligned(a, rows, loop) for a in accesses if a.value is copy)


def products_of(v: Value) -> list[Value]:
    """The products that a Value is made of element by element."""
    found, stack, seen = [], [v], set[Value]()
    while stack:
        v = stack.pop()
        if v in seen:
            continue
        seen.add(v)
        if isinstance(v.prim, Contract):
            found.append(v)
        elif is_elementwise(v):
            stack += v.parents
    return found


def is_elementwise(v: Value) -> bool:
    return isinstance(v.prim, Map) or v.prim in VIEWS
