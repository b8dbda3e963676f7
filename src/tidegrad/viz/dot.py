"""Floor 7. A picture as Graphviz source text."""

from __future__ import annotations

from collections.abc import Iterator

from .palette import GREY, colours
from .picture import Box, Picture
from .text import plain

__all__ = ["dot"]


def dot(picture: Picture) -> str:
    """The Graphviz source of `picture`."""
    lines = ["digraph {", f"  label={quoted(picture.note)}"]
    lines.append('  node [shape=box style="filled,rounded" fontname="Helvetica" fontsize=11]')
    lines += [f"  {text}" for text in nodes(picture, None)]
    for number, repeat in enumerate(picture.repeats):
        lines.append(f"  subgraph cluster_{number} {{")
        lines.append(f'    label={quoted(repeat.title)} style=rounded color="{GREY}"')
        lines += [f"    {text}" for text in nodes(picture, number)]
        lines.append("  }")
    lines += [f"  n{tail} -> n{head}" for tail, head in picture.arrows]
    return "\n".join([*lines, "}"]) + "\n"


def nodes(picture: Picture, repeat: int | None) -> Iterator[str]:
    for number, box in enumerate(picture.boxes):
        if box.repeat == repeat:
            yield f"n{number} [{attributes(box)}]"


def attributes(box: Box) -> str:
    fill, outline = colours(box.kind)
    lines = "\\n".join(quoted(line)[1:-1] for line in box.lines)
    found = f'label="{lines}" fillcolor="{fill}" color="{outline}"'
    found += " penwidth=2.4" if box.result else ""
    return found + (f" tooltip={quoted(box.tip)}" if box.tip else "")


def quoted(text: str) -> str:
    """A string of the language: it gives meaning to backslashes, quotes and `&...;`."""
    spelled = plain(text).replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{spelled}"'
