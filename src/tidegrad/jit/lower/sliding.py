"""Floor 6. Sliding: sums of windows, and of what windows cover, as reads of what lies there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

from ...abstract import Value
from ...ops.windows import overlap_add, spread_windows, sum_windows
from .affine import ZERO, Affine
from .views import Condition, Index

__all__ = ["SUMS"]


def windows_summed(walk: Any, v: Value, index: Index, conditions: Any) -> Any:
    size, stride = v.params["size"], v.params["stride"]
    lead, where = index[: -len(size)], index[-len(size) :]
    terms = []
    for inner in product(*map(range, size)):
        own = tuple(w * s + i for w, s, i in zip(where, stride, inner))
        terms.append(walk.at(v.parents[0], lead + own, conditions))
    return walk.total(terms)


def windows_added(walk: Any, v: Value, index: Index, conditions: Any) -> Any:
    """Every place sums what the windows that cover it hold there."""
    (y,) = v.parents
    size, stride = v.params["size"], v.params["stride"]
    apart = v.params.get("dilation", (1,) * len(size))
    lead, where = index[: -len(size)], index[-len(size) :]
    counts = y.shape[len(lead) : len(lead) + len(size)]
    terms = []
    for chosen in product(*map(covering, where, size, stride, apart, counts)):
        own = tuple(window for window, _, _ in chosen)
        within = tuple(inner for _, inner, _ in chosen) if v.prim is overlap_add else ()
        found = [condition for _, _, both in chosen for condition in both]
        terms.append(walk.guarded(y, (*lead, *own, *within), conditions, found, v.dtype))
    return walk.total(terms)


def covering(
    a: Affine, size: int, stride: int, apart: int, count: int
) -> Iterator[tuple[Affine, Affine, list[Condition]]]:
    """Along one axis, each window that may cover a place, where in it that is, and if it does."""
    if stride >= size and (apart == 1 or size == 1):  # one at most
        high, low = a.split(stride)
        yield high, low if size > 1 else ZERO, [Condition(low, 0, size), Condition(high, 0, count)]
        return
    for i in range(size):
        high, low = (a + -i * apart).split(stride)
        known = [Condition(low, 0, 1)] if stride > 1 else []
        yield high, Affine.of(i), [*known, Condition(high, 0, count)]


# Each element sums several: worth a store wherever it would be computed more than once.
SUMS: dict[Any, Callable[..., Any]] = {
    sum_windows: windows_summed,
    overlap_add: windows_added,
    spread_windows: windows_added,
}
