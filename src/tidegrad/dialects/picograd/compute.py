"""Floor 8. How an operation on picograd's Tensors and Values is computed, and where."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import tidegrad as tg

from .cells import Cell
from .config import execution

__all__ = ["applied", "compute", "whole"]


def compute(cls: Any, function: Callable, *operands: Any, keep: bool = True, **how: Any) -> Any:
    """`function` of `operands` as a `cls`, on all cores where one of them is distributed."""
    cells = [x for x in operands if isinstance(x, Cell)]
    distributed = any(x.is_distributed for x in cells)  # type: ignore[attr-defined]  # all say so
    with execution(distributed and tg.backends.pays(max(x.held.size for x in cells))):
        held = function(*(operand(x, cells[0].held.dtype) for x in operands), **how)
    return whole(cls, tg.asarray(held), operands, distributed and keep)


def whole(cls: Any, held: tg.Tensor, sources: Sequence[Any] = (), distributed: bool = False) -> Any:
    """A new `cls` that stands for `held`, the result of an operation on `sources`."""
    made = cls.__new__(cls)
    made.become(held, sources)
    made.gradient, made.is_distributed = None, distributed
    return made


def operand(x: Any, dtype: np.dtype) -> Any:
    """What an operation computes with; an array's floats take the dtype they meet."""
    if isinstance(x, Cell):
        return x.now()
    if type(x) in (int, float, bool):
        return x
    array = np.asarray(x)
    return tg.tensor(x, dtype=dtype if array.dtype.kind in "fiub" and dtype.kind == "f" else None)


def applied(function: Callable, xs: Sequence[tg.Tensor]) -> Any:
    """A function that takes arrays only gets arrays, where no gradient would be lost."""
    try:
        return function(*xs)
    except TypeError:
        if any(x.requires_grad for x in xs):
            raise
        return function(*(np.array(x.data) for x in xs))
