"""Floor 7. Where everything in a picture goes: repeats are laid out first, then stand as boxes."""

from __future__ import annotations

from dataclasses import dataclass, field

from .picture import Picture
from .ranks import ranks
from .rows import Arrow
from .sheet import Sheet, Stroke
from .text import width

__all__ = ["BOLD", "LINE", "PLAIN", "Frame", "Plan", "plan", "size_of"]

BOLD, PLAIN = 12.5, 10.5  # sizes of the font: of a box's first line, of the others
LINE = 15.0  # from line to line
PAD = 14.0  # inside frames
HEAD = 28.0  # the upper margin of a frame, where its title stands

Frame = tuple[float, float, float, float]  # left, top, width, height


@dataclass
class Plan:
    """The frames of boxes and repeats, and all strokes."""

    boxes: list[Frame]
    repeats: list[Frame] = field(default_factory=list)
    strokes: list[Stroke] = field(default_factory=list)
    width: float = 0.0
    height: float = 0.0


def size_of(lines: list[str]) -> tuple[float, float]:
    """A box in which these lines have room."""
    widest = max(width(line, PLAIN if n else BOLD, not n) for n, line in enumerate(lines))
    return max(widest + 20, 44.0), LINE * len(lines) + 11


def plan(picture: Picture) -> Plan:
    """Lay `picture` out."""
    sizes = [size_of(box.lines) for box in picture.boxes]
    light = [box.kind in ("leaf", "constant", "omission") for box in picture.boxes]
    groups = [Group(picture, n, sizes, light) for n in range(len(picture.repeats))]
    alone = [b for b, box in enumerate(picture.boxes) if box.repeat is None]
    spot = {box: k for k, box in enumerate(alone)}
    spot |= {box: len(alone) + n for n, group in enumerate(groups) for box in group.members}
    arrows: list[Arrow] = []
    inner = set()
    for tail, head in picture.arrows:
        one, other = picture.boxes[tail].repeat, picture.boxes[head].repeat
        if one is not None and one == other:
            continue
        out = 0.0 if one is None else groups[one].foot(tail)
        into = None if other is None else groups[other].top(tail)
        arrow = (spot[tail], spot[head], out, into)
        if into is None or arrow not in inner:
            inner.add(arrow)
            arrows.append(Arrow(*arrow))
    whole = [sizes[box] for box in alone] + [(group.width, group.height) for group in groups]
    sheet = Sheet(
        whole,
        ranks(len(whole), [(arrow.tail, arrow.head) for arrow in arrows]),
        arrows,
        [light[box] for box in alone] + [False] * len(groups),
        frozenset(range(len(alone), len(whole))),
    )
    frames = [(x - w / 2, y, w, h) for x, y, (w, h) in zip(sheet.x, sheet.y, whole)]
    result = Plan([(0.0, 0.0, 0.0, 0.0)] * len(sizes), frames[len(alone) :])
    result.strokes += sheet.strokes
    for box, frame in zip(alone, frames):
        result.boxes[box] = frame
    for group, frame in zip(groups, result.repeats):
        group.place(result, frame)
    result.width, result.height = sheet.width, sheet.height
    return result


class Group:
    """The boxes of one repeat, laid out among themselves.

    Each value that comes in has a port in a row of its own at the top, and each that goes out
    one at the foot; outside, the whole is a box whose arrows arrive and leave at the ports.
    """

    def __init__(self, picture: Picture, repeat: int, sizes: list, light: list[bool]):
        self.members = [b for b, box in enumerate(picture.boxes) if box.repeat == repeat]
        spot = {box: k for k, box in enumerate(self.members)}
        coming = [(t, h) for t, h in picture.arrows if h in spot and t not in spot]
        going = dict.fromkeys(t for t, h in picture.arrows if t in spot and h not in spot)
        inside = [(spot[t], spot[h]) for t, h in picture.arrows if t in spot and h in spot]
        rank = [r + 1 for r in ranks(len(spot), inside)]
        foot = max(rank) + 1
        count = len(spot)
        self.tops = {tail: count + k for k, tail in enumerate(dict.fromkeys(t for t, _ in coming))}
        count += len(self.tops)
        self.feet = {tail: count + k for k, tail in enumerate(going)}
        count += len(self.feet)
        arrows = [Arrow(*arrow) for arrow in inside]
        arrows += [Arrow(self.tops[tail], spot[head]) for tail, head in coming]
        arrows += [Arrow(spot[tail], port) for tail, port in self.feet.items()]
        ports = [(2.0, 0.0)] * (count - len(spot))
        rank += [0] * len(self.tops) + [foot] * len(self.feet)
        mine = [light[box] for box in self.members] + [False] * len(ports)
        self.sheet = Sheet(
            [sizes[box] for box in self.members] + ports,
            rank,
            arrows,
            mine,
            frozenset(self.feet.values()),
        )
        # No arrow comes down through the title.
        title = width(picture.repeats[repeat].title, BOLD, True) + PAD
        first = min((self.sheet.x[port] for port in self.tops.values()), default=title)
        self.left = PAD + max(0.0, title - first)
        self.width = max(self.left + self.sheet.width, title) + PAD
        self.height = HEAD + self.sheet.height + PAD

    def top(self, tail: int) -> float:
        """How far from the middle the value of `tail` comes in."""
        return self.left + self.sheet.x[self.tops[tail]] - self.width / 2

    def foot(self, tail: int) -> float:
        """How far from the middle the value of `tail` goes out."""
        return self.left + self.sheet.x[self.feet[tail]] - self.width / 2

    def place(self, result: Plan, frame: Frame) -> None:
        """Add to `result` what is inside, now that the frame has its place."""
        sheet, left, top = self.sheet, frame[0] + self.left, frame[1] + HEAD
        for k, box in enumerate(self.members):
            w, h = sheet.sizes[k]
            result.boxes[box] = (left + sheet.x[k] - w / 2, top + sheet.y[k], w, h)
        result.strokes += [stroke.moved(left, top) for stroke in sheet.strokes]
        for port in self.tops.values():
            x = left + sheet.x[port]
            result.strokes.append(Stroke(port, x, frame[1], top, x, top, top, False))
        for port in self.feet.values():
            x, foot = left + sheet.x[port], top + sheet.height
            end = frame[1] + frame[3]
            result.strokes.append(Stroke(port, x, foot, foot, x, foot, end, False))
