"""Floor 6. Scans: what need not be done in every step is done before, or after, all of them."""

from __future__ import annotations

from ...abstract import Value
from ...core import toposort
from ...custom import pick
from ...kinds import expand, permute, reshape
from ...ops import elementwise as table
from ...ops.contractions import Contract
from ...ops.movement import cut, flip_
from ..graph import Graph, rebuilt
from ..partition import depending
from ..regions import Scan
from .broadcasting import aligned, spread_axes
from .making import fitted, made, number, reshaped, scalar
from .over_time import Stacked, Totals
from .scan_parts import Opened

__all__ = ["without_repetition"]

VIEWS = {expand, permute, reshape, cut, flip_}  # which cost nothing where they are


def without_repetition(graph: Graph) -> Graph:
    """`graph` with less in the bodies of its scans.

    Results that nobody uses fall, what is the same in every step is computed once, products of
    what no carry is part of become one over all steps, and so do sums over time of products.
    """
    order = graph.order()
    if not any(isinstance(v.prim, Scan) for v in order):
        return graph
    used: dict[Value, set[int]] = {}
    for v in order:
        if v.prim is pick:
            used.setdefault(v.parents[0], set()).add(v.params["k"])
    new: dict[Value, Value] = {}
    results: dict[Value, dict[int, Value]] = {}
    for v in order:
        new[v] = rebuilt(v, tuple([new[p] for p in v.parents])) if v.parents else v
        if isinstance(v.prim, Scan) and v.params["length"]:
            found = improved(new[v], used.get(v, set()))
            if found is not None:
                results[v] = found
        elif v.prim is pick and v.parents[0] in results:
            new[v] = results[v.parents[0]][v.params["k"]]
    return Graph(graph.inputs, tuple([new[y] for y in graph.outputs])) if results else graph


def improved(value: Value, used: set[int]) -> dict[int, Value] | None:
    """The results that a scan is used for, of a simpler one; None where there is none."""
    scan = Opened(value, used)
    scan.prune()
    for step in (plain_inputs, plain_results, hoisted, batched, summed):
        step(scan)
        scan.prune()
    return scan.closed() if scan.changed else None


def plain_inputs(scan: Opened) -> None:
    """Numbers are the body's own, equal slices are one, and nothing is given twice."""
    new: dict[Value, Value] = {}
    seen: dict[Value, Value] = {}
    for outer, inner in scan.same:
        x = number(outer)
        if x is not None:
            new[inner] = fitted(scalar(x, inner.dtype), inner)
        elif outer in seen:
            new[inner] = seen[outer]
        seen.setdefault(outer, inner)
    seen = {}
    for outer, inner in list(scan.xs):
        x = number(outer)
        if x is not None:
            new[inner] = fitted(scalar(x, inner.dtype), inner)
        elif outer.prim is expand and 0 in spread_axes(outer):
            one = aligned(outer)
            new[inner] = fitted(scan.give(reshaped(one, one.shape[1:]), cut=False), inner)
        elif outer in seen:
            new[inner] = seen[outer]
        seen.setdefault(outer, inner)
    ends = {}
    for c in scan.carries:
        if c.new is c.inner:
            new[c.inner], ends[c.end] = scan.give(c.start, cut=False), c.start
    if new:
        scan.carries = [c for c in scan.carries if c.end not in ends]
        scan.replace(new)
        scan.settle(ends)


def plain_results(scan: Opened) -> None:
    """A stack of slices of an input is that input, and one of equals is spread."""
    moving = depending(scan.ends, [*scan.states, *scan.slices])
    stacked = Stacked(scan, moving)
    cut_from = {inner: outer for outer, inner in scan.xs}
    known = {}
    for outer, inner in scan.stacks.items():
        if inner not in moving:
            known[outer] = made(expand, stacked.same(inner), shape=outer.shape)
        elif inner in cut_from:
            known[outer] = cut_from[inner]
    if known:
        scan.settle(known)


def hoisted(scan: Opened) -> None:
    """What no step changes is computed before the first; arrays that are known are inputs."""
    moving = depending(scan.ends, [*scan.states, *scan.slices])
    stacked = Stacked(scan, moving)
    new: dict[Value, Value] = {}
    stack = [p for v in toposort(scan.ends) if v in moving for p in v.parents] + scan.ends
    while stack:
        v: Value = stack.pop()
        given = v.prim is None and (v.saved is None or v.saved.size == 1)
        if v in moving or given:
            continue
        if v.prim in VIEWS:
            stack += v.parents
        elif v not in new:
            new[v] = scan.give(stacked.same(v), cut=False)
    if new:
        scan.replace(new)


def batched(scan: Opened) -> None:
    """Products of slices with each other, or with what is the same in all steps, are one."""
    moving = depending(scan.ends, [*scan.states, *scan.slices])
    stacked = Stacked(scan, moving)
    late = depending(scan.ends, scan.states)
    new: dict[Value, Value] = {}
    for v in toposort(scan.ends):
        if isinstance(v.prim, Contract) and v in moving and v not in late:
            outer = stacked.of(v)
            if outer is not None:
                new[v] = scan.give(outer, cut=True)
    if new:
        scan.replace(new)


def summed(scan: Opened) -> None:
    """A carry to which each step only adds is the sum over time of what is added."""
    for c in list(scan.carries):
        added = addends(c.new)
        rest = [d.new for d in scan.carries if d is not c] + list(scan.stacks.values())
        others = [v for v in added if v is not c.inner]
        once = len(others) == len(added) - 1
        if not once or c.inner in set(toposort([*rest, *others])):
            continue
        totals = Totals(scan, depending(scan.ends, [*scan.states, *scan.slices]))
        found = [totals.of(v) for v in others]
        end = c.start
        for total in found:
            if total is None:
                break
            end = made(table.add, end, fitted(total, c.inner))
        else:
            scan.carries = [d for d in scan.carries if d is not c]
            scan.settle({c.end: end})


def addends(v: Value) -> list[Value]:
    """What is added up to give `v`."""
    found: list[Value] = []
    stack = [v]
    while stack:
        v = stack.pop()
        if v.prim is table.add:
            stack += v.parents
        else:
            found.append(v)
    return found
