"""Floor 8. Where simplegrad's Tensors begin: an array, tidegrad's leaf of it, and its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

import tidegrad as tg

from .accel.symbolic import SymbolicArray

__all__ = ["Start"]


class Start:
    """`data` as it was given: a leaf shares its memory, so that what is written there is seen.

    A part or a fork begins at the `leaf` that it is, a result that keeps its gradient.
    """

    def __init__(self, data: Any, held: list | None = None, leaf: tg.Tensor | None = None):
        self.data, self._leaf = data, leaf
        self.held = [0] if held is None else held  # the gradient: it stays when data are replaced
        self.weak = type(data) in (int, float, bool)
        self.shared = isinstance(data, ndarray) and data.dtype.kind == "f"

    @classmethod
    def of(cls, leaf: tg.Tensor) -> Start:
        if leaf.requires_grad:
            leaf.retain_grad()
        return cls(None, leaf=leaf)

    def leaf(self, dtype: Any = None) -> tg.Tensor:
        """The leaf, the same for every use; a Python number takes the dtype of what it meets."""
        if self._leaf is None:
            self._leaf = self.made()
        elif not (self.shared or self.fits(self._leaf)):
            new = self.made()
            if new.shape == self._leaf.shape:
                self._leaf.data = new.data  # graphs from before keep what they had
            else:
                self._leaf = new
        return self._leaf.astype(dtype) if self.weak and dtype is not None else self._leaf

    def made(self) -> tg.Tensor:
        plain = np.asarray(self.data).view(ndarray)
        if plain.dtype.kind in "iub":  # only floats have gradients
            return tg.tensor(plain.astype(np.float64), requires_grad=True)
        found = tg.asarray(plain, copy=False) if self.shared else tg.tensor(plain)
        return found.requires_grad_()

    def fits(self, leaf: tg.Tensor) -> bool:
        """Whether the leaf, a copy, has the elements that the data have now."""
        return self.data is None or np.array_equal(leaf.numpy(), np.asarray(self.data))

    @property
    def grad(self) -> Any:
        if self.data is None and self._leaf is not None and self._leaf.grad is not None:
            self.receive()
        return self.held[0]

    @grad.setter
    def grad(self, grad: Any) -> None:
        self.held[0] = grad

    def clear(self) -> None:
        if self._leaf is not None:
            self._leaf.grad = None

    def receive(self, instead: Any = None, more: bool = False) -> bool:
        """Take the gradient that came to the leaf, if one did, in place of the one before.

        With `more` that one is of the same backward, and of what the data were before.
        """
        if self._leaf is None or self._leaf.grad is None:
            return False
        new = np.array(self._leaf.grad.numpy()) if instead is None else instead
        self.held[0] = self.held[0] + new if more else new
        self._leaf.grad = None
        return True

    @property
    def text(self) -> str:
        """What the data are in the source of an expression."""
        if isinstance(self.data, SymbolicArray):
            return self.data.expand()
        plain = np.asarray(self.data)
        return f"np.array({plain.tolist()}, np.{plain.dtype})"
