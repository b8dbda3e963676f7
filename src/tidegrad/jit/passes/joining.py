"""Floor 6. Common subexpressions: equal operations on equal inputs are one Value."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...abstract import Value
from ...ops import elementwise as table

__all__ = ["key"]

SMALL = 1 << 16  # bytes; larger constants are told apart by the array they are

# Whose inputs may stand in either order.  Of equal zeros maximum and minimum take the second.
COMMUTATIVE = {
    *(table.add, table.multiply, table.equal, table.not_equal),
    *(table.logical_and, table.logical_or, table.logical_xor),
    *(table.bitwise_and, table.bitwise_or, table.bitwise_xor),
}
PLAIN = frozenset({int, str, bool, type(None)})


def key(value: Value) -> Any:
    """What two Values share exactly if they are equal; a draw of the same numbers is, too."""
    prim, parents = value.prim, value.parents
    if prim is None:
        return value if value.saved is None else content(value.saved)
    if len(parents) == 2 and prim in COMMUTATIVE and id(parents[0]) > id(parents[1]):
        parents = parents[::-1]
    params = value.params
    if not params:
        return (prim, *map(id, parents))
    return (prim, *map(id, parents), *params, *map(told, params.values()))


def told(x: Any) -> Any:
    """A parameter as something with a hash, equal only for equal ones: 1, 1.0 and True differ."""
    kind = type(x)
    if kind is tuple or kind is list:
        return (*map(told, x), len(x))
    if kind in PLAIN:
        return x if kind is not bool else ("bool", x)
    if kind is slice:
        return ("slice", x.start, x.stop, x.step)
    if kind is float:
        return x.hex()
    if isinstance(x, np.dtype):
        return x
    if isinstance(x, np.ndarray):
        return content(x)
    return id(x)


def content(x: np.ndarray) -> Any:
    if x.nbytes <= SMALL:
        return (x.dtype, x.shape, x.tobytes())
    return (id(x),)
