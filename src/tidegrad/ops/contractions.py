"""Floor 3. Contractions: what is linear in each of two inputs, from matrix products down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import index
from typing import Any

from numpy import ndarray

from ..core import Tensor, bind
from ..dtypes import promote
from ..errors import ShapeError
from ..kinds import Prim, permute, reshape
from ..partials import Drop, Partial
from ..shapes import Shape, broadcast, canonical_axis, several
from .creation import lift, lift_along
from .plans import plan, terms

__all__ = ["dot", "matmul", "outer", "tensordot", "vecdot"]


class Contract(Prim):
    """Products of elements, summed over the labels that the result lacks: "ij,jk->ik".

    In canonical form: no label twice in a term, and each in the other term or in the result.
    """

    def __init__(self, name: str):
        super().__init__(name)
        self.drop = Drop([Partial(lambda y: y, 2), Partial(lambda x: x, 2)])

    @staticmethod
    def run(x, y, *, spec):
        return plan(spec)(x, y)

    def infer(self, x, y, *, spec):
        a, b, out = terms(spec)
        sizes = {**dict(zip(a, x.shape)), **dict(zip(b, y.shape))}
        return tuple(sizes[label] for label in out), promote(x.dtype, y.dtype)

    def vjp(self, node, g, saved):
        left, right = transposes(node.params["spec"])
        x, y = node.parents
        return [x and left(g, saved[1]), y and right(saved[0], g)]

    def jvp(self, node, tangents, saved):
        x, y = tangents
        left = None if x is None else self(x, saved[1], **node.params)
        right = None if y is None else self(saved[0], y, **node.params)
        return right if left is None else left if right is None else left + right


@lru_cache(maxsize=4096)
def transposes(spec: str) -> tuple[Callable, Callable]:
    """The contractions that give the cotangents of the two inputs."""
    a, b, out = terms(spec)
    return planned(f"{out},{b}->{a}"), planned(f"{a},{out}->{b}")


def planned(spec: str) -> Callable[[Any, Any], Any]:
    """The contraction `spec`; of bare arrays, which need no more than its plan, at once."""
    run, params = plan(spec), {"spec": spec}
    return lambda x, y: (
        run(x, y) if type(x) is type(y) is ndarray else bind(contract, (x, y), params)
    )


contract = Contract("contract")
MATRICES = {"spec": "ij,jk->ik"}


def matmul(x1: Any, x2: Any) -> Tensor:
    """The matrix product of the last two axes, the axes before them broadcast; vectors too.

    >>> tg.matmul([[1.0, 2.0], [3.0, 4.0]], [1.0, 10.0])
    tensor([21., 43.])
    """
    x = x1 if type(x1) is Tensor else lift(x1, "matmul")
    y = x2 if type(x2) is Tensor else lift(x2, "matmul")
    a, b = x.array.shape, y.array.shape
    if len(a) == 2 == len(b) and a[1] == b[0]:
        return bind(contract, (x, y), MATRICES)
    x_shape, y_shape, spec = matmul_spec(a, b)
    x = x if x_shape == a else reshape(x, shape=x_shape)
    y = y if y_shape == b else reshape(y, shape=y_shape)
    return contract(x, y, spec=spec)


@lru_cache(maxsize=4096)
def matmul_spec(a: Shape, b: Shape) -> tuple[Shape, Shape, str]:
    """The shapes without axes that would be broadcast, and the labels of those that are left."""
    if not a or not b:
        raise ShapeError(f"matmul: shapes {a} and {b}: a number has no matrix product; use *")
    if a[-1] != b[-2 if len(b) > 1 else 0]:
        raise ShapeError(
            f"matmul: shapes {a} and {b} do not fit; the first has {a[-1]} columns, the second "
            f"{b[-2 if len(b) > 1 else 0]} rows; transpose one of them?"
        )
    x_batch, y_batch = a[:-2], b[:-2]
    ndim = max(len(x_batch), len(y_batch))
    x_own, y_own, out = "", "", ""
    x_shape: list[int] = []
    y_shape: list[int] = []
    for axis in range(-ndim, 0):
        label = chr(ord("A") + ndim + axis)
        n = x_batch[axis] if -axis <= len(x_batch) else None
        m = y_batch[axis] if -axis <= len(y_batch) else None
        if n is not None and m is not None and n != m and 1 not in (n, m):
            raise ShapeError(
                f"matmul: shapes {a} and {b} do not broadcast; axis {axis - 2}: {n} and {m}"
            )
        if n is not None and (n == m or m is None or n != 1):
            x_own, x_shape = x_own + label, [*x_shape, n]
        if m is not None and (n == m or n is None or m != 1):
            y_own, y_shape = y_own + label, [*y_shape, m]
        out += label
    x_end, y_end = "ij"[2 - min(len(a), 2) :], "jk"[: min(len(b), 2)]
    spec = f"{x_own}{x_end},{y_own}{y_end}->{out}{x_end[:-1]}{y_end[1:]}"
    return (*x_shape, *a[-2:]), (*y_shape, *b[-2:]), spec


def tensordot(x1: Any, x2: Any, axes: int | Sequence[Any] = 2) -> Tensor:
    """Products summed over pairs of axes: the last and first `axes`, or the two lists given.

    >>> tg.tensordot(tg.ones((2, 3)), tg.ones((4, 3)), axes=([1], [1])).shape
    (2, 4)
    """
    x, y = lift(x1, "tensordot"), lift(x2, "tensordot")
    n, m = x.array.ndim, y.array.ndim
    first, second = paired(axes, n, m)
    for i, j in zip(first, second):
        if x.array.shape[i] != y.array.shape[j]:
            raise ShapeError(
                f"tensordot: axis {i} of shape {x.array.shape} and axis {j} of shape "
                f"{y.array.shape} differ in size"
            )
    a = [chr(ord("a") + i) for i in range(n)]
    b = [chr(ord("a") + n + j) for j in range(m)]
    for i, j in zip(first, second):
        b[j] = a[i]
    out = [label for label in a + b if not (label in a and label in b)]
    return contract(x, y, spec=f"{''.join(a)},{''.join(b)}->{''.join(out)}")


def paired(axes, n: int, m: int) -> list[list[int]]:
    """The axes of each side that `tensordot` sums over, as many of one as of the other."""
    if not isinstance(axes, (tuple, list)):
        count = index(axes)
        if not 0 <= count <= min(n, m):
            raise ShapeError(f"tensordot: {count} axes of tensors with {n} and {m} axes")
        return [list(range(n - count, n)), list(range(count))]
    if len(axes) != 2:
        raise ValueError(f"tensordot: axes is a number or two lists, not {axes}")
    pair = [
        [canonical_axis(a, ndim, "tensordot") for a in several(side)]
        for side, ndim in zip(axes, (n, m))
    ]
    if len(pair[0]) != len(pair[1]) or any(len(set(side)) != len(side) for side in pair):
        raise ShapeError(f"tensordot: axes {axes} do not name as many of both sides, once each")
    return pair


def vecdot(x1: Any, x2: Any, axis: int = -1) -> Tensor:
    """Products summed along one axis, the other axes broadcast.

    >>> tg.vecdot([[1.0, 2.0], [3.0, 4.0]], [1.0, 10.0])
    tensor([21., 43.])
    """
    x, y = last(x1, axis), last(x2, axis)
    a, b = x.array.shape, y.array.shape
    if a[-1] != b[-1]:
        raise ShapeError(f"vecdot: sizes {a[-1]} and {b[-1]} differ along axis {axis}")
    shape = broadcast("vecdot", a[:-1], b[:-1])
    row, column = (*a[:-1], 1, a[-1]), (*b, 1)
    return reshape(matmul(reshape(x, shape=row), reshape(y, shape=column)), shape=shape)


def last(x: Any, axis: int) -> Tensor:
    """`x` with `axis` moved to the end."""
    x, at = lift_along(x, axis, "vecdot")
    ndim = x.array.ndim
    return x if at == ndim - 1 else permute(x, axes=(*range(at), *range(at + 1, ndim), at))


def outer(x1: Any, x2: Any) -> Tensor:
    """Every element of one vector times every element of another.

    >>> tg.outer([1.0, 2.0], [1.0, 10.0]).tolist()
    [[1.0, 10.0], [2.0, 20.0]]
    """
    x, y = lift(x1, "outer"), lift(x2, "outer")
    if x.array.ndim != 1 or y.array.ndim != 1:
        raise ShapeError(f"outer: takes two vectors, not {x.array.shape} and {y.array.shape}")
    return contract(x, y, spec="i,j->ij")


def dot(x1: Any, x2: Any) -> Tensor:
    """NumPy's dot: the last axis of one with the last but one (or only) axis of the other.

    >>> tg.dot([1.0, 2.0], [3.0, 4.0])
    tensor(11.)
    """
    x, y = lift(x1, "dot"), lift(x2, "dot")
    if not x.array.ndim or not y.array.ndim:
        return x * y
    return tensordot(x, y, ((-1,), (-min(y.array.ndim, 2),)))
