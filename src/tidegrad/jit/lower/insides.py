"""Floor 6. Insides: bodies of loops and branches made ready to be parts of a program."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from ...abstract import Value, unknown
from ...ops.elementwise import positive
from ..graph import Graph, rewritten
from ..partition import depending
from ..passes.making import made
from ..passes.scan_parts import put_for
from ..passes.scans import VIEWS, without_repetition
from ..regions import Cond, Holding, Scan, WhileLoop, cond_, scan_, while_loop_
from .nested import apart
from .storing import inside_out, is_number

__all__ = ["with_insides"]

Change = Callable[[Graph], Graph]
BOOL = np.dtype(bool)
NAMES = ("body", "true", "false")
PLAIN = {Scan: scan_, Cond: cond_, WhileLoop: while_loop_}


def with_insides(graph: Graph, ready: Change) -> Graph:
    """`graph` with the graphs that it holds made `ready` for loops.

    What that adds and no step changes, such as weights in another order, is done once, outside.
    """
    if not any(isinstance(v.prim, Holding) for v in graph.order()):
        return graph

    def prepared(v: Value) -> Value:
        if not isinstance(v.prim, Holding):
            return v
        v = changed(tested_last(v) if isinstance(v.prim, WhileLoop) else v, ready)
        return v if isinstance(v.prim, Scan) else arrays_given(v)

    def finished(v: Value) -> Value:
        return changed(in_memory(v), apart) if isinstance(v.prim, Holding) else v

    return rewritten(without_repetition(rewritten(graph, prepared)), finished)


def in_memory(v: Value) -> Value:
    """An operation whose inputs all have a place: a number is written down."""
    parents = [made(positive, p) if is_number(inside_out(p)) else p for p in v.parents]
    return held(v, parents, {})


def changed(v: Value, change: Change) -> Value:
    """An operation with what it computes changed."""
    return held(v, v.parents, {name: change(v.params[name]) for name in NAMES if name in v.params})


def held(v: Value, parents: Sequence[Value], params: dict) -> Value:
    prim = next(plain for kind, plain in PLAIN.items() if isinstance(v.prim, kind))
    found = Value(prim, tuple(parents), {**v.params, **params}, v.shape, v.dtype)
    found.where = v.where
    return found


def tested_last(v: Value) -> Value:
    """A while_loop that carries whether to go on, which each step finds out for the next."""
    test, body, n = v.params["test"], v.params["body"], v.params["carries"]
    (again,) = test.outputs
    if n and again is test.inputs[n - 1]:
        return v
    first = put_for([again], dict(zip(test.inputs, v.parents)))[again]
    later = put_for([again], dict(zip(test.inputs, [*body.outputs, *body.inputs[n:]])))[again]
    flag = unknown((), BOOL)
    inputs = (*body.inputs[:n], flag, *body.inputs[n:])
    params = {
        "test": Graph(inputs, (flag,)),
        "body": Graph(inputs, (*body.outputs, later)),
        "carries": n + 1,
        "results": (*v.params["results"], ((), BOOL)),
    }
    return held(v, [*v.parents[:n], first, *v.parents[n:]], params)


def arrays_given(v: Value) -> Value:
    """An operation whose graphs are given the arrays that they know, and what no step changes."""
    names = [name for name in NAMES if name in v.params]
    first = 1 if isinstance(v.prim, Cond) else 0
    outer, more = list(v.parents[first:]), list[Value]()
    graphs: dict[str, Graph] = {}
    for name in names:
        inputs, outputs = v.params[name]
        moving = inputs if first else inputs[: v.params["carries"]]
        found = fixed(outputs, moving)
        known = put_for(found, dict(zip(inputs, outer)))
        new = {u: unknown(u.shape, u.dtype) for u in found}
        more += [known[u] for u in found]
        after = put_for(outputs, new)
        graphs[name] = Graph((*inputs, *new.values()), tuple(after[y] for y in outputs))
    return held(v, [*v.parents, *more], with_all(graphs, v, names)) if more else v


def with_all(graphs: dict[str, Graph], v: Value, names: Sequence[str]) -> dict:
    """Graphs with each other's new inputs, in order."""
    base = {name: len(v.params[name].inputs) for name in names}
    extra = {name: graphs[name].inputs[base[name] :] for name in names}
    found: dict[str, Graph] = {}
    for name in names:
        others = [
            x if owner == name else unknown(x.shape, x.dtype)
            for owner in names
            for x in extra[owner]
        ]
        inputs = (*graphs[name].inputs[: base[name]], *others)
        found[name] = Graph(inputs, graphs[name].outputs)
    if "test" in v.params:
        inputs = found["body"].inputs
        found["test"] = Graph(inputs, (inputs[v.params["carries"] - 1],))
    return found


def fixed(outputs: Sequence[Value], moving: Iterable[Value]) -> list[Value]:
    """What is made of no `moving` input: known arrays, and what it takes time to compute."""
    late = depending(outputs, moving)
    found: dict[Value, None] = {}
    stack = [p for v in Graph((), tuple(outputs)).order() if v in late for p in v.parents]
    stack += outputs
    while stack:
        v = stack.pop()
        if v in late or is_number(v) or (v.prim is None and v.saved is None):
            continue
        if v.prim in VIEWS:
            stack += v.parents
        else:
            found[v] = None
    return list(found)
