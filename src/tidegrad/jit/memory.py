"""Floor 6. Memory: which arrays of tensors a program may write its results to."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from numpy import ndarray

from ..arrays import sole_owner
from ..core import Tensor

__all__ = ["GRADIENT", "SPARE", "STATE", "gradients", "spare", "states"]

# Reference counts are compared with those of tensors and arrays that nobody else has, measured
# by the same functions, as they differ by version.


def states(tensors: Sequence[Tensor], known: Sequence[Any], alone: int) -> list[Any]:
    """For each tensor its array if only it and `known` have it, else None.

    `known` are the arrays that the tensors were given by the last call.
    """
    found: list[Any] = []
    for tensor, last in zip(tensors, known):
        array = tensor.array
        if array is last:
            found.append(array if sys.getrefcount(array) == alone else None)
        else:
            del array  # which would be one more owner
            found.append(own(tensor))
    return found


def own(tensor: Tensor) -> ndarray | None:
    """The array of a tensor that alone has it, where a program can write to it."""
    if sole_owner(tensor) and tensor.array.flags.c_contiguous and tensor.array.flags.writeable:
        return tensor.array
    return None


def gradients(tensors: Sequence[Tensor], made: Sequence[Any], alone: tuple[int, int]) -> list[Any]:
    """For each tensor the array of its gradient, if that is the one of `made` and only there."""
    found: list[Any] = []
    for tensor, last in zip(tensors, made):
        g = tensor._grad
        if g is not None and g is last and sys.getrefcount(g) == alone[0]:
            array = g.array
            found.append(array if sys.getrefcount(array) == alone[1] else None)
        else:
            found.append(None)
    return found


def spare(made: Sequence[Any], alone: int) -> list[Any]:
    """Those arrays of `made` that nobody else has any more, in their places."""
    return [a if a is not None and sys.getrefcount(a) == alone else None for a in made]


def state_count() -> int:
    """The count for which `states` answers with the array of a tensor that is alone."""
    tensor = Tensor(ndarray(1))
    known = [tensor.array]
    return next(n for n in range(1, 20) if states([tensor], known, n)[0] is not None)


def gradient_counts() -> tuple[int, int]:
    """The same for `gradients`."""
    tensor = Tensor(ndarray(1))
    tensor._grad = Tensor(ndarray(1))
    made = [tensor._grad]
    pairs = [(n, m) for n in range(1, 20) for m in range(1, 20)]
    return next(pair for pair in pairs if gradients([tensor], made, pair)[0] is not None)


def spare_count() -> int:
    """The same for `spare`."""
    made = [ndarray(1)]
    return next(n for n in range(1, 20) if spare(made, n)[0] is not None)


STATE = state_count()
GRADIENT = gradient_counts()
SPARE = spare_count()
