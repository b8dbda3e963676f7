"""Floor 5. The kind Call, and custom_vjp: functions whose derivatives are stated by the user."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .arrays import own, owned
from .autodiff import as_tensor
from .core import NOTHING, Node, Tensor, local
from .errors import GraphError, ShapeError
from .kinds import Prim, cast
from .ops.creation import zeros_like
from .recording import Recording
from .transforms import new_variable, pulled
from .trees import flatten, map_leaves
from .watching import Watch

__all__ = ["Call", "custom_vjp"]


class Parts:
    """Cotangents for some of a node's several results."""

    def __init__(self, parts: dict[int, Any]):
        self.parts = parts

    def __add__(self, other: Parts) -> Parts:
        both = dict(self.parts)
        for k, g in other.parts.items():
            both[k] = both[k] + g if k in both else g
        return Parts(both)


class Pick(Prim):
    """One of a node's several results."""

    def run(self, whole, *, k):
        return whole[k]

    def infer(self, whole, *, k):
        return whole.params["results"][k]

    def vjp(self, node, g, saved):
        return [Parts({node.params["k"]: g})]

    def jvp(self, node, tangents, saved):
        return tangents[0][node.params["k"]]


pick = Pick("pick")


class Call(Prim):
    """A whole function as one operation.

    `pull(gs, inputs, record)` gives a cotangent for each parent, from one or None for each
    result; `push(ts, inputs, record)` a tangent for each result.  All are Tensors.
    """

    def __init__(self, name: str, pull: Callable, push: Callable):
        super().__init__(name)
        self.pull, self.push = pull, push

    def results(self, outs: Sequence[Tensor], parents: Sequence[Tensor]) -> list[Tensor]:
        """The function's results as results of this operation on `parents`."""
        nodes, saved = tuple(p.node for p in parents), owned([p.array for p in parents])
        whole = Node(self, nodes, {"results": len(outs)}, outs[0].array, saved)
        picks = [
            Node(pick, (whole,), {"k": k}, y.array, NOTHING) if len(outs) > 1 else whole
            for k, y in enumerate(outs)
        ]
        made = [Tensor(y.array, node) for y, node in zip(outs, picks)]
        if local.trace is not None:
            local.trace.note(made)
        return made

    def vjp(self, node, g, saved):
        parts = g.parts if isinstance(g, Parts) else {0: g}
        record = any(type(part) is Tensor for part in parts.values())
        gs = [parts.get(k) for k in range(node.params["results"])]
        found = self.pull([g if g is None else as_tensor(g) for g in gs], tensors(saved), record)
        return [g if record or g is None else g.array for g in found]

    def jvp(self, node, tangents, saved):
        record = any(type(t) is Tensor for t in tangents)
        ts = [t if t is None else as_tensor(t) for t in tangents]
        found = self.push(ts, tensors(saved), record)
        found = [t if record else t.array for t in found]
        return found if len(found) > 1 else found[0]


def tensors(saved: Sequence) -> list[Tensor]:
    return [x if type(x) is Tensor else Tensor(x) for x in saved]


class custom_vjp:
    """A function whose derivative you state: `f.defvjp(fwd, bwd)`, optionally `f.defjvp(push)`.

    `fwd(*args)` returns (result, residuals); `bwd(residuals, cotangent)` returns a cotangent or
    None for each argument; `push(primals, tangents)` returns (result, tangent).  Without it
    forward mode transposes `bwd`.  Second derivatives differentiate `fwd` and `bwd`.

    >>> @tg.custom_vjp
    ... def clipped(x):
    ...     return x * 1
    >>> clipped.defvjp(lambda x: (x * 1, None), lambda _, g: (tg.clip(g, -1, 1),))
    >>> tg.grad(lambda x: 5 * clipped(x))(2.0)
    tensor(1.)
    """

    def __init__(self, f: Callable):
        functools.update_wrapper(self, f)
        self.f, self.name = f, getattr(f, "__name__", "custom_vjp")
        self.fwd: Callable | None = None
        self.bwd: Callable | None = None
        self.push: Callable | None = None

    def defvjp(self, fwd: Callable, bwd: Callable) -> None:
        """State the derivative: what to compute and keep, and how a cotangent comes back."""
        self.fwd, self.bwd = fwd, bwd

    def defjvp(self, push: Callable) -> None:
        """State how a tangent is carried forward."""
        self.push = push

    def __call__(self, *args: Any) -> Any:
        if self.fwd is None:
            raise GraphError(f"custom_vjp: {self.name} has no rule yet; call .defvjp(fwd, bwd)")
        applied = Application(self, args)
        if not applied.tracked or not local.recording:
            return self.f(*args)
        outs = applied.forward(args)
        prim = Call(self.name, applied.pull, applied.push)
        return applied.tree(prim.results(outs, applied.tracked))


def seen(x):
    """`x`, or what stands for it where a function is run again."""
    return x if local.trace is None else local.trace.stand_in(x)


def only_tensors(outs: list, name: str) -> list:
    if not outs or not all(type(y) is Tensor for y in outs):
        raise TypeError(f"{name}: must return a Tensor, or a tree of Tensors")
    return [seen(y) for y in outs]


