"""Floor 6. Assembling: a sum of parts that lie side by side is their concatenation."""

from __future__ import annotations

from typing import NamedTuple

from ...abstract import Value
from ...ops import elementwise as table
from ...ops.joining import concat_
from ...ops.movement import place
from .facts import Facts, Rules
from .keys import Cut, read, written
from .making import made, reshaped

__all__ = ["RULES"]

# What the gradients of the parts of a split, or of the steps of a sequence, add up to.  -0.0
# stays, where adding the zeros around another part would make it 0.0.


class Part(NamedTuple):
    """`pieces` one after another along `axis`, from `start` to `stop`; zeros around them."""

    axis: int
    start: int
    stop: int
    pieces: tuple[Value, ...]


def part_of(x: Value) -> Part | None:
    if x.prim is not place:
        return None
    entries = read(x.params["key"], x.shape)
    if None in entries:
        return None
    partial = [a for a, e in enumerate(entries) if e != (0, 1, x.shape[a])]
    if len(partial) != 1:
        return None
    (axis,) = partial
    start, step, count = entries[axis]  # type: ignore[misc]
    if step != 1:
        return None
    y, count = x.parents[0], 1 if count is None else count
    if y.prim is concat_ and y.params["axis"] == axis:
        return Part(axis, start, start + count, y.parents)
    return Part(axis, start, start + count, (reshaped(y, resized(x, axis, count)),))


def resized(x: Value, axis: int, count: int) -> tuple[int, ...]:
    return (*x.shape[:axis], count, *x.shape[axis + 1 :])


def assembled(value: Value, facts: Facts) -> Value | None:
    x, y = value.parents
    if x.prim is not place or y.prim is not place or x.shape != y.shape or x.dtype != y.dtype:
        return None
    first, second = part_of(x), part_of(y)
    if first is None or second is None or first.axis != second.axis:
        return None
    if first.start > second.start:
        first, second = second, first
    if first.stop != second.start:
        return None
    axis, pieces = first.axis, first.pieces + second.pieces
    sizes = tuple(p.shape[axis] for p in pieces)
    both = made(concat_, *pieces, axis=axis, sizes=sizes)
    if both.shape == value.shape:
        return both
    whole = [Cut(0, 1, n) for n in value.shape]
    whole[axis] = Cut(first.start, 1, sum(sizes))
    return made(place, both, key=written([*whole], value.shape), shape=value.shape)


RULES: Rules = {table.add: [assembled]}
