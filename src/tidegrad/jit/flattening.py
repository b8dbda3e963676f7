"""Floor 6. Flattening: a graph as its structure, its integers and its constants, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from ..abstract import Value
from .graph import Graph
from .regions import Holding

__all__ = ["Flat", "Numbers", "flattened", "unflattened"]

NUMBER = "an integer"  # where one was taken out


class Flat(NamedTuple):
    """Graphs of equal `structure` differ only in integers and in the elements of constants."""

    structure: tuple
    numbers: list[int]
    constants: list[ndarray]  # those of graphs inside included


Numbers = Iterator[int]


def flattened(graph: Graph) -> Flat:
    """All that a graph is made of."""
    numbers: list[int] = []
    constants: list[ndarray] = []
    return Flat(structure(graph, numbers, constants), numbers, constants)


def values(graph: Graph) -> list[Value]:
    """Every Value, inputs first, used or not."""
    given = set(graph.inputs)
    return [*graph.inputs, *(v for v in graph.order() if v not in given)]


def structure(graph: Graph, numbers: list[int], constants: list[ndarray]) -> tuple:
    order = values(graph)
    place = {v: k for k, v in enumerate(order)}
    lines = []
    for v in order:
        numbers += v.shape
        params = {key: taken(x, numbers, constants) for key, x in sorted(v.params.items())}
        if v.saved is not None:
            constants.append(v.saved)
        parents = tuple([place[p] for p in v.parents])
        # A loop's derivatives are its own; what it computes is in its parameters.
        prim = v.prim.called if isinstance(v.prim, Holding) else v.prim
        lines.append((prim, parents, v.dtype, len(v.shape), v.saved is None, params))
    return tuple(lines), len(graph.inputs), tuple([place[v] for v in graph.outputs])


def taken(x: Any, numbers: list[int], constants: list[ndarray]) -> Any:
    """A parameter without its integers, which are added to `numbers`."""
    kind = type(x)
    if kind is Graph:
        return structure(x, numbers, constants)
    if kind is slice:
        ends = [taken(part, numbers, constants) for part in (x.start, x.stop, x.step)]
        return (slice, *ends)
    if kind is tuple or kind is list:
        return (kind, *[taken(part, numbers, constants) for part in x])
    if isinstance(x, (int, np.integer)) and kind is not bool:
        numbers.append(int(x))
        return NUMBER
    return x


def unflattened(graph: Graph, numbers: Numbers, constant: Callable[[Value], Value]) -> Graph:
    """A graph of the structure of `graph` with other integers, taken one after another.

    `constant` gives what stands for a constant, a Value that has its new shape already.
    """
    new: dict[Value, Value] = {}
    for v in values(graph):
        shape = tuple([next(numbers) for _ in v.shape])
        params = {key: put(x, numbers, constant) for key, x in sorted(v.params.items())}
        parents = tuple([new[p] for p in v.parents])
        made = Value(v.prim, parents, params, shape, v.dtype, v.saved)
        made.where = v.where
        new[v] = made if v.saved is None else constant(made)
    return Graph(tuple(new[v] for v in graph.inputs), tuple(new[v] for v in graph.outputs))


def put(x: Any, numbers: Numbers, constant: Callable[[Value], Value]) -> Any:
    """A parameter with other integers."""
    kind = type(x)
    if kind is Graph:
        return unflattened(x, numbers, constant)
    if kind is slice:
        return slice(*[put(part, numbers, constant) for part in (x.start, x.stop, x.step)])
    if kind is tuple or kind is list:
        return kind([put(part, numbers, constant) for part in x])
    if isinstance(x, (int, np.integer)) and kind is not bool:
        return next(numbers)
    return x
