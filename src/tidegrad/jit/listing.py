"""Floor 6. Listings: a Graph as text, one Value to a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..abstract import Value

__all__ = ["listing"]


def listing(inputs: Sequence[Value], outputs: Sequence[Value], order: Sequence[Value]) -> str:
    """Every Value with a number, what it is made of, its dtype and shape, and the user's line.

    Constants of one element stand where they are used.

    >>> from tidegrad.abstract import unknown
    >>> from tidegrad.jit.graph import Graph
    >>> from tidegrad.kinds import reshape
    >>> from tidegrad.jit.passes.making import made
    >>> x = unknown((2, 3), np.dtype("float32"))
    >>> Graph((x,), (made(reshape, x, shape=(6,)),))
    %0 = input float32[2, 3]
    %1 = reshape(%0, shape=(6,)) float32[6]
    return %1
    """
    given = set(inputs)
    named: dict[Value, str] = {}
    lines: list[tuple[str, Any]] = []
    for value in (*inputs, *(v for v in order if v not in given)):
        if value.prim is None and value.saved is not None and value.saved.size == 1:
            named[value] = str(value.saved.reshape(())[()])
            continue
        named[value] = f"%{len(lines)}"
        kind = f"{value.dtype}[{', '.join(map(str, value.shape))}]"
        lines.append((f"{named[value]} = {made(value, named)} {kind}", value.where))
    width = max((len(text) for text, where in lines if where and len(text) < 72), default=0)
    shown = [f"{text:<{width}}  # {where}" if where else text for text, where in lines]
    return "\n".join([*shown, f"return {', '.join(named[y] for y in outputs)}"])


def made(value: Value, named: dict[Value, str]) -> str:
    if value.prim is None:
        return "input" if value.saved is None else f"constant {summary(value.saved)}"
    params = [f"{name}={told(p)}" for name, p in value.params.items()]
    return f"{value.prim.name}({', '.join([named[p] for p in value.parents] + params)})"


def summary(array: np.ndarray) -> str:
    """The elements where they are few."""
    return str(array.tolist()) if array.size <= 4 else "..."


def told(x: Any) -> str:
    """A parameter as one writes it: slices as in an index."""
    if type(x) is slice:
        ends = ["" if e is None else str(e) for e in (x.start, x.stop)]
        return ":".join([*ends, *([] if x.step is None else [str(x.step)])])
    if type(x) is tuple:
        inner = ", ".join(map(told, x))
        return f"({inner},)" if len(x) == 1 else f"({inner})"
    if hasattr(x, "order"):
        return f"<{len(x.order())} Values>"  # a program inside of this one
    return str(x) if isinstance(x, np.dtype) else "..." if x is Ellipsis else repr(x)
