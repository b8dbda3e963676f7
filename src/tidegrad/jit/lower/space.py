"""Floor 6. Space: the loops that a nest runs over, rows first, as few and as long as can be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from math import prod
from operator import mul

from ...shapes import Shape
from ..sizes import divides, slope_of
from .affine import ZERO, Affine, Loop, Mod, Quotient, Read, Variable, Within, places, within
from .views import Condition
from .walk import Access

__all__ = ["Space", "prefix", "row_of", "space"]


def prefix(shape: Shape, rows: int) -> int | None:
    """How many leading axes of `shape` hold a multiple of `rows`; None where none do."""
    for count, whole in enumerate(accumulate(shape, mul, initial=1)):
        if whole and divides(rows, whole) and (rows == 1 or evenly(shape, rows, whole)):
            return count
    return None


def evenly(shape: Shape, rows: int, whole: int) -> bool:
    """Whether rows are cut from axes that follow a size alike: the first one, or all of them."""
    if not slope_of(whole):
        return True
    return rows == whole or bool(slope_of(rows) and slope_of(shape[0]))


def row_of(index: Sequence[Affine], shape: Shape, rows: int) -> Affine | None:
    """The row, of `rows`, that an index lies in; None where the shape has no such rows."""
    count = prefix(shape, rows)
    if count is None:
        return None
    whole = ZERO
    for a, n in zip(index[:count], shape[:count]):
        whole = whole * n + a
    return whole.split(prod(shape[:count]) // rows)[0]


class Space:
    """Loops, the first over the rows, and the index into `shape` that they make."""

    def __init__(self, loops: list[Loop], index: tuple[Affine, ...], per_row: int = 1):
        self.loops, self.index = loops, index
        self.per_row = per_row  # turns of the first loop for each row

    def merged(self, accesses: Iterable[Access]) -> Space:
        """Neighbouring loops as one, wherever all `accesses` go on from one to the next."""
        loops, index, per_row = list(self.loops), self.index, self.per_row
        known = [(access.offset, access.conditions) for access in accesses]
        for k in range(len(loops) - 2, -1, -1):
            a, b = loops[k], loops[k + 1]
            if all(goes_on(offset, conditions, a, b) for offset, conditions in known):
                both = Loop(a.name + b.name, a.size * b.size)
                high, low = Affine.of(both).split(b.size)
                new: dict[Variable, Affine] = {a: high, b: low}
                loops[k : k + 2] = [both]
                index = tuple(replaced(i, new) for i in index)
                known = [(replaced(offset, new), cs) for offset, cs in known]
                per_row *= b.size if k == 0 else 1
        return Space(loops, index, per_row)


def goes_on(offset: Affine, conditions: Sequence[Condition], a: Loop, b: Loop) -> bool:
    for condition in conditions:
        if {a, b} & condition.where.loops:
            return False
    first, second = offset.along(a), offset.along(b)
    return first is not None and second is not None and first == second * b.size


def replaced(a: Affine, new: Mapping[Variable, Affine]) -> Affine:
    """`a` with loops expressed by others."""
    if not a.loops & new.keys():
        return a
    total = Affine({}, a.const)
    for v, c in a.terms.items():
        total = total + again(v, new) * c
    return total


def again(v: Variable, new: Mapping[Variable, Affine]) -> Affine:
    if v in new:
        return new[v]
    if isinstance(v, (Quotient, Mod)) and v.loops & new.keys():
        return replaced(v.whole, new).split(v.n)[isinstance(v, Mod)]
    if isinstance(v, Within):
        return within(replaced(v.whole, new), v.size)
    if isinstance(v, Read):
        return Affine.of(Read(v.value, tuple(replaced(i, new) for i in v.index), v.size))
    return Affine.of(v)


def space(shape: Shape, rows: int, name: str = "") -> Space:
    """Loops over the rows of `shape`, then over what is in a row."""
    count = prefix(shape, rows)
    assert count is not None
    row = Loop(f"{name}r", rows)
    within = prod(shape[:count]) // rows
    loops = [row]
    whole = Affine.of(row) * within
    if within > 1:
        loops.append(Loop(f"{name}m", within))
        whole = whole + Affine.of(loops[-1])
    rest = [Loop(f"{name}{k}", n) for k, n in enumerate(shape[count:])]
    index = [*places(whole, shape[:count])]
    index += [Affine.of(loop) if loop.size > 1 else ZERO for loop in rest]
    return Space(loops + [loop for loop in rest if loop.size > 1], tuple(index))
