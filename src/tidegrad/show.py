"""Floor 4. How a Tensor reads: in an interpreter, and in a format string."""

from __future__ import annotations

import numpy as np

from .abstract import Value
from .core import Tensor
from .recording import elements

__all__ = ["formatted", "show"]


def show(self: Tensor) -> str:
    """`tensor([...])`, with the dtype where it is not what the numbers say."""
    if type(self.array) is Value:
        return f"tensor(<{self.array.dtype}{list(self.array.shape)} of a trace>)"
    text = np.array2string(elements(self), separator=", ", prefix="tensor(")
    if self.array.size == 0 and self.array.shape != (0,):
        text = f"{text}, shape={self.array.shape}"
    plain = ("float32", "int64", "bool")
    kind = "" if self.array.dtype.name in plain else f", dtype={self.array.dtype.name}"
    return f"tensor({text}{kind}{', requires_grad=True' if self.node is not None else ''})"


def formatted(self: Tensor, spec: str) -> str:
    return (
        format(elements(self).item(), spec) if spec and self.array.ndim == 0 else spell(self, spec)
    )


def spell(self: Tensor, spec: str) -> str:
    if spec:
        raise TypeError(f"format: {spec!r} is for numbers, and this has shape {self.array.shape}")
    return str(elements(self).item()) if self.array.ndim == 0 else show(self)
