"""Floor 0. Dtypes: which there are, the default, and what two of them become together."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from .epoch import moved
from .errors import DTypeError

__all__ = ["DTYPES", "as_dtype", "default_dtype", "floating", "is_float", "promote"]
__all__ += ["refuse", "set_default_dtype"]

DTYPES = {
    name: np.dtype(name)
    for name in (
        *("bool", "int8", "int16", "int32", "int64"),
        *("uint8", "uint16", "uint32", "uint64", "float32", "float64"),
    )
}
SUPPORTED = {dtype: dtype for dtype in DTYPES.values()}  # of equal ones, the one in use
WEAK = {bool: DTYPES["bool"], int: DTYPES["int64"]}

_default = DTYPES["float32"]


def default_dtype() -> np.dtype:
    """The dtype of Python floats: float32 unless `set_default_dtype` said otherwise."""
    return _default


def set_default_dtype(dtype: Any) -> None:
    """Make Python floats become `dtype`, float32 or float64, from now on.

    >>> tg.set_default_dtype(tg.float64)
    >>> tg.tensor(1.0).dtype
    dtype('float64')
    >>> tg.set_default_dtype(tg.float32)
    """
    global _default
    chosen = as_dtype(dtype)
    if not is_float(chosen):
        raise DTypeError(f"set_default_dtype: {chosen} is not a float; use float32 or float64")
    _default = chosen
    moved()


def as_dtype(dtype: Any) -> np.dtype:
    """`dtype` in NumPy's or the array API's spelling as one of the supported dtypes."""
    try:
        found = np.dtype(float if dtype is None else dtype)
    except TypeError:
        raise DTypeError(f"{dtype!r} is not a dtype; use one of {', '.join(DTYPES)}") from None
    if dtype is None or dtype is float:
        return _default
    found = found.newbyteorder("=")
    if found not in SUPPORTED:
        remedy = "float32" if found.kind in "fV" else "a real dtype"
        raise DTypeError(
            f"dtype {found} is not supported; convert to {remedy} first "
            f"(supported: {', '.join(DTYPES)})"
        )
    return SUPPORTED[found]


def refuse(operation: str, cause: BaseException | None, *dtypes: np.dtype) -> None:
    """Say so if it was these dtypes that NumPy refused."""
    if isinstance(cause, TypeError):
        named = " and ".join(map(str, dtypes))
        raise DTypeError(f"{operation}: is not defined for {named}; convert with .astype()")


def is_float(dtype: np.dtype) -> bool:
    """Whether gradients flow through arrays of this dtype."""
    return dtype.kind == "f"


def floating(dtype: np.dtype) -> np.dtype:
    """The float dtype in which a float function of `dtype` is computed."""
    return dtype if dtype.kind == "f" else _default


def promote(*kinds: Any) -> np.dtype:
    """The dtype of a mixture of dtypes and of Python types, which are weak.

    The array API's table; where it is silent an integer follows the float it meets, and an
    integer array with a Python float gives the default dtype.
    """
    strong = [k for k in kinds if isinstance(k, np.dtype)]
    weak = [k for k in kinds if not isinstance(k, np.dtype)]
    if not strong:
        return _default if float in weak else promote(*(WEAK[k] for k in weak))
    result = strong[0]
    for other in strong[1:]:
        result = _pair(result, other)
    if float in weak:
        return floating(result)
    return WEAK[int] if int in weak and result.kind == "b" else result


@cache
def _pair(a: np.dtype, b: np.dtype) -> np.dtype:
    if (a.kind == "f") != (b.kind == "f"):
        return a if a.kind == "f" else b
    return np.promote_types(a, b)
