"""Floor 8. pygrad's activation layers, and what its layers without parameters have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..shared import lacking
from .tensor import Tensor

__all__ = ["Layer", "ReLU"]


class Layer:
    """A function of a Tensor with a label, which its result takes; `tensor` is the last result."""

    function: Callable[[Tensor], Tensor]
    shown = "{kind}=(name={label})"
    tensor: Tensor | None

    def __init__(self, label: Any = None):
        kind = type(self).__name__
        if label is not None and not isinstance(label, int | str):
            raise TypeError(f"{kind}: label is a str, an int or None, not {label!r}")
        self.label, self.tensor = label, None

    def __repr__(self) -> str:
        return self.shown.format(kind=type(self).__name__, label=self.label)

    def __call__(self, x: Tensor) -> Tensor:
        self.tensor = out = type(self).function(checked(x, type(self).__name__))
        out.label = self.label
        return out


def checked(x: Any, owner: str, ndim: int | None = None) -> Tensor:
    """`x`, where it is a Tensor that has as many axes."""
    if not isinstance(x, Tensor):
        raise TypeError(f"{owner}: takes a Tensor, not {type(x).__name__}")
    if ndim is not None and len(x.shape) != ndim:
        raise ValueError(f"{owner}: takes {ndim} axes, the first is the batch; not {x.shape}")
    return x


class ReLU(Layer):
    """`Tensor.relu` as a layer."""

    function = staticmethod(lambda x: x.relu())
    shown = "ReLU Layer=(name={label})"

    def __init__(self, label: Any = "ReLU"):
        super().__init__(label)


__getattr__ = lacking("pygrad")
