"""Floor 7. What a picture shows, before anything has a place: boxes, arrows and repeats."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Box", "Picture", "Repeat"]


@dataclass
class Box:
    """One box: its lines of text, the first in bold; what it is; the repeat it stands in."""

    lines: list[str]
    kind: str = "operation"
    repeat: int | None = None
    result: bool = False
    tip: str = ""


@dataclass
class Repeat:
    """A part that is drawn once and stands for `count` copies of itself."""

    count: int
    chained: bool = True  # each copy follows the one before; otherwise they stand side by side

    @property
    def title(self) -> str:
        """What is written above the part."""
        return f"× {self.count:,} {'in sequence' if self.chained else 'side by side'}"


@dataclass
class Picture:
    """Boxes and the arrows between them, as pairs of indices; `note` is written below.

    It knows nothing of tensors: whatever is made of boxes and arrows without a circle is laid
    out and drawn by `Drawing(picture)`.

    >>> boxes = [tg.viz.Box(["x", "(3,)"], "leaf"), tg.viz.Box(["exp"], "elementwise")]
    >>> tg.viz.Drawing(tg.viz.Picture(boxes, [(0, 1)])).dot.count("->")
    1
    """

    boxes: list[Box]
    arrows: list[tuple[int, int]] = field(default_factory=list)
    repeats: list[Repeat] = field(default_factory=list)
    note: str = ""
