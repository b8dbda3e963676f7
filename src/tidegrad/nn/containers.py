"""Floor 7. Modules that hold others in a row or by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any

import tidegrad as tg

from .module import Module
from .tree import Parameter, check_name

__all__ = ["ModuleDict", "ModuleList", "ParameterList", "Sequential"]


class Holder(Module):
    """A module whose entries are its attributes, in the order they came."""

    def _entries(self):
        return {name: x for name, x in vars(self).items() if isinstance(x, (Module, tg.Tensor))}

    def _admitted(self, item):
        """`item` as it is held, or an error when it does not belong here."""
        if not isinstance(item, Module):
            raise TypeError(f"{type(self).__name__} holds Modules, not {type(item).__name__}")
        return item

    def __len__(self) -> int:
        return len(self._entries())


class Row(Holder):
    """Entries by number: the attributes "0", "1", ..., as in PyTorch's names."""

    def __init__(self, items: Iterable[Any] = ()):
        self.extend(items)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._entries().values())

    def __getitem__(self, index):
        """One entry, or a new container with a slice of them."""
        if isinstance(index, slice):
            return type(self)().extend(list(self)[index])
        return vars(self)[self._name(index)]

    def __setitem__(self, index: int, item) -> None:
        setattr(self, self._name(index), self._admitted(item))

    def __delitem__(self, index: int | slice) -> None:
        items = list(self)
        del items[index]
        self._refill(items)

    def append(self, item):
        """Add one more at the end; gives self."""
        setattr(self, str(len(self)), self._admitted(item))
        return self

    def extend(self, items: Iterable[Any]):
        """Add each of `items` at the end; gives self."""
        for item in [self._admitted(item) for item in items]:
            self.append(item)
        return self

    def insert(self, index: int, item):
        """Put `item` before the one at `index`; gives self."""
        items = list(self)
        items.insert(index, self._admitted(item))
        return self._refill(items)

    def _name(self, index):
        names = list(self._entries())
        if not -len(names) <= index < len(names):
            raise IndexError(
                f"{type(self).__name__}: index {index} is out of range for {len(names)} items"
            )
        return names[index]

    def _refill(self, items):
        for name in self._entries():
            delattr(self, name)
        return self.extend(items)


class ModuleList(Row):
    """Modules in a list: index, slice, iterate, `append`, `extend`, `insert`.

    An ordinary list attribute is found too, under the same names; this one stands on its own.

    >>> layers = tg.nn.ModuleList([tg.nn.Linear(2, 2), tg.nn.Linear(2, 1)])
    >>> len(layers), [name for name, _ in layers.named_parameters()][:2]
    (2, ['0.weight', '0.bias'])
    """


class Sequential(Row):
    """Modules applied one after the other; given one by one, or as a dict with their names.

    >>> net = tg.nn.Sequential(tg.nn.Linear(2, 8), tg.nn.ReLU(), tg.nn.Linear(8, 1))
    >>> net(tg.ones((5, 2))).shape
    (5, 1)
    """

    def __init__(self, *layers):
        if len(layers) != 1 or not isinstance(layers[0], Mapping):
            super().__init__(layers)
            return
        for name, layer in layers[0].items():
            check_name(self, name)
            setattr(self, name, self._admitted(layer))

    def forward(self, input):
        """The last module's result."""
        for layer in self:
            input = layer(input)
        return input


class ParameterList(Row):
    """Parameters in a list; tensors that are not yet parameters become so.

    >>> scales = tg.nn.ParameterList([tg.ones(2), tg.zeros(3)])
    >>> [(name, p.requires_grad) for name, p in scales.named_parameters()]
    [('0', True), ('1', True)]
    """

    def _admitted(self, item):
        if isinstance(item, Module):
            raise TypeError("ParameterList holds Tensors; use ModuleList for Modules")
        learns = isinstance(item, tg.Tensor) and item.requires_grad and item.is_leaf
        return item if learns else Parameter(item)


class ModuleDict(Holder, MutableMapping):
    """Modules by name: a dict with `keys`, `values`, `items`, `update`, `pop` and the others.

    >>> heads = tg.nn.ModuleDict({"label": tg.nn.Linear(4, 3), "size": tg.nn.Linear(4, 1)})
    >>> heads["size"](tg.ones((2, 4))).shape, list(heads)
    ((2, 1), ['label', 'size'])
    """

    # A module is equal to itself alone, as other modules are.
    __eq__, __hash__ = object.__eq__, object.__hash__

    def __init__(self, modules=()):
        self.update(modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries())

    def __getitem__(self, key: str):
        if key not in self._entries():
            raise KeyError(f"ModuleDict has no {key!r}; it holds {', '.join(self) or 'nothing'}")
        return vars(self)[key]

    def __setitem__(self, key: str, module) -> None:
        check_name(self, key)
        setattr(self, key, self._admitted(module))

    def __delitem__(self, key: str) -> None:
        self[key]
        delattr(self, key)
