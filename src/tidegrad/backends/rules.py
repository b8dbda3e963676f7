"""Floor 6. Rules: each kind of operation in an accelerator's dozen, the moves by their names."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from string import ascii_letters
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from ..kinds import Map, Move, Prim, Reduce, inverse
from ..ops.contractions import Contract
from ..ops.indexing import Index, front
from ..ops.movement import cut_shape
from ..ops.windows import counts, places
from ..partials import INPUTS, words
from ..shapes import Shape
from .held import Held

__all__ = ["Work", "rule_of"]


class Work(NamedTuple):
    """An operation on arrays of the device `on` and numbers, and what its result is like."""

    on: Any
    prim: Any
    arrays: list
    params: dict
    shape: Shape
    dtype: np.dtype

    @property
    def first(self) -> Held:
        return self.arrays[0]


Rule = Callable[[Work], Held]


def rule_of(prim: Prim) -> Rule | None:
    """How `prim` is done by a dozen operations; None for a library's routine."""
    named = NAMED.get(prim.name) if isinstance(prim, Move | Index | Reduce) else None
    return named or next((rule for kind, rule in KINDS.items() if isinstance(prim, kind)), None)


def mapped(work: Work) -> Held:
    text, params = work.prim.text, work.params
    inputs = dict(zip(INPUTS, work.arrays)) | {name: params[name] for name in words(text)[1]}
    return work.on.map(text, inputs, work.shape, work.dtype)


def reduced_by(work: Work) -> Held:
    found = work.on.reduce(work.prim.name, work.first, work.params["axes"], work.dtype)
    return work.on.reshape(found, work.shape)


def two_norm(work: Work) -> Held:
    """Of elements scaled by the largest, so that no square overflows or vanishes."""
    on, x, dtype, axes = work.on, work.first, work.dtype, work.params["axes"]
    if not x.size:
        return zeros(on, work.shape, dtype)
    top = on.reduce("max", on.map("abs(x)", {"x": x}, x.shape, dtype), axes, dtype)
    scale = on.map("where((x > 0) & isfinite(x), x, 1)", {"x": top}, top.shape, dtype)
    squares = on.map("(x / y) * (x / y)", {"x": x, "y": scale}, x.shape, dtype)
    total = on.reduce("sum", squares, axes, dtype)
    root = on.map("sqrt(x) * y", {"x": total, "y": scale}, total.shape, dtype)
    return on.reshape(root, work.shape)


def contracted(work: Work) -> Held:
    # Labels are any characters; an accelerator sees letters.
    spec: str = work.params["spec"]
    labels = dict.fromkeys(spec.replace(",", "").replace("->", ""))
    letters = str.maketrans(dict(zip(labels, ascii_letters)))
    return work.on.contract(spec.translate(letters), *work.arrays, work.shape, work.dtype)


def slices(key: Any, shape: Shape) -> tuple[slice, ...]:
    """A basic index as a slice for each axis; what it adds and drops is a matter of reshaping."""
    parts = [part for part in (key if isinstance(key, tuple) else (key,)) if part is not None]
    if Ellipsis in parts:
        at = parts.index(Ellipsis)
        parts[at : at + 1] = [slice(None)] * (len(shape) - len(parts) + 1)
    parts += [slice(None)] * (len(shape) - len(parts))
    return tuple(p if isinstance(p, slice) else slice(p, p + 1) for p in parts)


def zeros(on: Any, shape: Shape, dtype: np.dtype) -> Held:
    return on.expand(on.array(np.zeros((), dtype)), shape)


def written(on: Any, x: Held, key: Any, value: Held) -> Held:
    """`x` with `value` at a basic index."""
    parts = slices(key, x.shape)
    inner = cut_shape(x, key=parts)
    if prod(inner) != value.size:  # one for many
        given = tuple(n for n, part in zip(inner, parts) if part.step or n != 1)
        value = on.expand(value, given) if value.ndim <= len(given) else value
    return on.put(x, parts, on.reshape(value, inner))


def cut(work: Work) -> Held:
    part = work.on.cut(work.first, slices(work.params["key"], work.first.shape))
    return work.on.reshape(part, work.shape)


def place(work: Work) -> Held:
    blank = zeros(work.on, work.shape, work.dtype)
    return written(work.on, blank, work.params["key"], work.first)


def put(work: Work) -> Held:
    return written(work.on, work.first, work.params["key"], work.arrays[1])


def flipped(work: Work) -> Held:
    turned = slice(None, None, -1)
    axes = work.params["axes"]
    key = tuple(turned if a in axes else slice(None) for a in range(work.first.ndim))
    return work.on.cut(work.first, key)


def concatenated(work: Work) -> Held:
    out, start, axis = zeros(work.on, work.shape, work.dtype), 0, work.params["axis"]
    for part in work.arrays:
        end = start + part.shape[axis]
        key = slices((slice(None),) * axis + (slice(start, end),), work.shape)
        out = work.on.put(out, key, part)
        start = end
    return out


