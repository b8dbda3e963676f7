"""Floor 7. Module: a tree of parameters with names, modes, a state and a readable form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import tidegrad as tg

from .show import describe
from .tree import Tree, copied, entries, walk

__all__ = ["IncompatibleKeys", "Module"]


class IncompatibleKeys(NamedTuple):
    """The names that `load_state_dict(strict=False)` did not find, and those it did not use."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Module(Tree):
    """A tree: its parameters are the tensors it holds; derive from it and define `forward`.

    Parameters are the attributes that are leaf Tensors with `requires_grad`, and they stay
    parameters when frozen; `register_buffer` makes buffers; any other Tensor is a constant,
    absent from `state_dict`.  Modules and parameters inside lists, tuples and dicts count, under
    names such as `layers.0.weight`.  `__call__` may be defined instead of `forward`, and
    `super().__init__()` need not be called.

    >>> class Net(tg.nn.Module):
    ...     def __init__(self):
    ...         self.hidden, self.out = tg.nn.Linear(4, 3), tg.nn.Linear(3, 2)
    ...
    ...     def forward(self, x):
    ...         return self.out(tg.relu(self.hidden(x)))
    >>> net = Net()
    >>> net(tg.ones((5, 4))).shape
    (5, 2)
    >>> list(net.state_dict())
    ['hidden.weight', 'hidden.bias', 'out.weight', 'out.bias']
    """

    def __init__(self) -> None:
        """Nothing to prepare; here so that unexpected arguments are an error."""

    def __call__(self, *args, **kwargs):
        return self.forward(*args, **kwargs)

    def forward(self, *args, **kwargs):
        """What the module computes."""
        if type(self).__call__ is Module.__call__:
            name = type(self).__name__
            raise NotImplementedError(f"{name} defines neither forward nor __call__; add one")
        return self(*args, **kwargs)

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, tg.Tensor]]:
        """Each parameter once, with the first of its names."""
        return _once(walk(self, _under(prefix)), ("parameter",))

    def parameters(self) -> Iterator[tg.Tensor]:
        """Each parameter once."""
        return (tensor for _, tensor in self.named_parameters())

    def named_buffers(self, prefix: str = "") -> Iterator[tuple[str, tg.Tensor]]:
        """Each buffer once, with the first of its names."""
        return _once(walk(self, _under(prefix)), ("buffer", "passing"))

    def buffers(self) -> Iterator[tg.Tensor]:
        """Each buffer once."""
        return (tensor for _, tensor in self.named_buffers())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Each module held directly, with its name."""
        return _once(entries(self), ("module",))

    def children(self) -> Iterator[Module]:
        """Each module held directly."""
        return (child for _, child in self.named_children())

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and each one below it once, with its dotted name."""
        return _descend(self, prefix, set())

    def modules(self) -> Iterator[Module]:
        """This module and each one below it once."""
        return (module for _, module in self.named_modules())

    def train(self, mode: bool = True) -> Module:
        """Set training mode here and below (dropout drops, batch norm measures); gives self."""
        for module in self.modules():
            module.training = bool(mode)
        return self

    def eval(self) -> Module:
        """Set evaluation mode here and below; gives self."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Module:
        """Freeze or unfreeze every parameter; gives self."""
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def zero_grad(self) -> None:
        """Forget every parameter's gradient."""
        for parameter in self.parameters():
            parameter.grad = None

    def apply(self, fn: Callable[[Module], Any]) -> Module:
        """Call `fn` on every module, children before parents; gives self."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def astype(self, dtype) -> Module:
        """A copy whose floating tensors have `dtype`; this module stays as it is."""
        return _converted(self, dtype)

    def state_dict(self) -> dict[str, tg.Tensor]:
        """Parameters and persistent buffers by every name they have; a snapshot, detached."""
        return {name: x.detach() for name, kind, x in walk(self) if kind != "passing"}

    def load_state_dict(self, state_dict, strict: bool = True) -> IncompatibleKeys:
        """Take the values of `state_dict` (tensors or arrays), cast to the dtypes held here.

        Raises ValueError listing every missing, unexpected and misshapen entry, with nothing
        changed; `strict=False` allows the first two and returns them.
        """
        return _load(self, state_dict, strict)

    def extra_repr(self) -> str:
        """What stands in the brackets of this module's own line."""
        return ""

    def __repr__(self) -> str:
        return describe(self)

    def _line(self):
        """This module's own line, for error messages."""
        return f"{type(self).__name__}({self.extra_repr()})"


def _under(prefix):
    return f"{prefix}." if prefix else ""


def _once(found, kinds):
    """Name and value of what is `found` of these kinds, each value once."""
    seen = set()
    for name, kind, value in found:
        if kind in kinds and id(value) not in seen:
            seen.add(id(value))
            yield name, value


def _descend(module, name, seen):
    if id(module) not in seen:
        seen.add(id(module))
        yield name, module
        for path, child in module.named_children():
            yield from _descend(child, _under(name) + path, seen)


def _converted(module, dtype):
    """A copy of `module` that shares no tensor with it."""
    memo = {}

    def swap(tensor):
        # Shared parameters stay shared, and results of operations become plain values.
        if id(tensor) not in memo:
            floating = tensor.dtype.kind == "f"
            value = tg.asarray(tensor.data, dtype=dtype if floating else None)
            value.requires_grad = tensor.requires_grad and tensor.is_leaf
            memo[id(tensor)] = value
        return memo[id(tensor)]

    return copied(module, swap)


def _load(module, state, strict):
    if not hasattr(state, "keys"):
        raise TypeError(
            f"load_state_dict: expected a dict of tensors by name, not {type(state).__name__}"
        )
    held = {name: x for name, kind, x in walk(module) if kind != "passing"}
    missing = [name for name in held if name not in state]
    unexpected = [str(name) for name in state if name not in held]
    values, misshapen = {}, []
    for name in held.keys() & state.keys():
        values[name] = value = _as_array(state[name])
        if value is None:
            misshapen.append(f"{name} is {type(state[name]).__name__}, not numbers")
        elif value.shape != held[name].shape:
            misshapen.append(f"{name} is {held[name].shape}, given {value.shape}")
    if misshapen or (strict and (missing or unexpected)):
        listed = {"missing": missing, "unexpected": unexpected, "misshapen": sorted(misshapen)}
        lines = [f"\n  {kind}: {', '.join(names)}" for kind, names in listed.items() if names]
        raise ValueError(
            f"load_state_dict: the state does not fit {type(module).__name__}" + "".join(lines)
        )
    for name, tensor in held.items():
        if name in values:
            tensor.data = values[name].astype(tensor.dtype)
    return IncompatibleKeys(missing, unexpected)


def _as_array(value):
    """`value` as an array of numbers, or None."""
    array = np.asarray(value.detach() if hasattr(value, "detach") else value)
    return array if array.dtype.kind in "biuf" else None
