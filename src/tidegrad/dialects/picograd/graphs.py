"""Floor 8. picograd's graph of Values: optimized, and drawn."""

from __future__ import annotations

from pathlib import Path

import tidegrad as tg

from ..shared import lacking
from .values import Value

__all__ = ["optimize_graph", "visualize_graph"]


def optimize_graph(root: Value) -> Value:
    """Let each relu of a sum count as one operation, where the graph is asked for or drawn.

    Values and gradients stay as they are: what was computed has its rules already.
    """
    for value in graph(root):
        (inner,) = value.parts if value._op == "ReLU" else (None,)
        if isinstance(inner, Value) and inner._op == "+":
            value._op, value.shown = "FusedReLUAdd", inner.parts
    return root


def visualize_graph(root: Value, filename: str = "computational_graph") -> tg.viz.Drawing:
    """Draw the graph into graph/`filename`.svg, which no viewer is opened for.

    The drawing is returned, and shows itself in a notebook. Graphviz is not needed.
    """
    place = {value: k for k, value in enumerate(graph(root))}
    boxes, arrows = [box_of(value) for value in place], []
    for value, k in place.items():
        for part in dict.fromkeys(value.parts):
            if part not in place:
                boxes.append(tg.viz.Box([str(part)], "constant"))
            arrows.append((place.get(part, len(boxes) - 1), k))
    boxes[0].result = True
    drawing = tg.viz.Drawing(tg.viz.Picture(boxes, arrows))
    path = Path("graph") / f"{filename}.svg"
    path.parent.mkdir(parents=True, exist_ok=True)
    drawing.save(path)
    print(f"The graph is drawn in {path}.")
    return drawing


def graph(root: Value) -> list[Value]:
    """`root` and the Values that it was made of, each once, without recursion."""
    found, stack = {root: None}, [root]
    while stack:
        new = [x for x in stack.pop().parts if isinstance(x, Value) and x not in found]
        found.update(dict.fromkeys(new))
        stack += new
    return list(found)


def box_of(value: Value) -> tg.viz.Box:
    lines = [value.label, value._op] if value._op else [value.label]
    if value.held.size == 1:
        lines.append(f"value = {value.held.item():.4f}")
        lines.append(f"grad = {value.grad.data.item():.4f}")
    return tg.viz.Box(lines, "elementwise" if value._op else "leaf")


__getattr__ = lacking("picograd")
