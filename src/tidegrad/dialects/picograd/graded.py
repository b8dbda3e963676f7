"""Floor 8. What picograd's Tensor and Value have in common: `.grad`, and `backward()`."""

from __future__ import annotations

from typing import Any

import numpy as np

from .cells import Cell, attributes, flow, past
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
        if self.tracked and not isinstance(self.gradient, Cell):
            g = np.zeros(self.held.shape) if self.gradient is None else self.gradient
            self.gradient = self.plain(g, self.held.dtype, False)
        return self.gradient

    @grad.setter
    def grad(self, value: Any) -> None:
        self.grad.data = value.numbers() if isinstance(value, Cell) else value

    def receive(self, g: np.ndarray) -> None:
        if isinstance(self.gradient, Cell):
            self.grad = self.gradient.numbers() + g
        else:  # nobody has asked for it yet
            self.gradient = g if self.gradient is None else np.asarray(self.gradient + g)

    def backward(self) -> None:
        """Seeded with ones, the gradient is added to all that this was computed from."""
        cells, ones = past(self), np.ones(self.held.shape)
        with execution(any(getattr(cell, "is_distributed", False) for cell in cells)):
            flow(cells, ones)
        self.grad = ones

    def __getstate__(self) -> dict:
        """A copy or a pickle is a leaf."""
        g = self.grad
        return attributes(self) | {
            "array": self.numbers(),
            "tracked": self.tracked,
            "gradient": None if g is None else g.to_numpy(),
            "is_distributed": self.is_distributed,
        }

    def __setstate__(self, state: dict) -> None:
        self.begin(np.array(state.pop("array")), state.pop("tracked"))
        for name, value in state.items():
            setattr(self, name, value)
