"""Floor 7. What a module holds: its attributes, read as a tree of parameters and modules."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import tidegrad as tg
from tidegrad.epoch import Followed, moved

__all__ = ["Parameter", "Tree", "copied", "entries", "walk"]

# Frozen parameters look like any other tensor, so until a module holds them they are listed
# here.  Keyed by identity, because == on tensors compares their elements.
_FROZEN: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()


def Parameter(data, requires_grad: bool = True) -> tg.Tensor:
    """A leaf Tensor with the value of `data`, for a Module to hold.

    With `requires_grad=False` it starts frozen: in `state_dict`, but not trained.

    >>> tg.nn.Parameter([1.0, 2.0]).requires_grad
    True
    """
    made = data.detach() if isinstance(data, tg.Tensor) else tg.tensor(data)
    if requires_grad:
        made.requires_grad = True
    else:
        _FROZEN[id(made)] = made
    return made


class Tree(Followed):
    """An object whose attributes are a tree of tensors; `Module` adds names and modes.

    Which names are parameters and which are buffers is kept beside the attributes themselves:
    a parameter stays one when it is frozen or replaced.
    """

    training: bool
    _parameters: dict[str, None]
    _buffers: dict[str, bool]

    def __new__(cls, *args, **kwargs):
        # Here and not in __init__, so that subclasses need not call super().__init__().
        self = object.__new__(cls)
        vars(self).update(training=True, _parameters={}, _buffers={})
        return self

    def __setattr__(self, name: str, value) -> None:
        if isinstance(value, (tg.Tensor, list, tuple, dict)):
            for path, item in spread(name, value):
                if isinstance(item, tg.Tensor):
                    _admit(self, path, item)
        if vars(self).get(name, moved) is not value:
            moved()
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        moved()
        self._parameters.pop(name, None)
        self._buffers.pop(name, None)

    def __getattr__(self, name: str):
        held = ", ".join(key for key in vars(self) if not key.startswith("_"))
        raise AttributeError(
            f"{type(self).__name__} has no attribute {name!r}; it holds {held}",
            name=name,
            obj=self,
        )

    def register_buffer(self, name: str, tensor, persistent: bool = True) -> None:
        """Hold `tensor` as state that is not trained, in `state_dict` if `persistent`.

        Raises KeyError when `name` has a dot or is taken.

        >>> net = tg.nn.Module()
        >>> net.register_buffer("steps", tg.zeros(()))
        >>> list(net.state_dict())
        ['steps']
        """
        check_name(self, name)
        if tensor is not None and not isinstance(tensor, tg.Tensor):
            raise TypeError(
                f"register_buffer: {name!r} must be a Tensor or None, "
                f"not {type(tensor).__name__}; use tg.asarray(...)"
            )
        self._buffers[name] = persistent
        moved()
        object.__setattr__(self, name, tensor)

    def __tree__(self) -> tuple[list[Any], Callable[[list[Any]], Any]]:
        """The parameters, each once, and how to make a copy that holds others instead."""
        seen: dict[int, Any] = {}
        for _, kind, tensor in walk(self):
            if kind == "parameter":
                seen.setdefault(id(tensor), tensor)

        def rebuild(leaves: list[Any]):
            swap = dict(zip(seen, leaves, strict=True))
            return copied(self, lambda tensor: swap.get(id(tensor), tensor))

        return list(seen.values()), rebuild


def check_name(tree: Tree, name: str) -> None:
    """Raise KeyError unless `name` can become a new entry of `tree`."""
    kind = type(tree).__name__
    if not isinstance(name, str) or not name or "." in name:
        raise KeyError(f"{kind}: {name!r} is not a name; use a non-empty string without a dot")
    held = (tg.Tensor, Tree, type(None))
    if hasattr(type(tree), name) or not isinstance(vars(tree).get(name), held):
        raise KeyError(f"{kind}: {name!r} is already an attribute; choose another name")


def _admit(tree, path, tensor):
    """Note that `tensor` becomes the entry `path`, and as what."""
    if (tensor.requires_grad and tensor.is_leaf) or _FROZEN.get(id(tensor)) is tensor:
        tree._buffers.pop(path, None)
        tree._parameters[path] = None
    elif path in tree._parameters and not tensor.is_leaf:
        raise TypeError(
            f"{type(tree).__name__}.{path} is a parameter and cannot be the result of an "
            "operation; write `with tg.no_grad(): module.p[...] = value`, or `del` it first"
        )


def spread(name: str, value, above: tuple[int, ...] = ()) -> Iterator[tuple[str, Any]]:
    """`value` under its name, or the items of nested lists, tuples and dicts under theirs."""
    if not isinstance(value, (list, tuple, dict)):
        yield name, value
    elif id(value) not in above:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from spread(f"{name}.{key}", item, (*above, id(value)))


def entries(tree: Tree) -> Iterator[tuple[str, str, Any]]:
    """Name, kind and value of what `tree` itself holds.

    The kinds are "parameter", "buffer", "passing" (a buffer that is not saved) and "module";
    everything else is a constant and not listed.
    """
    for name, value in list(vars(tree).items()):
        for path, item in spread(name, value):
            if isinstance(item, Tree):
                yield path, "module", item
            elif isinstance(item, tg.Tensor):
                if path in tree._buffers:
                    yield path, "buffer" if tree._buffers[path] else "passing", item
                elif path in tree._parameters or (item.requires_grad and item.is_leaf):
                    tree._parameters[path] = None
                    yield path, "parameter", item


def walk(
    tree: Tree, prefix: str = "", above: tuple[int, ...] = ()
) -> Iterator[tuple[str, str, Any]]:
    """Every parameter and buffer below `tree`, under each of its dotted names."""
    own = list(entries(tree))
    yield from ((prefix + path, kind, x) for path, kind, x in own if kind == "parameter")
    yield from ((prefix + path, kind, x) for path, kind, x in own if kind in ("buffer", "passing"))
    # A module that holds one of those it is held by is not entered again.
    above = (*above, id(tree))
    for path, kind, child in own:
        if kind == "module" and id(child) not in above:
            yield from walk(child, f"{prefix}{path}.", above)


def copied(value, swap: Callable[[tg.Tensor], Any], memo: dict | None = None):
    """`value` with each tensor replaced by `swap` of it; modules are copied, the rest is shared."""
    memo = {} if memo is None else memo
    if isinstance(value, tg.Tensor):
        return swap(value)
    if id(value) in memo:
        return memo[id(value)]
    if isinstance(value, Tree):
        twin = memo[id(value)] = object.__new__(type(value))
        vars(twin).update({key: copied(x, swap, memo) for key, x in vars(value).items()})
        vars(twin).update(_parameters=dict(value._parameters), _buffers=dict(value._buffers))
        return twin
    if isinstance(value, (list, tuple, dict)):
        memo[id(value)] = value
        return _refilled(value, swap, memo)
    return value


def _refilled(value, swap, memo):
    """A list, tuple or dict whose items are `copied`: itself where none of them changed."""
    old = list(value.values()) if isinstance(value, dict) else list(value)
    new = [copied(item, swap, memo) for item in old]
    if all(a is b for a, b in zip(old, new, strict=True)):
        return value
    if isinstance(value, tuple):
        return value._make(new) if hasattr(value, "_make") else tuple(new)
    twin = copy.copy(value)
    for key, item in zip(value if isinstance(value, dict) else range(len(new)), new, strict=True):
        twin[key] = item
    return twin
