"""Floor 6. Promotion in a trace: the dtypes that eager code brings an operation's inputs to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..dtypes import DTYPES, floating, promote, refuse
from ..kinds import Cast, Map, Prim, where
from ..ops import elementwise

__all__ = ["WEAKLY", "check_dtypes", "resolved"]


class Weakly:
    """The kind of a Python float that is not known yet: like `float`, it has no dtype."""


WEAKLY = Weakly()
# Of Python's floats these make Python's floats; every other operation makes an array.
ARITHMETIC = {
    *(elementwise.add, elementwise.subtract, elementwise.multiply, elementwise.divide),
    *(elementwise.floor_divide, elementwise.remainder, elementwise.power),
    *(elementwise.negative, elementwise.abs_, elementwise.positive),
}
COMPARISONS = {
    *(elementwise.equal, elementwise.not_equal, elementwise.less, elementwise.less_equal),
    *(elementwise.greater, elementwise.greater_equal),
}


def resolved(prim: Prim, args: Sequence[Any]) -> tuple[list[np.dtype | None], bool]:
    """For each input the dtype that it is brought to (None: its own); is the result a number?

    An input is given as its dtype, a Python number as itself, one not known yet as WEAKLY.
    """
    strong = [a for a in args if isinstance(a, np.dtype)]
    if not strong and WEAKLY in args and prim in ARITHMETIC:
        return [DTYPES["float64"]] * len(args), True
    if isinstance(prim, Cast):
        return [None], False
    if prim.promotes:
        dtype = promote(*(kind(a) for a in args))
        return [floating(dtype) if prim.floats else dtype] * len(args), False
    if prim in COMPARISONS:
        return [compared(args)] * len(args), False
    if prim is where:
        dtype = np.result_type(*map(sample, args[1:]))
        return [None, dtype, dtype], False
    return [None] * len(args), False


def kind(a: Any) -> Any:
    """What `promote` is asked about."""
    return a if isinstance(a, np.dtype) else float if a is WEAKLY else type(a)


def sample(a: Any) -> Any:
    """What NumPy is asked about."""
    return 1.0 if a is WEAKLY else a


def compared(args: Sequence[Any]) -> np.dtype | None:
    """In which dtype NumPy compares; None where it does so exactly without a common one."""
    dtype = np.result_type(*map(sample, args))
    given = [a for a in args if isinstance(a, np.dtype)]
    if dtype.kind == "f" and all(a.kind in "iu" for a in given) and len(given) == len(args):
        return None  # int64 and uint64
    numbers = [a for a in args if type(a) is int]
    if numbers and given and all(a.kind == "b" for a in given) and set(numbers) <= {0, 1}:
        return given[0]
    if dtype.kind in "iu" and numbers:
        bounds = np.iinfo(dtype)
        if not all(bounds.min <= n <= bounds.max for n in numbers):
            return None
    return dtype


TAKEN: set[tuple] = set()


def check_dtypes(prim: Prim, dtypes: tuple[np.dtype, ...], params: dict[str, Any]) -> None:
    """Raise DTypeError where elements of these dtypes have no such operation."""
    if not isinstance(prim, Map) or (prim, dtypes) in TAKEN:
        return
    try:
        prim.run(*(np.empty(0, dtype) for dtype in dtypes), **params)
    except TypeError as cause:
        refuse(prim.name, cause, *dtypes)
    TAKEN.add((prim, dtypes))
