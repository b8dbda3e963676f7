"""Floor 2. The kinds of primitive: rules that every operation of a kind shares.

A partial derivative is a function whose argument names say what it is made of: `x y w` are the
operation's inputs, `z` its result, and after `*` come the operation's own parameters.  Only what
is named is kept for the backward pass.  A partial that is a bool selects instead of multiplying.
Every derivative works on bare arrays and on Tensors alike, which is how gradients have gradients.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from .arrays import as_array, spread_view
from .core import Node, Tensor, bind, local
from .dtypes import floating, promote, refuse
from .errors import ShapeError
from .partials import Drop, Partial, Rule, bounded, compiled, computed, words
from .recording import refuse_escaped
from .shapes import ALL, Shape, broadcast, broadcast_axes, inverse, reduced
from .sums import total

__all__ = ["Map", "Move", "Opaque", "Prim", "Reduce", "cast", "expand", "inverse", "permute"]
__all__ += ["reshape", "spread", "sum_", "sum_to", "where"]


class Prim:
    """An operation as the core sees it; its kind gives it `run`, `infer`, `vjp` and `jvp`.

    `infer` gives shape and dtype from anything that has them, and explains what does not fit.
    `vjp(node, g, saved)` gives a cotangent for each parent, None where a parent is not tracked;
    `jvp(node, tangents, saved)` gives the result's tangent, where None stands for zero.
    """

    promotes = True  # inputs are brought to one dtype
    floats = False  # computed in a float dtype, whatever is given
    differentiable = True
    run: Callable[..., Any]
    infer: Callable[..., tuple[Shape, np.dtype]]
    drop: Mapping[int, tuple[int, ...] | None]  # by tracked inputs, what `saved` leaves out

    def __init__(self, name: str):
        self.name = name
        self.drop = Drop()

    def __call__(self, *args: Any, **params: Any) -> Any:
        return bind(self, args, params)

    def __repr__(self) -> str:
        return self.name

    def lift(self, args: tuple) -> tuple:
        """`args`, those as Tensors that are neither arrays nor numbers."""
        known = (Tensor, ndarray, float, int, bool)
        return tuple(a if type(a) in known else Tensor(as_array(a, self.name)) for a in args)

    def unify(self, args: tuple) -> tuple:
        """`args` cast to the one dtype in which this operation computes on them."""
        dtype = promote(*(a.dtype if hasattr(a, "dtype") else type(a) for a in args))
        dtype = floating(dtype) if self.floats else dtype
        return tuple(cast(a, dtype=dtype) if hasattr(a, "dtype") else a for a in args)

    def explain(self, args: tuple, params: dict) -> None:
        """Raise the readable error for what NumPy refused: shapes that do not fit, or dtypes."""
        refuse_escaped(self.name, args)
        arrays = [a if hasattr(a, "shape") else np.asarray(a) for a in args]
        self.infer(*arrays, **params)
        refuse(self.name, sys.exception(), *(a.dtype for a in arrays))


def scale(g: Any, slope: Any, singular: Any) -> Any:
    """`g * slope`, where a slope of bool selects and an infinite slope leaves a zero `g` zero."""
    if type(slope) is ndarray and slope.dtype is g.dtype:
        product = g * slope
        if not local.invalid and (not singular or bounded(product)):  # NumPy met no 0 * inf
            return product
        local.invalid = False
    if slope is False:
        return where(False, g, 0)
    if type(slope) in (bool, int, float):
        return g if slope == 1 else g * slope
    if slope.dtype.kind == "b":
        return where(slope, g, 0)
    if slope.dtype is not g.dtype:
        slope = cast(slope, dtype=g.dtype)
    if type(singular) is Map:  # in the derivatives of such a product, either may be the zero
        return singular(slope, g)
    if bounded(slope):
        return g * slope
    return (flow_singular if singular else flow)(g, slope)


class Map(Prim):
    """Element by element, with broadcasting; `text` says what happens to one element."""

    def __init__(
        self,
        name: str,
        text: str,
        partials: Sequence[Rule] = (),
        *,
        dtype: type | None = None,
        floats: bool = False,
        singular: Any = False,
        kernel: Callable[..., Any] | None = None,
    ):
        super().__init__(name)
        self.text, self.dtype, self.floats, self.singular = text, dtype, floats, singular
        self.inputs, params = words(text)
        self.partials: list[Any] = [p and Partial(p, self.inputs) for p in partials]
        self.drop = Drop(self.partials)
        self.differentiable = any(self.partials)
        self.promotes = dtype is None  # NumPy compares and tests mixed dtypes exactly
        self.run = kernel or compiled(text, self.inputs, params)

    def infer(self, *args: Any, **params: Any) -> tuple[Shape, np.dtype]:
        shape = broadcast(self.name, *(a.shape for a in args))
        dtype = promote(*(a.dtype for a in args))
        if self.dtype is not None:
            return shape, np.dtype(self.dtype)
        return shape, floating(dtype) if self.floats else computed(self.run, self.inputs, dtype)

    def vjp(self, node: Node, g: Any, saved: Sequence) -> list:
        found: list = []
        for parent, partial in zip(node.parents, self.partials):
            if parent is None:
                found.append(None)
                continue
            part = scale(g, partial.at(saved, node.params), self.singular)
            found.append(part if part.shape == parent.shape else sum_to(part, parent.shape))
        return found

    def jvp(self, node: Node, tangents: Sequence, saved: Sequence) -> Any:
        total = None
        for t, partial in zip(tangents, self.partials, strict=True):
            if t is not None:
                part = scale(t, partial.at(saved, node.params), self.singular)
                total = part if total is None else total + part
        return spread(total, node.shape)


class Reduce(Prim):
    """A fold over `axes` (sorted), which stay as size 1 where `keepdims`.

    In the partial, `z` is the result with its axes kept.
    """

    def __init__(
        self,
        name: str,
        run: Callable,
        partial: Rule = None,
        *,
        dtype: Callable[[np.dtype], np.dtype] = lambda dtype: dtype,
        empty: bool = True,
    ):
        super().__init__(name)
        self.run, self.dtype, self.empty = run, dtype, empty
        self.partial: Any = partial and Partial(partial, 1)
        self.drop = Drop([self.partial])
        self.differentiable = partial is not None

    def infer(self, x: Any, *, axes: Shape, keepdims: bool) -> tuple[Shape, np.dtype]:
        if not self.empty and any(x.shape[a] == 0 for a in axes):
            raise ShapeError(f"{self.name}: shape {x.shape} has no element along axis {axes}")
        return reduced(x.shape, axes, keepdims), self.dtype(x.dtype)

    def slope(self, node: Node, saved: Sequence) -> Any:
        if saved and saved[1] is not None:
            saved = (saved[0], with_axes(saved[1], node))
        return self.partial.at(saved, node.params)

    def vjp(self, node: Node, g: Any, saved: Sequence) -> list:
        part = scale(with_axes(g, node), self.slope(node, saved), False)
        return [spread(part, node.parents[0].shape)]

    def jvp(self, node: Node, tangents: Sequence, saved: Sequence) -> Any:
        return sum_(scale(tangents[0], self.slope(node, saved), False), **node.params)


def with_axes(x: Any, node: Node) -> Any:
    """`x`, shaped like the result of a Reduce, with axes where it folded; leading ones may lack."""
    axes = node.params["axes"]
    fits = node.params["keepdims"] or axes == ALL[len(axes)]
    return x if fits else reshape(x, shape=reduced(node.parents[0].shape, axes, True))


class Move(Prim):
    """Elements move, none change: linear, so tangents move likewise; `back` is the transpose.

    `shape(*inputs, **params)` gives the result's shape, `back(g, node, i)` the cotangent of
    input `i`, `part(node, i)` the shape of an input whose tangent is zero.
    """

    def __init__(
        self, name: str, run: Callable, shape: Callable, back: Callable, part: Rule = None
    ):
        super().__init__(name)
        self.run, self.shape, self.back, self.part = run, shape, back, part

    def infer(self, *args: Any, **params: Any) -> tuple[Shape, np.dtype]:
        return self.shape(*args, **params), promote(*(a.dtype for a in args))

    def vjp(self, node: Node, g: Any, saved: Sequence) -> list:
        return [p and self.back(g, node, i) for i, p in enumerate(node.parents)]

    def jvp(self, node: Node, tangents: Sequence, saved: Sequence) -> Any:
        whole = [
            np.zeros(self.part(node, i), node.dtype) if t is None and self.part else t
            for i, t in enumerate(tangents)
        ]
        return self(*whole, **node.params)


class Opaque(Prim):
    """A library's routine, without derivatives unless a subclass states them."""

    promotes = differentiable = False

    def __init__(self, name: str, run: Callable, infer: Callable):
        super().__init__(name)
        self.run, self.infer = run, infer


