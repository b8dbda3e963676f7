"""Floor 3. New tensors: from numbers and arrays, from other libraries' memory, from nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from ..arrays import as_array, share
from ..core import Tensor
from ..dtypes import as_dtype, default_dtype, promote
from ..errors import GraphError, ShapeError
from ..kinds import cast, expand, reshape, where
from ..recording import elements, is_traced, is_weak, kind_of
from ..shapes import Shape, broadcast, canonical_axis
from .elementwise import stop_gradient

__all__ = ["arange", "asarray", "empty", "empty_like", "eye", "from_dlpack", "full", "full_like"]
__all__ += ["linspace", "meshgrid", "ones", "ones_like", "tensor", "tril", "triu", "zeros"]
__all__ += ["zeros_like"]

Size = int | Sequence[int]


def lift(x, operation: str) -> Tensor:
    """`x` as a Tensor at a public function's door; arrays are copied."""
    return x if type(x) is Tensor else Tensor(as_array(x, operation))


def lift_as(x, operation: str, dtype: np.dtype) -> Tensor:
    """`x` as a Tensor of `dtype`; a number is rounded once, to that."""
    if type(x) is not Tensor:
        return Tensor(as_array(x, operation, dtype))
    return x if x.array.dtype == dtype else cast(x, dtype=dtype)


def lift_along(x: Any, axis: int, operation: str) -> tuple[Tensor, int]:
    """`x` as a Tensor, and its `axis` counted from the front."""
    x = lift(x, operation)
    return x, canonical_axis(axis, x.array.ndim, operation)


