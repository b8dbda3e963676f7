"""Floor 5. Carries: what a loop hands on from step to step, opened, and compared leaf by leaf."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .core import Tensor
from .errors import DTypeError, ShapeError
from .lazy import lazy
from .ops.creation import lift
from .trees import branches

__all__ = ["Carry", "Leaves", "checked_pair", "checked_predicate"]


class Leaves:
    """The tensors in a tree, each with the path that leads to it; None is an empty branch."""

    def __init__(self, tree: Any, name: str, operation: str):
        self.operation, self.name = operation, name
        self.paths: list[str] = []
        self.tensors: list[Tensor] = []
        self.structure, self.rebuilt = self.opened(tree, name)

    def opened(self, tree: Any, path: str) -> tuple[Any, Callable[[Any], Any]]:
        """The structure of a tree, and what makes it again of an iterator over its leaves."""
        if tree is None:
            return None, lambda leaves: None
        children, assemble = branches(tree)
        if assemble is None:
            self.paths.append(path)
            self.tensors.append(lift(tree, self.operation))
            return Tensor, next
        keys = list(tree) if isinstance(tree, dict) else list(range(len(children)))
        # Two dicts of the same keys are alike, whatever came into them first.
        order = list(range(len(keys)))
        if isinstance(tree, dict):
            order.sort(key=lambda i: repr(keys[i]))
        parts = [self.opened(children[i], f"{path}[{keys[i]!r}]") for i in order]
        build = assemble

        def rebuilt(leaves: Any) -> Any:
            made = dict(zip(order, [part(leaves) for _, part in parts]))
            return build([made[i] for i in range(len(keys))])

        names = tuple(keys[i] for i in order)
        return (type(tree), names, tuple(s for s, _ in parts)), rebuilt

    def tree(self, tensors: Sequence[Any]) -> Any:
        """The same tree of other leaves."""
        return self.rebuilt(iter(tensors))


class Carry(Leaves):
    """A carry as it was at first, with which what a body makes of it is compared."""

    @lazy
    def kinds(self) -> list[tuple[Any, np.dtype]]:
        return [kind_of(x) for x in self.tensors]

    def checked(self, new: Any, what: str) -> list[Tensor]:
        """The leaves of a new carry, which has the structure, the shapes and the dtypes of this."""
        found = Leaves(new, self.name, self.operation)
        if found.structure != self.structure:
            raise TypeError(
                f"{self.operation}: {what} gave {shown(found)} where {shown(self)} went in; "
                "return a tree of the same structure"
            )
        for path, x, (shape, dtype) in zip(self.paths, found.tensors, self.kinds):
            now, kind = kind_of(x)
            if now != shape:
                raise ShapeError(
                    f"{self.operation}: {what} gave {path} of shape {now}, and it went in with "
                    f"{shape}; reshape or broadcast what goes in first, or what comes out"
                )
            if kind != dtype:
                raise DTypeError(
                    f"{self.operation}: {what} gave {path} as {kind}, and it went in as {dtype}; "
                    f"begin with .astype(tg.{kind}), or return .astype(tg.{dtype})"
                )
        return found.tensors


def kind_of(x: Tensor) -> tuple[Any, np.dtype]:
    return x.array.shape, x.array.dtype


def shown(leaves: Leaves) -> str:
    """A structure in words: the paths of its leaves."""
    return f"({', '.join(leaves.paths)})" if leaves.paths else "nothing"


def checked_pair(found: Any) -> tuple[Any, Any]:
    if not isinstance(found, (tuple, list)) or len(found) != 2:
        raise TypeError(
            "scan: the function must return a pair (carry, y), and it returned "
            f"{shown_kind(found)}; where there is no y return (carry, None)"
        )
    return found[0], found[1]


def checked_predicate(found: Any, operation: str, what: str) -> Any:
    """A single bool, as Python's or as a tensor."""
    if isinstance(found, (bool, np.bool_)):
        return bool(found)
    if isinstance(found, np.ndarray):
        found = Tensor(found)
    if type(found) is not Tensor:
        raise TypeError(
            f"{operation}: {what} is a {type(found).__name__}, and has to be one bool; "
            "compare, as in x > 0"
        )
    shape, dtype = kind_of(found)
    if dtype.kind != "b":
        raise DTypeError(
            f"{operation}: {what} is {dtype}, and has to be one bool; compare, as in x > 0"
        )
    if shape:
        raise ShapeError(
            f"{operation}: {what} has shape {shape}, and has to be one bool; "
            "reduce it with .all() or .any()"
        )
    return found


def shown_kind(x: Any) -> str:
    return f"{len(x)} values" if isinstance(x, (tuple, list)) else f"a {type(x).__name__}"
