"""Floor 6. Identities: operations that give back what they are given."""

from __future__ import annotations

from ...abstract import Value
from ...kinds import cast, expand, permute, reshape
from ...ops import elementwise as table
from ...ops.joining import concat_
from ...ops.movement import cut, flip_, place
from ...transforms import variable
from .facts import Facts, Rules
from .making import fitted

__all__ = ["RULES"]


def itself(value: Value, facts: Facts) -> Value | None:
    """A copy, or what only derivatives distinguish from its input."""
    x = value.parents[0]
    return fitted(x, value) if x.dtype == value.dtype else None


def unchanged(value: Value, facts: Facts) -> Value | None:
    """A reshape to the same shape, a cast to the same dtype, and their like."""
    x = value.parents[0]
    return x if x.shape == value.shape and x.dtype == value.dtype else None


def in_order(value: Value, facts: Facts) -> Value | None:
    axes = value.params["axes"]
    return value.parents[0] if axes == tuple(range(len(axes))) else None


def whole(value: Value, facts: Facts) -> Value | None:
    """A slice that takes everything, a place that leaves nothing."""
    x = value.parents[0]
    full = all(
        k is Ellipsis or (type(k) is slice and k.indices(n) == (0, n, 1))
        for k, n in zip(value.params["key"], value.shape)
    )
    return x if full and x.shape == value.shape else None


def unturned(value: Value, facts: Facts) -> Value | None:
    """A flip of axes that have one element or none."""
    if all(value.shape[a] < 2 for a in value.params["axes"]):
        return value.parents[0]
    return None


def alone(value: Value, facts: Facts) -> Value | None:
    """A concatenation of one part that is not empty."""
    parts = [p for p, n in zip(value.parents, value.params["sizes"]) if n]
    return fitted(parts[0], value) if len(parts) == 1 else None


RULES: Rules = {
    table.stop_gradient: [itself],
    table.positive: [itself],
    variable: [itself],
    cast: [unchanged],
    reshape: [unchanged],
    expand: [unchanged],
    permute: [in_order],
    cut: [whole],
    place: [whole],
    flip_: [unturned],
    concat_: [alone],
}
