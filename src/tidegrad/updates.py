"""Floor 5. Updates: rules that run on bare arrays where nobody watches, all-or-none rebinding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .core import Tensor, local
from .errors import DTypeError, ShapeError
from .recording import rebind

__all__ = ["alike", "bare", "cast_all", "rebind_all"]


def bare(tensors: Sequence[Tensor]) -> list[Any]:
    """The arrays of `tensors`, single numbers as scalars, where nothing is recorded or traced.

    Elsewhere the tensors: a rule of operators and NumPy functions gives the same numbers on
    either, and on small arrays four times faster.

    >>> from tidegrad.updates import bare
    >>> with tg.no_grad():
    ...     bare([tg.tensor([1.0, 2.0]), tg.tensor(3)])
    [array([1., 2.], dtype=float32), np.int64(3)]
    """
    if local.recording or local.trace is not None:
        return list(tensors)
    return [a if a.ndim else a[()] for a in [t.array for t in tensors]]


def alike(value: Any, model: Any) -> Any:
    """`value`, its elements in memory in the order of those of `model`, which has its shape.

    The gradient of a transposed weight is a transposed array: each operation that meets both
    orders takes as long as four that meet one.

    >>> from tidegrad.updates import alike
    >>> alike(np.ones((3, 2)).T, np.ones((2, 3))).strides
    (24, 8)
    """
    if type(value) is not np.ndarray or value.strides == model.strides:
        return value
    copy = np.empty_like(model)
    copy[...] = value
    return copy


def cast_all(values: Sequence[Any], dtype: Any) -> list[Any]:
    """Numbers from `bare` in `dtype`, in the form that combines fastest with arrays."""
    return [v.astype(dtype) if type(v) is Tensor else np.array(v, dtype) for v in values]


def rebind_all(targets: Sequence[Tensor], values: Sequence[Any], operation: str) -> None:
    """Let each of `targets` stand for its new value, an array or a Tensor: all of them, or none.

    To be called inside `no_grad`.  Graphs recorded before, and snapshots, keep the old values.
    Raises ShapeError or DTypeError, with nothing changed, where a value does not fit.

    >>> from tidegrad.updates import rebind_all
    >>> x, y = tg.tensor([1.0, 2.0]), tg.tensor(0.0)
    >>> with tg.no_grad():
    ...     rebind_all([x, y], [x * 2, y + 1], "double")
    >>> x, y
    (tensor([2., 4.]), tensor(1.))
    """
    for target, value in zip(targets, values, strict=True):
        old = target.array
        if value.shape != old.shape or value.dtype != old.dtype:
            raise (DTypeError if value.shape == old.shape else ShapeError)(
                f"{operation}: the new value {value.dtype}{list(value.shape)} does not fit the "
                f"tensor {old.dtype}{list(old.shape)}"
            )
    for target, value in zip(targets, values, strict=True):
        if type(value) is not Tensor and local.tracing is None:
            target.array = np.asarray(value)
        else:
            new = value if type(value) is Tensor else Tensor(np.asarray(value))
            rebind(target, new, operation)
