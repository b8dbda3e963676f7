"""Floor 6. Partition: what a backward program takes over from the forward one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..abstract import Value, unknown
from ..core import toposort
from ..kinds import expand, permute, reshape
from .graph import Graph, rebuilt

__all__ = ["cut_off", "depending", "partition"]

CHEAP = {expand, permute, reshape}  # made again rather than kept


def partition(outputs: Sequence[Value], seeds: Iterable[Value]) -> list[Value]:
    """The Values without any of `seeds` in them that the others, and `outputs`, are made of."""
    order: list[Value] = toposort(outputs)
    late = depending(outputs, seeds)
    found: dict[Value, None] = {}
    stack = [p for v in order if v in late for p in v.parents] + list(outputs)
    while stack:
        v = stack.pop()
        if v in late or v in found or v.saved is not None:
            continue
        if v.prim in CHEAP:
            stack += v.parents
        else:
            found[v] = None
    return list(found)


def cut_off(outputs: Sequence[Value], inputs: Sequence[Value], kept: Sequence[Value]) -> Graph:
    """The graph of `outputs` from `inputs`, and after them from `kept`, as inputs of their own."""
    stands = {v: v if v.prim is None else unknown(v.shape, v.dtype) for v in kept}
    new: dict[Value, Value] = {v: v for v in inputs} | stands
    for v in toposort(outputs, new.copy()):
        if v not in new:
            new[v] = rebuilt(v, tuple(new[p] for p in v.parents))
    return Graph((*inputs, *stands.values()), tuple(new[y] for y in outputs))


def depending(values: Sequence[Value], inputs: Iterable[Value]) -> set[Value]:
    """Which of the Values that `values` are made of have any of `inputs` in them."""
    found = set(inputs)
    for v in toposort(values):
        if not found.isdisjoint(v.parents):
            found.add(v)
    return found
