"""Floor 7. Many parameters as one vector, for methods that know directions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["point", "scatter", "slope"]


def point(params: Sequence[Any]) -> np.ndarray:
    """The parameters in one vector.

    >>> from tidegrad.optim.flat import point
    >>> point([tg.tensor([[1.0], [2.0]]), tg.tensor(3.0)])
    array([1., 2., 3.], dtype=float32)
    """
    return np.concatenate([p.data.ravel() for p in params])


def slope(params: Sequence[Any]) -> np.ndarray:
    """The gradients in one vector; where there is none it is zero.

    >>> from tidegrad.optim.flat import slope
    >>> slope([tg.tensor([1.0, 2.0])])
    array([0., 0.], dtype=float32)
    """
    grads = [np.zeros_like(p.data) if p.grad is None else p.grad.data for p in params]
    return np.concatenate([g.ravel() for g in grads])


def scatter(params: Sequence[Any], vector: np.ndarray) -> None:
    """Give the parameters their parts of `vector`.

    >>> from tidegrad.optim.flat import scatter
    >>> x, y = tg.tensor([1.0, 2.0]), tg.tensor(3.0)
    >>> scatter([x, y], np.float32([4.0, 5.0, 6.0]))
    >>> x, y
    (tensor([4., 5.]), tensor(6.))
    """
    start = 0
    for p in params:
        part = vector[start : start + p.size]
        p.data = part.reshape(p.shape).astype(p.dtype, copy=False)
        start += p.size
