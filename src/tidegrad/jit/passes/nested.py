"""Floor 6. Programs inside of one: the bodies of loops and the branches of conditions."""

from __future__ import annotations

from collections.abc import Callable
from operator import is_
from typing import Any

from ...abstract import Value
from ..graph import Graph

__all__ = ["simpler_inside"]


def simpler_inside(value: Value, simplify: Callable[[Graph], Graph]) -> Value | None:
    """`value` with the graphs among its parameters, or in tuples of these, simplified."""
    params = {name: inside(p, simplify) for name, p in value.params.items()}
    if all(map(is_, params.values(), value.params.values())):
        return None
    new = Value(value.prim, value.parents, params, value.shape, value.dtype, value.saved)
    new.where = value.where
    return new


def inside(x: Any, simplify: Callable[[Graph], Graph]) -> Any:
    """`x` itself where nothing in it became simpler."""
    if type(x) is Graph:
        new = simplify(x)
        return x if all(map(is_, new.outputs, x.outputs)) else new
    if type(x) is tuple and x and type(x[0]) is Graph:
        found = tuple(inside(graph, simplify) for graph in x)
        return x if all(map(is_, found, x)) else found
    return x
