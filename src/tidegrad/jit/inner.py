"""Floor 6. Inner: the trace of a function inside a traced one, such as the body of a loop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..abstract import Value
from ..core import Tensor
from ..errors import GraphError
from ..ops.stream import draws
from ..shapes import Shape
from ..transforms import new_variable
from .trace import UNREAD, Entry, Trace

__all__ = ["Inner"]


class Inner(Trace):
    """Whatever the function finds outside, of the trace around it or of none, is an input.

    What it rebinds there is a result: `rebound` names these inputs.  `found` are the tensors
    outside, in the order in which they were met, with what stands for each.  Gradients flow to
    those that are tracked outside, and to `flowing`, which are about to be.
    """

    def __init__(self, outer: Trace, operation: str, flowing: Iterable[Tensor] = ()):
        super().__init__()
        self.outer, self.operation, self.flowing = outer, operation, set(map(id, flowing))
        self.found: list[tuple[Tensor, Entry]] = []
        self.drawn: list[tuple] = []

    def __enter__(self) -> Inner:
        super().__enter__()
        # Draws inside are the inner trace's; a generator's counter is state like any other.
        self.drawn.append((draws.noted, draws.ahead))
        draws.noted = draws.ahead = None
        return self

    def __exit__(self, *error: object) -> None:
        draws.noted, draws.ahead = self.drawn.pop()
        super().__exit__(*error)

    def stand_in(self, x: Any) -> Any:
        if type(x) is not Tensor or id(x) in self.mine:
            return x
        if type(x.array) is Value and x.array.owner is self.token:
            return x
        outside = self.outer.stand_in(x)
        array = outside.array
        if type(array) is Value and array.owner is not self.outer.token:
            raise array.refused(self.operation, "")
        known = self.known.get(id(outside))
        if known is None:
            known = self.known[id(outside)] = self.entered(outside, array.shape, array.dtype)
            self.found.append((x, known))
            if id(outside) in self.flowing and known.tape is None:
                known.track()
                known.stand_in.node = new_variable(known.stand_in).node
            if type(array) is Value and array in self.outer.weak:
                self.weak.add(known.value)
        return known.stand_in

    def given(self, shape: Shape, dtype: np.dtype, record: bool) -> tuple[Entry, Tensor]:
        """A new input, and a tensor of it, which the function may rebind."""
        entry = self.entered(None, shape, dtype)
        if record and dtype.kind == "f":
            entry.track()
            return entry, new_variable(entry.stand_in)
        return entry, Tensor(entry.value)

    def grad(self, tensor: Tensor) -> Tensor | None:
        stand_in = self.stand_in(tensor)
        if stand_in._grad is UNREAD:
            entry = self.entries[id(stand_in)]
            now = self.outer.grad(entry.tensor)  # type: ignore[arg-type]  # a tensor's
            entry.gradient = stand_in._grad = None if now is None else self.stand_in(now)
        return stand_in._grad

    def elements(self, tensor: Tensor) -> Any:
        stand_in = self.stand_in(tensor)
        known = self.known.get(id(self.outer.stand_in(tensor)))
        if known is None or stand_in.array is not known.value:
            return stand_in.array
        return self.outer.elements(tensor)

    def rebound(self) -> list[tuple[Tensor, Entry]]:
        """What the function has changed outside; it may not change gradients."""
        for tensor, entry in self.found:
            if entry.stand_in._grad is not entry.gradient:
                raise GraphError(
                    f"{self.operation}: the function sets .grad of a tensor outside of it, of "
                    f"shape {tensor.array.shape}; take the gradient with tg.grad, and return it"
                )
        return self.changed()

    def graded(self) -> list[tuple[Tensor, Tensor | None]]:
        """The gradients, outside, that the function sets without having asked for old ones."""
        found = [(x, e) for x, e in self.found if e.gradient is UNREAD]
        set_ones = [(x, e) for x, e in found if e.stand_in._grad is not UNREAD]
        made = [(x, e.stand_in._grad) for x, e in set_ones]
        for _, entry in set_ones:
            entry.gradient = entry.stand_in._grad  # type: ignore[assignment]  # not UNREAD any more
        return made

    def changed(self) -> list[tuple[Tensor, Entry]]:
        return [(x, entry) for x, entry in self.found if entry.stand_in.array is not entry.value]

    def unchanged(self) -> list[tuple[Tensor, Entry]]:
        return [(x, entry) for x, entry in self.found if entry.stand_in.array is entry.value]

    def lost(self) -> list[Tensor]:
        """The changed tensors whose gradients would be lost, as none flow to them outside."""
        return [
            entry.tensor
            for _, entry in self.changed()
            if entry.tape is None and entry.stand_in.node is not None and entry.tensor is not None
        ]
