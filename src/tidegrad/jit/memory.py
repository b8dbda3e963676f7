"""Floor 6. Memory: where a program may write its results, because nobody else looks there."""

from __future__ import annotations

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
        for k, tensor in enumerate(self.tensors):
            tensor.array = found[k]
            self.arrays[k] = whole(found[k])
        for k, (tensor, array) in enumerate(zip(self.leaves, found[len(self.tensors) :])):
            g = self.gradients[k]
            if g is None or tensor._grad is not g or g.array is not array:
                tensor._grad = g = Tensor(array)
                self.gradients[k] = g if whole(array) is array else None

    def keep(self, found: list[Any]) -> None:
        """Remember results, whose memory is used again when nobody has them any more."""
        self.results.append([whole(a) for a in found])

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
        if not self.results:
            return self.none
        try:
            earlier = self.results.pop()
        except IndexError:  # another thread was faster
            return self.none
        counts = list(map(getrefcount, earlier))  # of None there are more
        return [a if n == ALONE - 2 else None for a, n in zip(earlier, counts)]


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