def fitting(g, x: Tensor, name: str) -> Tensor | None:
    """The cotangent `g` in the dtype of its primal `x`, once it has its shape."""
    if g is None or (type(g) is Tensor and g.array.shape == x.array.shape):
        return g if g is None or g.array.dtype == x.array.dtype else cast(g, dtype=x.array.dtype)
    raise ShapeError(
        f"{name}: bwd returned {getattr(g, 'shape', type(g).__name__)} for an "
        f"input of shape {x.array.shape}; a cotangent has its primal's shape"
    )


def as_it_is(x):
    """`x` for later: neither writing into shared memory nor rebinding a Tensor changes it."""
    if type(x) is Tensor:
        return Tensor(own(seen(x).array), seen(x).node)
    return x.copy() if isinstance(x, np.ndarray) else x


class Closed(Watch):
    """Refuses tensors that need a gradient and are no arguments: it would be lost."""

    def __init__(self, name: str, args: tuple):
        super().__init__()
        self.name, self.given = name, {id(x) for x in flatten(args)[0]}

    def look(self, prim, args):
        for a in args if prim.differentiable else ():
            if type(a) is Tensor and self.stand_in(a).node is not None:
                if not (self.own(a) or id(a) in self.given):
                    raise GraphError(
                        f"{self.name}: fwd reads a tensor of shape {a.array.shape} that needs a "
                        "gradient and is no argument; make it one, or use .detach()"
                    )


class Application:
    """One call of a custom_vjp function: its arguments and what `fwd` left for `bwd`."""

    def __init__(self, rule: custom_vjp, args: tuple):
        self.rule, self.name = rule, rule.name
        leaves, self.rebuild = flatten(args)
        values = [seen(x) if type(x) is Tensor else x for x in leaves]
        self.places = [k for k, x in enumerate(values) if type(x) is Tensor and x.node is not None]
        self.tracked = [values[k] for k in self.places]
        # Only inputs without gradient are held here; those with one are saved by the node.
        self.leaves = [None if k in self.places else x for k, x in enumerate(values)]

    def forward(self, args: tuple) -> list[Tensor]:
        """The results, for a first time and not recorded."""
        with Recording(False), Closed(self.name, args):
            value, residuals = self.run(args)
        outs, self.tree = flatten(value)
        self.outs = [(y.array.shape, y.array.dtype) for y in only_tensors(outs, self.name)]
        self.residuals = map_leaves(as_it_is, residuals)
        self.leaves = list(map(as_it_is, self.leaves))
        return outs

    def run(self, args):
        found = self.rule.fwd(*args)
        if not isinstance(found, tuple) or len(found) != 2:
            raise TypeError(f"{self.name}: fwd must return a pair (result, residuals)")
        return found

    def with_inputs(self, inputs: Sequence[Tensor]) -> tuple:
        leaves = list(self.leaves)
        for k, x in zip(self.places, inputs):
            leaves[k] = x
        return self.rebuild(leaves)

    def pull(self, gs: Sequence[Tensor | None], inputs: Sequence[Tensor], record: bool) -> list:
        residuals = self.residuals
        if record:
            with Recording(True):
                _, residuals = self.run(self.with_inputs(inputs))
        whole = [Tensor(np.zeros(*spec)) if g is None else g for g, spec in zip(gs, self.outs)]
        with Recording(record):
            found = self.rule.bwd(residuals, self.tree(whole))  # type: ignore[misc]  # set with fwd
        return self.checked(found, inputs)

    def checked(self, found, inputs: Sequence[Tensor]) -> list:
        """The cotangents that `bwd` returned, one for each input with a gradient."""
        args = self.with_inputs(inputs)
        if not isinstance(found, tuple | list) or len(found) != len(args):
            raise TypeError(f"{self.name}: bwd must return {len(args)} cotangents, in a tuple")
        flat: list = []
        for arg, g in zip(args, found):
            count = len(flatten(arg)[0])
            parts = [None] * count if g is None else flatten(g)[0]
            if len(parts) != count:
                raise ValueError(
                    f"{self.name}: bwd returned {len(parts)} cotangents for an argument that "
                    f"holds {count} tensors; a cotangent is a tree like its primal"
                )
            flat += parts
        return [fitting(flat[k], x, self.name) for k, x in zip(self.places, inputs)]

    def push(self, ts: Sequence[Tensor | None], inputs: Sequence[Tensor], record: bool) -> list:
        whole = [zeros_like(x) if t is None else t for t, x in zip(ts, inputs)]
        if self.rule.push is not None:
            with Recording(record):
                _, t = self.rule.push(self.with_inputs(inputs), self.with_inputs(whole))
            return flatten(t)[0]
        # bwd is linear in its cotangent u; pulling the tangents back through it to u gives J t.
        us = [new_variable(Tensor(np.zeros(*spec))) for spec in self.outs]
        found = pulled(self.pull(us, inputs, True), whole, us, record=record)
        return [zeros_like(u) if t is None else t for u, t in zip(us, found)]