def inside(shape: Shape, size: Shape, stride: Shape, dilation: Shape) -> tuple[ndarray, Shape]:
    """Where in the flat last axes each window has its elements; how many windows there are."""
    last = shape[len(shape) - len(size) :]
    found = counts(shape, size, stride, dilation)
    numbers = np.arange(prod(last)).reshape(last)
    parts = [numbers[key].ravel() for key in places(found, size, stride, dilation)]
    return np.stack(parts, axis=-1).ravel(), found


def windows(on: Any, x: Held, size: Shape, stride: Shape, dilation: Shape) -> Held:
    lead = x.shape[: x.ndim - len(size)]
    at, found = inside(x.shape, size, stride, dilation)
    flat = on.reshape(x, (*lead, prod(x.shape[len(lead) :])))
    return on.reshape(on.take(flat, at, len(lead)), (*lead, *found, *size))


def added(on: Any, y: Held, size: Shape, stride: Shape, dilation: Shape, shape: Shape) -> Held:
    """The windows `y` added to the places that they were taken from."""
    lead = shape[: len(shape) - len(size)]
    found = y.shape[len(lead) : len(lead) + len(size)]
    at, every = inside(shape, size, stride, dilation)
    if found != every:  # fewer windows than would fit
        kept = tuple(slice(0, n) for n in found) + (slice(None),) * len(size)
        at = at.reshape(*every, *size)[kept].ravel()
    flat = on.reshape(y, (*lead, len(at)))
    return on.reshape(on.add_at(flat, at, len(lead), prod(shape[len(lead) :])), shape)


def summed(on: Any, x: Held, size: Shape, stride: Shape) -> Held:
    seen = windows(on, x, size, stride, (1,) * len(size))
    axes = tuple(range(seen.ndim - len(size), seen.ndim))
    return on.reshape(on.reduce("sum", seen, axes, x.dtype), seen.shape[: axes[0]])


def unsummed(on: Any, y: Held, size: Shape, stride: Shape, shape: Shape) -> Held:
    wide = on.reshape(y, (*y.shape, *(1 for _ in size)))
    wide = on.expand(wide, (*y.shape, *size))
    return added(on, wide, size, stride, (1,) * len(size), shape)


def flat_places(indices: list[Held], axes: Shape, shape: Shape) -> tuple[ndarray, Shape]:
    """Index arrays, brought home, as places in the flat `axes`; and the shape that they have."""
    found = np.zeros((), np.int64)
    for axis, index in zip(axes, np.broadcast_arrays(*(i.known() for i in indices))):
        n = shape[axis]
        found = found * n + (index.astype(np.int64) + n * (index < 0))
    return found.ravel(), found.shape


def gathered(work: Work) -> Held:
    on, (x, *indices), axes = work.on, work.arrays, work.params["axes"]
    at, wide = flat_places(indices, axes, x.shape)
    rest = [a for a in range(x.ndim) if a not in axes]
    rows = on.permute(x, (*axes, *rest))
    rows = on.reshape(rows, (prod(rows.shape[: len(axes)]), *rows.shape[len(axes) :]))
    found = on.take(rows, at, 0)
    found = on.reshape(found, (*wide, *found.shape[1:]))
    k, n = front(axes), len(wide)
    return on.permute(found, (*range(n, n + k), *range(n), *range(n + k, found.ndim)))


def scattered(work: Work) -> Held:
    on, (y, *indices), axes, shape = work.on, work.arrays, work.params["axes"], work.shape
    at, wide = flat_places(indices, axes, shape)
    k, n = front(axes), len(wide)
    rows = on.permute(y, (*range(k, k + n), *range(k), *range(k + n, y.ndim)))
    rows = on.reshape(rows, (len(at), *rows.shape[n:]))
    total = on.add_at(rows, at, 0, prod(shape[a] for a in axes))
    order = (*axes, *(a for a in range(len(shape)) if a not in axes))
    total = on.reshape(total, tuple(shape[a] for a in order))
    return on.permute(total, inverse(order))


def on_first(operation: Callable[..., Held]) -> Rule:
    """A rule of what takes the first array and the parameters as they are."""
    return lambda work: operation(work.on, work.first, **work.params)


NAMED: dict[str, Rule] = {
    "norm": two_norm,
    "reshape": lambda work: work.on.reshape(work.first, work.shape),
    "permute": lambda work: work.on.permute(work.first, tuple(work.params["axes"])),
    "expand": lambda work: work.on.expand(work.first, work.shape),
    "slice": cut,
    "place": place,
    "put": put,
    "flip": flipped,
    "concat": concatenated,
    "window": on_first(windows),
    "overlap_add": on_first(added),
    "sum_windows": on_first(summed),
    "spread_windows": on_first(unsummed),
    "gather": gathered,
    "scatter": scattered,
}
KINDS: dict[type, Rule] = {Map: mapped, Reduce: reduced_by, Contract: contracted}
