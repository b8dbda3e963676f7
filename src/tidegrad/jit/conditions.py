"""Floor 6. Conditions: what has to be as it was for a program to be right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..epoch import COUNTS
from .arguments import state_of
from .guards import Guards
from .trace import UNREAD
from .traced import Traced, tensor_of

__all__ = ["Conditions"]


class Conditions:
    """Of one traced function: the values around it, and what the tensors it found were like."""

    def __init__(self, found: Traced, guards: Guards, counts: list[int]):
        self.guards, self.counts = guards, counts
        self.relied = list(found.trace.relied.values())
        outside = [e for e, s in found.places.items() if s.place < 0 and not s.gradient]
        self.tensors: list[Any] = [entry.tensor for entry in outside]
        self.nodes = [entry.node for entry in outside]
        read = [(e.gradient, s) for e, s in found.places.items() if e.gradient is not UNREAD]
        # Tensors whose `.grad` was read before it was set, and whether there was one.
        self.gradients = [(s, g is not None) for g, s in read if not s.gradient]
        # Arguments that f also found by itself, and others that it must not find.
        self.same = [(s.place, s.tensor) for e, s in found.places.items() if e.met and s.place >= 0]
        changes = any(target.source for target in found.targets) or bool(found.cleared)
        self.apart = frozenset(map(id, self.tensors) if changes else ())
        self.particular = bool(self.gradients or self.relied or self.same or self.apart)

    def hold(self, leaves: Sequence[Any]) -> bool:
        """Whether the program is right for a call with these leaves of its arguments."""
        return (
            (self.counts == COUNTS or self.hold_again())
            and self.guards.always.hold()
            and not (self.particular and self.differ(leaves))
        )

    def hold_again(self) -> bool:
        """Whether it is right although something has moved, or needs gradients that did not."""
        counts = COUNTS.copy()
        if not (self.alike() and self.guards.followed.hold()):
            return False
        self.counts = counts
        return True

    def differ(self, leaves: Sequence[Any]) -> bool:
        """Whether the tensors of this call are not those that the program needs."""
        if self.apart and not self.apart.isdisjoint(map(id, leaves)):
            return True
        if self.gradients and not self.have_gradients(leaves):
            return True
        if self.relied and not all(tensor.array is array for tensor, array in self.relied):
            return True
        return bool(self.same) and not all(leaves[k] is tensor for k, tensor in self.same)

    def alike(self) -> bool:
        """Whether the tensors outside need gradients as they did, if by other nodes."""
        now = [tensor.node for tensor in self.tensors]
        if list(map(state_of, now)) != list(map(state_of, self.nodes)):
            return False
        self.nodes = now
        return True

    def have_gradients(self, leaves: Sequence[Any]) -> bool:
        pairs = [(tensor_of(source, leaves)._grad, there) for source, there in self.gradients]
        return all((g is not None) == there for g, there in pairs)

    def missing(self, leaves: Sequence[Any]) -> str:
        """Which of them does not hold."""
        if not self.alike():
            return "requires_grad of a tensor outside of it"
        if not self.have_gradients(leaves):
            return "whether .grad is None"
        if not all(tensor.array is array for tensor, array in self.relied):
            return "a tensor whose numbers it looks at"
        return self.guards.missing() or "which tensors are the same"
