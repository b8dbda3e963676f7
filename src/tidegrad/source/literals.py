"""Floor 7. Literals: arrays that are short to write, and those whose elements are all alike."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import numpy as np
from numpy import ndarray

from ..abstract import Value
from ..kinds import Map
from ..shapes import size_of
from .spelling import dtype, number
from .tape import Given

__all__ = ["literal", "one_number", "weak"]

FEW = 16  # elements
SPREADING = {"expand", "reshape", "permute", "flip"}


def literal(x: Given) -> str | None:
    """What is given as source: a number, a few elements, a regular array; None for others."""
    array = x.saved
    if not isinstance(array, ndarray):
        return None if array is None else number(array)
    if not array.ndim:
        return f"np.{array.dtype.name}({number(array.item())})".replace("np.bool(", "np.bool_(")
    alike = one_number(x)
    if alike is not None or not array.size:
        return filled(array.shape, alike or 0, array.dtype)
    if (text := counted(array)) is not None:
        return text
    if array.size <= FEW:
        return f"np.array({number(array.tolist())}, {dtype(array.dtype)})"
    return None


def filled(shape: tuple[int, ...], value: Any, of: np.dtype) -> str:
    sign = str(value).startswith("-")
    if value in (0, 1) and not sign:
        return f"np.{'ones' if value else 'zeros'}({shape}, {dtype(of)})"
    return f"np.full({shape}, {number(value)}, {dtype(of)})"


def counted(array: ndarray) -> str | None:
    """An array that counts from its first element to its last, all in equal steps."""
    if array.dtype != np.intp or array.size < 2:
        return None
    first, second = array.ravel()[:2].tolist()
    step = second - first
    end = first + step * array.size
    if not step or not np.array_equal(array.ravel(), np.arange(first, end, step)):
        return None
    text = f"{first}, {end}, {step}" if step != 1 else f"{first}, {end}" if first else f"{end}"
    return f"np.arange({text})" + (f".reshape({array.shape})" if array.ndim > 1 else "")


def one_number(v: Any, named: Container = ()) -> Any:
    """The number that all elements of `v` are, where it is known and has no name; else None."""
    while v.prim is not None and v.prim.name in SPREADING:
        v = v.parents[0]
    array = getattr(v, "saved", None)
    if v in named or v.prim is not None or array is None or v.node is not None:
        return None
    array = np.asarray(array)
    first = array.ravel()[0].item() if array.size else None
    alike = array.size and (array == first).all() and not (first == 0 and np.signbit(array).any())
    return first if alike else None


def weak(v: Value, k: int, named: Container) -> Any:
    """The number that may stand for input `k`: shape and dtype follow from the other inputs."""
    if not isinstance(v.prim, Map) or v.prim.name == "cast" or (v.prim.name == "where" and not k):
        return None
    me, others = v.parents[k], [p for i, p in enumerate(v.parents) if i != k]
    beside = others[1:] if v.prim.name == "where" else others
    strong = [p for p in beside if not stands_for_one(p) and p.dtype == me.dtype]
    if not strong or np.broadcast_shapes(*(p.shape for p in others)) != v.shape:
        return None
    # Of several that are numbers the last has to remain an array: the first is replaced.
    return one_number(me, named) if size_of(me.shape) else None


def stands_for_one(p: Value) -> bool:
    return p.prim is None and not isinstance(p.saved, ndarray) and p.saved is not None
