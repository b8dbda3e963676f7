"""Floor 8. What tensor, Tensor and Value are: an array that programs write into, on the tape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import tidegrad as tg

__all__ = ["UNTRACKED", "Cell", "attributes", "flow", "leaf", "past"]

EDITED = (
    "{}: this is the result of an operation, and was written into after it was computed: what is "
    "computed from it now would not flow back rightly; make a new {} of the array"
)
SWITCHED = (
    "{0}: one that this was computed from is {1}tracked now and was not when it was used; "
    "call track() or untrack() before"
)
UNTRACKED = (
    "{}: this was untracked, or was computed from what was not tracked then, which no gradient "
    "would reach; call track() before"
)
LOST = "a tracked {} cannot be made into another tensor, as its gradient would be lost"


class Cell:
    """`held` computes; `array`, once a program has asked for it, is what the program sees.

    An untracked cell computes in the memory of `array`.  A tracked leaf has memory of its own,
    which follows `array` at the next use: a graph that was recorded before keeps the old value.
    `sources` are the operands of a recorded result, `flowed` says which of them were tracked.
    """

    __slots__ = ("__weakref__", "array", "flowed", "held", "sources")
    __array_ufunc__ = None  # an ndarray on the left leaves its operators to ours
    array: Any
    held: tg.Tensor
    sources: Sequence[Any]
    flowed: Sequence[bool]
    derived = False  # whether an operation made it, if a cell can be untracked

    def become(self, held: tg.Tensor, sources: Sequence[Any] = ()) -> None:
        """Stand for `held`, a leaf or what an operation made of `sources`."""
        self.held, self.array = held, None
        self.sources = self.flowed = ()
        if sources and held.requires_grad:
            held.retain_grad()
            self.sources = sources
            self.flowed = [isinstance(s, Cell) and s.tracked for s in sources]

    def begin(self, array: np.ndarray, tracked: bool) -> None:
        """Stand for `array`, without a past."""
        held = tg.tensor(array, requires_grad=True) if tracked else tg.asarray(array, copy=False)
        self.become(held)
        self.array = array

    @property
    def tracked(self) -> bool:
        return self.held.requires_grad

    def numbers(self) -> np.ndarray:
        """The array that a program may write into."""
        if self.array is None:
            self.array = np.array(self.held.data)
            if not self.tracked:
                self.held = tg.asarray(self.array, copy=False)
        return self.array

    def now(self) -> tg.Tensor:
        """What operations compute with, after all that was written into the array."""
        held = self.held
        if self.array is not None and held.requires_grad and not same(self.array, held.data):
            if self.sources:
                raise RuntimeError(EDITED.format(kind(self), kind(self)))
            held.data = self.array
        return held

    def assign(self, value: Any) -> None:
        """`x.value = value`: another array of this shape; one number is written everywhere."""
        if self.sources:
            raise RuntimeError(EDITED.format(kind(self), kind(self)))
        if value is not self.array:
            array = np.asarray(value, dtype=self.held.dtype)
            array = array if array.ndim else np.full(self.held.shape, array)
            self.held.data = array  # which refuses another shape
            self.array = array
            if not self.tracked:
                self.held = tg.asarray(array, copy=False)

    def receive(self, g: np.ndarray) -> None:
        """Take in a part of the gradient."""


def kind(cell: Cell) -> str:
    return type(cell).__name__


def attributes(cell: Cell) -> dict[str, Any]:
    """What a program's own class of cells has beside the slots."""
    return getattr(cell, "__dict__", {})


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays agree in every bit, also where they are NaN."""
    bits = f"u{b.itemsize}"
    return a.dtype == b.dtype and np.array_equal(a.view(bits), b.view(bits))


def leaf(value: Any, dtype: Any, tracked: bool) -> tg.Tensor:
    """A new tensor of anything that `tg.tensor` takes, or of an untracked cell."""
    if isinstance(value, Cell):
        if value.tracked:
            raise TypeError(LOST.format(kind(value)))
        value = value.numbers()
    return tg.tensor(value, dtype=dtype, requires_grad=tracked)


def past(root: Cell) -> list[Cell]:
    """`root` and the tracked cells that it was computed from, each once, without recursion."""
    found, stack = {id(root): root}, [root]
    while stack:
        cell = stack.pop()
        for source, flowed in zip(cell.sources, cell.flowed):
            tracked = isinstance(source, Cell) and source.tracked
            if flowed != tracked and (tracked or source.derived):
                raise RuntimeError(SWITCHED.format(kind(root), "" if tracked else "un"))
            if tracked and id(source) not in found:
                found[id(source)] = source
                stack.append(source)
    return list(found.values())


def flow(cells: list[Cell], seed: np.ndarray) -> None:
    """Flow `seed` back from the first of `cells`, its past, and give each its part."""
    root = cells[0]
    for cell in cells:
        cell.held.grad = None
    root.held.backward(seed, retain_graph=True)
    for cell in cells:
        g, cell.held.grad = cell.held.grad, None
        if g is not None and cell is not root:
            cell.receive(np.array(g.data))
