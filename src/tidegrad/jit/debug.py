"""Floor 6. Debugging: every intermediate result of a program, compared with NumPy's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from ..errors import AnomalyError
from ..kinds import Reduce
from ..ops.contractions import Contract
from ..ops.indexing import Index
from ..ops.scans import Running
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
        count = len(self.graph.outputs)
        found = self.whole(arrays, [None] * (count + len(self.inner)))
        known = {**self.reference.known, **dict(zip(self.graph.inputs, arrays))}
        known.update(zip(self.inner, found[count:]))
        with np.errstate(all="ignore"):
            for v in self.reference.steps:
                self.compare(v, known)
        return found[:count]

    def compare(self, v: Any, known: dict) -> None:
        """Look at one operation, given what the program made of its inputs.

        So that what is lost where numbers cancel out is no error of those that come after.
        """
        expected = self.reference.step(v, known)
        y = known.setdefault(v, expected)
        if y is not expected and not close(y, expected) and not close(y, expected, added(v, known)):
            raise AnomalyError(
                f"jit: {v.prim.name} of {', '.join(map(str, v.parents))}, at {v.where}, is "
                f"{worst(y, expected)}; please report this"
            )

    def source(self) -> str:
        return str(self.whole.source())

    def cost(self) -> Any:
        return self.whole.cost()


def tolerance(dtype: np.dtype) -> float:
    return {"float32": 1e-5, "float64": 1e-12}.get(dtype.name, 0.0)


def added(v: Any, known: Mapping[Any, ndarray]) -> float:
    """The largest magnitude of what an operation adds up, even where the sums are small."""
    if not isinstance(v.prim, Reduce | Contract | Index | Running):
        return 0.0
    given = [np.abs(a) if a.dtype.kind == "f" else a for a in map(known.__getitem__, v.parents)]
    return float(np.max(v.prim.run(*given, **v.params), initial=0))


def close(y: ndarray, z: ndarray, size: float = 0.0) -> bool:
    """Whether two results agree, relative to the largest of their numbers, or to `size`."""
    if y.shape != z.shape or y.dtype != z.dtype:
        return False
    if y.dtype.kind != "f":
        return bool((y == z).all())
    size = float(np.abs(z[np.isfinite(z)]).max(initial=size))
    rtol = tolerance(y.dtype)
    return np.allclose(y, z, rtol=rtol, atol=rtol * size, equal_nan=True)


def worst(y: ndarray, z: ndarray) -> str:
    """Where two results differ most."""
    if y.shape != z.shape or y.dtype != z.dtype:
        return f"{y.dtype}{list(y.shape)}, not {z.dtype}{list(z.shape)}"
    place = np.unravel_index(np.argmax(np.abs(y.astype(float) - z.astype(float))), y.shape)
    return f"{y[place]} where NumPy has {z[place]}, at {tuple(map(int, place))}"
