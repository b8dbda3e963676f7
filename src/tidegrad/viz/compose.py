"""Floor 7. From items to a picture: repeats folded, a graph that is too large cut short."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .collect import Item
from .fold import fold
from .picture import Box, Picture, Repeat

__all__ = ["compose"]


def compose(
    items: Sequence[Item],
    results: Sequence[int],
    folded: bool,
    limit: int,
    box_of: Callable[[list[int]], Box],
) -> Picture:
    """The picture of `items`, where a repeat is drawn once and only what fits is drawn."""
    graph = Folded(items, folded)
    ends = dict.fromkeys(graph.first.get(result, result) for result in results)
    shown = graph.nearest(ends, limit)
    place = {item: box for box, item in enumerate(shown)}
    present = sorted({graph.repeat[item] for item in shown if item in graph.repeat})
    boxes = [box_of(graph.all(item)) for item in shown]
    for item, box in zip(shown, boxes):
        box.repeat = present.index(graph.repeat[item]) if item in graph.repeat else None
        box.result = item in ends
    arrows = [(part, place[item]) for item in shown for part in graph.parts(item)]
    inside = [(place[part], head) for part, head in arrows if part in place]
    standing = sum(len(graph.all(item)) for item in shown)
    note = f"{len(items):,} node{'s' if len(items) > 1 else ''}"
    if standing > len(shown):
        note += f"; {standing - len(shown):,} folded"
    if len(inside) < len(arrows):
        left = f"{len(items) - standing:,} left out"
        note += f"; {left}"
        cut = dict.fromkeys(head for part, head in arrows if part not in place)
        inside += [(len(boxes), head) for head in cut]
        boxes.append(Box(["…", left], "omission"))
    repeats = [Repeat(len(graph.runs[n].copies), graph.runs[n].chained) for n in present]
    return Picture(boxes, inside, repeats, note)


class Folded:
    """Items of which the copies count as one: the item of the first copy stands for all."""

    def __init__(self, items: Sequence[Item], folded: bool):
        self.parents = [item.parents for item in items]
        self.runs = fold([item.key() for item in items], self.parents) if folded else []
        self.copies: dict[int, list[int]] = {}
        self.repeat: dict[int, int] = {}
        self.first: dict[int, int] = {}
        for n, run in enumerate(self.runs):
            for alike in zip(*run.copies):
                self.repeat[alike[0]] = n
                self.copies[alike[0]] = list(alike)
                self.first |= dict.fromkeys(alike, alike[0])

    def all(self, item: int) -> list[int]:
        """What `item` stands for."""
        return self.copies.get(item, [item])

    def parts(self, item: int) -> list[int]:
        """What `item` and its copies are made from, but not what they hand on to each other."""
        seen: dict[int, int] = {}
        parts = []
        for copy in self.all(item):
            for parent in self.parents[copy]:
                one = self.first.get(parent, parent)
                if copy == item:
                    new = seen.get(one, parent) == parent
                else:
                    new = one not in seen and self.repeat.get(one, -1) != self.repeat[item]
                if new:
                    seen[one] = parent
                    parts.append(one)
        return parts

    def nearest(self, ends, limit) -> list[int]:
        """At most `limit` items, in order, that have the fewest steps to a result."""
        shown = dict(ends)
        queue = list(ends)
        for item in queue:
            for one in self.parts(item):
                if one not in shown and len(shown) < limit:
                    shown[one] = None
                    queue.append(one)
        return sorted(shown)
