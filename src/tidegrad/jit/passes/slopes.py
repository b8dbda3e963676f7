"""Floor 6. Slopes: products that guard against infinite slopes, where these cannot be."""

from __future__ import annotations

from ...abstract import Value
from ...kinds import flow, flow_singular
from ...ops import elementwise as table
from .facts import Facts, Rules
from .making import made

__all__ = ["RULES"]


def unguarded(value: Value, facts: Facts) -> Value | None:
    """A cotangent times a slope is their product where one is not 0 or the other is finite."""
    g, slope = value.parents
    reach = facts.range(slope)
    finite = reach.finite and not (reach.nan and value.prim is flow_singular)
    if finite or not facts.range(g).zero:
        return made(table.multiply, g, slope)
    return None


RULES: Rules = {flow: [unguarded], flow_singular: [unguarded]}
