"""Floor 6. Folds: reductions and contractions as loops, and how two partial results become one."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import Any

import numpy as np

from ...abstract import Value
from ...kinds import Reduce
from ...ops.plans import terms
from ..lanes import FUNCTIONS
from .affine import ZERO, Affine, Loop
from .space import prefix, space
from .views import Index
from .walk import Probe

__all__ = ["FOLDS", "Fold", "neutral"]

# How two partial results become one.
FOLDS: dict[str, Callable[[Any, Any], Any]] = {
    "sum": lambda x, y: x + y,
    "prod": lambda x, y: x * y,
    "max": FUNCTIONS["maximum"],
    "min": FUNCTIONS["minimum"],
    "any": lambda x, y: x | y,
    "all": lambda x, y: x & y,
}


def neutral(name: str, dtype: np.dtype) -> Any:
    """What a fold starts from."""
    if name in ("max", "min"):
        if dtype.kind == "f":
            return -np.inf if name == "max" else np.inf
        if dtype.kind == "b":
            return name == "min"
        return np.iinfo(dtype).min if name == "max" else np.iinfo(dtype).max
    return {"sum": 0, "prod": 1, "any": False, "all": True}[name]


class Fold:
    """A Value whose elements each combine many: over which loops, made of which elements.

    A reduction reads one element at each turn, a contraction the two that it multiplies.
    """

    def __init__(self, value: Value, rows: int, across: bool = False):
        self.value, self.count = value, rows
        self.across = across  # over rows: several callers each add some of them to the results
        self.out = space(value.shape, 1 if across else rows)
        self.rows, self.per_row = self.out.loops[0], 1
        self.inner: list[Loop] = []
        self.reads: list[tuple[Value, Index]] = []
        if across:
            self.out.loops.pop(0)
        if isinstance(value.prim, Reduce):
            self.name = value.prim.name
            self.open_reduction()
        else:
            self.name = "sum"
            self.open_contraction()

    def turns(self, sizes: Sequence[int]) -> list[Affine]:
        """The counters of loops that are folded over, those over rows first."""
        found: list[Affine] = []
        sizes = list(sizes)
        if self.across:
            count = prefix(tuple(sizes), self.count)
            own = space(tuple(sizes[:count]), self.count, "k")
            self.rows = own.loops[0]
            self.inner += own.loops
            found += own.index
            del sizes[:count]
        for n in sizes:
            found.append(ZERO)
            if n > 1:
                self.inner.append(Loop(f"k{len(self.inner)}", n))
                found[-1] = Affine.of(self.inner[-1])
        return found

    def open_reduction(self) -> None:
        (x,), axes = self.value.parents, self.value.params["axes"]
        own = iter(self.out.index)
        folded = dict(zip(axes, self.turns([x.shape[a] for a in axes])))
        index = []
        for k in range(len(x.shape)):
            kept = k not in folded or self.value.params["keepdims"]
            place = next(own) if kept else ZERO
            index.append(folded.get(k, place))
        self.reads = [(x, tuple(index))]

    def open_contraction(self) -> None:
        x, y = self.value.parents
        a, b, out = terms(self.value.params["spec"])
        sizes = dict(zip(a + b, x.shape + y.shape))
        labels = [label for label in a if label not in out]
        place = dict(zip(out, self.out.index))
        place |= zip(labels, self.turns([sizes[label] for label in labels]))
        self.reads = [(v, tuple(place[n] for n in own)) for v, own in ((x, a), (y, b))]

    def probed(self, stored: Container[Value]) -> Probe:
        """What the fold reads."""
        probe = Probe(stored)
        for v, index in self.reads:
            probe.at(v, index)
        return probe
