"""Floor 3. Reductions: sums, products, extremes, spreads, norms and soft maxima."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from ..core import Tensor, bind
from ..dtypes import as_dtype, floating
from ..kinds import Reduce, cast, inverse, permute, reshape, sum_, where
from ..shapes import Shape, canonical_axes, reduced, size_of
from ..sums import total
from .creation import lift
from .elementwise import abs_, direction, exp, gap, log, not_equal, stop_gradient
from .movement import cut
from .scans import backwards, delayed, running_product

__all__ = ["all", "any", "argmax", "argmin", "count_nonzero", "log_softmax", "logsumexp", "max"]
__all__ += ["mean", "min", "prod", "softmax", "std", "sum", "var", "vector_norm"]

Axis = int | Sequence[int] | None


def fold(ufunc: np.ufunc) -> Callable[..., Any]:
    return lambda x, *, axes, keepdims: ufunc.reduce(x, axis=axes, keepdims=keepdims)


def share_of_equals(x, z, *, axes: Shape):
    """The slope of an extreme: the elements equal to it share it."""
    chosen = cast(x == z, dtype=x.dtype)
    return chosen / sum_(chosen, axes=axes, keepdims=True)


def product_of_others(x, *, axes: Shape):
    """The slope of a product: for each element the product of the others, right at zeros too."""
    order = (*(a for a in range(len(x.shape)) if a not in axes), *axes)
    turned = permute(x, axes=order)
    kept = turned.shape[: len(order) - len(axes)]
    count = size_of(turned.shape[len(kept) :])
    line = reshape(turned, shape=(*kept, count))
    before = delayed(running_product(line), 1)
    after = backwards(delayed(running_product(backwards(line)), 1))
    return permute(reshape(before * after, shape=turned.shape), axes=inverse(order))


def two_norm(x: ndarray, *, axes: Shape, keepdims: bool) -> ndarray:
    """The root of the sum of squares, of scaled elements where squares overflow or vanish."""
    with np.errstate(over="ignore"):
        squares = total(x * x, axes=axes, keepdims=keepdims)
    fits = (squares > np.finfo(x.dtype).tiny * 2**60) & (squares < np.inf)
    if np.all(fits):
        return np.sqrt(squares)
    scale = np.maximum.reduce(np.abs(x), axis=axes, keepdims=True, initial=0)
    scale = np.where((scale > 0) & (scale < np.inf), scale, 1)
    y = x / scale
    scaled = total(y * y, axes=axes, keepdims=keepdims)
    scaled = np.sqrt(scaled) * scale.reshape(scaled.shape)
    return np.where(fits, np.sqrt(squares), scaled)  # each norm by its own elements alone


def as_bool(dtype: np.dtype) -> np.dtype:
    return np.dtype(bool)


def as_index(dtype: np.dtype) -> np.dtype:
    return np.dtype(np.intp)


def place_of(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, *, axes, keepdims: function(x, axis=axes[0], keepdims=keepdims)


prod_ = Reduce("prod", fold(np.multiply), product_of_others,
               dtype=lambda dtype: np.multiply.reduce(np.empty(0, dtype)).dtype)  # fmt: skip
max_ = Reduce("max", fold(np.maximum), share_of_equals, empty=False)
min_ = Reduce("min", fold(np.minimum), share_of_equals, empty=False)
all_ = Reduce("all", fold(np.logical_and), dtype=as_bool)
any_ = Reduce("any", fold(np.logical_or), dtype=as_bool)
argmax_ = Reduce("argmax", place_of(np.argmax), dtype=as_index, empty=False)
argmin_ = Reduce("argmin", place_of(np.argmin), dtype=as_index, empty=False)
norm_ = Reduce("norm", two_norm, lambda x, z: direction(x, z))


def reduction(prim: Reduce, x, axis: Axis, keepdims: bool, dtype=None) -> Tensor:
    """`prim` over `axis` in whatever form the user gave it."""
    x = x if type(x) is Tensor else lift(x, prim.name)
    if dtype is not None:
        x = cast(x, dtype=as_dtype(dtype))
    axes = canonical_axes(axis, x.array.ndim, prim.name)
    return bind(prim, (x,), {"axes": axes, "keepdims": bool(keepdims)})


def sum(x: Any, axis: Axis = None, keepdims: bool = False, dtype: Any = None) -> Tensor:
    """The sum over `axis`; small integers and bools are summed in int64.

    >>> tg.sum([[1.0, 2.0], [3.0, 4.0]], axis=0)
    tensor([4., 6.])
    """
    return reduction(sum_, x, axis, keepdims, dtype)


def prod(x: Any, axis: Axis = None, keepdims: bool = False, dtype: Any = None) -> Tensor:
    """The product over `axis`; its gradient is right where elements are 0."""
    return reduction(prod_, x, axis, keepdims, dtype)


def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The largest element over `axis`; equal ones share its gradient, NaN wins."""
    return reduction(max_, x, axis, keepdims)


def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The smallest element over `axis`; equal ones share its gradient, NaN wins."""
    return reduction(min_, x, axis, keepdims)


def all(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether every element over `axis` is true (not zero)."""
    return reduction(all_, x, axis, keepdims)


