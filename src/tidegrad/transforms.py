"""Floor 5. Gradients of scalar functions over trees of arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from .arrays import as_array
from .autodiff import as_tensor, cotangent, ebb, flood
from .core import NOTHING, Node, Tensor, local, toposort
from .dtypes import is_float
from .errors import DTypeError, ShapeError
from .kinds import Prim
from .ops.creation import zeros_like
from .ops.elementwise import positive, stop_gradient
from .recording import Recording, seen
from .trees import flatten, map_leaves

__all__ = ["SAME", "grad", "value_and_grad"]


class Variable(Prim):
    """What a transform differentiates by: equal to its input, and yet a variable of its own.

    So transforms inside each other are told apart.  `live` until its transform has run f.
    """

    def run(self, x, live):
        return x

    def vjp(self, node, g, saved):
        return [g]

    def jvp(self, node, tangents, saved):
        return tangents[0]


variable = Variable("variable")
# The value is the input's; only the tape differs.
SAME = {positive, stop_gradient, variable}


NUMBERS = (int, float, np.generic, np.ndarray)


class Inputs:
    """The inputs that one transform differentiates by, as a tree with new variables in it."""

    def __init__(self, trees: Sequence[Any], operation: str):
        self.operation = operation
        self.leaves, self.rebuild = flatten(tuple(map(self.opened, trees)))
        self.variables = [as_variable(leaf) for leaf in self.leaves]
        self.nodes = nodes_of(self.variables)

    def opened(self, tree):
        """Numbers, and lists of numbers, are tensors where a whole argument is meant."""
        numbers = isinstance(tree, list) and {type(x) for x in flatten(tree)[0]} <= {int, float}
        if numbers or isinstance(tree, NUMBERS):
            tree = Tensor(as_array(tree, self.operation))
        if type(tree) is Tensor and not is_float(tree.array.dtype):
            raise DTypeError(
                f"{self.operation}: only floats have gradients, and an argument is "
                f"{tree.array.dtype}; pass 2.0 for 2, or convert with .astype(tg.float32)"
            )
        return tree

    @property
    def trees(self) -> tuple:
        """The arguments, with the variables in their places; f may rebind what it is given."""
        given = [v if v is None else Tensor(v.array, v.node) for v in self.variables]
        if local.trace is not None:
            local.trace.note([v for v in given if v is not None])
        pairs = zip(given, self.leaves, strict=True)
        return self.rebuild([leaf if v is None else v for v, leaf in pairs])

    def gathered(self, found: Sequence[Tensor | None]) -> tuple:
        """What was found for each variable, zeros where nothing was, None for other leaves."""
        pairs = zip(self.variables, found)
        return self.rebuild([g if v is None or g is not None else zeros_like(v) for v, g in pairs])


def as_variable(leaf) -> Tensor | None:
    """A variable equal to `leaf`, or None where that cannot have a gradient."""
    if isinstance(leaf, np.ndarray | np.generic) and is_float(leaf.dtype):
        leaf = Tensor(as_array(leaf, "grad"))
    if type(leaf) is not Tensor or not is_float(leaf.array.dtype):
        return None
    return new_variable(leaf)


def nodes_of(tensors: Iterable[Tensor | None]) -> list[Node]:
    """The nodes of those tensors that have one."""
    return [x.node for x in map(seen, tensors) if x is not None and x.node is not None]


def new_variable(x: Tensor) -> Tensor:
    """A variable equal to `x`."""
    with Recording(True):
        made = variable(x, live=True)
    if made.node is None:
        made.node = Node(variable, (None,), {"live": True}, x.array, NOTHING)
    return made


def pulled(
    outs: Sequence[Tensor | None], gs: Sequence[Tensor | None],
    variables: Sequence[Tensor | None], *, record: bool, release: bool = False,
) -> list[Tensor | None]:  # fmt: skip
    """The cotangents of `variables` for those of `outs`; None is zero."""
    seeds: dict = {}
    for y, g in zip(outs, gs, strict=True):
        if g is not None and y is not None and y.node is not None:
            part = g if record or local.lifting else g.array
            seeds[y.node] = seeds[y.node] + part if y.node in seeds else part
    found = ebb(seeds, nodes_of(variables), release=release, record=record)
    return [as_tensor(found[v.node]) if v is not None and v.node in found else None
            for v in variables]  # fmt: skip


def pushed(
    variables: Sequence[Tensor | None], ts: Sequence[Tensor | None], outs: Sequence[Tensor],
    record: bool,
) -> list[Tensor]:  # fmt: skip
    """The tangents of `outs` for those of `variables`; None is zero."""
    pairs = [(v, t) for v, t in zip(variables, ts) if v is not None and t is not None]
    seeds: dict = {v.node: t if record else t.array for v, t in pairs}
    have = flood(seeds, nodes_of(outs), record=record)
    return [as_tensor(have[y.node]) if y.node in have else zeros_like(y) for y in outs]


def depends_on_others(nodes: Iterable[Node], own: Iterable[Node]) -> bool:
    """Whether a graph has leaves, or variables of transforms that still run, besides `own`.

    Then somebody may differentiate what comes out, and the gradients are recorded.
    """
    for node in own:
        node.params["live"] = False
    return any(
        node.prim is None or (node.prim is variable and node.params["live"])
        for node in toposort(nodes)
    )


def called(f: Callable, args: Sequence[Any], has_aux: bool = False) -> tuple[Any, Any]:
    """The value of `f`, and what it returned beside, with recording on."""
    with Recording(True):
        out = f(*args)
    if local.tracing is not None:
        out = map_leaves(seen, out)
    if not has_aux:
        return out, None
    if not isinstance(out, tuple) or len(out) != 2:
        raise TypeError("has_aux=True: the function must return a pair (value, auxiliary)")
    return out


def settled(tree, record: bool):
    """A result as the user may have it: outside of a transform its variables are nobody's."""
    if record:
        return tree
    return map_leaves(lambda x: x if type(x) is not Tensor or x.is_leaf else Tensor(x.array), tree)


