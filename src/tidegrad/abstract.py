"""Floor 1. Value: a node in the place of an array whose elements a program will compute."""

from __future__ import annotations

from typing import Any

from numpy import dtype, ndarray

from .core import Node
from .shapes import Shape, size_of

__all__ = ["Value", "constant", "unknown"]


class Value(Node):
    """What will be computed, in place of an array of it: `prim` applied to `parents`, all Values.

    Without a prim it is an input, or a constant where `saved` is an array.  `where` is the line
    of the user's that asked for it.
    """

    __slots__ = ("where",)
    __array_ufunc__ = None  # so that NumPy leaves `array + value` to the Value

    def __init__(
        self,
        prim: Any,
        parents: tuple[Value, ...],
        params: dict[str, Any],
        shape: Shape,
        dtype: dtype,
        saved: ndarray | None = None,
    ):
        self.prim, self.parents, self.params = prim, parents, params
        self.shape, self.dtype, self.saved = shape, dtype, saved
        self.owner = self.where = None

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return size_of(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    def __repr__(self) -> str:
        what = self.prim or ("input" if self.saved is None else "constant")
        return f"Value({what}, {self.dtype}{list(self.shape)})"


def constant(array: ndarray) -> Value:
    """The Value of elements that are known already."""
    return Value(None, (), {}, array.shape, array.dtype, array)


def unknown(shape: Shape, dtype: dtype) -> Value:
    """The Value of an input."""
    return Value(None, (), {}, shape, dtype)
