"""Floor 5. Linear views of a function at a point: vjp, jvp, jacobian, hessian, hvp."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .autodiff import cotangent
from .core import Tensor, local
from .kinds import reshape
from .ops.joining import stack
from .transforms import (
    Inputs,
    called,
    checked_function,
    checked_place,
    depends_on_others,
    grad,
    nodes_of,
    pulled,
    pushed,
    settled,
)
from .trees import flatten

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vjp"]


def tracked(tensors: Sequence[Tensor | None]) -> bool:
    return any(t is not None and t.node is not None for t in tensors)


class Linearized:
    """A function at a point: its value, and the recorded graph that its derivatives follow."""

    def __init__(self, f: Callable, xs: Sequence[Any], operation: str, has_aux: bool = False):
        self.inputs = Inputs(xs, operation)
        out, aux = called(f, self.inputs.trees, has_aux)
        outputs, self.rebuild = flatten(out)
        if not all(type(y) is Tensor for y in outputs):
            raise TypeError(f"{operation}: the function must return Tensors, or a tree of them")
        # The user, who has the results too, may rebind them.
        self.outputs = [Tensor(y.array, y.node) for y in outputs]
        ends = nodes_of(self.outputs)
        self.record = local.recording and depends_on_others(ends, self.inputs.nodes)
        self.value = settled(out, self.record)
        self.aux = (settled(aux, self.record),) if has_aux else ()  # to be added to a result

    def pull(self, seeds: Sequence[Tensor | None]) -> tuple:
        """The cotangents of the inputs for those of the outputs, None being zero."""
        record = self.record or (local.recording and tracked(seeds))
        found = pulled(self.outputs, seeds, self.inputs.variables, record=record)
        return self.inputs.gathered(found)

    def push(self, tangents: Sequence[Tensor | None]) -> list[Tensor]:
        """The tangents of the outputs for those of the inputs, None being zero."""
        record = self.record or (local.recording and tracked(tangents))
        return pushed(self.inputs.variables, tangents, self.outputs, record)


def fitting(tree, like: Sequence[Any], operation: str) -> list[Tensor | None]:
    """The leaves of `tree` as Tensors with the shapes and dtypes of `like`."""
    single = len(like) == 1 and (type(tree) is not tuple or len(tree) != 1)
    leaves = [tree] if single and not isinstance(tree, dict) else flatten(tree)[0]
    if len(leaves) != len(like):
        raise ValueError(f"{operation}: {len(leaves)} leaves were given for {len(like)}")
    return [
        None if x is None or y is None else cotangent(y, x, operation) for x, y in zip(leaves, like)
    ]


def vjp(f: Callable, *xs: Any, has_aux: bool = False) -> tuple:
    """f's value at `xs`, and a function that pulls a cotangent of it back to `xs`.

    With `has_aux`, f returns (value, auxiliary), and the auxiliary comes third; so in `jvp`.

    >>> y, pull = tg.vjp(lambda x: x * x, [1.0, 2.0])
    >>> pull([1.0, 10.0])
    (tensor([ 2., 40.]),)
    """
    at = Linearized(f, xs, "vjp", has_aux)

    def pull(cotangents):
        return at.pull(fitting(cotangents, at.outputs, "vjp"))

    return at.value, pull, *at.aux


def jvp(f: Callable, xs: Sequence[Any], ts: Sequence[Any], has_aux: bool = False) -> tuple:
    """f's value at `xs`, and its directional derivative along `ts`, by forward mode.

    >>> tg.jvp(lambda x: x * x, [3.0], [10.0])
    (tensor(9.), tensor(60.))
    """
    if not isinstance(xs, list | tuple) or not isinstance(ts, list | tuple) or len(xs) != len(ts):
        raise TypeError("jvp: takes a list of inputs and one of tangents, of equal lengths")
    at = Linearized(f, xs, "jvp", has_aux)
    tangents: list[Tensor | None] = []
    for tree, t in zip(at.inputs.trees, ts):
        tangents += fitting(t, [x if type(x) is Tensor else None for x in flatten(tree)[0]], "jvp")
    return at.value, at.rebuild(at.push(tangents)), *at.aux


def jacobian(
    f: Callable, argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that gives the derivative of every output by every input: shape out + in.

    Forward or reverse mode, whichever needs fewer passes.  For trees: the tree of the outputs,
    with the tree of the inputs at each leaf.  With `has_aux`, (derivative, auxiliary).

    >>> tg.jacobian(lambda x: x * x)([1.0, 2.0])
    tensor([[2., 0.],
            [0., 4.]])
    """

    @functools.wraps(checked_function(f, "jacobian"))
    def matrix(*args):
        chosen = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        places = [checked_place(n, len(args)) for n in chosen]

        def of_chosen(*some):
            filled = list(args)
            for n, value in zip(places, some):
                filled[n] = value
            return f(*filled)

        at = Linearized(of_chosen, [args[n] for n in places], "jacobian", has_aux)
        rows = by_outputs(at) if total(at.outputs) <= total(at.inputs.variables) else by_inputs(at)
        found = at.rebuild([row[0] if isinstance(argnums, int) else row for row in rows])
        return (found, *at.aux) if has_aux else found

    return matrix