# What the rules themselves are written with.
where = Map("where", "where(x, y, w)", (None, lambda x: x, lambda x: x == 0))
where.promotes = False

# A product with a slope that may not be finite; a zero that meets such a slope stays 0.
flow = Map("flow", "where(logical_and(x == 0, isinf(y)), 0, x * y)", (
    lambda x, y: where((x == 0) & (abs(y) == np.inf), 0, y), lambda x: x))  # fmt: skip
flow_singular = Map("flow_singular", "where(logical_and(x == 0, ~isfinite(y)), 0, x * y)", (
    lambda x, y: where((x == 0) & (y - y != 0), 0, y), lambda x: x))  # fmt: skip
flow.singular, flow_singular.singular = flow, flow_singular


class Cast(Map):
    """Another dtype; cotangents are cast back to that of the input."""

    def infer(self, x: Any, *, dtype: np.dtype) -> tuple[Shape, np.dtype]:
        return x.shape, dtype

    def vjp(self, node: Node, g: Any, saved: Sequence) -> list:
        return [cast(g, dtype=node.parents[0].dtype)]

    def jvp(self, node: Node, tangents: Sequence, saved: Sequence) -> Any:
        return cast(tangents[0], **node.params)


cast = Cast("cast", "x", (lambda: 1,), kernel=lambda x, *, dtype: x.astype(dtype))

reshape = Move(
    "reshape",
    lambda x, *, shape: x.reshape(shape),
    lambda x, *, shape: shape,
    lambda g, node, i: reshape(g, shape=node.parents[0].shape),
)

permute = Move(
    "permute",
    lambda x, *, axes: x.transpose(axes),
    lambda x, *, axes: tuple(x.shape[a] for a in axes),
    lambda g, node, i: permute(g, axes=inverse(node.params["axes"])),
)

expand = Move(
    "expand",
    spread_view,
    lambda x, *, shape: broadcast("broadcast_to", x.shape, shape),
    lambda g, node, i: sum_to(g, node.parents[0].shape),
)

sum_ = Reduce("sum", total, lambda: 1, dtype=lambda dtype: np.add.reduce(np.empty(0, dtype)).dtype)


def sum_to(g: Any, shape: Shape) -> Any:
    """`g` summed down to `shape`, from which it had been spread by broadcasting."""
    if g.shape == shape:
        return g
    added, ones = broadcast_axes(shape, g.shape)
    g = sum_(g, axes=added + ones, keepdims=False)
    return g if g.shape == shape else reshape(g, shape=shape)


def spread(t: Any, shape: Shape) -> Any:
    """`t` broadcast to `shape`."""
    return t if t.shape == shape else expand(t, shape=shape)
