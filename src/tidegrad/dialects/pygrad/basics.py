"""Floor 8. pygrad's layers."""

from __future__ import annotations

from typing import Any

import numpy as np

import tidegrad as tg

from ..shared import lacking
from .activations import Layer, checked
from .constants import PRECISION
from .tensor import Tensor

__all__ = ["AddNorm", "Conv2D", "Dropout", "Flatten", "Linear", "Softmax"]


class Dropout:
    """In training, the share `rate` of the elements is 0 and the others make up for it.

    The engine did not rescale, so that its mean fell.  Which are dropped NumPy's global random
    state says, as there.
    """

    def __init__(self, rate: float = 0.1):
        if not 0 <= rate <= 1:
            raise ValueError(f"Dropout: rate is within 0 to 1, not {rate}")
        self.rate = rate

    def __call__(self, x: Tensor, training: bool = True) -> Tensor:
        size = checked(x, "Dropout").value.size
        dropped = int(size * self.rate) if training else 0
        if not dropped:
            return x
        places = np.unravel_index(np.random.choice(size, dropped, replace=False), x.shape)
        return x.mask_idcs(places) * (size / max(size - dropped, 1))


class AddNorm:
    """`x + skip` with mean 0 and variance 1 along the last axis, times `gain`, plus `bias`.

    Both are fixed numbers, as in the engine; the gradient of a constant row is finite.
    """

    def __init__(self, gain: float = 1.0, bias: float = 0.0, epsilon: float = 1e-9):
        self.gain, self.bias, self.epsilon = gain, bias, epsilon

    def __call__(self, x: Tensor, skip: Tensor) -> Tensor:
        if checked(x, "AddNorm").shape != checked(skip, "AddNorm").shape:
            raise ValueError(f"AddNorm: x and skip differ in shape: {x.shape} and {skip.shape}")
        total = x + skip
        return total.made(self.normed, total) * self.gain + self.bias

    def normed(self, x: Any) -> tg.Tensor:
        return tg.nn.functional.layer_norm(x, x.shape[-1], eps=self.epsilon)


class Linear:
    """x @ W + B for x of shape (batch, rows, i_dim), drawn from +-1 / sqrt(i_dim).

    W (1, i_dim, o_dim) and B (1, 1, o_dim) keep their shape for every batch, and their gradient
    is the whole batch's; the engine made a copy of them for each sample.
    """

    def __init__(self, i_dim: int, o_dim: int, bias: bool = True, label: Any = "Linear",
                 dtype: Any = PRECISION):  # fmt: skip
        self.i_dim, self.o_dim = counts("Linear", i_dim=i_dim, o_dim=o_dim)
        self.bias, self.label, self.dtype, self.tensor = bias, label, dtype, None
        self.W = drawn(i_dim, (1, i_dim, o_dim), f"W_{label}", dtype)
        self.B = drawn(i_dim, (1, 1, o_dim), f"b_{label}", dtype) if bias else None

    def __repr__(self) -> str:
        bias = None if self.B is None else self.B.shape
        return f"Linear=(name={self.label}, W shape={self.W.shape}, B shape={bias}"

    def __call__(self, x: Tensor) -> Tensor:
        out = checked(x, "Linear", 3) @ self.W
        self.tensor = out = out if self.B is None else out + self.B
        out.label = self.label
        return out


class Softmax(Layer):
    """`Tensor.softmax` as a layer."""

    function = staticmethod(lambda x: x.softmax())

    def __init__(self, label: Any = "Softmax"):
        super().__init__(label)


class Flatten(Layer):
    """Each sample in one row: (batch, 1, size)."""

    function = staticmethod(lambda x: x.reshape((x.shape[0], 1, -1)))

    def __init__(self, label: Any = "Flatten"):
        super().__init__(label)


class Conv2D:
    """`kw` over images (batch, i_dim, H, W), plus `kb`; stride 1, no padding.

    Drawn from +-1 / sqrt(i_dim kH kW), where the engine took the fourth root.
    """

    def __init__(self, o_dim: int, i_dim: int, kH: int, kW: int, bias: bool = True,
                 label: Any = "Conv2D", dtype: Any = PRECISION):  # fmt: skip
        counts("Conv2D", o_dim=o_dim, i_dim=i_dim, kH=kH, kW=kW)
        self.o_dim, self.i_dim, self.kH, self.kW = o_dim, i_dim, kH, kW
        self.bias, self.label, self.dtype = bias, label, dtype
        self.shape: tuple[int, ...] = ()
        self.tensor: Tensor | None = None
        n = i_dim * kH * kW
        self.kw = drawn(n, (1, o_dim, i_dim, kH, kW), f"ConvW_{label}", dtype)
        self.kb = drawn(n, (1, o_dim, 1, 1), f"ConvB_{label}", dtype) if bias else None

    def __repr__(self) -> str:
        bias = None if self.kb is None else self.kb.shape
        shapes = f"kernel={self.kw.shape}, bias={bias}, output={self.shape}"
        return f"Conv2D=(name={self.label}, {shapes})"

    def __call__(self, x: Tensor) -> Tensor:
        out = self.kw.conv2D(checked(x, "Conv2D", 4))
        self.tensor = out = out if self.kb is None else out + self.kb
        self.shape = out.shape
        return out


def counts(owner: str, **given: int) -> list[int]:
    for name, n in given.items():
        if not isinstance(n, int) or n < 1:
            raise ValueError(f"{owner}: {name} is a positive int, not {n!r}")
    return list(given.values())


def drawn(inputs: int, shape: tuple, label: str, dtype: Any) -> Tensor:
    """A parameter drawn evenly from +-1 / sqrt(inputs), by NumPy's global random state."""
    bound = inputs**-0.5
    return Tensor(np.random.uniform(-bound, bound, shape), label, dtype)


__getattr__ = lacking("pygrad")
