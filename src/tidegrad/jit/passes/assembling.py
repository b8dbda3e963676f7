"""Floor 6. Assembling: a sum of parts that lie side by side is their concatenation."""

from __future__ import annotations

from functools import partial, reduce
from typing import NamedTuple

from ...abstract import Value
from ...ops import elementwise as table
from ...ops.joining import concat_
from ...ops.movement import place
from .facts import Facts, Rules
from .keys import Cut, read, written
from .making import made, reshaped

__all__ = ["RULES"]

MOST = 32  # parts of a sum that are looked at together
# What the gradients of the parts of a split, or of the steps of a sequence, add up to.  -0.0
# stays, where adding the zeros around another part would make it 0.0.


class Part(NamedTuple):
    """`pieces` of `sizes` one after another along `axis`, from `start` to `stop`; zeros around."""

    axis: int
    start: int
    stop: int
    pieces: tuple[Value, ...]
    sizes: tuple[int, ...]


def part_of(x: Value) -> Part | None:
    if x.prim is not place:
        return None
    key = read(x.params["key"], x.shape)
    entries = [e for e in key if e is not None]
    if len(entries) < len(key):
        return None
    partial = [a for a, e in enumerate(entries) if e != (0, 1, x.shape[a])]
    if len(partial) != 1:
        return None
    (axis,) = partial
    start, step, count = entries[axis]
    if step != 1:
        return None
    y, count = x.parents[0], 1 if count is None else count
    if y.prim is concat_ and y.params["axis"] == axis:
        return Part(axis, start, start + count, y.parents, y.params["sizes"])
    piece = reshaped(y, resized(x, axis, count))
    return Part(axis, start, start + count, (piece,), (count,))


def resized(x: Value, axis: int, count: int) -> tuple[int, ...]:
    return (*x.shape[:axis], count, *x.shape[axis + 1 :])


def parts_of(x: Value, room: int) -> list[Part] | None:
    """The parts that a sum of at most `room` placed ones is made of."""
    if x.prim is place:
        part = part_of(x)
        return None if part is None else [part]
    if x.prim is not table.add or room < 2:
        return None
    if any(p.shape != x.shape or p.dtype != x.dtype for p in x.parents):
        return None
    found: list[Part] = []
    for p in x.parents:
        more = parts_of(p, room - 1)
        if more is None or len(found) + len(more) > room:
            return None
        found += more
    return found


def assembled(value: Value, facts: Facts) -> Value | None:
    """Neighbours among the parts of a sum become one; in what order parts are added is the same."""
    parts = parts_of(value, MOST)
    if parts is None or any(part.axis != parts[0].axis for part in parts):
        return None
    parts.sort(key=lambda part: part.start)
    merged = parts[:1]
    for part in parts[1:]:
        last = merged[-1]
        if part.start < last.stop:
            return None
        if part.start == last.stop:
            pieces, sizes = last.pieces + part.pieces, last.sizes + part.sizes
            merged[-1] = Part(last.axis, last.start, part.stop, pieces, sizes)
        else:
            merged.append(part)
    if len(merged) == len(parts):
        return None
    return reduce(partial(made, table.add), [whole(part, value) for part in merged])


def whole(part: Part, value: Value) -> Value:
    """A part with the zeros around it."""
    axis, start, stop, pieces, sizes = part
    both = pieces[0]
    if len(pieces) > 1:  # made without asking for its shape, as a thousand parts come one by one
        params = {"axis": axis, "sizes": sizes}
        shape = resized(value, axis, stop - start)
        both = Value(concat_, pieces, params, shape, value.dtype)
    if both.shape == value.shape:
        return both
    cuts = [Cut(0, 1, n) for n in value.shape]
    cuts[axis] = Cut(start, 1, stop - start)
    return made(place, both, key=written([*cuts], value.shape), shape=value.shape)


RULES: Rules = {table.add: [assembled]}
