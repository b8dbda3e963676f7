"""Floor 6. Debugging: every intermediate result of a program, compared with NumPy's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from ..errors import AnomalyError
from .canaries import Guarded
from .graph import Graph
from .interpreter import Interpreter
from .regions import Holding

__all__ = ["checked"]


def checked(graph: Graph, pairs: Mapping[int, int]) -> Checked:
    """`graph` as an executable that compares all that it computes with the interpreter."""
    return Checked(graph)


class Checked:
    """A program that gives every Value of its graph, and looks at each of them.

    Its memory is in frames; no product is fused with a sum, so that + - * / and sqrt are NumPy's.
    """

    def __init__(self, graph: Graph):
        self.graph = graph
        self.reference = Interpreter(graph)
        computed = [v for v in graph.order() if v.prim is not None]
        # Of a loop or a branch each result in use is a Value of its own.
        self.inner = [v for v in computed if not isinstance(v.prim, Holding)]
        every = Graph(graph.inputs, (*graph.outputs, *self.inner))
        self.whole = Guarded(every, contract=False)

    def __call__(
        self, arrays: list[ndarray], outs: Sequence[ndarray | None] | None = None
    ) -> list[ndarray]:
        expected = self.reference.everything(arrays)
        count = len(self.graph.outputs)
        found = self.whole(arrays, [None] * (count + len(self.inner)))
        for v, y in zip(self.inner, found[count:]):
            if not close(y, expected[v]):
                raise AnomalyError(
                    f"jit: {v.prim.name} of {', '.join(map(str, v.parents))}, at {v.where}, is "
                    f"{worst(y, expected[v])}; please report this"
                )
        return found[:count]

    def source(self) -> str:
        return str(self.whole.source())

    def cost(self) -> Any:
        return self.whole.cost()


def tolerance(dtype: np.dtype) -> float:
    return {"float32": 1e-4, "float64": 1e-10}.get(dtype.name, 0.0)


def close(y: ndarray, z: ndarray) -> bool:
    """Whether two results agree, relative to the largest of their numbers."""
    if y.shape != z.shape or y.dtype != z.dtype:
        return False
    if y.dtype.kind != "f":
        return bool((y == z).all())
    size = float(np.abs(z[np.isfinite(z)]).max(initial=0))
    rtol = tolerance(y.dtype)
    return np.allclose(y, z, rtol=rtol, atol=rtol * size, equal_nan=True)


def worst(y: ndarray, z: ndarray) -> str:
    """Where two results differ most."""
    if y.shape != z.shape or y.dtype != z.dtype:
        return f"{y.dtype}{list(y.shape)}, not {z.dtype}{list(z.shape)}"
    place = np.unravel_index(np.argmax(np.abs(y.astype(float) - z.astype(float))), y.shape)
    return f"{y[place]} where NumPy has {z[place]}, at {tuple(map(int, place))}"
