"""Floor 3. Random numbers: the same seed gives the same ones on every machine."""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np

from ..core import Tensor
from ..dtypes import DTYPES, as_dtype, default_dtype, promote
from ..errors import DTypeError, ShapeError
from ..kinds import cast, where
from ..recording import is_traced, kind_of, untraced
from ..shapes import broadcast
from . import elementwise, sorting, subscripts
from .creation import Size, lift, size
from .philox import bell, below, bits, unit
from .stream import Stream, lock

__all__ = ["Generator", "bernoulli", "default_generator", "integers", "normal", "permutation"]
__all__ += ["seed", "uniform"]

FLOAT64 = DTYPES["float64"]


class Generator(Stream):
    """A source of random numbers; its seed is any integer from 0 on, or the system's entropy.

    The words of seed n are those of `np.random.Philox(n)`, four to a block, and each draw begins
    a new block.  Threads may share a generator: no two of them get the same numbers.

    >>> generator = tg.random.Generator(7)
    >>> generator.integers(0, 100, shape=(4,))
    tensor([46, 42, 36, 23])
    """

    def uniform(
        self, shape: Size = (), low: Any = 0.0, high: Any = 1.0, dtype: Any = None
    ) -> Tensor:
        """As `tg.random.uniform`, from this stream."""
        return uniform(shape, low, high, dtype, self)

    def normal(
        self, shape: Size = (), mean: Any = 0.0, std: Any = 1.0, dtype: Any = None
    ) -> Tensor:
        """As `tg.random.normal`, from this stream."""
        return normal(shape, mean, std, dtype, self)

    def integers(
        self, low: int, high: int | None = None, shape: Size = (), dtype: Any = None
    ) -> Tensor:
        """As `tg.random.integers`, from this stream."""
        return integers(low, high, shape, dtype, self)

    def bernoulli(self, p: Any = 0.5, shape: Size | None = None, dtype: Any = bool) -> Tensor:
        """As `tg.random.bernoulli`, from this stream."""
        return bernoulli(p, shape, dtype, self)

    def permutation(self, x: Any) -> Tensor:
        """As `tg.random.permutation`, from this stream."""
        return permutation(x, self)


_default: Generator | None = None


def default_generator() -> Generator:
    """The one generator of this process, which functions use that are given no other.

    Threads share it, and a forked child goes on from where the parent stood: give threads whose
    numbers must not depend on each other's timing, and children, generators of their own.
    """
    global _default
    if _default is None:
        # Of two threads that come here at once, one makes the generator that both get.
        with untraced():
            made = Generator()
        with lock:
            _default = _default or made
    return _default


def seed(n: int | None) -> None:
    """Begin the default generator's stream of seed `n`, any integer from 0 on.

    >>> tg.random.seed(0)
    >>> tg.random.uniform((2,))
    tensor([0.01406699, 0.2577672 ])
    """
    default_generator().seed(n)


def uniform(
    shape: Size = (),
    low: Any = 0.0,
    high: Any = 1.0,
    dtype: Any = None,
    generator: Generator | None = None,
) -> Tensor:
    """Numbers evenly spread over [low, high), bounds as `dtype` holds them.

    `low` and `high` broadcast with `shape` and may be tensors, which gradients reach.  24 random
    bits make a float32, 53 a float64.

    >>> x = tg.random.uniform((1000,), -1.0, 1.0)
    >>> bool((x >= -1).all()), bool((x < 1).all())
    (True, True)
    """
    wanted = float_dtype("uniform", dtype, low, high)
    bottom, top = parameter(low, wanted, "uniform"), parameter(high, wanted, "uniform")
    if not (is_traced(bottom) or is_traced(top) or ordered(bottom.array, top.array)):
        raise ValueError(
            f"uniform: low {low!r} and high {high!r} bound no finite range in {wanted}; "
            "low comes first"
        )
    wide = broadcast("uniform", size(shape, "uniform"), bottom.array.shape, top.array.shape)
    u = (generator or default_generator()).draw(unit, wide, wanted)
    if is_number(low, 0) and is_number(high, 1):
        return u
    x = bottom + (top - bottom) * u
    # The sum may have been rounded up to `high`, which does not belong to the interval.
    return where(x < top, x, elementwise.nextafter(top, bottom))


def normal(
    shape: Size = (),
    mean: Any = 0.0,
    std: Any = 1.0,
    dtype: Any = None,
    generator: Generator | None = None,
) -> Tensor:
    """Normally distributed numbers, by the inverse of the distribution function.

    `mean` and `std` broadcast with `shape` and may be tensors, which gradients reach.  Before
    they are scaled, numbers are between -8.3 and 8.3.

    >>> bool(abs(tg.random.normal((10_000,), mean=3.0).mean() - 3.0) < 0.1)
    True
    """
    wanted = float_dtype("normal", dtype, mean, std)
    middle, width = parameter(mean, wanted, "normal"), parameter(std, wanted, "normal")
    if not (is_traced(width) or (width.array >= 0).all()):
        raise ValueError(f"normal: std is 0 or more, not {std!r}")
    wide = broadcast("normal", size(shape, "normal"), middle.array.shape, width.array.shape)
    z = (generator or default_generator()).draw(bell, wide, wanted)
    return z if is_number(mean, 0) and is_number(std, 1) else middle + width * z


