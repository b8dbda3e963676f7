"""Floor 6. Residuals: what a loop keeps of each step, so that its reverse need not compute it."""

from __future__ import annotations

from collections.abc import Sequence

from ..abstract import Value
from ..kinds import Cast, expand, permute, reshape
from ..ops import elementwise as table
from ..ops.movement import cut
from .partition import depending, partition

__all__ = ["residuals"]

# Operations that take no longer than reading their result would.
CHEAP = {
    *(expand, permute, reshape, cut, table.add, table.subtract, table.multiply, table.negative),
    *(table.square, table.equal, table.not_equal, table.less, table.less_equal, table.greater),
    *(table.greater_equal, table.logical_not),
}


def residuals(
    grads: Sequence[Value], seeds: Sequence[Value], steps: Sequence[Value]
) -> list[Value]:
    """What `grads` are made of besides their `seeds` that depends on a step.

    Such Values as are cheap to make of others that are kept, or of one that may be kept in their
    place, are not kept.  `steps` are the inputs that differ from step to step, and are kept anyway.
    """
    boundary = partition(grads, seeds)
    moving = depending(boundary, steps)
    wanted = [v for v in boundary if v in moving and v.prim is not None]
    kept = {v: None for v in wanted if not is_cheap(v)}
    given = set(steps)
    for v in wanted:
        if v not in kept:
            new = origins(v, moving, given) - kept.keys()
            kept |= dict.fromkeys(new if sum(u.nbytes for u in new) <= v.nbytes else [v])
    return list(kept)


def is_cheap(v: Value) -> bool:
    return v.prim in CHEAP or isinstance(v.prim, Cast)


def origins(v: Value, moving: set[Value], given: set[Value]) -> set[Value]:
    """What a Value is made of by cheap operations, apart from what is `given`."""
    found: set[Value] = set()
    stack = [v]
    while stack:
        u = stack.pop()
        if u in moving and u not in given:
            if is_cheap(u):
                stack += u.parents
            else:
                found.add(u)
    return found
