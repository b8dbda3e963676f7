"""Floor 7. The first of several copies, which takes its input from elsewhere than the others."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from .periods import Parents

__all__ = ["earlier"]


class Search:
    """For the copy before `first`: where `second` uses item q of `first`, that uses its item q.

    From there the search goes back through the arguments, beside those of `first`.
    """

    def __init__(
        self,
        first: Sequence[int],
        second: Sequence[int],
        keys: Sequence[Hashable],
        parents: Parents,
    ):
        self.first, self.keys, self.parents = first, keys, parents
        self.spot = {item: q for q, item in enumerate(first)}
        self.carried = {
            (q, a): self.spot[parent]
            for q, item in enumerate(second)
            for a, parent in enumerate(parents[item])
            if parent in self.spot
        }
        self.todo = [(spot, parents[first[q]][a]) for (q, a), spot in self.carried.items()]
        self.known: dict[int, int] = {}
        self.enters: dict[int, int] = {}
        self.outside: set[int] = set()

    def found(self) -> set[int]:
        """The items of the copy, if every item of `first` has its like; else none."""
        while self.todo:
            q, item = self.todo.pop()
            new = q not in self.known
            if self.known.setdefault(q, item) != item or (new and not self.fits(q, item)):
                return set()
        items = set(self.known.values())
        apart = not items & (self.spot.keys() | self.outside)
        return items if apart and len(self.known) == len(items) == len(self.first) else set()

    def fits(self, q: int, item: int) -> bool:
        """Whether `item` can be item q; its arguments are to be looked at next."""
        like = self.first[q]
        if self.keys[item] != self.keys[like]:
            return False
        if len(self.parents[item]) != len(self.parents[like]):
            return False
        for a, (mine, its) in enumerate(zip(self.parents[item], self.parents[like])):
            if its in self.spot:
                self.todo.append((self.spot[its], mine))
            elif (q, a) in self.carried:
                # The same value comes in at each place where the same value is handed on.
                if self.enters.setdefault(self.carried[q, a], mine) != mine:
                    return False
            elif mine != its:
                self.outside.add(mine)
                if self.keys[mine] != self.keys[its]:
                    return False
        return True


def earlier(
    first: Sequence[int],
    second: Sequence[int],
    line: Sequence[int],
    place: Mapping[int, int],
    keys: Sequence[Hashable],
    parents: Parents,
) -> list[list[int]]:
    """The copy that comes before `first`, as a list of one; an empty list if there is none.

    It need not stand together in the line, as what it takes in may have been made in between;
    but nothing in between may be made from it.
    """
    search = Search(first, second, keys, parents)
    items = search.found()
    if not items:
        return []
    begin, end = min(place[item] for item in items if item in place), place[first[0]]
    if end - begin > 4 * len(items) + 64:
        return []
    between = [item for item in line[begin:end] if item not in items]
    if any(parent in items for item in between for parent in parents[item]):
        return []
    return [[search.known[q] for q in range(len(first))]]
