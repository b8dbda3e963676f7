"""Floor 8. The cursor that a Tensor of simplegrad is: where it began, and where it is now."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Self

import numpy as np

import tidegrad as tg

from .accel.symbolic import SymbolicArray
from .devices import Numpy, at_work
from .starts import Start

__all__ = ["Cursor"]

MOVING = ("_start", "_now", "_past", "_symbolic")


class Cursor:
    """A tensor that moves on from the array it was given, and what is asked of it on the way."""

    device: Any = Numpy

    def __init__(self, data: Any):
        self.data = data

    @property
    def data(self) -> Any:
        """The array that it was given, or of what has become of it a view to read."""
        if self._now is None:
            return self._start.data
        if self._symbolic:
            return SymbolicArray.recorded(self._now, self._texts())
        return self._now.numpy()[()]  # one number as NumPy's own, as there

    @data.setter
    def data(self, data: Any) -> None:
        before = vars(self).get("_start")
        self._begin(Start(data, None if before is None else before.held), None)
        self._symbolic = isinstance(data, SymbolicArray)

    @property
    def grad(self) -> Any:
        return self._start.grad

    @grad.setter
    def grad(self, grad: Any) -> None:
        self._start.grad = grad

    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(self._start.data) if self._now is None else self._now.shape

    def __getstate__(self) -> dict[str, Any]:
        """A copy or a pickle begins at what this has become; a program's own attributes stay."""
        own = {name: x for name, x in vars(self).items() if name not in MOVING}
        return {"data": np.array(self.data), "grad": self.grad} | own

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, x in state.items():
            setattr(self, name, x)

    def __getitem__(self, key: Any) -> Self:
        """A part as a new Tensor; this one does not move."""
        with at_work(self.device), self._seen():
            return self._beside(self._tensor()[key])

    def fork(self) -> Self:
        """A Tensor of the same value, which stays when this one moves on."""
        with at_work(self.device), self._seen():
            now = self._tensor()
            return self._beside(tg.reshape(now, now.shape))

    def backward(self) -> None:
        """The gradient of one element with respect to everything that it came from."""
        self._backward(None)

    def _backward(self, dv: Any) -> None:
        now, starts = self._tensor(), begun(self._past)
        slopes = SymbolicArray.gradients(now, self._texts()) if self._symbolic else None
        for start in starts:
            start.clear()
        with at_work(self.device):
            now.backward(dv)
        met: set[int] = set()  # the gradients that were replaced: later parts are added
        for start, slope in zip(starts, slopes or [None] * len(starts), strict=True):
            if start.receive(slope, id(start.held) in met):
                met.add(id(start.held))

    def _tensor(self, dtype: Any = None) -> tg.Tensor:
        return self._start.leaf(dtype) if self._now is None else self._now

    def _begin(self, start: Start, now: tg.Tensor | None) -> None:
        self._start, self._now = start, now
        self._past: Any = start

    def _texts(self) -> list[tuple[tg.Tensor, str]]:
        return [(start.leaf(), start.text) for start in begun(self._past)]

    def _seen(self) -> AbstractContextManager:
        return tg.whole_tape() if self._symbolic else nullcontext()

    def _beside(self, now: tg.Tensor) -> Self:
        """A new Tensor that came from where this one did."""
        made = type(self).__new__(type(self))
        made._begin(Start.of(now), now)
        made._past, made._symbolic = self._past, self._symbolic
        return made


def begun(past: Any) -> list[Start]:
    """The Starts in tuples of tuples of Starts, each once."""
    found: dict[Any, None] = {}
    pending = [past]
    while pending:
        one = pending.pop()
        key = id(one) if type(one) is tuple else one
        if key not in found:
            found[key] = None
            pending += one if type(one) is tuple else ()
    return [key for key in found if isinstance(key, Start)]
