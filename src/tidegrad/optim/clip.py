"""Floor 7. Limits on gradients, all together or each number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import tidegrad as tg

__all__ = ["clip_grad_norm", "clip_grad_value"]


def clip_grad_norm(
    parameters: Any, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Any:
    """Scale all gradients by one factor, so that their norm as one vector is at most `max_norm`.

    Gives the norm before, a 0-d tensor.  `norm_type` is the order, `float("inf")` for the largest
    magnitude.  A norm that is not finite makes gradients that are not, or with
    `error_if_nonfinite` raises ValueError with nothing changed.
    Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks" (2013).

    >>> x = tg.tensor([1.5, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> tg.optim.clip_grad_norm([x], 1.0).item()
    5.0
    >>> [round(g, 4) for g in x.grad.tolist()]
    [0.6, 0.8]
    """
    clipped, order = live(parameters, max_norm, "clip_grad_norm"), float(norm_type)
    if not clipped:
        return tg.tensor(0.0)
    with tg.no_grad():
        norms = [tg.linalg.vector_norm(p.grad, ord=order) for p in clipped]
        total = norms[0] if len(norms) == 1 else tg.linalg.vector_norm(tg.stack(norms), ord=order)
        if error_if_nonfinite and not bool(tg.isfinite(total)):
            raise ValueError(
                f"clip_grad_norm: the norm of order {order} is {total.item()}; look for the "
                "operation with tg.detect_anomaly()"
            )
        # The small term keeps a norm of 0 from dividing.
        factor = tg.minimum(max_norm / (total + 1e-6), 1.0)
        for p in clipped:
            p.grad = p.grad * factor.astype(p.grad.dtype)
    return total


def clip_grad_value(parameters: Any, clip_value: float) -> None:
    """Limit every number in every gradient to between -clip_value and clip_value.

    >>> x = tg.tensor([0.25, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> tg.optim.clip_grad_value([x], 1.0)
    >>> x.grad.tolist()
    [0.5, 1.0]
    """
    with tg.no_grad():
        for p in live(parameters, clip_value, "clip_grad_value"):
            p.grad = tg.clip(p.grad, -float(clip_value), float(clip_value))


def live(parameters: Any, limit: float, operation: str) -> list[Any]:
    """Those of `parameters`, a tensor or an iterable of them, that have a gradient."""
    if not limit >= 0:
        raise ValueError(f"{operation}: the limit must not be negative, and is {limit}")
    found = [parameters] if isinstance(parameters, tg.Tensor) else parameters
    found = list(found) if isinstance(found, Iterable) else [found]
    for p in found:
        if not isinstance(p, tg.Tensor):
            kind = type(p).__name__
            raise TypeError(f"{operation}: takes tensors, not {kind}; pass net.parameters()")
    return [p for p in found if p.grad is not None]
