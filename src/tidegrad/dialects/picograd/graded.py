"""Floor 8. What picograd's Tensor and Value have in common: `.grad`, and `backward()`."""

from __future__ import annotations

from typing import Any

import numpy as np

from .cells import Cell, flow, past
from .config import execution

__all__ = ["Graded"]


class Graded(Cell):
    """What gradients add up in: `.grad` is a Tensor, of zeros at first."""

    __slots__ = ("gradient", "is_distributed")
    plain: Any  # Tensor, once there is that class: it is derived from this one
    gradient: Any
    is_distributed: bool

    @property
    def grad(self) -> Any:
        if self.gradient is None and self.tracked:
            self.gradient = self.plain(np.zeros(self.held.shape), self.held.dtype, False)
        return self.gradient

    @grad.setter
    def grad(self, value: Any) -> None:
        self.grad.data = value.numbers() if isinstance(value, Cell) else value

    def receive(self, g: np.ndarray) -> None:
        self.grad.data = g if self.gradient is None else self.grad.data + g

    def backward(self) -> None:
        """Seeded with ones, the gradient is added to all that this was computed from."""
        cells = past(self)
        with execution(any(getattr(cell, "is_distributed", False) for cell in cells)):
            flow(cells, np.ones(self.held.shape))
        self.grad = 1.0

    def __getstate__(self) -> dict:
        """A copy or a pickle is a leaf."""
        g = self.gradient
        return {
            "array": self.numbers(),
            "tracked": self.tracked,
            "gradient": None if g is None else self.plain(g.data, g.dtype, False),
            "is_distributed": self.is_distributed,
        }

    def __setstate__(self, state: dict) -> None:
        self.begin(np.array(state.pop("array")), state.pop("tracked"))
        for name, value in state.items():
            setattr(self, name, value)
