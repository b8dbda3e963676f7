"""Floor 4. What leaves a Tensor: its numbers, its array, whether it is true."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy import ndarray

from .abstract import Value
from .arrays import frozen
from .core import Tensor
from .errors import ShapeError
from .recording import elements

__all__ = ["contains", "item", "length", "number", "numpy", "truth"]


def item(self: Tensor) -> Any:
    """The only element as a Python number."""
    return single(self).item()


def single(self: Tensor) -> Any:
    """The array, which has to have one element alone."""
    if self.array.size != 1:
        raise ShapeError(f"item: shape {self.array.shape} is not a single element; use .tolist()")
    return elements(self)


def number(convert: type) -> Callable[[Tensor], Any]:
    def method(self):
        array = single(self)
        return convert(array if type(array) is Value else array.item())

    return method


def numpy(self: Tensor) -> ndarray:
    """The elements as a read-only ndarray that shares memory; `.numpy().copy()` may be written.

    To PyTorch `torch.from_dlpack(t)` is the safe way: its `from_numpy` overlooks read-only.
    """
    return frozen(elements(self))


def length(self: Tensor) -> int:
    if not self.array.ndim:
        raise TypeError("len: a 0-d tensor has no length")
    return self.array.shape[0]


def contains(self: Tensor, value: Any) -> bool:
    array = elements(self)
    if type(array) is Value:
        return bool(array)  # an error that says so
    return bool((array == (elements(value) if type(value) is Tensor else value)).any())


def truth(self: Tensor) -> bool:
    if self.array.size != 1:
        raise ValueError(
            f"bool: a tensor of shape {self.array.shape} is neither true nor false; "
            "use .any() or .all()"
        )
    return bool(elements(self))
