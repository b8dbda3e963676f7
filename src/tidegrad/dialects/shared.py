"""Floor 8. What the dialects share: operators by a table, and what is said of a lacking name."""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable
from typing import Any

import tidegrad as tg

__all__ = ["ARITHMETIC", "lacking", "operators"]

ARITHMETIC: dict[str, Callable] = {
    "add": tg.add,
    "sub": tg.subtract,
    "mul": tg.multiply,
    "truediv": tg.divide,
    "matmul": tg.matmul,
    "pow": tg.pow,
}


def operators(cls: type, apply: Callable[[Callable, Any, Any], Any], leave: str = "") -> None:
    """Give `cls` the arithmetic operators and their reflected forms, but those named in `leave`.

    Each is `apply(function of tidegrad, left, right)`.
    """
    for name, function in ARITHMETIC.items():
        if name not in leave.split():
            setattr(cls, f"__{name}__", forward(function, apply))
            setattr(cls, f"__r{name}__", reflected(function, apply))


def forward(function: Callable, apply: Callable) -> Callable[[Any, Any], Any]:
    return lambda self, other: apply(function, self, other)


def reflected(function: Callable, apply: Callable) -> Callable[[Any, Any], Any]:
    return lambda self, other: apply(function, other, self)


def lacking(dialect: str, owner: str = "") -> Callable[..., Any]:
    """A `__getattr__`, of a dialect's module or of its class `owner`: it refuses with the remedy.

    >>> getattr = lacking("pygrad", "Tensor")
    >>> getattr(None, "tanhh")
    Traceback (most recent call last):
    AttributeError: the dialect pygrad has no Tensor.tanhh; docs/coming-from.md has a table of ...
    """

    def refuse(*names: str) -> Any:
        name = names[-1]
        wanted = f"{owner}.{name}" if owner else name
        message = f"the dialect {dialect} has no {wanted}; {remedy(name)}"
        if not owner and name[:2] != "__" and importing():
            raise ImportError(message)  # of an AttributeError, `from x import y` hides the words
        raise AttributeError(message, name=name)

    return refuse


def importing() -> bool:
    """Whether the module attribute that is lacking was asked for by `from module import name`."""
    frame = sys._getframe(2)
    return frame.f_code.co_code[frame.f_lasti] == dis.opmap["IMPORT_FROM"]


def remedy(name: str) -> str:
    """Where tidegrad has something of this name, or where to look."""
    places = {"tg": tg, "tg.Tensor": tg.Tensor, "tg.nn": tg.nn, "tg.optim": tg.optim}
    for path, place in places.items():
        if hasattr(place, name) and not name.startswith("_"):
            return f"tidegrad has {path}.{name}"
    return "docs/coming-from.md has a table of its names beside tidegrad's"
