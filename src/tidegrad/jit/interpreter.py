"""Floor 6. The interpreter: a graph run operation by operation in NumPy, as eager code would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy import ndarray

from ..abstract import Value
from .graph import Graph

__all__ = ["Interpreter"]


class Interpreter:
    """A graph as an object that is called with arrays, in the order of the graph's inputs.

    `outs` may hold for each output an array that it is to be written to: None is a new one.
    """

    def __init__(self, graph: Graph, pairs: Mapping[int, int] | None = None):
        self.graph = graph
        self.steps = [v for v in graph.order() if v.prim is not None]
        self.known = {v: v.saved for v in graph.order() if v.saved is not None}

    def __call__(
        self, arrays: Sequence[ndarray], outs: Sequence[ndarray | None] | None = None
    ) -> list[ndarray]:
        found = self.everything(arrays)
        results = [found[y] for y in self.graph.outputs]
        if outs is None:
            return results
        # Written only now that every result is there: an output may lie where an input is.
        for k, out in enumerate(outs):
            if out is not None:
                results[k] = results[k].copy()
        for k, out in enumerate(outs):
            if out is not None:
                out[...] = results[k]
                results[k] = out
        return results

    def everything(self, arrays: Sequence[ndarray]) -> dict[Value, ndarray]:
        """What every Value of the graph is."""
        found: dict[Value, ndarray] = {**self.known, **dict(zip(self.graph.inputs, arrays))}
        with np.errstate(all="ignore"):
            for v in self.steps:
                found[v] = self.step(v, found)
        return found

    def step(self, v: Value, found: Mapping[Value, ndarray]) -> ndarray:
        """What one operation gives, where `found` has its inputs."""
        out = v.prim.run(*[found[p] for p in v.parents], **v.params)
        return out if type(out) in (ndarray, tuple) else np.asarray(out)
