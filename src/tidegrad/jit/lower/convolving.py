"""Floor 6. Convolving: gradients of convolutions are convolutions, without windows in memory."""

from __future__ import annotations

from ...abstract import Value
from ...ops.contractions import Contract
from ...ops.movement import flip_, place
from ...ops.plans import terms
from ...ops.windows import overlap_add, window
from ..graph import Graph, rewritten
from ..passes.making import made

__all__ = ["convolved"]


def convolved(graph: Graph) -> Graph:
    """`graph` without windows that products make only to be added up.

    With steps of 1, what all windows add to a place is a window of the left side, in a frame of
    zeros, times the kernel backwards.
    """

    def rule(v: Value) -> Value:
        (found,) = v.parents if v.prim is overlap_add else (None,)
        if found is None or not isinstance(found.prim, Contract) or set(v.params["stride"]) != {1}:
            return v
        made = as_convolution(v, found)
        return v if made is None else made

    return rewritten(graph, rule)


def as_convolution(v: Value, product: Value) -> Value | None:
    size, apart = v.params["size"], v.params["dilation"]
    axes = len(size)
    a, b, out = terms(product.params["spec"])
    where, inside = out[-2 * axes : -axes], out[-axes:]
    x, y = product.parents
    if not set(where) <= set(a):
        x, y, a, b = y, x, b, a
    fits = a.endswith(where) and not set(inside) & set(a) and set(inside) <= set(b)
    if not fits or set(where) & set(b):
        return None
    frame = [d * (k - 1) for d, k in zip(apart, size)]
    lead = len(x.shape) - axes
    ends = v.shape[len(v.shape) - axes :]
    wide = (*x.shape[:lead], *(n + f for n, f in zip(ends, frame)))
    key = [slice(None)] * lead + [slice(f, f + n) for f, n in zip(frame, x.shape[lead:])]
    framed = made(place, x, key=tuple(key), shape=wide)
    seen = made(window, framed, size=size, stride=(1,) * axes, dilation=apart)
    turned = made(flip_, y, axes=tuple(sorted(b.index(n) for n in inside)))
    return made(product.prim, seen, turned, spec=f"{a}{inside},{b}->{out[:-axes]}")
