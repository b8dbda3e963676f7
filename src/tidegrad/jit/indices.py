"""Floor 6. Indices: places that a program is given are looked at before it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from numpy import ndarray

from ..abstract import Value
from ..kinds import Map, Move
from ..ops.indexing import gather, put_at, scatter
from .graph import Graph
from .interpreter import Interpreter
from .sizes import Size

__all__ = ["Indices"]

MOST = 1 << 20  # elements that are looked at, or computed for it, at each call


class Use(NamedTuple):
    """An index array, and the axis that it names places on."""

    named: Value
    axis: int
    size: int


class Indices:
    """The index arrays among a program's inputs, and those that take little to compute from them.

    Generated code stays inside its memory whatever the indices are; those that it computes on the
    way are taken into range without a word.
    """

    def __init__(self, graph: Graph):
        self.uses = [use for use in uses_in(graph) if known_early(use.named)]
        own = dict.fromkeys(use.named for use in self.uses)
        self.way = Interpreter(Graph(graph.inputs, tuple(own)))

    def check(self, arrays: Sequence[ndarray]) -> None:
        """IndexError where one is out of range; an array may have other elements at each call."""
        found = self.way.everything(arrays)
        for named, axis, n in self.uses:
            places = found[named]
            if places.size and (places.min() < -n or places.max() >= n):
                bad = places[(places < -n) | (places >= n)].flat[0]
                raise IndexError(f"index: {bad} is out of range for axis {axis} of size {n}")


def uses_in(graph: Graph) -> list[Use]:
    """Each axis on which places are named by an array that is no constant."""
    found: dict[Use, None] = {}
    for v in graph.order():
        if v.prim in (gather, scatter, put_at):
            whole = v if v.prim is scatter else v.parents[0]
            axes = v.params["axes"]
            for axis, index in zip(axes, v.parents[len(v.parents) - len(axes) :]):
                n = whole.shape[axis]
                if index.saved is None and not isinstance(n, Size):
                    found[Use(index, axis, n)] = None
    return list(found)


def known_early(index: Value) -> bool:
    """Whether an index array is an input, or elementwise operations and moves away from some."""
    order = Graph((), (index,)).order()
    simple = all(isinstance(v.prim, (Map, Move)) for v in order if v.prim is not None)
    return simple and sum(v.size for v in order) <= MOST