def integers(
    low: int,
    high: int | None = None,
    shape: Size = (),
    dtype: Any = None,
    generator: Generator | None = None,
) -> Tensor:
    """Integers from `low` to before `high`, or from 0 to before `low`; int64 unless said otherwise.

    >>> dice = tg.random.integers(1, 7, shape=(1000,))
    >>> int(dice.min()), int(dice.max())
    (1, 6)
    """
    try:
        first, last = (0, index(low)) if high is None else (index(low), index(high))
    except TypeError:
        raise TypeError(f"integers: low and high are integers, not {low!r} and {high!r}") from None
    wanted = DTYPES["int64"] if dtype is None else as_dtype(dtype)
    if wanted.kind not in "iu":
        raise DTypeError(f"integers: {wanted} is not an integer dtype; use int64, or astype")
    if first >= last:
        raise ValueError(f"integers: no integer is from {first} to before {last}; low comes first")
    bounds = np.iinfo(wanted)
    if first < bounds.min or last - 1 > bounds.max:
        raise ValueError(f"integers: {first} to {last - 1} does not fit {wanted}; use a wider one")
    generator = generator or default_generator()
    return generator.draw(below, size(shape, "integers"), wanted, low=first, count=last - first)


def bernoulli(
    p: Any = 0.5, shape: Size | None = None, dtype: Any = bool, generator: Generator | None = None
) -> Tensor:
    """True with probability `p`, a number or a tensor; its shape is the result's unless given.

    >>> tg.random.bernoulli(tg.tensor([0.0, 1.0]))
    tensor([False,  True])
    """
    chance = parameter(p, DTYPES["float64"], "bernoulli")
    if not (is_traced(chance) or ((chance.array >= 0) & (chance.array <= 1)).all()):
        raise ValueError(f"bernoulli: p is a probability within 0 to 1, not {p!r}")
    own = chance.array.shape
    wide = own if shape is None else size(shape, "bernoulli")
    if broadcast("bernoulli", own, wide) != wide:
        raise ShapeError(f"bernoulli: p of shape {own} does not fit shape {wide}")
    hit = elementwise.less((generator or default_generator()).draw(unit, wide, FLOAT64), chance)
    return hit if as_dtype(dtype) == hit.array.dtype else cast(hit, dtype=as_dtype(dtype))


def permutation(x: Any, generator: Generator | None = None) -> Tensor:
    """The integers before `x` in random order, or the rows of the array `x`.

    The order is that of random 64-bit keys.

    >>> tg.sort(tg.random.permutation(5))
    tensor([0, 1, 2, 3, 4])
    """
    rows = lift(x, "permutation")
    count = rows.array.shape[0] if rows.array.ndim else whole_number(x)
    keys = (generator or default_generator()).draw(bits, (count,), DTYPES["uint64"])
    order = sorting.argsort(keys, axis=0)
    return subscripts.take(rows, order, axis=0) if rows.array.ndim else order


def whole_number(x) -> int:
    try:
        count = index(x)
    except TypeError:
        raise TypeError(f"permutation: takes an integer or an array, not {x!r}") from None
    if count < 0:
        raise ValueError(f"permutation: there are no {count} integers to order; use 0 or more")
    return count


def float_dtype(operation: str, dtype, *parameters) -> np.dtype:
    """What is drawn: `dtype`, or what the parameters' own floats promote to, or the default."""
    if dtype is None:
        dtypes = [k for k in map(kind_of, parameters) if isinstance(k, np.dtype)]
        floats = [d for d in dtypes if d.kind == "f"]
        return promote(*floats) if floats else default_dtype()
    wanted = as_dtype(dtype)
    if wanted.kind != "f":
        raise DTypeError(f"{operation}: {wanted} is not a float dtype; use float32, or astype")
    return wanted


def parameter(x, dtype: np.dtype, operation: str) -> Tensor:
    """A parameter of a distribution as a tensor of `dtype`."""
    if type(x) in (float, int, bool):
        return Tensor(np.asarray(x, dtype))
    x = lift(x, operation)
    return x if x.array.dtype == dtype else cast(x, dtype=dtype)


def ordered(low, high) -> bool:
    """Whether a finite range lies between each of `low` and `high`."""
    with np.errstate(all="ignore"):
        gap = high - low
    return bool(((gap >= 0) & np.isfinite(gap)).all())


def is_number(x, value: int) -> bool:
    return type(x) in (float, int) and x == value
