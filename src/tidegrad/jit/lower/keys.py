"""Floor 6. Keys: a graph as text that names everything its program depends on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from numpy import ndarray

from ...abstract import Value
from ...core import toposort
from ...kinds import Map
from ..graph import Graph

__all__ = ["form_of", "text_of"]


def text_of(graph: Graph) -> str:
    """The same text for graphs of the same operations on the same constants, and only for them."""
    return form_of(graph.outputs, graph.inputs)


def form_of(outputs: Sequence[Value], inputs: Sequence[Value]) -> str:
    """How `outputs` are made of `inputs`, behind which nothing is looked at."""
    names: dict[Value, str] = {v: f"a{k}" for k, v in enumerate(inputs)}
    lines = [f"{names[v]} {v.dtype.str}{v.shape}" for v in inputs]
    own = set(outputs)
    order: list[Any] = toposort(outputs, names.keys() - own)
    for v in order:
        if v not in names or (v in own and v.prim is not None):
            names.setdefault(v, f"v{len(names)}")
            lines.append(" ".join([names[v], described(v), *(names[p] for p in v.parents)]))
    lines.append(" ".join(names[v] for v in outputs))
    return "\n".join(lines)


def described(v: Any) -> str:
    """What a Value is, but for its parents; of a Map also its text, which need not be ours."""
    kind = "constant" if v.prim is None else f"{type(v.prim).__name__} {v.prim.name}"
    kind += f" {v.prim.text!r}" if isinstance(v.prim, Map) else ""
    params = ", ".join(f"{k}={plain(x)}" for k, x in sorted(v.params.items()))
    return f"{v.dtype.str}{v.shape} {kind} {params} {'' if v.saved is None else plain(v.saved)}"


def plain(x: Any) -> str:
    """A parameter as text."""
    if isinstance(x, Graph):
        return f"{{{text_of(x)}}}"
    if isinstance(x, ndarray):
        return f"{x.dtype.str}{x.shape}{hashlib.sha256(x.tobytes()).hexdigest()}"
    if isinstance(x, (tuple, list)):
        return f"({' '.join(map(plain, x))})"
    return repr(x)
