"""Floor 6. Inside: between which numbers what the graphs of loops and branches are given lies."""

from __future__ import annotations

from collections.abc import Sequence

from ...abstract import Value
from ..graph import Graph
from ..regions import Cond, Holding
from .ranges import Range, either

__all__ = ["Reach", "known_inside", "result"]

Reach = dict[Value, Range]


def known_inside(value: Value, parents: Sequence[Range], bounds: type) -> dict[str, Reach]:
    """The ranges of the inputs of each graph that `value` holds.

    A carry is an initial one, or what the body makes of whatever carries it is given.
    """
    params = value.params
    if isinstance(value.prim, Cond):
        return {name: given(params[name], parents[1:]) for name in ("true", "false")}
    body, carries = params["body"], params["carries"]
    found = bounds(given(body, [*(Range() for _ in range(carries)), *parents[carries:]]))
    later = [either(x, found.of(y)) for x, y in zip(parents, body.outputs[:carries])]
    known = [*later, *parents[carries:]]
    return {name: given(params[name], known) for name in ("body", "test") if name in params}


def given(graph: Graph, ranges: Sequence[Range]) -> Reach:
    """A new object for each input, as the same one twice counts as the same elements twice."""
    return {x: Range(r.lo, r.hi, r.nan, r.minus) for x, r in zip(graph.inputs, ranges, strict=True)}


def result(whole: Value, k: int, parents: Sequence[Range], bounds: type) -> Range:
    """The range of the `k`-th result of a loop or of branches."""
    if not isinstance(whole.prim, Holding):
        return Range()
    known = known_inside(whole, parents, bounds)
    if isinstance(whole.prim, Cond):
        ends = [bounds(known[name]).of(whole.params[name].outputs[k]) for name in known]
        return either(*ends)
    last = bounds(known["body"]).of(whole.params["body"].outputs[k])
    return either(parents[k], last) if k < whole.params["carries"] else either(last, last)
