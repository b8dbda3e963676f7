"""Floor 7. Where everything in a picture goes: repeats are laid out first, then stand as boxes."""

from __future__ import annotations

from typing import NamedTuple

from .picture import Picture
from .rows import Arrow, ranks
from .sheet import Cell, Frame, Sheet, Stroke
from .text import width

__all__ = ["BOLD", "LINE", "PLAIN", "Plan", "plan", "size_of"]

BOLD, PLAIN = 12.5, 10.5  # sizes of the font: of a box's first line, of the others
LINE = 15.0  # from line to line
PAD, HEAD = 14.0, 28.0  # inside frames; above, where the title stands


class Plan(NamedTuple):
    """The frames of boxes and of repeats, all strokes, and the size of the whole."""

    boxes: list[Frame]
    repeats: list[Frame]
    strokes: list[Stroke]
    width: float
    height: float


def size_of(lines: list[str]) -> tuple[float, float]:
    """A box in which these lines have room."""
    widest = max(width(line, PLAIN if n else BOLD, not n) for n, line in enumerate(lines))
    return max(widest + 20, 44.0), LINE * len(lines) + 11


def plan(picture: Picture) -> Plan:
    """Lay `picture` out."""
    light = {"leaf", "constant", "omission"}
    cells = [Cell(*size_of(box.lines), box.kind in light) for box in picture.boxes]
    groups = [Group(picture, n, cells) for n in range(len(picture.repeats))]
    alone = [b for b, box in enumerate(picture.boxes) if box.repeat is None]
    spot = {box: k for k, box in enumerate(alone)}
    spot |= {box: len(alone) + n for n, group in enumerate(groups) for box in group.members}
    arrows: list[Arrow] = []
    for tail, head in picture.arrows:
        one, other = picture.boxes[tail].repeat, picture.boxes[head].repeat
        if one is None or one != other:
            out = 0.0 if one is None else groups[one].aside("out", tail)
            into = None if other is None else groups[other].aside("in", tail)
            arrow = Arrow(spot[tail], spot[head], out, into, other is None)
            # Arrows that enter a frame at one place are one; a box shows each that it takes in.
            if other is None or arrow not in arrows:
                arrows.append(arrow)
    arrows.sort(key=lambda arrow: arrow.into or 0.0)  # by where they enter a frame
    whole = [cells[box] for box in alone] + [group.cell for group in groups]
    sheet = Sheet(whole, ranks(len(whole), arrows), arrows)
    frames, strokes = sheet.frames(), sheet.strokes()
    boxes = [frames[spot[box]] for box in range(len(cells))]
    for group, (left, top, *_) in zip(groups, frames[len(alone) :]):
        for box, frame in zip(group.members, group.sheet.frames(left + group.left, top + HEAD)):
            boxes[box] = frame
        strokes += group.strokes(left + group.left, top)
    return Plan(boxes, frames[len(alone) :], strokes, sheet.width, sheet.height)


class Group:
    """The boxes of one repeat, laid out among themselves; from outside they are one box.

    Each value that comes in has a port in the first row, each that goes out one in the last.
    """

    def __init__(self, picture: Picture, repeat: int, cells: list[Cell]):
        self.members = [b for b, box in enumerate(picture.boxes) if box.repeat == repeat]
        mine = set(self.members)
        ends: list[tuple] = []
        for tail, head in picture.arrows:
            if head in mine:
                ends.append((tail if tail in mine else ("in", tail), head))
            elif tail in mine and (tail, ("out", tail)) not in ends:
                ends.append((tail, ("out", tail)))
        self.ports = list(dict.fromkeys(end for pair in ends for end in pair if end not in mine))
        self.spot = {end: k for k, end in enumerate([*self.members, *self.ports])}
        arrows = [Arrow(self.spot[t], self.spot[h], tip=h in mine) for t, h in ends]
        rank = ranks(len(self.spot), arrows)
        for port in self.ports:
            rank[self.spot[port]] = 0 if port[0] == "in" else max(rank)
        inside = [cells[box] for box in self.members] + [Cell(2.0, 0.0)] * len(self.ports)
        self.sheet = Sheet(inside, rank, arrows)
        # No arrow comes down through the title.
        title = width(picture.repeats[repeat].title, BOLD, True) + PAD
        entries = [self.sheet.x[self.spot[port]] for port in self.ports if port[0] == "in"]
        self.left = PAD + max(0.0, title - min(entries, default=title))
        wide = max(self.left + self.sheet.width, title) + PAD
        self.cell = Cell(wide, HEAD + self.sheet.height + PAD)

    def aside(self, side: str, tail: int) -> float:
        """How far from the middle the value of `tail` comes in or goes out."""
        return self.left + self.sheet.x[self.spot[side, tail]] - self.cell.width / 2

    def strokes(self, left: float, top: float) -> list[Stroke]:
        """All strokes inside, and those between the frame and the ports."""
        found = self.sheet.strokes(left, top + HEAD)
        for port in self.ports:
            x, y = left + self.sheet.x[self.spot[port]], top + HEAD + self.sheet.y[self.spot[port]]
            start, end = (top, y) if port[0] == "in" else (y, top + self.cell.height)
            found.append(Stroke(x, start, end, x, end, end))
        return found
