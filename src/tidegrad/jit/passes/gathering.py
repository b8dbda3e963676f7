"""Floor 6. Gathering: of what is computed element by element, only what is gathered."""

from __future__ import annotations

from ...abstract import Value
from ...kinds import Map, expand
from ...ops.indexing import gather
from ...shapes import Shape
from .facts import Facts, Rules
from .making import fitted, like, made, reshaped

__all__ = ["RULES"]

FEWER = 2  # times as many elements are computed as are gathered, at least


def before_gather(value: Value, facts: Facts) -> Value | None:
    """A gather of a Map's result, such as a cross entropy's, is a Map of gathers.

    Where others need all of it too, the Map is computed once more for the few elements, of
    operands that are there anyhow.
    """
    x, *indices = value.parents
    if not (isinstance(x.prim, Map) or x.prim is expand) or value.size * FEWER > x.size:
        return None
    axes, wide = value.params["axes"], indices[0].shape
    if axes != tuple(range(axes[0], axes[0] + len(axes))):
        return None  # where the gathered elements go depends on which axes there are
    if any(i.shape != wide for i in indices):
        return None
    large = [p for p in x.parents if p.size > value.size and p.prim is not None]
    if not facts.once(x) and any(facts.once(p) for p in large):
        return None
    parents = [p if p.ndim == 0 else part(p, x.ndim, indices, axes) for p in x.parents]
    if x.prim is expand:
        return fitted(parents[0], value)
    return fitted(like(x, *parents), value)


def part(p: Value, ndim: int, indices: list[Value], axes: Shape) -> Value:
    """What is gathered of an operand, of which axes of size 1 have the same for every index."""
    p = reshaped(p, (1,) * (ndim - p.ndim) + p.shape)
    full = [k for k, a in enumerate(axes) if p.shape[a] != 1]
    once = {a for a in axes if p.shape[a] == 1}
    if not full:
        ones = (1,) * indices[0].ndim
        return reshaped(p, (*p.shape[: axes[0]], *ones, *p.shape[axes[-1] + 1 :]))
    p = reshaped(p, tuple(n for a, n in enumerate(p.shape) if a not in once))
    left = tuple(range(axes[0], axes[0] + len(full)))
    return made(gather, p, *(indices[k] for k in full), axes=left)


RULES: Rules = {gather: [before_gather]}