def tensor(data: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A new tensor that copies `data`: a number, nested sequences, an ndarray or a Tensor.

    Python floats become the default dtype, arrays keep theirs.

    >>> tg.tensor([[1.0, 2.0]], requires_grad=True)
    tensor([[1., 2.]], requires_grad=True)
    """
    if is_traced(data):
        made = cast(stop_gradient(data), dtype=kept(data, dtype))
    else:
        made = Tensor(as_array(elements(data) if type(data) is Tensor else data, "tensor", dtype))
    made.requires_grad = requires_grad
    return made


def kept(x: Tensor, dtype: Any) -> np.dtype:
    """`dtype`, or where that is None the one of `x`."""
    if dtype is None and is_weak(x):
        return default_dtype()
    return x.array.dtype if dtype is None else as_dtype(dtype)


def asarray(obj: Any, dtype: Any = None, copy: bool | None = None) -> Tensor:
    """`obj` as a tensor: a Tensor as it is, everything else copied.

    `copy=False` shares the memory of an ndarray or of a DLPack exporter, and is an error where
    that is impossible; derivatives keep copies of what is shared.

    >>> tg.asarray(np.arange(3)).dtype
    dtype('int64')
    """
    if type(obj) is Tensor:
        wanted = kept(obj, dtype)
        fits = obj.array.dtype == wanted and not is_weak(obj)
        return obj if fits and not copy else cast(obj, dtype=wanted)
    if copy is False:
        return shared(obj, dtype)
    return Tensor(as_array(obj, "asarray", dtype))


def shared(obj, dtype) -> Tensor:
    """A tensor in the memory of `obj`."""
    if not isinstance(obj, ndarray) and not hasattr(obj, "__dlpack__"):
        raise ValueError(f"asarray: a {type(obj).__name__} has no memory to share; use copy=None")
    array = obj if isinstance(obj, ndarray) else np.from_dlpack(obj)
    own = as_dtype(array.dtype)
    if dtype is not None and own != as_dtype(dtype):
        raise ValueError(f"asarray: {array.dtype} becomes {dtype} only by a copy; use copy=None")
    if not array.dtype.isnative:
        raise ValueError("asarray: foreign byte order cannot be shared; use copy=None")
    return Tensor(share(array.view(own, ndarray)))


def from_dlpack(x: Any) -> Tensor:
    """A tensor that shares the memory of any DLPack exporter (PyTorch, JAX, NumPy ...).

    >>> tg.from_dlpack(np.ones(2))
    tensor([1., 1.], dtype=float64)
    """
    return x if type(x) is Tensor else shared(x, None)


def size(shape: Size, operation: str) -> Shape:
    """A shape as users write it, checked."""
    sizes = tuple(shape) if isinstance(shape, (tuple, list, ndarray)) else (shape,)
    try:
        wanted = tuple(n.__index__() for n in sizes)
    except (AttributeError, TypeError):
        raise TypeError(f"{operation}: a shape is made of integers, not {shape!r}") from None
    if any(n < 0 for n in wanted):
        raise ShapeError(f"{operation}: shape {wanted} has a negative size")
    return wanted


def spread_to(x: Tensor, shape: Shape, operation: str) -> Tensor:
    """`x` repeated along new axes and axes of size 1 until it has `shape`."""
    if broadcast(operation, x.array.shape, shape) != shape:
        raise ShapeError(f"{operation}: shape {x.array.shape} does not spread to {shape}")
    return expand(x, shape=shape)


def full(shape: Size, fill_value: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of one value everywhere; of a Tensor, to which gradients flow back."""
    wanted = size(shape, "full")
    if type(fill_value) is Tensor:
        made = cast(spread_to(fill_value, wanted, "full"), dtype=kept(fill_value, dtype))
        made.requires_grad = requires_grad or made.requires_grad
        return made
    value = as_array(fill_value, "full", dtype)
    return finished(np.full(wanted, value, value.dtype), requires_grad)


def zeros(shape: Size, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of zeros, of the default dtype."""
    return finished(np.zeros(size(shape, "zeros"), as_dtype(dtype)), requires_grad)


def ones(shape: Size, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of ones, of the default dtype."""
    return finished(np.ones(size(shape, "ones"), as_dtype(dtype)), requires_grad)


def empty(shape: Size, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of arbitrary values, for what is written later."""
    return finished(np.empty(size(shape, "empty"), as_dtype(dtype)), requires_grad)


def finished(array: ndarray, requires_grad: bool) -> Tensor:
    made = Tensor(array)
    made.requires_grad = requires_grad
    return made


def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Tensor:
    """A tensor of one value, with the shape and (unless given) the dtype of `x`."""
    x = lift(x, "full_like")
    return full(x.array.shape, fill_value, kept(x, dtype))


def zeros_like(x: Any, dtype: Any = None) -> Tensor:
    """Zeros with the shape and (unless given) the dtype of `x`."""
    return full_like(x, 0, dtype)


def ones_like(x: Any, dtype: Any = None) -> Tensor:
    """Ones with the shape and (unless given) the dtype of `x`."""
    return full_like(x, 1, dtype)


def empty_like(x: Any, dtype: Any = None) -> Tensor:
    """Arbitrary values with the shape and (unless given) the dtype of `x`."""
    x = lift(x, "empty_like")
    return empty(x.array.shape, kept(x, dtype))


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Tensor:
    """Evenly spaced values from `start` (0 if only one is given) to before `stop`.

    >>> tg.arange(3)
    tensor([0, 1, 2])
    """
    first, last = (0, start) if stop is None else (start, stop)
    if any(type(n) is Tensor and n.node is not None for n in (first, last, step)):
        raise GraphError("arange: no gradient flows through it; detach() its arguments first")
    numbers = [n.item() if hasattr(n, "item") else n for n in (first, last, step)]
    if numbers[2] == 0:
        raise ValueError("arange: step is 0; use a step that moves from start to stop")
    if dtype is None:
        dtype = default_dtype() if any(isinstance(n, float) for n in numbers) else np.int64
    return Tensor(np.arange(*numbers).astype(as_dtype(dtype)))


def linspace(start: Any, stop: Any, num: int, dtype: Any = None, endpoint: bool = True) -> Tensor:
    """`num` evenly spaced values from `start` to `stop`, computed in float64 and rounded once.

    >>> tg.linspace(0, 1, 3)
    tensor([0. , 0.5, 1. ])
    """
    if num < 0:
        raise ValueError(f"linspace: num is {num}; use 0 or more")
    wanted = promote(kind_of(start), kind_of(stop), float) if dtype is None else as_dtype(dtype)
    if type(start) is Tensor or type(stop) is Tensor:  # whose gradients are not to be lost
        share = np.linspace(0.0, 1.0, num, endpoint)
        return cast(lift(start, "linspace") * (1 - share) + stop * share, dtype=wanted)
    return Tensor(np.linspace(float(start), float(stop), num, endpoint).astype(wanted))


def eye(n_rows: int, n_cols: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """Ones on the `k`-th diagonal, zeros elsewhere."""
    return Tensor(np.eye(n_rows, n_cols, k, dtype=as_dtype(dtype)))


def tril(x: Any, k: int = 0) -> Tensor:
    """The lower triangle of the last two axes, up to the `k`-th diagonal; zeros above it."""
    return triangle(x, "tril", lambda n, m: np.tri(n, m, k, dtype=bool))


def triu(x: Any, k: int = 0) -> Tensor:
    """The upper triangle of the last two axes, from the `k`-th diagonal on; zeros below it."""
    return triangle(x, "triu", lambda n, m: ~np.tri(n, m, k - 1, dtype=bool))


def triangle(x, operation: str, mask) -> Tensor:
    x = lift(x, operation)
    if x.array.ndim < 2:
        raise ShapeError(f"{operation}: needs two axes or more, not shape {x.array.shape}")
    return where(
        Tensor(mask(*x.array.shape[-2:])), x, cast(Tensor(np.zeros(())), dtype=x.array.dtype)
    )


def meshgrid(*arrays: Any, indexing: str = "xy") -> list[Tensor]:
    """Coordinate tensors of the grid that 1-D `arrays` span, "xy" (NumPy's) or "ij"."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f'meshgrid: indexing is "xy" or "ij", not {indexing!r}')
    axes = [lift(a, "meshgrid") for a in arrays]
    axes = [reshape(a, shape=(a.array.size,)) for a in axes]
    order = list(range(len(axes)))
    if indexing == "xy" and len(axes) > 1:
        order[:2] = [1, 0]
    shape = tuple(axes[i].array.shape[0] for i in order)
    found = []
    for i, a in enumerate(axes):
        own = tuple(n if order[k] == i else 1 for k, n in enumerate(shape))
        found.append(expand(reshape(a, shape=own), shape=shape))
    return found
