"""Floor 0. Whose memory an array is: shared arrays are known, so that no derivative keeps one."""

from __future__ import annotations

import sys
import weakref
from typing import Any

import numpy as np
from numpy import ndarray

from .dtypes import as_dtype, default_dtype
from .errors import DTypeError, ShapeError

__all__ = ["SHARED", "as_array", "frozen", "is_shared", "own", "owned", "share", "sole_owner"]
__all__ += ["spread_view", "view"]

# Address of a shared array's root -> a weak reference to it.  Empty in most programs, so that
# the question "may somebody else write here?" costs one truth test.
SHARED: dict[int, weakref.ref[ndarray]] = {}


def root(array: ndarray) -> ndarray:
    """The array that owns the memory which `array` looks at."""
    owner: Any = array
    while owner is not None:
        array = owner if isinstance(owner, ndarray) else array
        owner = getattr(owner, "base", None)  # as_strided puts an object of its own between
    return array


def share(array: ndarray) -> ndarray:
    """Remember that somebody outside may write into the memory of `array`."""
    owner = root(array)
    key = id(owner)
    SHARED[key] = weakref.ref(owner, lambda _: SHARED.pop(key, None))
    return array


def is_shared(array: ndarray) -> bool:
    """Whether somebody outside may write into the memory of `array`."""
    known = SHARED.get(id(root(array))) if SHARED else None
    return known is not None and known() is not None


def own(array: Any) -> Any:
    """`array`, or a copy of it where somebody outside may write into its memory."""
    return array.copy() if isinstance(array, ndarray) and is_shared(array) else array


def owned(arrays: list[Any]) -> list[Any]:
    """`arrays`, those in shared memory replaced by copies that nobody else can write."""
    return [own(a) for a in arrays]


def frozen(array: ndarray) -> ndarray:
    """A view of `array` that cannot be written through, nor be made writeable."""
    return np.asarray(array.data.toreadonly())


def view(array: ndarray, shape: tuple[int, ...], strides: tuple[int, ...]) -> ndarray:
    """A view of a writeable or read-only array with these strides, much cheaper than NumPy's."""
    try:
        return ndarray(shape, array.dtype, array, 0, strides)
    except (ValueError, BufferError):
        return np.lib.stride_tricks.as_strided(array, shape, strides, writeable=False)


def spread_view(x: Any, *, shape: tuple[int, ...]) -> ndarray:
    """`x` broadcast to `shape`, to which it fits: read-only in effect, as elements overlap."""
    x = np.asarray(x)
    if x.size == 1:
        return view(x, shape, (0,) * len(shape))
    added = len(shape) - x.ndim
    kept = zip(x.shape, x.strides, shape[added:], strict=True)
    return view(x, shape, (0,) * added + tuple(0 if n != wide else s for n, s, wide in kept))


def as_array(value: Any, operation: str, dtype: Any = None) -> ndarray:
    """A new array of `value`: an array, a number, or nested sequences of them.

    Arrays and NumPy scalars keep their dtype; Python floats become the default dtype.
    """
    if hasattr(value, "__dlpack__") and not hasattr(value, "__array_ufunc__"):
        value = np.from_dlpack(value)  # another library's array
    try:
        array = np.array(value, order="C")
    except ValueError:
        raise ShapeError(
            f"{operation}: nested sequences of unequal lengths are not an array"
        ) from None
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{operation}: a masked array would lose its mask; use its .filled(number)")
    if array.dtype.kind == "O" and weak(value):
        raise OverflowError(f"{operation}: an integer is too large for every dtype; use a float")
    if array.dtype.kind in "OSU":
        raise DTypeError(f"{operation}: takes tensors, arrays or numbers, not {kind_of(value)}")
    if dtype is None and array.dtype == np.float64 and weak(value):
        dtype = default_dtype()
    wanted = as_dtype(array.dtype if dtype is None or array.dtype.kind == "c" else dtype)
    if wanted.kind in "iu" and array.dtype.kind in "iu" and weak(value):
        return np.array(value, wanted)  # an OverflowError where Python's integers do not fit
    # Equal dtypes may be two objects, such as an unpickled one; everything here has NumPy's own.
    return array if array.dtype is wanted else array.astype(wanted)


def weak(value: Any) -> bool:
    """Whether `value` is made of Python's own numbers alone, which have no dtype."""
    if isinstance(value, (list, tuple)):
        return all(map(weak, value))
    return type(value) in (float, int, bool)


def first(value: Any) -> Any:
    """The first thing in nested sequences: what an error names."""
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    return value


def kind_of(value: Any) -> str:
    """The type of `value`, or of what nested sequences hold."""
    return type(first(value)).__name__


class _Holder:
    __slots__ = ("array",)

    def __init__(self) -> None:
        self.array = np.empty(1)


def sole_owner(holder: Any) -> bool:
    """Whether `holder.array` is its own memory and nothing but `holder` refers to it."""
    return holder.array.base is None and sys.getrefcount(holder.array) <= _ALONE


# What the count is for an array that only a slot holds: measured, as it differs by version.
_probe = _Holder()
_ALONE = sys.getrefcount(_probe.array)
