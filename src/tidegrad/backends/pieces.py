"""Floor 6. Pieces: how elementwise operations and reductions are cut, and put together again.

Whatever the number of pieces, the result is that of NumPy on the whole, bit for bit: elements do
not know of each other, and a sum is cut where NumPy's own pairwise summation is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from ..core import WEAK
from ..kinds import Map, Prim, Reduce
from ..shapes import Shape, size_of
from .execution import inferred

__all__ = ["Job", "compute", "jobs_of", "pays", "worth"]

LEAF = 128  # elements which NumPy's sums halve no further
BLOCK = 1 << 15  # elements whose intermediate results stay in a core's cache
CUT_ANYWHERE = {"max", "min", "any", "all"}
ALONG = {*CUT_ANYWHERE, "sum", "prod", "norm", "argmax", "argmin"}
# Texts that are one call of NumPy's, which can write where the result belongs.
DIRECT = {
    "x + y": np.add,
    "x - y": np.subtract,
    "x * y": np.multiply,
    "x / y": np.divide,
    "-x": np.negative,
}
# Elements from which a second core was measured to gain more than it takes to wake it.  A single
# pass of arithmetic waits for memory more than it computes.
ENOUGH = {"function": 800_000, "sum": 1_500_000, "arithmetic": 2_000_000, "extreme": 4_000_000}


class Job(NamedTuple):
    """An operation in pieces: the arguments of each, and how the results become one.

    Where `out` is an array, piece `k` is written to `out[keys[k]]`.
    """

    prim: Prim
    params: dict[str, Any]
    pieces: list[list]
    keys: list[tuple]
    out: ndarray | None
    join: Callable[[list], Any]


def pays(elements: int) -> bool:
    """Whether "threads" and "processes" share any operation on so many elements.

    >>> tg.backends.pays(10_000), tg.backends.pays(10_000_000)
    (False, True)
    """
    return elements >= min(ENOUGH.values())


def worth(prim: Prim, args: Sequence[Any]) -> bool:
    """Whether an operation is large enough for several workers, and of a kind that can be cut."""
    if isinstance(prim, Map):
        kind = "arithmetic" if prim.text in DIRECT else "function"
    elif isinstance(prim, Reduce) and prim.name in ALONG:
        kind = "extreme" if prim.name in CUT_ANYWHERE else "sum"
    else:
        return False
    return max(size_of(a.shape) for a in args if type(a) not in WEAK) >= ENOUGH[kind]


def jobs_of(prim: Any, arrays: list, params: dict, workers: int, new: Callable) -> Job | None:
    """The operation for `workers`, or None where it cannot be cut; `new(size, dtype)` is memory."""
    if isinstance(prim, Map):
        return elementwise(prim, arrays, params, workers, new)
    (x,), axes = arrays, params["axes"]
    kept = [a for a in range(x.ndim) if a not in axes]
    axis = max(kept, key=lambda a: x.shape[a], default=None)
    if axis is not None and x.shape[axis] >= 2 * workers:
        return along(prim, x, params, axis, workers)
    if not kept and x.flags.forc:
        return whole(prim, x, params, workers)
    return None


def elementwise(prim: Map, arrays: list, params: dict, workers: int, new: Callable) -> Job | None:
    sizes = [a for a in arrays if type(a) not in WEAK]
    shape, dtype = inferred(prim, arrays, params)
    axis = next((a for a, n in enumerate(shape) if n >= 4 * workers), None)
    if axis is None:
        return None
    keys = [(slice(None),) * axis + (part,) for part in ranges(shape[axis], workers)]
    pieces = [[fitting(a, key, len(shape)) for a in arrays] for key in keys]
    out = alike(shape, dtype, sizes, new)
    return Job(prim, params, pieces, keys, out, lambda _: out)


def ranges(n: int, count: int) -> list[slice]:
    """`n` cut into `count` parts, as even as can be."""
    ends = [n * k // count for k in range(count + 1)]
    return [slice(a, b) for a, b in pairwise(ends)]


def fitting(a: Any, key: tuple, ndim: int) -> Any:
    """What of an argument, broadcast to `ndim` axes, belongs to a piece of the result."""
    at = len(key) - 1 - (ndim - a.ndim) if type(a) not in WEAK else -1
    return a if at < 0 or a.shape[at] == 1 else a[(slice(None),) * at + key[-1:]]


def alike(shape: Shape, dtype: np.dtype, arrays: Sequence[ndarray], new: Callable) -> ndarray:
    """Memory for a result, its axes in the order in which NumPy would lay them out."""
    # Two elements along each axis are enough to tell.
    arrays = [a[tuple(slice(2) for _ in a.shape)] for a in arrays]
    flags: Any = [["readonly"]] * len(arrays) + [["writeonly", "allocate"]]
    given: Any = [*arrays, None]
    dtypes = [*(a.dtype for a in arrays), np.dtype(np.int8)]
    steps = np.nditer(given, ["zerosize_ok"], flags, dtypes).operands[-1].strides
    order = sorted(range(len(shape)), key=lambda a: -steps[a])
    memory = new(tuple(shape[a] for a in order), dtype)
    return memory.transpose(np.argsort(order))


def along(prim: Prim, x: ndarray, params: dict, axis: int, workers: int) -> Job:
    """A reduction of each part along an axis that stays."""
    keys = [(slice(None),) * axis + (part,) for part in ranges(x.shape[axis], workers)]
    folded = sum(a < axis for a in params["axes"])
    place = axis if params["keepdims"] else axis - folded
    return Job(
        prim,
        params,
        [[x[key]] for key in keys],
        keys,
        None,
        lambda found: np.concatenate(found, place),
    )


def whole(prim: Prim, x: ndarray, params: dict, workers: int) -> Job | None:
    """A reduction of everything: sums in NumPy's own halves, and what may be cut anywhere."""
    shape = (1,) * x.ndim if params["keepdims"] else ()
    line, own = x.ravel(order="K"), {"axes": (0,), "keepdims": False}
    exact = prim.name in CUT_ANYWHERE or (prim.name == "sum" and x.dtype.kind != "f")
    if exact:
        parts = [line[part] for part in ranges(len(line), min(workers, len(line)))]
    elif prim.name == "sum" and x.dtype.itemsize >= 4:  # halves are summed in float32
        parts = halves(line, workers)
    else:
        return None

    def join(found: list) -> ndarray:
        while len(found) > 1 and not exact:
            found = [a + b for a, b in zip(found[::2], found[1::2])]
        total = prim.run(np.stack(found), axes=(0,), keepdims=False) if exact else found[0]
        return np.asarray(total).reshape(shape)

    return Job(prim, own, [[part] for part in parts], [], None, join)


