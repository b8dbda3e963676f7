"""Floor 7. From items to a picture: repeats folded, a graph that is too large cut short."""

from __future__ import annotations

from collections.abc import Sequence

from .collect import Item
from .describe import Wishes, describe
from .fold import fold
from .picture import Box, Picture, Repeat
from .shorten import shortened

__all__ = ["compose"]


def compose(items: Sequence[Item], results: Sequence[int], wishes: Wishes) -> Picture:
    """The picture of `items`, where a repeat is drawn once and only what fits is drawn."""
    graph = Folded(items, wishes.folded)
    shown = graph.nearest(results, wishes.limit)
    place = {item: box for box, item in enumerate(shown)}
    present = sorted({graph.repeat[item] for item in shown if item in graph.repeat})
    ends = {graph.one(result) for result in results}
    boxes = []
    for item in shown:
        box = describe([items[copy] for copy in graph.all(item)], graph.all(item), wishes)
        if item in graph.repeat:
            box.repeat = present.index(graph.repeat[item])
        box.result = item in ends
        boxes.append(box)
    arrows = [(graph.parts(item), place[item]) for item in shown]
    inside = [(place[one], head) for ones, head in arrows for one in ones if one in place]
    cut = dict.fromkeys(head for ones, head in arrows for one in ones if one not in place)
    note = graph.note(shown)
    if cut:
        boxes.append(Box(["…", graph.left_out(shown)], "omission"))
        inside += [(len(boxes) - 1, head) for head in cut]
        note += f"; {graph.left_out(shown)}"
    repeats = [Repeat(len(graph.runs[n].copies), graph.runs[n].chained) for n in present]
    return shortened(Picture(boxes, inside, repeats, note))


class Folded:
    """Items of which the copies count as one: the item of the first copy stands for all."""

    def __init__(self, items: Sequence[Item], folded: bool):
        self.items = items
        self.parents = [item.parents for item in items]
        self.runs = fold([item.key() for item in items], self.parents) if folded else []
        self.copies: dict[int, list[int]] = {}
        self.repeat: dict[int, int] = {}
        self.first: dict[int, int] = {}
        for n, run in enumerate(self.runs):
            for k, item in enumerate(run.copies[0]):
                self.repeat[item] = n
                self.copies[item] = [copy[k] for copy in run.copies]
                self.first.update(dict.fromkeys(self.copies[item], item))

    def one(self, item: int) -> int:
        """What stands for `item`."""
        return self.first.get(item, item)

    def all(self, item: int) -> list[int]:
        """What `item` stands for."""
        return self.copies.get(item, [item])

    def parts(self, item: int) -> list[int]:
        """What `item` and the others that it stands for are made from.

        What a copy hands on to the next is left out: that is what "in sequence" says.  An item
        that one operation uses twice is there twice.
        """
        seen: dict[int, int] = {}
        parts = []
        for parent in self.parents[item]:
            one = self.one(parent)
            if seen.setdefault(one, parent) == parent:
                parts.append(one)
        for copy in self.all(item)[1:]:
            for parent in self.parents[copy]:
                one = self.one(parent)
                if one not in seen and self.repeat.get(one, -1) != self.repeat[item]:
                    seen[one] = parent
                    parts.append(one)
        return parts

    def nearest(self, results: Sequence[int], limit: int) -> list[int]:
        """At most `limit` items, in order, that have the fewest steps to a result."""
        shown = dict.fromkeys(map(self.one, results))
        queue = list(shown)
        for item in queue:
            for one in self.parts(item):
                if one not in shown and len(shown) < limit:
                    shown[one] = None
                    queue.append(one)
        return sorted(shown)

    def left_out(self, shown: Sequence[int]) -> str:
        """How much is not shown at all."""
        count = len(self.items) - sum(len(self.all(item)) for item in shown)
        return f"{count:,} node{'s' if count > 1 else ''} left out"

    def note(self, shown: Sequence[int]) -> str:
        """How much there is, and how much of it is folded."""
        folded = sum(len(self.all(item)) - 1 for item in shown)
        note = f"{len(self.items):,} node{'s' if len(self.items) > 1 else ''}"
        return f"{note}; {folded:,} folded" if folded else note
