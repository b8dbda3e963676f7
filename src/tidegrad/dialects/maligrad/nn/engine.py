"""Floor 8. maligrad's modules: what holds parameters, and what runs modules one by one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...shared import lacking
from ..autograd.engine import Variable

__all__ = ["Module", "Parameter", "Sequential", "Variable", "search_parameters"]
__all__ += ["search_submodules"]


class Parameter(Variable):
    """A Variable that is trained."""

    def __init__(self, data: Any):
        super().__init__(data, requires_grad=True)


class Module(ABC):
    """What computes by `forward` and holds parameters: attributes, or in lists, tuples and dicts.

    A parameter that is held twice is listed once.
    """

    def __init__(self) -> None:  # noqa: B027 - what programs call, and need not define
        pass

    def __call__(self, *inputs: Any) -> Any:
        return self.forward(*inputs)

    @abstractmethod
    def forward(self, *inputs: Any) -> Any:
        raise NotImplementedError

    def parameters(self) -> list[Parameter]:
        return search_parameters(self)

    def submodules(self) -> list[Module]:
        return search_submodules(self)


class Sequential(Module):
    """Modules, each fed with what the one before gives."""

    def __init__(self, *modules: Module):
        super().__init__()
        self.modules = modules

    def forward(self, inputs: Any) -> Any:
        for module in self.modules:
            inputs = module(inputs)
        return inputs


def search_parameters(item: Any) -> list[Parameter]:
    """The parameters in a Module, or in nested lists, tuples, sets and dicts."""
    return [p for p in walk(item, set()) if isinstance(p, Parameter)]


def search_submodules(module: Module) -> list[Module]:
    """The Modules that `module` itself holds, not those that they hold."""
    held = walk(vars(module), {id(module)}, deep=False)
    return [m for m in held if isinstance(m, Module)]


def walk(item: Any, seen: set[int], deep: bool = True) -> Iterator[Any]:
    """`item` and all that it holds, everything once; `deep` goes into Modules as well."""
    if id(item) in seen:
        return
    seen.add(id(item))
    yield item
    if deep or not isinstance(item, Module):
        for part in inside(item):
            yield from walk(part, seen, deep)


def inside(item: Any) -> Iterable[Any]:
    """What a container holds; arrays, Variables and text hold nothing."""
    if isinstance(item, Module):
        return vars(item).values()
    if isinstance(item, Mapping):
        return item.values()
    return item if isinstance(item, list | tuple | set | frozenset) else ()


__getattr__ = lacking("maligrad")
