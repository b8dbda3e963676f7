"""Floor 6. Traced: a function's graph, where its inputs come from and where its outputs go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from ..abstract import Value, constant
from ..core import Tensor, toposort
from ..trees import flatten
from .graph import Graph
from .trace import Entry, Trace

__all__ = ["Source", "Target", "Traced", "traced"]


class Source(NamedTuple):
    """Where an array comes from or goes to: an argument, a tensor, or the gradient of either."""

    place: int  # among the leaves of the arguments; -1 for what was found outside
    tensor: Tensor | None  # None where the argument is no Tensor
    gradient: bool = False


class Target(NamedTuple):
    """Where an output goes, and the abstract tensor that it was; no source: it is returned.

    A gradient that is not `kept` is a new Tensor.
    """

    source: Source | None
    tensor: Tensor
    kept: bool = True


class Traced(NamedTuple):
    """What came of running a function once.

    `pairs` names for an output the input that is the same tensor's value before the call.
    """

    graph: Graph
    sources: tuple[Source, ...]  # of the graph's inputs
    targets: tuple[Target, ...]  # of the graph's outputs
    pairs: dict[int, int]
    cleared: tuple[Source, ...]  # whose gradient becomes None
    results: list[Any]
    assemble: Callable[[list], Any]
    trace: Trace


def traced(f: Callable, *args: Any, **kwargs: Any) -> Traced:
    """Run `f` once, with abstract tensors in place of tensors, arrays and floats it is given."""
    leaves, rebuild = flatten((args, kwargs))
    with Trace() as trace:
        places: dict[int, Source] = {}
        given: list[Any] = []
        for k, leaf in enumerate(leaves):
            entry = admitted(trace, leaf)
            if entry is not None:
                places.setdefault(id(entry), Source(k, entry.tensor))
            given.append(leaf if entry is None else entry.stand_in)
        positional, named = rebuild(given)
        results, assemble = flatten(f(*positional, **named))
        return collected(trace, places, [trace.stand_in(y) for y in results], assemble)


def admitted(trace: Trace, leaf: Any) -> Entry | None:
    """What stands for an argument; None for what is static."""
    if type(leaf) is Tensor:
        trace.stand_in(leaf)
        return trace.known[id(leaf)]
    if type(leaf) is float:
        entry = trace.entered(None, (), np.dtype(np.float64))
        trace.weak.add(entry.value)
        return entry
    if isinstance(leaf, ndarray | np.generic):
        return trace.entered(None, leaf.shape, leaf.dtype)
    return None


def collected(trace: Trace, places: dict[int, Source], results: list, assemble: Callable) -> Traced:
    """The graph of all that the function gave back or changed."""
    inputs: dict[Value, Source] = {}
    targets = [Target(None, y) for y in results if checked(y)]
    cleared = []
    for entry in trace.entries.values():
        source = places.setdefault(id(entry), Source(-1, entry.tensor))
        inputs[entry.value] = source
        if entry.tensor is None:
            continue
        if entry.stand_in.array is not entry.value:
            targets.append(Target(source, entry.stand_in))
        g, before = entry.stand_in._grad, entry.gradient
        source = source._replace(gradient=True)
        if isinstance(before, Entry):
            inputs[before.value] = source
        if g is None and before is not None:
            cleared.append(source)
        elif type(g) is Tensor:
            kept = isinstance(before, Entry) and g is before.stand_in
            if not (isinstance(before, Entry) and g.array is before.value):
                targets.append(Target(source, trace.stand_in(g), kept))
    outputs = tuple(as_value(target.tensor.array) for target in targets)
    used = {v for v in toposort(outputs) if v.prim is None and v in inputs}
    graph = Graph(tuple(v for v in inputs if v in used), outputs)
    sources = tuple(inputs[v] for v in graph.inputs)
    at = {source: k for k, source in enumerate(sources)}
    pairs = {k: at[t.source] for k, t in enumerate(targets) if t.source in at}
    return Traced(graph, sources, tuple(targets), pairs, tuple(cleared), results, assemble, trace)


def checked(y: Any) -> bool:
    """Whether `y` is a Tensor; a result may have None in the place of one, and nothing else."""
    if y is not None and type(y) is not Tensor:
        raise TypeError(
            f"jit: the function returned a {type(y).__name__}, which no program computes; "
            "return tensors, in lists, tuples, dicts or dataclasses, or None"
        )
    return y is not None


def as_value(array: Any) -> Value:
    return array if type(array) is Value else constant(array)
