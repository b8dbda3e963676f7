"""Floor 5. Watch: what a function does while it runs, seen operation by operation."""

from __future__ import annotations

import weakref
from collections.abc import Sequence

from .core import Tensor, bind, local

__all__ = ["Watch"]


class Watch:
    """Looks on while a function runs, and knows which tensors are the function's own."""

    def __init__(self) -> None:
        self.before = local.trace
        self.made: dict[int, weakref.ref[Tensor]] = {}

    def look(self, prim, args):
        """See what `prim` is about to be applied to."""

    def __call__(self, prim, args: tuple, params: dict):
        self.look(prim, args)
        out = self.passed_on(prim, args, params)
        if type(out) is Tensor:
            self.made[id(out)] = weakref.ref(out)
        return out

    def note(self, made: Sequence[Tensor]) -> None:
        """Results of a whole function that this one has called."""
        self.made.update({id(y): weakref.ref(y) for y in made})
        if self.before is not None:
            self.before.note(made)

    def stand_in(self, a):
        """What stands for `a` in a replay around this one."""
        return a if self.before is None else self.before.stand_in(a)

    def own(self, tensor: Tensor) -> bool:
        """Whether the function made it."""
        known = self.made.get(id(tensor))
        return known is not None and known() is tensor

    def passed_on(self, prim, args: tuple, params: dict):
        local.trace = self.before
        try:
            return bind(prim, args, params)
        finally:
            local.trace = self

    def __enter__(self):
        local.trace = self
        return self

    def __exit__(self, *_: object) -> None:
        local.trace = self.before
