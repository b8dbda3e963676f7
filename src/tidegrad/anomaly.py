"""Floor 5. detect_anomaly: where a NaN or an infinity came from."""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from .abstract import Value
from .core import Node, Tensor, bind, local
from .errors import AnomalyError
from .lines import calling_line
from .recording import elements, is_traced

__all__ = ["detect_anomaly"]


class detect_anomaly:
    """Within `with tg.detect_anomaly():` the first NaN or infinity is an AnomalyError.

    The message names the operation, forward or backward, and the line that called it.  An
    infinity that an operation was given as a number, as in a mask, is meant, and carried on.

    >>> with tg.detect_anomaly():
    ...     tg.log(tg.tensor([1.0, -1.0]))
    Traceback (most recent call last):
    tidegrad.errors.AnomalyError: log: 1 of 2 elements is NaN, at <...>:2
    """

    def __init__(self) -> None:
        self.lines: weakref.WeakKeyDictionary[Node, str] = weakref.WeakKeyDictionary()
        # By their ids, as tensors do not compare to one truth.
        self.meant: weakref.WeakValueDictionary[int, Tensor] = weakref.WeakValueDictionary()

    def __enter__(self) -> detect_anomaly:
        self.before = local.trace, local.watch
        local.trace, local.watch = self, self.backward
        return self

    def __exit__(self, *_: object) -> None:
        local.trace, local.watch = self.before

    def stand_in(self, x: Any) -> Any:
        """What stands for `x` where a function is run again around this."""
        return self.before[0].stand_in(x) if self.before[0] is not None else x

    def note(self, made: Sequence[Tensor]) -> None:
        """Results of a whole function, made at the line that called it."""
        self.lines.update({y.node: calling_line() for y in made if y.node is not None})
        if self.before[0] is not None:
            self.before[0].note(made)

    def __call__(self, prim, args: tuple, params: dict):
        local.trace = self.before[0]
        try:
            with np.errstate(all="ignore"):  # what a warning would say, the error says better
                out = bind(prim, args, params)
        finally:
            local.trace = self
        if type(out) is Tensor:
            line = calling_line()
            meant = any(map(self.is_meant, args))
            if meant:
                self.meant[id(out)] = out
            if found := fault(out.array, infinite=not meant):
                carried = [i for i, a in enumerate(args) if fault(getattr(a, "array", a))]
                came = f"; it came in with argument {carried[0]}" if carried else ""
                raise AnomalyError(f"{prim.name}: {found}{came}, at {line}")
            if out.node is not None:
                self.lines[out.node] = line
        return out

    def is_meant(self, a: Any) -> bool:
        """Whether `a` is an infinite number, or came of one."""
        if type(a) is Tensor:
            number = a.node is None and a.array.ndim == 0 and not is_traced(a)
            return self.meant.get(id(a)) is a or (number and bool(np.isinf(elements(a))))
        return type(a) is float and math.isinf(a)

    def backward(self, node: Node, parts: Any) -> None:
        """Look at the cotangents that a node sends on."""
        for part in parts:
            found = fault(getattr(part, "array", part))
            if found:
                line = self.lines.get(node, "a line before detect_anomaly")
                raise AnomalyError(f"backward of {node.prim.name}: {found}, made at {line}")


def fault(array: Any, infinite: bool = True) -> str:
    """What is wrong with the elements of `array`, or nothing."""
    array = array.known() if isinstance(array, Value) else array
    if not isinstance(array, np.ndarray | np.generic) or array.dtype.kind != "f":
        return ""
    for test, name in ((np.isnan, "NaN"), (np.isinf, "infinite"))[: 1 + infinite]:
        count = int(test(array).sum())
        if count:
            return f"{count} of {array.size} elements {'is' if count == 1 else 'are'} {name}"
    return ""
