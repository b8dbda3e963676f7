"""Floor 6. Arguments: what a call is given, as leaves and a key that says which program fits."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Collection, Iterator
from typing import Any

import numpy as np

from ..core import Node, Tensor, local
from ..dtypes import as_dtype, default_dtype
from ..epoch import Followed
from ..errors import DTypeError

__all__ = ["Call", "Shortcut", "Signature"]


def children(tree: Any) -> list[tuple[str, Any]] | None:
    """The parts of a list, tuple, dict or dataclass and how they are reached; None for a leaf."""
    if isinstance(tree, (list, tuple)):
        return [(f"[{i}]", x) for i, x in enumerate(tree)]
    if isinstance(tree, dict):
        return [(f"[{key!r}]", x) for key, x in tree.items()]
    if dataclasses.is_dataclass(tree) and not isinstance(tree, (type, Followed)):
        return [(f".{f.name}", getattr(tree, f.name)) for f in dataclasses.fields(tree) if f.init]
    return None


def opened(tree: Any, path: str, leaves: list[tuple[str, Any]]) -> Any:
    """The structure of `tree`, hashable; its leaves, with their paths, are added to `leaves`."""
    parts = children(tree)
    if parts is None:
        leaves.append((path, tree))
        return None
    return type(tree), tuple((name, opened(x, path + name, leaves)) for name, x in parts)


def refilled(tree: Any, leaves: Iterator[Any]) -> Any:
    """`tree` with other leaves."""
    parts = children(tree)
    if parts is None:
        return next(leaves)
    new = [refilled(x, leaves) for _, x in parts]
    if isinstance(tree, dict):
        return type(tree)(zip(tree, new))
    if isinstance(tree, (list, tuple)):
        return tree._make(new) if hasattr(tree, "_make") else type(tree)(new)
    return dataclasses.replace(tree, **{name[1:]: x for (name, _), x in zip(parts, new)})


def state_of(node: Node | None) -> int:
    """Whether a tensor needs no gradient, is a leaf, or the result of an operation."""
    return 0 if node is None else 1 if node.prim is None else 2


class Call:
    """The leaves of one call, the arguments they are in, and the key."""

    def __init__(self, args: tuple, kwargs: dict, signature: Signature):
        self.args, self.kwargs = args, kwargs
        found: list[tuple[str, Any]] = []
        names = [signature.name(i) for i in range(len(args))]
        structure = [opened(x, name, found) for name, x in zip(names, args)]
        named = [(name, opened(x, name, found)) for name, x in kwargs.items()]
        self.paths, self.leaves = [path for path, _ in found], [leaf for _, leaf in found]
        self.static = [signature.is_static(path) for path in self.paths]
        kinds = [self.kind(k) for k in range(len(found))]
        self.kinds = dict(zip(self.paths, kinds))
        seen: dict[int, int] = {}
        # The same tensor twice is another program than two equal ones.
        same = [seen.setdefault(id(x), k) for k, x in enumerate(self.leaves) if is_array(x)]
        self.key = (tuple(structure), tuple(named), tuple(kinds), tuple(same))

    def kind(self, k: int) -> Any:
        """What of a leaf decides which program fits."""
        x = self.leaves[k]
        if not self.static[k]:
            if type(x) is Tensor:
                return Tensor, x.array.shape, x.array.dtype, state_of(x.node)
            if type(x) is float:
                return (float,)
            if is_array(x):
                return np.ndarray, x.shape, self.dtype(k)
        try:
            hash(x)
        except TypeError:
            raise TypeError(
                f"jit: argument {self.paths[k]} is a {type(x).__name__}, which is no tensor and "
                "cannot be hashed, so that no program can be found for it; pass tensors, numbers, "
                "strings, or lists, tuples, dicts and dataclasses of them"
            ) from None
        if is_array(x):
            raise TypeError(f"jit: argument {self.paths[k]} is an array and cannot be static")
        return type(x), repr(x) if type(x) is float else x  # 0.0 == -0.0, and nan != nan

    def dtype(self, k: int) -> np.dtype:
        """The dtype, in this machine's byte order, of a leaf that is an array of NumPy's."""
        try:
            return as_dtype(self.leaves[k].dtype)
        except DTypeError as error:
            raise DTypeError(f"jit: argument {self.paths[k]}: {error}") from None

    def filled(self, leaves: list) -> tuple[tuple, dict]:
        """The arguments with other leaves."""
        rest = iter(leaves)
        args = tuple(refilled(x, rest) for x in self.args)
        return args, {name: refilled(x, rest) for name, x in self.kwargs.items()}


class Shortcut:
    """A call whose arguments are tensors alone, and the program that it came to.

    Most calls are like the one before: that is asked here, in as few steps as possible.
    """

    repeated = False  # whether there has been another one like it

    def __init__(self, args: tuple, program: Any):
        self.direct = program.direct  # a shorter way, which is tried first
        self.count = len(args)
        self.kinds = [(x.array.shape, x.array.dtype) for x in args]
        self.program, self.hold = program, program.conditions.hold
        self.distinct = program.writes_arguments
        self.recording, self.dtype = local.recording, default_dtype()

    def fits(self, args: tuple) -> bool:
        """Whether the program is right for these arguments too."""
        if len(args) != self.count:
            return False
        for x, (shape, dtype) in zip(args, self.kinds):
            if type(x) is not Tensor or x.node is not None:
                return False
            if x.array.shape != shape or x.array.dtype is not dtype:
                return False
        return (
            local.recording is self.recording
            and default_dtype() is self.dtype
            and not (self.distinct and len(set(map(id, args))) < len(args))
            and self.hold(args)
        )

    @staticmethod
    def suits(call: Call) -> bool:
        """Whether a call can have one: tensors without gradients, in no trees, each once."""
        args, plain = call.args, not call.kwargs and not any(call.static)
        return (
            plain
            and all(type(x) is Tensor and x.node is None for x in args)
            and len(set(map(id, args))) == len(args)
        )


def is_array(x: Any) -> bool:
    return isinstance(x, (Tensor, np.ndarray, np.generic))


class Signature:
    """The names of a function's parameters, and which of them are static."""

    def __init__(self, f: Callable, static: Any):
        try:
            self.parameters = list(inspect.signature(f).parameters.values())
        except (TypeError, ValueError):
            self.parameters = []
        chosen = (static,) if isinstance(static, (str, int)) else tuple(static or ())
        self.static: Collection[str] = {self.checked(s) for s in chosen}

    def checked(self, chosen: Any) -> str:
        """The name of a static parameter."""
        if isinstance(chosen, int) and 0 <= chosen < len(self.parameters):
            return self.parameters[chosen].name
        if chosen not in [p.name for p in self.parameters]:
            names = ", ".join(p.name for p in self.parameters)
            raise TypeError(f"jit: static names {chosen!r}, and the parameters are {names or '()'}")
        return chosen

    def name(self, place: int) -> str:
        """The name of a positional argument."""
        if place < len(self.parameters):
            p = self.parameters[place]
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
                return p.name
        rest = [p for p in self.parameters if p.kind is p.VAR_POSITIONAL]
        if not rest:
            return f"argument {place}"
        return f"{rest[0].name}[{place - self.parameters.index(rest[0])}]"

    def is_static(self, path: str) -> bool:
        return bool(self.static) and path.partition("[")[0].partition(".")[0] in self.static
