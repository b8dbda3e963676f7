"""Floor 6. Keys: a graph as text that names everything its program depends on."""

from __future__ import annotations

import hashlib
from typing import Any

from numpy import ndarray

from ...abstract import Value
from ..graph import Graph

__all__ = ["text_of"]


def text_of(graph: Graph) -> str:
    """The same text for graphs of the same operations on the same constants, and only for them."""
    names: dict[Value, str] = {v: f"a{k}" for k, v in enumerate(graph.inputs)}
    lines = [f"{names[v]} {v.dtype}{v.shape}" for v in graph.inputs]
    for v in graph.order():
        if v not in names:
            names[v] = f"v{len(names)}"
            own = "constant" if v.prim is None else f"{type(v.prim).__name__} {v.prim.name}"
            params = ", ".join(f"{k}={plain(x)}" for k, x in sorted(v.params.items()))
            parents = " ".join(names[p] for p in v.parents)
            saved = "" if v.saved is None else plain(v.saved)
            lines.append(f"{names[v]} {v.dtype}{v.shape} {own} {parents} {params} {saved}")
    lines.append(" ".join(names[v] for v in graph.outputs))
    return "\n".join(lines)


def plain(x: Any) -> str:
    """A parameter as text."""
    if isinstance(x, Graph):
        return f"{{{text_of(x)}}}"
    if isinstance(x, ndarray):
        return hashlib.sha256(x.tobytes()).hexdigest()
    if isinstance(x, (tuple, list)):
        return f"({' '.join(map(plain, x))})"
    return repr(x)
