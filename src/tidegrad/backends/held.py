"""Floor 6. Held: an array that lies on a backend, and comes home when somebody looks at it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from ..abstract import Value
from ..core import local
from ..errors import TraceError
from ..methods import COMPARISONS, OPERATORS
from ..shapes import Shape
from ..values import UNARY

__all__ = ["Held"]


class Held(Value):
    """What is known to `backend` as `handle`: a Value whose elements have been computed already."""

    __slots__ = ("backend", "handle", "home")

    def __init__(
        self, backend: Any, handle: Any, shape: Shape, dtype: np.dtype, home: ndarray | None = None
    ):
        self.prim, self.parents, self.params, self.owner, self.where = None, (), {}, None, None
        self.shape, self.dtype = shape, dtype
        self.backend, self.handle, self.home = backend, handle, home

    @property
    def saved(self) -> ndarray:
        return self.known()

    def known(self) -> ndarray:
        """The elements in NumPy, brought here once."""
        if self.home is None:
            found = self.backend.fetched(self.handle)
            if found.shape != self.shape or found.dtype != self.dtype:
                raise TypeError(
                    f"{self.backend.name}: the backend holds {found.dtype}{list(found.shape)} "
                    f"where {self.dtype}{list(self.shape)} was asked for"
                )
            self.home = found
        return self.home

    def used(self, use: str) -> ndarray:
        """The elements for what NumPy does with them, within the backend's block."""
        if local.trace is None:
            raise self.refused(use, "")
        return self.known()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> ndarray:
        return np.array(self.used("np.asarray"), dtype, copy=copy)

    def __getattr__(self, name: str) -> Any:
        if name[:2] == "__":  # a protocol that others look for
            raise AttributeError(name)
        return getattr(self.used(name), name)

    def __reduce__(self) -> Any:
        return np.array, (self.known(),)  # copied and pickled, it is an array like others

    def refused(self, use: str, remedy: str) -> TraceError:
        """The error for an operation by somebody else than the backend."""
        return TraceError(
            f"{use}: this tensor lies on the backend {self.backend.name!r}; compute with it inside "
            f'`with tg.backends.use("{self.backend.name}"):`, or on tg.tensor(x.numpy()); '
            "tg.backends.home(...) brings modules and optimizers to NumPy"
        )


def guarded(operator: Callable[..., Any], name: str) -> Callable[..., Any]:
    """An operator of bare arrays, as rules of derivatives have them: the backend's work."""

    def apply(self: Held, *others: Any) -> Any:
        if local.trace is None:
            raise self.refused(name, "")
        return operator(self, *others)

    return apply


def at_home(name: str) -> Callable[..., Any]:
    return lambda self, *args, **kwargs: getattr(self.used(name), name)(*args, **kwargs)


for operation in (*UNARY, *OPERATORS, *COMPARISONS):
    for name in (f"__{operation}__", f"__r{operation}__"):
        if name in vars(Value):
            setattr(Held, name, guarded(vars(Value)[name], operation))
Held.__hash__ = object.__hash__  # type: ignore[method-assign]  # which __eq__ took away
# What a Value of a program must refuse.
for name in ("__bool__", "__float__", "__int__", "__index__", "__complex__", "__iter__"):
    setattr(Held, name, at_home(name))
for name in ("__getitem__", "nonzero", "max", "item", "tolist"):
    setattr(Held, name, at_home(name))
