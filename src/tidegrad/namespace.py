"""Floor 4. Public names: functions of the tables under their array-API and NumPy spellings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .core import Tensor, bind
from .dtypes import as_dtype, promote
from .kinds import Map, cast
from .kinds import where as select
from .ops import (
    activations,
    contractions,
    creation,
    einsum,
    elementwise,
    joining,
    movement,
    reductions,
    scans,
    sorting,
    subscripts,
    windows,
)
from .ops.creation import lift, lift_as
from .recording import elements, is_traced, kind_of

NUMBERS = (Tensor, float, int, bool)


def elementwise_function(prim: Map) -> Callable[..., Tensor]:
    """The public function of a Map: it takes whatever can be an array and gives a Tensor."""
    name = prim.name

    def one(x, /):
        return bind(prim, (x if type(x) is Tensor else lift(x, name),), {})

    def several(*args):
        if len(args) != prim.inputs:
            raise TypeError(f"{name}: takes {prim.inputs} arguments, {len(args)} were given")
        ready = tuple(a if type(a) in NUMBERS else lift(a, name) for a in args)
        if Tensor not in map(type, ready):
            ready = (lift(ready[0], name), *ready[1:])
        return bind(prim, ready, {})

    function = one if prim.inputs == 1 else several
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`{prim.text}` for each element, with broadcasting."
    return function


PRIVATE = {"gap", "elu", "leaky_relu", "gelu", "round", "positive"}
PUBLIC: dict[str, Callable[..., Any]] = {
    prim.name: elementwise_function(prim)
    for prim in vars(elementwise).values()
    if isinstance(prim, Map) and prim is not select and prim.name not in PRIVATE
}
for module in (
    *(activations, contractions, creation, einsum, joining, movement, reductions, scans),
    *(sorting, subscripts),
):
    PUBLIC.update((name, getattr(module, name)) for name in module.__all__)


def astype(x: Any, dtype: Any, copy: bool = True) -> Tensor:
    """`x` with its elements converted to `dtype`; gradients are converted back.

    >>> tg.astype([1.7, -1.7], tg.int32)
    tensor([ 1, -1], dtype=int32)
    """
    x, wanted = lift(x, "astype"), as_dtype(dtype)
    return x if x.array.dtype == wanted and not copy else cast(x, dtype=wanted)


def where(condition: Any, x1: Any, x2: Any) -> Tensor:
    """`x1` where `condition` holds, else `x2`; what was not chosen gets no gradient.

    >>> tg.where([True, False], 1.0, [3.0, 4.0])
    tensor([1., 4.])
    """
    chosen = lift(condition, "where")
    if chosen.array.dtype.kind != "b":
        chosen = elementwise.not_equal(chosen, 0)
    pair = tuple(a if type(a) in NUMBERS else lift(a, "where") for a in (x1, x2))
    dtype = promote(*map(kind_of, pair))
    return select(chosen, *(lift_as(a, "where", dtype) for a in pair))


def clip(x: Any, min: Any = None, max: Any = None) -> Tensor:
    """`x` held between `min` and `max`, either of which may be left out.

    Inside and at the bounds the gradient flows to `x`, outside to the bound.
    """
    x = lift(x, "clip")
    low, high = (b if b is None or type(b) in NUMBERS else lift(b, "clip") for b in (min, max))
    if low is not None:
        x = elementwise.clip_below(x, low)
    return x if high is None else elementwise.clip_above(x, high)


def round(x: Any, decimals: int = 0) -> Tensor:
    """The nearest integer (halves to the even one), or multiple of 10**-decimals."""
    x = lift(x, "round")
    if not decimals:
        return elementwise.round_(x)
    return elementwise.round_(x * 10.0**decimals) / 10.0**decimals


def isclose(
    x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Whether |x1 - x2| <= atol + rtol * |x2|, element by element, as NumPy has it."""
    x, y = lift(x1, "isclose"), lift(x2, "isclose")
    if not is_traced(x) and not is_traced(y):
        return Tensor(np.asarray(np.isclose(x.array, y.array, rtol, atol, equal_nan)))
    near = (x == y) | (PUBLIC["isfinite"](y) & (abs(x - y) <= atol + rtol * abs(y)))
    return near | (PUBLIC["isnan"](x) & PUBLIC["isnan"](y)) if equal_nan else near


def allclose(
    x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether `isclose` holds everywhere."""
    return bool(elements(isclose(x1, x2, rtol, atol, equal_nan).all()))


def diff(x: Any, n: int = 1, axis: int = -1) -> Tensor:
    """The differences of neighbours along `axis`, `n` times over."""
    x = lift(x, "diff")
    for _ in range(n):
        line = movement.swapaxes(x, axis, -1)
        x = movement.swapaxes(line[..., 1:] - line[..., :-1], axis, -1)
    return x


def result_type(*arrays_and_dtypes: Any) -> np.dtype:
    """The dtype in which an operation on all of these computes."""
    kinds = [a if isinstance(a, type | str | np.dtype) else kind_of(a) for a in arrays_and_dtypes]
    return promote(*(k if k in (bool, int, float) else as_dtype(k) for k in kinds))


def imag(x: Any) -> Tensor:
    """The imaginary part: zeros, as every tensor is real."""
    return creation.zeros_like(x)


PUBLIC.update(
    {
        f.__name__: f
        for f in (allclose, astype, clip, diff, imag, isclose, result_type, round, where)
    }
)
PUBLIC["sliding_window_view"] = windows.sliding_window_view
# NumPy's and the array API's other spellings.
PUBLIC.update(
    absolute=PUBLIC["abs"], concatenate=PUBLIC["concat"], arccos=PUBLIC["acos"],
    arcsin=PUBLIC["asin"], arctan=PUBLIC["atan"], arctan2=PUBLIC["atan2"],
    positive=elementwise_function(elementwise.positive), power=PUBLIC["pow"],
    arccosh=PUBLIC["acosh"], arcsinh=PUBLIC["asinh"], arctanh=PUBLIC["atanh"],
    conj=elementwise_function(elementwise.positive),
    real=elementwise_function(elementwise.positive),
)  # fmt: skip
