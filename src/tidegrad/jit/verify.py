"""Floor 6. Verification: a Graph is what it says, which tests ask after every pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..abstract import Value
from ..custom import pick
from ..errors import GraphError
from ..shapes import Shape
from .graph import Graph

__all__ = ["verified"]


def verified(graph: Graph, before: Graph | None = None) -> Graph:
    """`graph`, where all its Values are as their operations have it; GraphError where not.

    Its inputs and outputs are those of `before`, in number, shape and dtype.
    """
    order = graph.order()
    place = {value: k for k, value in enumerate(order)}
    given = set(graph.inputs)
    for k, value in enumerate(order):
        if type(value) is not Value:
            raise GraphError(f"verify: {value!r} is no Value")
        for parent in value.parents:
            if place.get(parent, k) >= k:
                raise GraphError(f"verify: {value!r} comes before its parent {parent!r}")
        if value.prim is not None:
            compared(value, *expected(value))
        elif value.saved is not None:
            compared(value, value.saved.shape, value.saved.dtype)
        elif value not in given:
            raise GraphError(f"verify: {value!r} is neither computed, given nor known")
    if before is not None:
        kept(graph, before)
    return graph


def expected(value: Value) -> tuple[Shape, np.dtype]:
    """Shape and dtype that the operation gives its parents."""
    prim: Any = value.prim
    if prim is pick:
        return value.parents[0].params["results"][value.params["k"]]
    if "results" in value.params:
        return value.params["results"][0]
    if hasattr(prim, "infer"):
        return prim.infer(*value.parents, **value.params)
    return value.parents[0].shape, value.parents[0].dtype


def compared(value: Value, shape: Shape, dtype: np.dtype) -> None:
    if value.shape != shape or value.dtype != dtype:
        raise GraphError(
            f"verify: {value!r} of {', '.join(map(repr, value.parents))} with {value.params} "
            f"should be {dtype}{list(shape)}"
        )


def kept(graph: Graph, before: Graph) -> None:
    for name, now, then in zip(("inputs", "outputs"), graph, before):
        found, wanted = ([(v.shape, v.dtype) for v in values] for values in (now, then))
        if found != wanted:
            raise GraphError(f"verify: the {name} were {wanted} and are {found}")