def halves(line: ndarray, workers: int) -> list[ndarray]:
    """The parts that NumPy's pairwise summation adds up by themselves, a power of two of them.

    Each has a multiple of 8 elements but for the last: Higham, The accuracy of floating point
    summation, 1993; that the cuts are NumPy's is checked by comparing bits.
    """
    parts = [line]
    while len(parts) < workers and min(map(len, parts)) > LEAF:
        cuts = [len(part) // 2 - len(part) // 2 % 8 for part in parts]
        parts = [half for part, n in zip(parts, cuts) for half in (part[:n], part[n:])]
    return parts


def compute(job: Job, k: int) -> Any:
    """Piece `k`: written where it belongs, or returned."""
    args, prim = job.pieces[k], job.prim
    if job.out is None:
        return prim.run(*args, **job.params)
    return written(prim, args, job.params, job.out[job.keys[k]])


def written(prim: Any, args: list, params: dict, out: ndarray) -> None:
    """An elementwise piece into `out`, in blocks where it makes intermediate results."""
    ufunc = DIRECT.get(prim.text) or (prim.run if isinstance(prim.run, np.ufunc) else None)
    if ufunc is not None and not params:
        ufunc(*args, out=out)
        return
    axis = max(range(out.ndim), key=lambda a: out.strides[a] * (out.shape[a] > 1))
    rows = max(BLOCK * out.shape[axis] // max(out.size, 1), 1)
    for start in range(0, out.shape[axis], rows):
        key = (slice(None),) * axis + (slice(start, start + rows),)
        out[key] = prim.run(*(fitting(a, key, out.ndim) for a in args), **params)
