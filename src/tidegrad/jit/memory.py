"""Floor 6. Memory: where a program may write its results, because nobody else looks there."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from operator import is_
from sys import getrefcount
from typing import Any

from numpy import ndarray

from ..arrays import sole_owner
from ..core import Tensor

__all__ = ["Memory"]


class Memory:
    """The arrays of `tensors`, of the gradients of `leaves`, and of earlier results.

    An array is offered for writing where reference counts say that only its tensor has it and,
    after the first call, this object.  Views, tapes, snapshots and capsules are owners too.
    """

    def __init__(
        self, tensors: Sequence[Any], leaves: Sequence[Any], results: int, rest: int, reuse: bool
    ):  # fmt: skip
        self.tensors, self.leaves = list(tensors), list(leaves)
        self.arrays: list[Any] = [None] * len(tensors)
        self.gradients: list[Any] = [None] * len(leaves)
        self.results: list[list] = []  # of earlier calls; each is taken by one thread
        self.now: list[Any] = []  # what was offered last of tensors and gradients
        self.whole = False  # whether all that was offered last is written in place
        self.reuse = reuse  # whether in place
        self.none: list[Any] = [None] * results
        self.rest: list[Any] = [None] * rest
        self.ones = [ALONE] * len(tensors)
        self.pairs, self.inner = [ALONE] * len(leaves), [ALONE - 1] * len(leaves)

    def offered(self) -> list[Any]:
        """For each tensor, gradient, result and the rest the array that may be written to, or None.

        Of everything that may be written to in place, only while others are kept from reading.
        """
        self.whole = False
        if not self.reuse:
            kept: list[Any] = [None] * (len(self.tensors) + len(self.leaves))
            return kept + self.spare() + self.rest
        self.whole = True
        self.now = self.states() + self.slopes()
        return self.now + self.spare() + self.rest

    def fill(self, found: list[Any]) -> None:
        """Let tensors and gradients have what a program gave."""
        now, self.now = self.now, []  # which owned them too
        if self.whole and all(map(is_, now, found)):  # all of it was written in place
            return
        slopes = found[len(self.tensors) :]
        made = [
            g if g is not None and tensor._grad is g and g.array is array else Tensor(array)
            for tensor, g, array in zip(self.leaves, self.gradients, slopes)
        ]
        # No signal comes between two of these.
        deque(map(set_array, self.tensors, found), 0)
        deque(map(set_gradient, self.leaves, made), 0)
        # In the same lists, which machine code knows.
        self.arrays[:] = map(whole, found[: len(self.tensors)])
        self.gradients[:] = [g if whole(g.array) is not None else None for g in made]

    def keep(self, found: list[Any]) -> None:
        """Remember results, whose memory is used again when nobody has them any more."""
        self.results.append([a if a.base is None else None for a in found])

    def states(self) -> list[Any]:
        arrays = [tensor.array for tensor in self.tensors]
        counts = list(map(getrefcount, arrays))
        if counts == self.ones and all(map(is_, arrays, self.arrays)):
            return arrays
        self.whole = False
        alone = [n == ALONE and a is b for n, a, b in zip(counts, arrays, self.arrays)]
        del arrays  # which owns them too
        return [t.array if ours else own(t) for t, ours in zip(self.tensors, alone)]

    def slopes(self) -> list[Any]:
        found = [tensor._grad for tensor in self.leaves]
        counts = list(map(getrefcount, found))
        if counts == self.pairs and all(map(is_, found, self.gradients)):
            arrays = [g.array for g in found]
            if list(map(getrefcount, arrays)) == self.inner:
                return arrays
        self.whole = False
        return [
            g.array if g is last and n == ALONE and getrefcount(g.array) == ALONE - 2 else None
            for g, last, n in zip(found, self.gradients, counts)
        ]

    def spare(self) -> list[Any]:
        if len(self.results) < 2:  # the last ones are still looked at while the next are computed
            return self.none
        try:
            earlier = self.results.pop(0)
        except IndexError:  # another thread was faster
            return self.none
        counts = list(map(getrefcount, earlier))  # of None there are more
        return [a if n == ALONE - 2 else None for a, n in zip(earlier, counts)]


# These set a slot as `tensor.array = value` does, without a step of the interpreter's.
set_array, set_gradient = vars(Tensor)["array"].__set__, vars(Tensor)["_grad"].__set__


def whole(array: ndarray) -> ndarray | None:
    """An array that is no view: of those, reference counts do not say who looks at the memory."""
    return array if array.base is None else None


def own(tensor: Tensor) -> ndarray | None:
    """The array of a tensor that alone has it, where a program can write to it."""
    if sole_owner(tensor) and tensor.array.flags.c_contiguous and tensor.array.flags.writeable:
        return tensor.array
    return None


def count() -> int:
    """How many owners an array has that is in a tensor, in one list, and in one that is counted."""
    tensor = Tensor(ndarray(1))
    lists = [tensor.array], [tensor.array]
    return max(map(getrefcount, lists[0]))


ALONE = count()
