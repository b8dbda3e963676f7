"""Floor 7. Dropout: elements set to zero at random, the others scaled up to make good."""

from __future__ import annotations

from typing import Any

import tidegrad as tg

__all__ = ["dropout", "dropout2d"]


def dropout(input: Any, p: float = 0.5, training: bool = True, generator: Any = None) -> tg.Tensor:
    """`input` with each element zero with probability `p`, the others divided by `1 - p`.

    Outside training it is `input` itself (Srivastava et al., 2014; inverted, as is usual now).

    >>> tg.nn.functional.dropout(tg.ones(3), p=0.5, training=False).tolist()
    [1.0, 1.0, 1.0]
    """
    return _dropped("dropout", input, input.shape, p, training, generator)


def dropout2d(
    input: Any, p: float = 0.5, training: bool = True, generator: Any = None
) -> tg.Tensor:
    """`dropout` of whole channels: an (N, C, ...) input loses entire (n, c) slices.

    >>> out = tg.nn.functional.dropout2d(tg.ones((2, 3, 4, 4)), p=0.5)
    >>> set(tg.mean(out, axis=(2, 3)).numpy().ravel()) <= {0.0, 2.0}
    True
    """
    shape = tuple(n if axis < 2 else 1 for axis, n in enumerate(input.shape))
    return _dropped("dropout2d", input, shape, p, training, generator)


def _dropped(
    operation: str, x: Any, shape: tuple[int, ...], p: float, training: bool, generator: Any
) -> tg.Tensor:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"{operation}: p is a probability within 0 to 1, not {p}")
    if not training or p == 0.0:
        return x
    kept = tg.random.bernoulli(p=1.0 - p, shape=shape, generator=generator)
    scale = 1.0 / (1.0 - p) if p < 1.0 else 0.0
    # Selected, not multiplied: a dropped infinity is 0 and not NaN.
    return tg.where(kept, x * scale, 0.0) if p < 1.0 else tg.where(kept, x, 0.0)
