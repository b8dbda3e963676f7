"""Floor 0. Lazy attributes: computed at their first use, and kept with the object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

__all__ = ["lazy"]

T = TypeVar("T")


class lazy(Generic[T]):
    """A method without arguments as an attribute whose value is computed once.

    `functools.cached_property` is the same with a lock until Python 3.12: a process that forks
    while another thread computes leaves it closed in the child, for all objects and for good.

    >>> from tidegrad.lazy import lazy
    >>> class Circle:
    ...     radius = 2.0
    ...
    ...     @lazy
    ...     def area(self):
    ...         return 3 * self.radius**2
    >>> Circle().area
    12.0
    """

    def __init__(self, compute: Callable[[Any], T]):
        self.compute, self.__doc__ = compute, compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> lazy[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        value = instance.__dict__[self.name] = self.compute(instance)
        return value
