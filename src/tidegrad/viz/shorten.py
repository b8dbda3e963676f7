"""Floor 7. Long arrows: where there are too many to follow, numbers take their place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .picture import Box, Picture
from .ranks import ranks

__all__ = ["shortened"]

ROWS = 12_000  # rows that all arrows together may cross


def shortened(picture: Picture) -> Picture:
    """`picture`, or one whose longest arrows begin at a small box with their source's number."""
    arrows = picture.arrows
    rank = ranks(len(picture.boxes), arrows)
    spans = [rank[head] - rank[tail] for tail, head in arrows]
    longest = max(spans, default=0)
    while longest > 4 and crossed(arrows, spans, longest) > ROWS:
        longest = longest * 2 // 3
    far = [arrow for arrow, span in zip(arrows, spans) if span > longest]
    if not far:
        return picture
    numbers = {tail: n for n, tail in enumerate(sorted({tail for tail, _ in far}), 1)}
    boxes = [replace(box, lines=list(box.lines)) for box in picture.boxes]
    for tail, number in numbers.items():
        boxes[tail].lines[0] += f" [{number}]"
    kept = [arrow for arrow, span in zip(arrows, spans) if span <= longest]
    for tail, head in far:
        kept.append((len(boxes), head))
        boxes.append(Box([f"[{numbers[tail]}]"], "omission", tip="the box with this number"))
    note = f"{picture.note}; [1] to [{len(numbers)}] stand for long arrows"
    return Picture(boxes, kept, picture.repeats, note)


def crossed(arrows: Sequence[tuple[int, int]], spans: Sequence[int], longest: int) -> int:
    """How many rows arrows no longer than `longest` cross, those from one box taken as one."""
    reach: dict[int, int] = {}
    for (tail, _), span in zip(arrows, spans):
        if span <= longest:
            reach[tail] = max(reach.get(tail, 0), span)
    return sum(reach.values())
