"""Floor 6. Traced: a function's graph, where its inputs come from and where its outputs go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from ..abstract import Value, constant
from ..arrays import as_array
from ..core import Tensor, toposort
from ..dtypes import as_dtype
from ..errors import GraphError, TraceError
from ..trees import flatten
from .graph import Graph
from .trace import Entry, Trace

__all__ = ["Source", "Target", "Traced", "as_value", "assembled", "paired"]
__all__ += ["tensor_of", "traced", "traced_with"]


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

    `pairs` names for an output the input that is the same tensor's value before the call.  Of
    `returned` each is the number of an output, None, a constant Tensor, or the Source of one.
    """

    graph: Graph
    sources: tuple[Source, ...]  # of the graph's inputs
    targets: tuple[Target, ...]  # of the graph's outputs
    pairs: dict[int, int]
    cleared: tuple[Source, ...]  # whose gradient becomes None
    returned: tuple[Any, ...]
    assemble: Callable[[list], Any]
    trace: Trace
    places: dict[Entry, Source]
    bare: bool  # whether a tensor was returned, and no tree of them


def traced(f: Callable, *args: Any, **kwargs: Any) -> Traced:
    """Run `f` once, with abstract tensors in place of tensors, arrays and floats it is given."""
    leaves, rebuild = flatten((args, kwargs))

    def run(given: list) -> Any:
        positional, named = rebuild(given)
        return f(*positional, **named)

    return traced_with(run, leaves, [False] * len(leaves))


def traced_with(run: Callable[[list], Any], leaves: Sequence, static: Sequence[bool]) -> Traced:
    """Run once what takes the `leaves` of all arguments as a list; those static as they are."""
    with Trace() as trace:
        places: dict[Entry, Source] = {}
        given: list[Any] = []
        for k, leaf in enumerate(leaves):
            entry = None if static[k] else admitted(trace, leaf)
            if entry is not None:
                places.setdefault(entry, Source(k, entry.tensor))
            given.append(leaf if entry is None else entry.stand_in)
        out = run(given)
        results, assemble = flatten(out)
        bare = type(out) is Tensor
        return collected(trace, places, [trace.stand_in(y) for y in results], assemble, bare)


def admitted(trace: Trace, leaf: Any) -> Entry | None:
    """What stands for an argument; None for what is static."""
    if type(leaf) is Tensor:
        trace.stand_in(leaf)
        entry = trace.known[id(leaf)]
        entry.met = False
        return entry
    if type(leaf) is float:
        entry = trace.entered(None, (), np.dtype(np.float64))
        trace.weak.add(entry.value)
        return entry
    if isinstance(leaf, ndarray | np.generic):
        return trace.entered(None, leaf.shape, as_dtype(leaf.dtype))
    return None


def collected(
    trace: Trace, places: dict[Entry, Source], results: list, assemble: Callable, bare: bool
) -> Traced:
    """The graph of all that the function gave back or changed."""
    targets: list[Target] = []
    cleared: list[Source] = []
    for entry in trace.entries.values():
        source = places.setdefault(entry, Source(-1, entry.tensor))
        if isinstance(entry.gradient, Entry):
            places[entry.gradient] = source._replace(gradient=True)
        if entry.tensor is not None:
            changes(trace, entry, source, targets, cleared)
    known = {id(entry.stand_in): source for entry, source in places.items()}
    known.update({id(t.tensor): t.source for t in targets if t.source is not None})
    returned: list[Any] = []
    for y in results:
        returned.append(len(targets) if is_output(y, known) else known.get(id(y), y))
        if is_output(y, known):
            targets.append(Target(None, y))
    graph, entries = assembled(places, [as_value(target.tensor.array) for target in targets])
    sources = tuple(places[entry] for entry in entries)
    return Traced(graph, sources, tuple(targets), paired(targets, sources), tuple(cleared),
                  tuple(returned), assemble, trace, places, bare)  # fmt: skip


def paired(targets: Sequence[Target], sources: Sequence[Source]) -> dict[int, int]:
    """For the number of an output that of the input which is the same tensor's value before."""
    at = {source: k for k, source in enumerate(sources)}
    return {k: at[t.source] for k, t in enumerate(targets) if t.source in at}


def assembled(
    places: dict[Entry, Source], outputs: Sequence[Value], every: bool = False
) -> tuple[Graph, list[Entry]]:
    """The graph of `outputs`, and what its inputs stand for: `every` one, or those it needs.

    Arguments come first, gradients last.
    """
    used = {v for v in toposort(outputs) if v.prim is None}
    entries = [entry for entry in places if every or entry.value in used]
    entries.sort(key=lambda entry: (places[entry].gradient, places[entry].place < 0))
    return Graph(tuple(entry.value for entry in entries), tuple(outputs)), entries


def changes(
    trace: Trace, entry: Entry, source: Source, targets: list[Target], cleared: list[Source]
) -> None:
    """Note what the function made of a tensor and its gradient."""
    assert entry.tensor is not None
    if entry.tensor.node is not entry.node:
        entry.tensor.node = entry.node
        raise GraphError(
            "jit: requires_grad of a tensor from outside cannot be changed in a compiled function"
        )
    if entry.stand_in.array is not entry.value:
        if id(entry.tensor) in trace.relied:
            raise TraceError(
                f"jit: the numbers of a tensor of shape {entry.value.shape} are looked at while "
                "the function is traced, and the function also changes them; compute with tensors"
            )
        targets.append(Target(source, entry.stand_in))
    g, before, source = entry.stand_in._grad, entry.gradient, source._replace(gradient=True)
    if g is None and before is not None:
        cleared.append(source)
    elif type(g) is Tensor:
        kept = isinstance(before, Entry) and g is before.stand_in
        if not (isinstance(before, Entry) and kept and g.array is before.value):
            targets.append(Target(source, trace.stand_in(g), kept))


def is_output(y: Any, known: dict[int, Source]) -> bool:
    """Whether a program computes `y`; what a function returns is this, or None."""
    if y is not None and type(y) is not Tensor:
        raise TypeError(
            f"jit: the function returned a {type(y).__name__}, which no program computes; "
            "return tensors, in lists, tuples, dicts or dataclasses, or None"
        )
    return y is not None and id(y) not in known and type(y.array) is Value


def as_value(array: Any) -> Value:
    return array if type(array) is Value else constant(array)


def tensor_of(source: Source, leaves: Sequence[Any]) -> Any:
    """The tensor that an input comes from, or that an output goes to; or whose gradient does."""
    held = leaves[source.place] if source.place >= 0 else source.tensor
    return held if type(held) is Tensor else Tensor(as_array(held, "jit"))
