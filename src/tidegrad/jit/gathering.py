"""Floor 6. Gathering: the arrays that a program is called with."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from operator import attrgetter, itemgetter
from typing import Any

import numpy as np
from numpy import ndarray

from ..core import Tensor
from .graph import Graph
from .traced import Source, tensor_of
from .writers import writing

__all__ = ["Gathering", "in_order"]

orderly = attrgetter("flags.c_contiguous")


class Gathering:
    """Where a program's inputs come from: arguments first, then tensors, then gradients."""

    def __init__(self, graph: Graph, sources: Sequence[Source], states: Container[int]):
        self.places = [s.place for s in sources if s.place >= 0 and not s.gradient]
        self.held: list[Any] = [s.tensor for s in sources if s.place < 0 and not s.gradient]
        self.graded = [s for s in sources if s.gradient]
        # What has been written in place lies in order in memory, and so do single numbers.
        numbers = enumerate(zip(sources, graph.inputs))
        self.loose = several(
            [k for k, (s, v) in numbers if v.ndim and (s.gradient or id(s.tensor) not in states)]
        )

    def __call__(self, leaves: Sequence[Any], whole: bool = False) -> list[ndarray]:
        """The arrays, each in order in memory; where `whole`, those of the states are known to."""
        arrays = [array_of(leaves[k]) for k in self.places]
        arrays += [tensor.array for tensor in self.held]
        if self.graded:
            arrays += [tensor_of(s, leaves)._grad.array for s in self.graded]
        return arrays if whole and all(map(orderly, self.loose(arrays))) else in_order(arrays)

    def read(self, leaves: Sequence[Any]) -> list[ndarray]:
        """The same, gathered while nobody writes into one of them.

        Once they are in a list they have one more owner, and no program will write into them.
        """
        arrays = self(leaves)
        if writing.depth.value:
            with writing.lock:
                arrays = self(leaves)
        return arrays


def in_order(arrays: list[Any]) -> list[ndarray]:
    """Arrays as machine code reads them: not cut, turned or spread."""
    if all(map(orderly, arrays)):
        return arrays
    return [np.array(a, order="C", copy=None) for a in arrays]


def several(places: list[int]) -> Callable[[list], Sequence]:
    """A function that gives the items at these places."""
    return itemgetter(*places) if len(places) > 1 else lambda items: [items[k] for k in places]


def array_of(leaf: Any) -> ndarray:
    """The array of an argument, in this machine's byte order and at whole addresses."""
    if type(leaf) is Tensor:
        return leaf.array
    array = np.asarray(leaf)
    if array.dtype.isnative and array.flags.aligned:
        return array
    return array.astype(array.dtype.newbyteorder("="))
