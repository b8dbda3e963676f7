"""Floor 3. Activations with options; those without are lines of the elementwise table."""

from __future__ import annotations

from typing import Any

from ..core import Tensor
from . import elementwise as table
from .creation import lift

__all__ = ["elu", "gelu", "leaky_relu", "log_sigmoid"]


def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """`x` where positive, else alpha * (exp(x) - 1)."""
    return table.elu(lift(x, "elu"), alpha=float(alpha))


def leaky_relu(x: Any, negative_slope: float = 0.01) -> Tensor:
    """`x` where positive, else negative_slope * x."""
    return table.leaky_relu(lift(x, "leaky_relu"), negative_slope=float(negative_slope))


def gelu(x: Any, approximate: str = "none") -> Tensor:
    """x times the normal distribution's CDF at x ("none": by erf; "tanh": the usual formula).

    Hendrycks and Gimpel, Gaussian Error Linear Units, arXiv:1606.08415.
    """
    x = lift(x, "gelu")
    if approximate == "none":
        return table.gelu(x)
    if approximate != "tanh":
        raise ValueError(f'gelu: approximate is "none" or "tanh", not {approximate!r}')
    # Beyond 1e5 the factor is exactly 0 or 1, so that infinities need not be cubed.
    near = table.clip_above(table.clip_below(x, -1e5), 1e5)
    inner = 0.7978845608028654 * (near + 0.044715 * near * near * near)
    return table.maximum(x, -1e5) * (0.5 + 0.5 * table.tanh(inner))


def log_sigmoid(x: Any) -> Tensor:
    """log(sigmoid(x)), exact where the sigmoid vanishes."""
    return -table.softplus(-lift(x, "log_sigmoid"))
