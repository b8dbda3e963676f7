"""Floor 6. Layout: where an object keeps what native code wants, measured and not assumed."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ...core import Tensor

__all__ = ["WORD", "Fields", "Layout", "LayoutError", "fields", "layout"]

WORD = ctypes.sizeof(ctypes.c_void_p)
FIRST, LAST = 1, 12  # words of an object in which to look


class LayoutError(RuntimeError):
    """The interpreter's objects are not made as they are known to be."""


class Layout(NamedTuple):
    """Bytes from an object's start to a list's pointer to its items, and an array's to its data."""

    items: int
    data: int


class Fields(NamedTuple):
    """Bytes from an object's start to other parts of it: of any, of a Tensor, and of an array."""

    references: int  # how many there are
    kind: int
    array: int
    node: int
    gradient: int
    rank: int  # of four bytes, as are an array's flags
    sizes: int
    base: int
    dtype: int
    flags: int


@cache
def layout() -> Layout:
    """The layout of this interpreter's lists and this NumPy's arrays.

    LayoutError where it is not found, in an interpreter made quite differently.
    """
    arrays = [np.arange(n, dtype=float) for n in (3, 5)]
    lists = [[arrays[0], 1.5], [arrays[1], None, arrays[0]]]
    data = found(arrays, lambda at, a: word(at) == a.ctypes.data)
    return Layout(found(lists, begins), data)


@cache
def fields() -> Fields:
    """The fields of this interpreter's objects and this NumPy's arrays.

    LayoutError where they are not found, such as where references are counted in two places.
    """
    arrays = [np.zeros(9 * n)[: 6 * n].reshape(shape) for n, shape in EXAMPLES]
    arrays[0].flags.writeable = False
    tensors = [Tensor(a) for a in arrays]
    for k, t in enumerate(tensors):
        t.node, t._grad = [k], [k + 0.5]  # type: ignore[assignment]  # any new objects
    counted = [Tensor(np.empty(1)) for _ in EXAMPLES]
    held = [[t.array] * n for t, (n, _) in zip(counted, EXAMPLES)]
    return Fields(
        count_field([id(t.array) for t in counted], [1 + len(more) for more in held]),
        found([*arrays, *tensors, 1.5], lambda at, x: word(at) == id(type(x))),
        found(tensors, lambda at, t: word(at) == id(t.array)),
        found(tensors, lambda at, t: word(at) == id(t.node)),
        found(tensors, lambda at, t: word(at) == id(t._grad)),
        found(arrays, lambda at, a: low(word(at)) == a.ndim),
        found(arrays, sizes_and_strides),
        found(arrays, lambda at, a: word(at) == id(a.base)),
        found(arrays, lambda at, a: word(at) == id(a.dtype)),
        found(arrays, lambda at, a: low(word(at)) == a.flags.num),
    )


EXAMPLES = [(1, (2, 3)), (2, (12,)), (3, (3, 1, 6))]


def found(examples: list[Any], right: Callable[[int, Any], bool]) -> int:
    """The place of the first word that is right in every example."""
    for k in range(FIRST, LAST):
        if all(right(id(thing) + k * WORD, thing) for thing in examples):
            return k * WORD
    raise unknown()


def count_field(addresses: list[int], counts: list[int]) -> int:
    """The place of a count of references, in objects that have so many."""
    for k in range(LAST):
        if [word(address + k * WORD) for address in addresses] == counts:
            return k * WORD
    raise unknown()


def begins(at: int, held: list) -> bool:
    """Whether there stands where the addresses of what a list holds begin."""
    first = word(at)
    near = abs(first - at) < 1 << 40 and first % WORD == 0 and first > 1 << 16
    return near and words(first, len(held)) == list(map(id, held))


def sizes_and_strides(at: int, array: np.ndarray) -> bool:
    """Whether there stands where an array's sizes begin, and then where its strides do, behind."""
    first, second = words(at, 2)
    behind = first > 1 << 16 and second == first + WORD * array.ndim
    return behind and words(first, 2 * array.ndim) == [*array.shape, *array.strides]


def word(address: int) -> int:
    return ctypes.c_size_t.from_address(address).value


def words(address: int, count: int) -> list[int]:
    return [word(address + k * WORD) for k in range(count)]


def low(found: int) -> int:
    return found & 0xFFFFFFFF


def unknown() -> LayoutError:
    return LayoutError("jit: this interpreter's objects have a layout that is not known")
