"""Floor 1. Value: a node in the place of an array whose elements a program will compute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy import dtype, ndarray

from .core import Node, local
from .errors import TraceError
from .lines import calling_line
from .shapes import Shape, size_of

__all__ = ["Value", "constant", "unknown"]


class Value(Node):
    """What will be computed, in place of an array of it: `prim` applied to `parents`, all Values.

    Without a prim it is an input, or a constant where `saved` is an array.  `where` is the line
    of the user's that asked for it, and `owner` stands for the trace that it belongs to.
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
        self.owner: Any = None
        self.where: str | None = None

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

    def known(self) -> Any:
        """The elements, or what refuses to be taken for them."""
        return self

    def refused(self, use: str, remedy: str) -> TraceError:
        """The error for a use of the elements, which names both lines and says what to do."""
        made = f", computed at {self.where}" if self.where else ""
        here = calling_line()
        if local.tracing is None or self.owner is not local.tracing.token:
            return TraceError(
                f"{use}: this tensor belongs to a trace that has ended{made}; it was put aside "
                f"inside a compiled function and is used at {here}; return it from the function, "
                "or write it into a tensor that was there before: t[...] = x"
            )
        return TraceError(
            f"{use}: the elements of this {self.dtype}{list(self.shape)} are not known while "
            f"tg.jit traces, at {here}{made}; {remedy}"
        )


def constant(array: ndarray) -> Value:
    """The Value of elements that are known already."""
    return Value(None, (), {}, array.shape, array.dtype, array)


def unknown(shape: Shape, dtype: dtype) -> Value:
    """The Value of an input."""
    return Value(None, (), {}, shape, dtype)


LATER = "return it, and read it after the call"
BRANCH = "choose elements with tg.where, or mark the argument it came from as static"
TENSORS = f"compute with tensors, with x.detach() in place of x.data; or {LATER}"
NUMBER = "compute with tensors, or mark the argument it came from as static"


def refusal(use: str, remedy: str) -> Callable[..., Any]:
    def refuse(self: Value, *_: Any, **__: Any) -> Any:
        raise self.refused(use, remedy)

    return refuse


for name, use, remedy in (
    ("__bool__", "bool", BRANCH),
    ("__float__", "float", NUMBER),
    ("__int__", "int", NUMBER),
    ("__index__", "index", NUMBER),
    ("__complex__", "complex", NUMBER),
    ("__array__", "np.asarray", f"use tidegrad's functions, tg.stack for lists; or {LATER}"),
    ("__iter__", "iteration", NUMBER),
    ("nonzero", "nonzero, or x[mask]", "its shape depends on data; use tg.where(mask, x, 0)"),
    ("max", "one_hot", "give num_classes"),
    ("item", "item", LATER),
    ("tolist", "tolist", LATER),
):
    setattr(Value, name, refusal(use, remedy))
setattr(Value, "data", property(refusal("numpy", TENSORS)))  # noqa: B010 (a table's last line)
