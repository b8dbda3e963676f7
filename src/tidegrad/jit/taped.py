"""Floor 6. The tape of an eager expression as a Graph, and `optimize`, which simplifies either."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..abstract import Value, constant, unknown
from ..core import FREED, Node, Tensor, toposort
from ..errors import GraphError
from ..trees import flatten
from .graph import Graph
from .passes import simplified

__all__ = ["optimize", "taped"]


def optimize(what: Any) -> Graph:
    """The graph with fewer and cheaper operations, of which the same comes within rounding.

    Takes a Graph, as `f.graph()` of a compiled function gives it, or what was computed eagerly:
    a Tensor, or a tree of Tensors.  Of these it knows what the tape keeps: what no gradient flows
    to is an input, or a constant where it is a number that a derivative needs.

    TypeError where there is no tensor, GraphError where it was not recorded or is freed.

    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> tg.optimize((-(-x) * 3.0) ** 2)
    %0 = input float32[2]
    %1 = multiply(%0, 3.0) float32[2]
    %2 = square(%1) float32[2]
    return %2
    """
    return simplified(what if isinstance(what, Graph) else taped(what))


def taped(what: Any) -> Graph:
    """The operations that were recorded for a Tensor, a tree of Tensors, or a Node."""
    leaves = [what] if isinstance(what, Node) else flatten(what)[0]
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor | Node)]
    if not tensors:
        raise TypeError(
            "optimize: takes a Graph, a tensor or a tree of tensors, and found no tensor in "
            f"{type(what).__name__}"
        )
    nodes = [leaf.node if isinstance(leaf, Tensor) else leaf for leaf in tensors]
    if any(node is None for node in nodes):
        raise GraphError(
            "optimize: this tensor was not recorded, as no gradient flows to it; compute it from "
            "a tensor with requires_grad=True, and outside of no_grad"
        )
    tape = Tape()
    for node in toposort(nodes):
        tape.known[node] = tape.read(node)
    return Graph(tuple(tape.inputs), tuple(map(tape.known.__getitem__, nodes)))


class Tape:
    """Nodes as Values; what the nodes do not know is an input."""

    def __init__(self) -> None:
        self.known: dict[Any, Value] = {}
        self.inputs: list[Value] = []
        self.arrays: dict[int, Value] = {}  # of those no gradient flows to, by their ids

    def read(self, node: Node) -> Value:
        """The Value of a node whose parents have theirs."""
        if node.prim is None:
            return self.given(unknown(node.shape, node.dtype))
        if node.saved is FREED:
            raise GraphError(
                f"optimize: the graph of {node.prim.name} was freed by backward; look at it "
                "before, or call backward(retain_graph=True)"
            )
        parents = tuple(
            self.untracked(node, i) if parent is None else self.known[parent]
            for i, parent in enumerate(node.parents)
        )
        return Value(node.prim, parents, node.params, node.shape, node.dtype)

    def given(self, value: Value) -> Value:
        self.inputs.append(value)
        return value

    def untracked(self, node: Node, i: int) -> Value:
        """An input of an operation that no gradient flows to, as far as the tape tells."""
        array = node.saved[i] if node.saved else None
        if array is None:
            part = getattr(node.prim, "part", None)
            return self.given(unknown(part(node, i) if part else node.shape, node.dtype))
        if not hasattr(array, "shape"):
            return constant(np.array(array, node.dtype))  # one of Python's numbers
        if id(array) not in self.arrays:
            found = np.asarray(array)
            new = (
                constant(found)
                if found.size == 1
                else self.given(unknown(array.shape, array.dtype))
            )
            self.arrays[id(array)] = new
        return self.arrays[id(array)]
