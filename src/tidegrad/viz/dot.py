"""Floor 7. A picture as Graphviz source text."""

from __future__ import annotations

from .picture import KINDS, Picture
from .text import plain

__all__ = ["dot"]


def dot(picture: Picture) -> str:
    """The Graphviz source of `picture`."""
    lines = [f"digraph {{ label={quoted(picture.note)}"]
    lines.append('node [shape=box style="filled,rounded" fontname="Helvetica" fontsize=11]')
    for k, box in enumerate(picture.boxes):
        fill, outline = KINDS.get(box.kind, KINDS["operation"])
        label = "\\n".join(quoted(line)[1:-1] for line in box.lines)
        look = f'label="{label}" fillcolor="{fill}" color="{outline}"'
        lines.append(f"  n{k} [{look} penwidth={2.4 if box.result else 1.2}]")
    for number, repeat in enumerate(picture.repeats):
        inside = [f"n{k}" for k, box in enumerate(picture.boxes) if box.repeat == number]
        title = f"label={quoted(repeat.title)} style=rounded"
        lines.append(f"  subgraph cluster_{number} {{ {title} {' '.join(inside)} }}")
    lines += [f"  n{tail} -> n{head}" for tail, head in picture.arrows]
    return "\n".join([*lines, "}"]) + "\n"


def quoted(text: str) -> str:
    """A string of the language: it gives meaning to backslashes, quotes and `&...;`."""
    spelled = plain(text).replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{spelled}"'
