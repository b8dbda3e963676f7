"""Floor 6. Pooling: what windows hold most, and what is summed where it was, as maps."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import numpy as np

from ...abstract import Value, constant
from ...kinds import expand, reshape, where
from ...ops import elementwise as table
from ...ops.indexing import gather, put
from ...ops.movement import cut
from ...ops.windows import counts, first_places, flat, overlap_add, places
from ..passes.making import made, reshaped, scalar

__all__ = ["Pooling"]

MOST = 25  # places in a window
NUMBER = np.dtype("int32")
PLACE = np.dtype("int64")


class Winners(NamedTuple):
    """For each window: the number inside it of its largest element, and that element."""

    source: Value
    of: Value
    number: Value
    best: Value


class Pooling:
    """Replaces `peaks`, and a gather and a scatter of all planes' elements at these places."""

    def __init__(self) -> None:
        self.known: dict[Value, Winners] = {}  # by the places that they stand for

    def searched(self, v: Value) -> Value:
        """The places in their planes, by comparing what windows hold, one place after another."""
        (x,) = v.parents
        size, stride, dilation, pads = (v.params[k] for k in ("size", "stride", "dilation", "pads"))
        if prod(size) > MOST:
            return v
        lead, wide = len(x.shape) - len(size), framed(x, pads)
        found = counts(wide.shape, size, stride, dilation)
        starts = [np.arange(n) * s - a for n, s, (a, _) in zip(found, stride, pads)]
        best, number = None, fixed(first_places(starts, x.shape[lead:], size, dilation), NUMBER)
        for k, key in enumerate(places(found, size, stride, dilation)):
            candidate = made(cut, wide, key=(*(slice(None),) * lead, *key))
            if best is None:
                best, wins = candidate, None
            else:
                wins = made(table.greater, candidate, best)
                best = made(table.maximum, best, candidate)
            if x.dtype.kind == "f":
                odd = made(table.isnan, candidate)
                wins = odd if wins is None else made(table.logical_or, wins, odd)
            if wins is not None:
                number = made(where, wins, scalar(k, NUMBER), number)
        assert best is not None
        number = number if number.shape == v.shape else made(expand, number, shape=v.shape)
        inside = [np.arange(k) * d for k, d in zip(size, dilation)]
        within = made(gather, fixed(flat(inside, x.shape[lead:]).ravel(), PLACE), number, axes=(0,))
        result = made(table.add, within, fixed(flat(starts, x.shape[lead:]), PLACE))
        self.known[result] = Winners(v, x, number, best)
        return result

    def winners(self, index: Value, whole: int) -> Winners | None:
        """What stands behind an index into all planes laid end to end, which are `whole` long."""
        parts = [index] if index in self.known else index.parents if index.prim is table.add else []
        for k, part in enumerate(parts):
            found = self.known.get(part)
            if found is None or found.of.size != whole:
                continue
            axes = len(found.source.params["size"])
            lead, plane = found.of.shape[:-axes], prod(found.of.shape[-axes:])
            if len(parts) == 1:
                return found if prod(lead) == 1 else None
            other = parts[1 - k].saved
            planes = (np.arange(prod(lead)) * plane).reshape(*lead, *(1,) * axes)
            if other is not None and np.array_equal(np.broadcast_to(other, planes.shape), planes):
                return found
        return None

    def gathered(self, v: Value) -> Value:
        """What is largest, for the elements at the places where it is."""
        x, *indices = v.parents
        found = self.winners(indices[0], x.size) if x.ndim == len(indices) == 1 else None
        same = found is not None and x.prim is reshape and x.parents[0] is found.of
        return found.best if same and found is not None else v

    def scattered(self, v: Value) -> Value:
        """To every place what the windows have whose largest element is there."""
        y, *indices = v.parents
        whole = len(v.shape) == len(indices) == 1
        found = self.winners(indices[0], v.shape[0]) if whole else None
        if found is None:
            return v
        size, stride, dilation, pads = (
            found.source.params[k] for k in ("size", "stride", "dilation", "pads")
        )
        lead = found.of.shape[: -len(size)]
        one = (*y.shape, *(1,) * len(size))
        here = made(table.equal, reshaped(found.number, one), numbers(size))
        chosen = made(where, here, reshaped(y, one), scalar(0, y.dtype))
        sizes = tuple(a + n + b for n, (a, b) in zip(found.of.shape[len(lead) :], pads))
        params = {"size": size, "stride": stride, "dilation": dilation}
        wide = made(overlap_add, chosen, **params, shape=(*lead, *sizes))
        inner = (slice(a, a + n) for n, (a, _) in zip(found.of.shape[len(lead) :], pads))
        if any(map(any, pads)):
            wide = made(cut, wide, key=(*(slice(None),) * len(lead), *inner))
        return reshaped(wide, v.shape)


def framed(x: Value, pads: list[tuple[int, int]]) -> Value:
    """`x` with the lowest value there is around its last axes."""
    if not any(map(any, pads)):
        return x
    lead = len(x.shape) - len(pads)
    sizes = tuple(a + n + b for n, (a, b) in zip(x.shape[lead:], pads))
    least = -np.inf if x.dtype.kind == "f" else False if x.dtype.kind == "b" else None
    lowest = scalar(np.iinfo(x.dtype).min if least is None else least, x.dtype)
    around = made(expand, lowest, shape=(*x.shape[:lead], *sizes))
    inner = (slice(a, a + n) for n, (a, _) in zip(x.shape[lead:], pads))
    return made(put, around, x, key=(*(slice(None),) * lead, *inner))


def numbers(size: tuple[int, ...]) -> Value:
    """The numbers of the places inside a window, as sums of what counts along one axis each."""
    total = None
    for axis, n in enumerate(size):
        line = np.arange(n) * prod(size[axis + 1 :])
        part = fixed(line.reshape(n, *(1,) * (len(size) - axis - 1)), NUMBER)
        total = part if total is None else made(table.add, total, part)
    assert total is not None
    return total


def fixed(array: np.ndarray, dtype: np.dtype) -> Value:
    """A constant; of one number that is everywhere, that."""
    if array.size and (array == array.flat[0]).all():
        array = array.reshape(-1)[:1].reshape((1,) * array.ndim)
    array = np.ascontiguousarray(array, dtype)
    array.flags.writeable = False
    return constant(array)