def any(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether some element over `axis` is true (not zero)."""
    return reduction(any_, x, axis, keepdims)


def count_nonzero(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """How many elements over `axis` are not zero."""
    return reduction(sum_, not_equal(lift(x, "count_nonzero"), 0), axis, keepdims)


def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the first largest element along `axis`, or among all of them flat."""
    return extreme_place(argmax_, x, axis, keepdims)


def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the first smallest element along `axis`, or among all of them flat."""
    return extreme_place(argmin_, x, axis, keepdims)


def extreme_place(prim: Reduce, x, axis: int | None, keepdims: bool) -> Tensor:
    x = lift(x, prim.name)
    if axis is None:
        found = prim(reshape(x, shape=(x.array.size,)), axes=(0,), keepdims=False)
        return reshape(found, shape=(1,) * x.array.ndim) if keepdims else found
    return reduction(prim, x, axis, keepdims)


def mean(x: Any, axis: Axis = None, keepdims: bool = False, dtype: Any = None) -> Tensor:
    """The mean over `axis`, in a float dtype.

    >>> tg.mean([[1, 2], [3, 5]], axis=1)
    tensor([1.5, 4. ])
    """
    x = in_floats(x, "mean", dtype)
    total = reduction(sum_, x, axis, keepdims)
    return total / (x.array.size // builtins.max(total.array.size, 1))


def in_floats(x, operation: str, dtype=None) -> Tensor:
    x = lift(x, operation)
    wanted = floating(x.array.dtype) if dtype is None else as_dtype(dtype)
    return x if x.array.dtype == wanted else cast(x, dtype=wanted)


def floats_over(x: Any, axis: Axis, operation: str) -> tuple[Tensor, Shape]:
    """`x` in a float dtype, and the axes that are meant by `axis`."""
    x = in_floats(x, operation)
    return x, canonical_axes(axis, x.array.ndim, operation)


def var(x: Any, axis: Axis = None, correction: float = 0, keepdims: bool = False) -> Tensor:
    """The variance over `axis`: squares about the mean, divided by their count - `correction`."""
    away, axes, count = deviations(x, axis, "var")
    left = builtins.max(count - correction, 0)
    return sum_(away * away, axes=axes, keepdims=bool(keepdims)) / left


def std(x: Any, axis: Axis = None, correction: float = 0, keepdims: bool = False) -> Tensor:
    """The standard deviation over `axis`; its gradient is 0 where all elements are equal."""
    away, axes, count = deviations(x, axis, "std")
    left = builtins.max(count - correction, 0)
    return norm_(away, axes=axes, keepdims=bool(keepdims)) / left**0.5


def deviations(x, axis: Axis, operation: str) -> tuple[Tensor, Shape, int]:
    """How far the elements are from their mean, the axes, and how many there are along these."""
    x, axes = floats_over(x, axis, operation)
    # Counted from the first element, so that equal ones are at their mean exactly.
    first = tuple(slice(0, 1) if a in axes else slice(None) for a in range(x.array.ndim))
    x = x - cut(stop_gradient(x), key=first)
    away = x - mean(x, axes, keepdims=True)
    return away, axes, size_of(tuple(x.array.shape[a] for a in axes))


def vector_norm(x: Any, axis: Axis = None, keepdims: bool = False, ord: float = 2) -> Tensor:
    """The `ord`-norm over `axis` (`tg.linalg.vector_norm`); the 2-norm has gradient 0 at 0.

    >>> tg.linalg.vector_norm([3.0, 4.0])
    tensor(5.)
    """
    x, axes = floats_over(x, axis, "vector_norm")
    if ord == 2:
        return norm_(x, axes=axes, keepdims=bool(keepdims))
    size = abs_(x)
    if ord == np.inf or ord == -np.inf:
        return (max_ if ord > 0 else min_)(size, axes=axes, keepdims=bool(keepdims))
    if ord == 0:
        return cast(count_nonzero(x, axes, keepdims), dtype=x.array.dtype)
    if ord == 1:
        return sum_(size, axes=axes, keepdims=bool(keepdims))
    total = sum_(size**ord, axes=axes, keepdims=bool(keepdims))
    if ord < 0:
        return total ** (1 / ord)
    return where(total == 0, 0, where(total == 0, 1, total) ** (1 / ord))


def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """log(sum(exp(x))) over `axis`, without overflow; -inf over no elements.

    >>> tg.logsumexp([1e4, 1e4 - 1])
    tensor(10000.313)
    """
    x, axes = floats_over(x, axis, "logsumexp")
    if not x.array.size:
        return sum_(x, axes=axes, keepdims=bool(keepdims)) - np.inf
    low, top = below_top(x, axes)
    found = log(sum_(exp(low), axes=axes, keepdims=True)) + top
    return found if keepdims else reshape(found, shape=reduced(x.array.shape, axes, False))


def below_top(x: Tensor, axes: Shape) -> tuple[Tensor, Tensor]:
    """`x` minus its largest element over `axes`, to which softmax is blind; and that element."""
    top = max_(stop_gradient(x), axes=axes, keepdims=True)
    return gap(x, top), top


def softmax(x: Any, axis: Axis = -1) -> Tensor:
    """Exponentials over `axis`, scaled to sum to 1; infinite ones share like ties.

    >>> tg.softmax([1000.0, 0.0])
    tensor([1., 0.])
    """
    x, axes = floats_over(x, axis, "softmax")
    if not x.array.size:
        return x
    powers = exp(below_top(x, axes)[0])
    return powers / sum_(powers, axes=axes, keepdims=True)


def log_softmax(x: Any, axis: Axis = -1) -> Tensor:
    """The logarithm of softmax, exact where probabilities vanish.

    >>> tg.log_softmax([1000.0, 0.0])
    tensor([    0., -1000.])
    """
    x, axes = floats_over(x, axis, "log_softmax")
    if not x.array.size:
        return x
    low, _ = below_top(x, axes)
    return low - log(sum_(exp(low), axes=axes, keepdims=True))
