"""Floor 5. Control flow by values, step by step: cond, while_loop and scan as Python runs them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .carries import Carry, Leaves, checked_pair, checked_predicate
from .core import Tensor
from .errors import ShapeError
from .ops.joining import stack
from .ops.movement import cut

__all__ = ["cond", "length_of", "scan", "while_loop"]


def cond(pred: Any, true_fun: Callable, false_fun: Callable, *operands: Any) -> Any:
    """The result of the one function or the other."""
    chosen = true_fun if checked_predicate(pred, "cond", "the predicate") else false_fun
    given = Leaves(operands, "operands", "cond")
    found = Leaves(chosen(*given.tree(given.tensors)), "the result", "cond")
    return found.tree(found.tensors)


def while_loop(cond_fun: Callable, body_fun: Callable, init: Any) -> Any:
    """The first state for which `cond_fun` is false."""
    start = Carry(init, "init", "while_loop")
    state = start.tree(start.tensors)
    while checked_predicate(cond_fun(state), "while_loop", "what cond_fun returned"):
        state = start.tree(start.checked(body_fun(state), "body_fun"))
    return state


def scan(f: Callable, carry: Carry, xs: Leaves, length: int, reverse: bool) -> tuple[Any, Any]:
    """The last carry, and the stacked results of at least one step."""
    slices = [steps(x) for x in xs.tensors]
    state = carry.tree(carry.tensors)
    results: list[Leaves] = []
    for t in reversed(range(length)) if reverse else range(length):
        state, y = checked_pair(f(state, xs.tree([x[t] for x in slices])))
        state = carry.tree(carry.checked(state, "the function"))
        results.append(Leaves(y, "y", "scan"))
        if results[-1].structure != results[0].structure:
            raise TypeError("scan: the function gave a y of another structure than at first")
    stacked = [
        stack(parts[::-1] if reverse else parts)
        for parts in zip(*(found.tensors for found in results))
    ]
    return state, results[0].tree(stacked)


def length_of(xs: Leaves, length: int | None) -> int:
    """How many steps there are: as many as each leaf of `xs` has slices."""
    found: dict[int, str] = {}
    for path, x in zip(xs.paths, xs.tensors):
        if not x.array.ndim:
            raise ShapeError(f"scan: {path} has no axis to go along; its shape is ()")
        found.setdefault(x.array.shape[0], path)
    if length is not None:
        found.setdefault(length, "length")
    if not found:
        raise ValueError("scan: there is nothing in xs, so length has to be given")
    if len(found) > 1:
        sizes = " and ".join(f"{path} has {n}" for n, path in found.items())
        raise ShapeError(f"scan: lengths differ: {sizes}; all have as many steps")
    return next(iter(found))


def steps(x: Tensor) -> list[Tensor]:
    """The slices of `x` along its first axis.

    Cut in halves again and again, so that the gradient of each slice fills an array of its
    half and not one of the whole: T log T work for T slices, not T squared.
    """
    n = x.array.shape[0]
    if n == 1:
        return [cut(x, key=(0,))]
    return steps(cut(x, key=(slice(0, n // 2),))) + steps(cut(x, key=(slice(n // 2, n),)))
