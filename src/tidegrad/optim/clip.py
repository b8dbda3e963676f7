"""Floor 7. Limits on gradients, all together or each number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import tidegrad as tg

__all__ = ["clip_grad_norm", "clip_grad_value"]


def with_gradients(parameters: Any, operation: str) -> list[Any]:
    """Those of `parameters`, a tensor or an iterable of them, that have a gradient."""
    if isinstance(parameters, tg.Tensor):
        parameters = [parameters]
    if not isinstance(parameters, Iterable):
        raise TypeError(
            f"{operation}: takes tensors, not {type(parameters).__name__}; pass net.parameters()"
        )
    found = list(parameters)
    for p in found:
        if not isinstance(p, tg.Tensor):
            raise TypeError(f"{operation}: takes tensors, and there is a {type(p).__name__}")
    return [p for p in found if p.grad is not None]


def clip_grad_norm(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
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
    if not max_norm >= 0:
        raise ValueError(f"clip_grad_norm: max_norm must not be negative, and is {max_norm}")
    live = with_gradients(parameters, "clip_grad_norm")
    if not live:
        return tg.tensor(0.0)
    with tg.no_grad():
        order = float(norm_type)
        norms = [tg.linalg.vector_norm(p.grad, ord=order) for p in live]
        total = norms[0] if len(norms) == 1 else tg.linalg.vector_norm(tg.stack(norms), ord=order)
        if error_if_nonfinite and not bool(tg.isfinite(total)):
            raise ValueError(
                f"clip_grad_norm: the norm of order {order} is {total.item()}; look for the "
                "operation with tg.detect_anomaly()"
            )
        # The small term keeps a norm of 0 from dividing.
        factor = tg.minimum(max_norm / (total + 1e-6), 1.0)
        for p in live:
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
    if not clip_value >= 0:
        raise ValueError(f"clip_grad_value: clip_value must not be negative, and is {clip_value}")
    limit = float(clip_value)
    with tg.no_grad():
        for p in with_gradients(parameters, "clip_grad_value"):
            p.grad = tg.clip(p.grad, -limit, limit)
