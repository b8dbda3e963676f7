"""Floor 7. What the colours that occur mean, and the picture's note, in rows below it."""

from __future__ import annotations

from collections.abc import Iterator

from .palette import COLOURS, GREY, LABELS, colours
from .picture import Picture
from .text import clean, coordinate, width

__all__ = ["Legend"]

SIZE = 10.0
ROW = 17.0
NARROWEST = 300.0


class Legend:
    """The entries in rows no wider than `room`, or than what a small picture may well have."""

    def __init__(self, picture: Picture, room: float):
        kinds = {box.kind for box in picture.boxes} - {"omission"}
        entries = [(kind, LABELS.get(kind, kind)) for kind in COLOURS if kind in kinds]
        if len(picture.boxes) > 1 and any(box.result for box in picture.boxes):
            entries.append(("result", "result"))
        self.note = picture.note
        self.spots: list[tuple[float, float, str, str]] = []
        self.width = width(self.note, SIZE)
        x = y = 0.0
        for kind, label in entries:
            wide = width(label, SIZE) + 18
            if x and x + wide > max(room, NARROWEST):
                x, y = 0.0, y + ROW
            self.spots.append((x, y, kind, label))
            self.width = max(self.width, x + wide)
            x += wide + 12
        self.height = (y + ROW if entries else 0.0) + (ROW if self.note else 0.0)

    def drawn(self, left: float, top: float) -> Iterator[str]:
        """Its elements, from this corner on."""
        yield f'<g transform="translate({coordinate(left)} {coordinate(top)})" fill="{GREY}" '
        yield f'font-size="{coordinate(SIZE)}">'
        for x, y, kind, label in self.spots:
            fill, outline = colours(kind)
            thick = 2.4 if kind == "result" else 1
            yield (
                f'<rect x="{coordinate(x + 1)}" y="{coordinate(y + 4)}" width="11" height="9" '
                f'rx="2.5" fill="{fill}" stroke="{outline}" stroke-width="{thick}"/>'
                f'<text x="{coordinate(x + 18)}" y="{coordinate(y + 12.5)}">{clean(label)}</text>'
            )
        if self.note:
            below = self.height - ROW + 12.5
            yield f'<text x="0" y="{coordinate(below)}">{clean(self.note)}</text>'
        yield "</g>"
