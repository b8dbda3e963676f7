"""Floor 6. The dozen array operations of an accelerator, in NumPy: what each of them means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import CodeType
from typing import Any

import numpy as np
from numpy import ndarray

from ..partials import NUMPY
from ..special import erf
from ..sums import total

__all__ = ["DOZEN", "FUNCTIONS", "Host"]

# The functions that the texts of `map` call, beside Python's operators.
FUNCTIONS = {**NUMPY, "erf": erf}

FOLDS: dict[str, Callable] = {
    "prod": np.prod,
    "max": np.max,
    "min": np.min,
    "any": np.any,
    "all": np.all,
}

Key = tuple[slice, ...]  # one for each axis


class Host:
    """An accelerator whose arrays are NumPy's.

    Another one has these twelve methods on arrays of its own, of any type: nothing else is ever
    done to them.  No operation changes an array that it was given.  Shapes and dtypes that are
    given are NumPy's, and are those that the result has.
    """

    def array(self, x: ndarray) -> Any:
        """An array with the elements of `x`."""
        return x

    def numpy(self, x: Any) -> ndarray:
        """The elements of `x`, in NumPy."""
        return x

    def map(self, text: str, inputs: Mapping[str, Any], shape: tuple, dtype: np.dtype) -> Any:
        """`text`, such as "x * y" or "where(x > 0, x, exp(x))", of every element.

        A text is an expression in Python's operators and calls of `tg.backends.FUNCTIONS`.
        `inputs` has an array or a number for each of its names; arrays broadcast to `shape`.
        """
        with np.errstate(all="ignore"):  # of what a `where` throws away
            found = np.asarray(eval(parsed(text), FUNCTIONS, dict(inputs)))
        return np.broadcast_to(found.astype(dtype, copy=False), shape)

    def reduce(self, name: str, x: Any, axes: tuple[int, ...], dtype: np.dtype) -> Any:
        """ "sum", "prod", "max", "min", "any" or "all" over `axes`, which stay, of size 1.

        "argmax" and "argmin" give the first place along the only axis.
        """
        if name in ("argmax", "argmin"):
            return getattr(np, name)(x, axis=axes[0], keepdims=True)
        if name == "sum":
            return np.asarray(total(x, axes=axes, keepdims=True))
        return np.asarray(FOLDS[name](x, axis=axes, keepdims=True)).astype(dtype, copy=False)

    def reshape(self, x: Any, shape: tuple) -> Any:
        """The elements in their order, in another shape."""
        return x.reshape(shape)

    def permute(self, x: Any, axes: tuple[int, ...]) -> Any:
        """Axis `k` of the result is axis `axes[k]` of `x`."""
        return x.transpose(axes)

    def expand(self, x: Any, shape: tuple) -> Any:
        """`x` broadcast to `shape`."""
        return np.broadcast_to(x, shape)

    def cut(self, x: Any, key: Key) -> Any:
        """`x[key]`, with a slice for each axis; steps may be negative."""
        return x[key]

    def put(self, x: Any, key: Key, value: Any) -> Any:
        """`x` with `value` in place of `x[key]`, whose shape it has."""
        out = np.array(x)
        out[key] = value
        return out

    def take(self, x: Any, places: Any, axis: int) -> Any:
        """The slices of `x` along `axis` at `places`, an array of int64 with one axis."""
        return np.take(x, places, axis)

    def add_at(self, x: Any, places: Any, axis: int, size: int) -> Any:
        """Zeros with `size` slices along `axis`, to which those of `x` are added at `places`."""
        out = np.zeros((size, *np.moveaxis(x, axis, 0).shape[1:]), x.dtype)
        np.add.at(out, places, np.moveaxis(x, axis, 0))
        return np.moveaxis(out, 0, axis)

    def contract(self, spec: str, x: Any, y: Any) -> Any:
        """Products summed over the labels that the result lacks, as "ij,jk->ik" for matrices.

        No label is twice in a term, and each is in the other term or in the result.
        """
        return np.einsum(spec, x, y, optimize=True)


DOZEN = tuple(name for name in vars(Host) if not name.startswith("_"))


@lru_cache(maxsize=1024)
def parsed(text: str) -> CodeType:
    return compile(text, "<map>", "eval")
