"""Floor 6. Programs inside of one: the bodies of loops and the branches of conditions."""

from __future__ import annotations

from collections.abc import Callable
from operator import is_

from ...abstract import Value
from ..graph import Graph
from .bounds import Bounds
from .inside import Reach, known_inside

__all__ = ["simpler_inside"]


Simplify = Callable[[Graph, Reach], Graph]


def simpler_inside(value: Value, bounds: Bounds, simplify: Simplify) -> Value | None:
    """`value` with the graphs that it holds simplified, by what is known of their inputs."""
    known = known_inside(value, [bounds.of(p) for p in value.parents], Bounds)
    found = {name: simplify(value.params[name], reach) for name, reach in known.items()}
    if all(all(map(is_, found[name].outputs, value.params[name].outputs)) for name in found):
        return None
    new = Value(value.prim, value.parents, {**value.params, **found}, value.shape, value.dtype)
    new.where = value.where
    return new
