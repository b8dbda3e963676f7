"""Floor 6. Keys: basic indices in one form, and an index of an index as one."""

from __future__ import annotations

from typing import Any, NamedTuple

from ...shapes import Shape
from ..sizes import Size, span

__all__ = ["Cut", "composed", "composed_key", "read", "written"]


class Cut(NamedTuple):
    """`size` elements of an axis from `start`, `step` apart; a single one without axis: None."""

    start: int
    step: int
    size: int | None


Entry = Cut | None  # None is a new axis of size 1


def read(key: Any, shape: Shape) -> list[Entry]:
    """What a key takes of every axis of `shape`, in order."""
    key = key if isinstance(key, tuple) else (key,)
    named = sum(k is not None and k is not Ellipsis for k in key)
    rest = (slice(None),) * (len(shape) - named)
    at = next((i for i, k in enumerate(key) if k is Ellipsis), len(key))
    sizes = iter(shape)
    return [
        None if k is None else taken(k, next(sizes)) for k in (*key[:at], *rest, *key[at + 1 :])
    ]


def taken(k: Any, n: int) -> Cut:
    if type(k) is not slice:
        return Cut((k if isinstance(k, Size) else int(k)) + n * (k < 0), 1, None)
    return Cut(*span(k, n))


def written(entries: list[Entry], shape: Shape) -> tuple:
    """The key that takes this of an array of `shape`."""
    sizes = iter(shape)
    return tuple(None if e is None else spelled(e, next(sizes)) for e in entries)


def spelled(e: Cut, n: int) -> int | slice:
    if e.size is None:
        return e.start
    if e == (0, 1, n):
        return slice(None)
    stop = e.start + e.step * e.size
    if not e.size:
        return slice(0, 0)
    return slice(e.start, stop if stop >= 0 else None, None if e.step == 1 else e.step)


def composed(inner: list[Entry], outer: list[Entry]) -> list[Entry] | None:
    """What is taken by `outer` of what `inner` takes; None where no key says it."""
    later = iter(outer)
    found: list[Entry] = []
    for e in inner:
        if e is not None and e.size is None:
            found.append(e)
            continue
        f = next(later)
        while f is None:
            found.append(None)
            f = next(later)
        if e is not None:
            found.append(Cut(e.start + e.step * f.start, e.step * f.step, f.size))
        elif f.size is not None:
            if f != (0, 1, 1):
                return None
            found.append(None)
    return [*found, *later]


def composed_key(first: tuple, second: tuple, shape: Shape) -> tuple | None:
    """`key` for which `x[key]` is `x[first][second]`, of an `x` of `shape`."""
    inner = read(first, shape)
    middle = tuple(1 if e is None else e.size for e in inner if e is None or e.size is not None)
    found = composed(inner, read(second, middle))  # type: ignore[arg-type]  # no size is None
    return None if found is None else written(found, shape)
