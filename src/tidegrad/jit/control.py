"""Floor 6. Control flow by values: cond, while_loop and scan, as they are called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import control
from ..carries import Carry, Leaves, checked_predicate
from ..core import Tensor, local
from ..dtypes import default_dtype
from ..kinds import cast
from ..ops.creation import zeros
from ..recording import is_traced, seen
from . import branching, looping, scanning
from .trace import Trace

__all__ = ["cond", "scan", "while_loop"]


def cond(pred: Any, true_fun: Callable, false_fun: Callable, *operands: Any) -> Any:
    """`true_fun(*operands)` where the bool `pred` is true, else `false_fun(*operands)`.

    Operands are tensors or trees of them.  In a compiled function the program holds both branches,
    which give results of the same structure, shapes and dtypes, and runs one.  TypeError and
    ShapeError where `pred` is no single bool, or the branches differ.

    >>> x = tg.tensor(-3.0)
    >>> tg.cond(x > 0, lambda x: x, lambda x: -x, x)
    tensor(3.)
    """
    found = checked_predicate(pred, "cond", "the predicate")
    if is_traced(found):
        return branching.traced(found, true_fun, false_fun, opened(operands, "operands", "cond"))
    return control.cond(found, true_fun, false_fun, *operands)


def while_loop(cond_fun: Callable, body_fun: Callable, init: Any) -> Any:
    """`body_fun` of the state `init`, again and again, for as long as `cond_fun` of it is true.

    The state is a tensor or a tree of them, and keeps its structure, shapes and dtypes: TypeError,
    ShapeError or DTypeError where it does not.  In a compiled function there is forward mode only,
    as reverse mode would have to keep the states of any number of steps: `tg.scan` knows it.

    >>> tg.while_loop(lambda x: x < 100, lambda x: x * x, tg.tensor(3))
    tensor(6561)
    """
    if local.tracing is None:
        return control.while_loop(cond_fun, body_fun, init)
    return looping.traced(cond_fun, body_fun, opened(init, "init", "while_loop", Carry))


def scan(
    f: Callable, init: Any, xs: Any = None, length: int | None = None, reverse: bool = False
) -> tuple[Any, Any]:
    """The last carry, and all `y` stacked, of `carry, y = f(carry, x)` for every slice `x` of `xs`.

    `xs` is a tensor or a tree of them, cut along the first axis; without it there are `length`
    steps.  The carry is a tree too, and keeps its structure, shapes and dtypes: TypeError,
    ShapeError or DTypeError where it does not.  With `reverse` the last slice comes first, and
    each y stands where its x did.  A compiled function holds one copy of the step.

    >>> tg.scan(lambda total, x: (total + x, total), tg.tensor(0.0), tg.tensor([1.0, 2.0, 3.0]))
    (tensor(6.), tensor([0., 1., 3.]))
    """
    carry, given = opened(init, "carry", "scan", Carry), opened(xs, "xs", "scan")
    steps = control.length_of(given, length)
    if local.tracing is not None:
        return scanning.traced(f, carry, given, steps, reverse)
    if steps:
        return control.scan(f, carry, given, steps, reverse)
    with Trace():  # which tells the shapes of no results at all
        _, ys = scanning.traced(f, carry, given, 0, reverse)
    empty = Leaves(ys, "y", "scan")
    shapes = [(y.array.shape, y.array.dtype) for y in empty.tensors]
    return carry.tree(carry.tensors), empty.tree([zeros(s, dtype=d) for s, d in shapes])


def opened(tree: Any, name: str, operation: str, kind: Callable[..., Any] = Leaves) -> Any:
    """The tensors in a tree; a float that is not known yet is one of the default dtype."""
    found = kind(tree, name, operation)
    if local.tracing is not None:
        found.tensors = list(map(strong, found.tensors))
    return found


def strong(x: Tensor) -> Tensor:
    weak = is_traced(x) and seen(x).array in local.tracing.weak
    return cast(x, dtype=np.dtype(default_dtype())) if weak else x