def total(tensors: Sequence[Tensor | None]) -> int:
    return sum(x.array.size for x in tensors if x is not None)


def basis(like: Tensor, k: int) -> Tensor:
    """The `k`-th unit vector in the shape of `like`."""
    array = np.zeros(like.array.shape, like.array.dtype)
    array.flat[k] = 1
    return Tensor(array)


def by_outputs(at: Linearized) -> list[tuple]:
    """The Jacobian in reverse mode: one pass for each element of the outputs."""
    rows = []
    for which, y in enumerate(at.outputs):
        seeds: list[Tensor | None] = [None] * len(at.outputs)
        pulled = []
        for k in range(y.array.size):
            seeds[which] = basis(y, k)
            pulled.append(flatten(at.pull(seeds))[0])
        rows.append(at.inputs.rebuild([
            None if v is None else joined([p[i] for p in pulled], y.array.shape, v)
            for i, v in enumerate(at.inputs.variables)
        ]))  # fmt: skip
    return rows


def by_inputs(at: Linearized) -> list[tuple]:
    """The Jacobian in forward mode: one pass for each element of the inputs."""
    columns: list[list[list[Tensor]]] = [[] for _ in at.inputs.variables]
    for which, v in enumerate(at.inputs.variables):
        if v is None:
            continue
        for k in range(v.array.size):
            tangents: list[Tensor | None] = [None] * len(at.inputs.variables)
            tangents[which] = basis(v, k)
            columns[which].append(at.push(tangents))
    rows = []
    for j, y in enumerate(at.outputs):
        rows.append(at.inputs.rebuild([
            None if v is None else joined([c[j] for c in columns[i]], y.array.shape, v, -1)
            for i, v in enumerate(at.inputs.variables)
        ]))  # fmt: skip
    return rows


def joined(parts: list, outer: tuple, like: Tensor, axis: int = 0) -> Tensor:
    """The rows (or along axis -1 the columns) of a Jacobian, of shape outer + that of `like`."""
    shape = outer + like.array.shape
    if not parts:
        return Tensor(np.zeros(shape, like.array.dtype))
    return reshape(stack(parts, axis), shape=shape)


def hessian(
    f: Callable, argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that gives the second derivatives of a scalar function: shape in + in.

    With `has_aux`, (derivatives, auxiliary).

    >>> tg.hessian(lambda x: (x**3).sum())([1.0, 2.0])
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacobian(grad(f, argnums, has_aux), argnums, has_aux)


def hvp(f: Callable, xs: Any, vs: Any, has_aux: bool = False) -> Any:
    """The Hessian of a scalar function at `xs` times `vs`, without building the matrix.

    `xs` is one argument, or a tuple of all of them; `vs` is like it.  With `has_aux`,
    (product, auxiliary).

    >>> tg.hvp(lambda x: (x**3).sum(), tg.tensor([1.0, 2.0]), tg.tensor([1.0, 1.0]))
    tensor([ 6., 12.])
    """
    many = isinstance(xs, tuple)
    args, along = (xs, vs) if many else ((xs,), (vs,))
    slope = grad(f, tuple(range(len(args))), has_aux)
    _, found, *aux = jvp(slope, args, along, has_aux)
    found = found if many else found[0]
    return (found, *aux) if has_aux else found