def value_and_grad(
    f: Callable, argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that gives f's value and its gradient by the arguments that `argnums` names.

    Arguments may be floats, arrays, Tensors or trees of them, whatever their `requires_grad`;
    leaves without a gradient give None.  With `has_aux`, f returns (value, auxiliary), and
    ((value, auxiliary), gradient) comes back.

    >>> tg.value_and_grad(lambda x: x**2)(3.0)
    (tensor(9.), tensor(6.))
    """

    @functools.wraps(checked_function(f, "grad"))
    def both(*args, **kwargs):
        chosen = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        places = [checked_place(n, len(args)) for n in chosen]
        inputs = Inputs([args[n] for n in places], "grad")
        filled = list(args)
        for n, tree in zip(places, inputs.trees, strict=True):
            filled[n] = tree
        out, aux = called(functools.partial(f, **kwargs), filled, has_aux)
        checked_scalar(out)
        results = [x for x in flatten((out, aux))[0] if type(x) is Tensor]
        record = local.recording and depends_on_others(nodes_of(results), inputs.nodes)
        seed = cotangent(out, None, "grad")
        found = pulled([out], [seed], inputs.variables, record=record, release=not record)
        grads = inputs.gathered(found)
        value = settled((out, aux) if has_aux else out, record)
        return value, grads[0] if isinstance(argnums, int) else grads

    return both


def checked_function(f: Any, operation: str) -> Callable:
    if not callable(f):
        raise TypeError(f"{operation}: takes a function of tensors, not {f!r}")
    return f


def checked_place(n: int, count: int) -> int:
    if not isinstance(n, int) or not -count <= n < count:
        raise TypeError(f"grad: argnums names argument {n!r}, and {count} positional were given")
    return n % count


def checked_scalar(out) -> None:
    if type(out) is not Tensor:
        raise TypeError(
            f"grad: the function must return a Tensor, not {type(out).__name__}; "
            "for a pair (value, auxiliary) pass has_aux=True"
        )
    if out.array.size != 1:
        raise ShapeError(
            f"grad: needs a scalar, but the function returned shape {out.array.shape}; "
            "reduce it with .sum() or .mean(), or use tg.jacobian"
        )
    if not is_float(out.array.dtype):
        raise DTypeError(f"grad: the function returned {out.array.dtype}, which has no gradient")


def grad(
    f: Callable, argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that gives f's gradient by the arguments that `argnums` names.

    As `value_and_grad`, without the value; with `has_aux`, (gradient, auxiliary).

    >>> tg.grad(tg.grad(lambda x: x**3))(2.0)
    tensor(12.)
    """
    both = value_and_grad(f, argnums, has_aux)

    @functools.wraps(f)
    def only(*args, **kwargs):
        value, grads = both(*args, **kwargs)
        return (grads, value[1]) if has_aux else grads

    return only
