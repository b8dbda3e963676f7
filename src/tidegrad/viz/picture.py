"""Floor 7. What a picture shows, before anything has a place: boxes, arrows and repeats."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["KINDS", "Box", "Picture", "Repeat"]

# Fill and outline of each kind of box; a kind that is not here looks like an operation.
KINDS = {
    "leaf": ("#fff1c2", "#d39b1f"),
    "constant": ("#f6f7f9", "#c9d0d9"),
    "elementwise": ("#e2eefc", "#5b8fd6"),
    "reduction": ("#dff5e6", "#47a571"),
    "scan": ("#daf4f3", "#379f9d"),
    "movement": ("#eee9fb", "#937fd1"),
    "indexing": ("#fce6f1", "#cf6fa4"),
    "contraction": ("#fde4d8", "#dd7743"),
    "routine": ("#efe9df", "#998762"),
    "function": ("#e4e8ef", "#64748b"),
    "operation": ("#eef1f5", "#8391a3"),
    "omission": ("#ffffff", "#8391a3"),
}


@dataclass
class Box:
    """One box: its lines of text, the first in bold; what it is; the repeat it stands in."""

    lines: list[str]
    kind: str = "operation"
    repeat: int | None = None
    result: bool = False


@dataclass
class Repeat:
    """A part that is drawn once and stands for `count` copies of itself.

    `chained` where each copy follows the one before; otherwise they stand side by side.
    """

    count: int
    chained: bool = True

    @property
    def title(self) -> str:
        """What is written above the part."""
        return f"× {self.count:,} {'in sequence' if self.chained else 'side by side'}"


@dataclass
class Picture:
    """Boxes and the arrows between them, as pairs of indices; `note` is written below.

    It knows nothing of tensors: `Drawing` lays out any picture whose arrows make no circle.

    >>> boxes = [tg.viz.Box(["x", "(3,)"], "leaf"), tg.viz.Box(["exp"], "elementwise")]
    >>> tg.viz.Drawing(tg.viz.Picture(boxes, [(0, 1)])).dot.count("->")
    1
    """

    boxes: list[Box]
    arrows: list[tuple[int, int]] = field(default_factory=list)
    repeats: list[Repeat] = field(default_factory=list)
    note: str = ""
