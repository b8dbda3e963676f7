"""Floor 6. Tiling: how many turns of which loops are computed together, by what that costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import product
from math import prod
from typing import NamedTuple

__all__ = ["Axis", "tiling"]

LATENCY = 8  # turns of the clock in which sums that wait for each other are hidden
SLOW = 0.15  # of a turn, what a read takes that is done beside sums
ANOTHER = 0.02  # of the whole, what another form of a tile has to save


class Axis(NamedTuple):
    """A loop as a tile sees it: its turns, of which at most `most` at once.

    Where `even` is not 0 there may be any multiple of that many.
    """

    turns: int
    even: int = 0
    most: int = 8


@lru_cache(maxsize=4096)
def tiling(
    axes: tuple[Axis, ...], reads: tuple[tuple[bool, ...], ...], registers: int
) -> tuple[int, ...]:
    """The counts along `axes`, the last of which is along the lanes, that cost least.

    `reads` say of each thing that is read with which axes it changes.  Two sums and two reads can
    begin in each turn of the clock (true of the processors of the last ten years).
    """
    ranges = [range(1, min(a.most, a.turns, 4 if k + 1 == len(axes) else 8) + 1) for k, a in
              enumerate(axes)]  # fmt: skip
    choices = [c for c in product(*ranges) if prod(c) <= registers]
    return min(choices, key=lambda counts: cost(axes, reads, counts))


def cost(axes: Sequence[Axis], reads: Sequence[Sequence[bool]], counts: Sequence[int]) -> float:
    """About how long all tiles take, with what is left over at the ends of loops."""
    forms = [list(cuts(a, n)) for a, n in zip(axes, counts)]
    total, bodies = 0.0, 0
    for parts in product(*forms):
        sizes = [size for size, _ in parts]
        loads = sum(prod(n for n, moves in zip(sizes, read) if moves) for read in reads)
        total += prod(times for _, times in parts) * max(prod(sizes) / 2 + SLOW * loads, LATENCY)
        bodies += 1
    return total * (1 + ANOTHER * bodies)


def cuts(axis: Axis, count: int) -> Iterator[tuple[int, int]]:
    """Sizes of pieces of an axis, and how many there are of each."""
    whole, left = divmod(axis.turns, count)
    if whole:
        yield count, whole
    if axis.even and axis.even % count:
        yield 1, max(left, 1)
    elif not axis.even and left:
        yield left, 1
