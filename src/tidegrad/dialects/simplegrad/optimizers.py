"""Floor 8. simplegrad's optimizers: PyTorch's Adam on arrays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy import ndarray

from .accel.symbolic import SymbolicArray
from .tensor import Tensor

__all__ = ["Adam", "Optimizer"]


class Optimizer:
    """Derive from it: `_step(t, *args)` is called with the number of the step, from 1 on.

    `decay` is PyTorch's weight decay, which the engine took and ignored.
    """

    def __init__(self, params: Iterable[Tensor], *args: Any, decay: float = 0.0):
        self.params, self.args, self.decay = list(params), args, decay
        self.t = 0

    def step(self) -> None:
        self.t += 1
        self._step(self.t, *self.args)

    def _step(self, t: int, *args: Any) -> None:
        raise NotImplementedError(f"{type(self).__name__} defines no _step(t, *args)")

    def zero_grad(self) -> None:
        for p in self.params:
            p.grad = 0.0

    def found(self, p: Tensor) -> tuple[Any, Any]:
        """A parameter's array and its gradient, decay included; a step's result has no source."""
        x, g = np.asarray(p.data).view(ndarray), p.grad
        g = g.view(ndarray) if isinstance(g, SymbolicArray) else g
        if np.shape(g) not in ((), x.shape):
            raise ValueError(
                f"{type(self).__name__}: a parameter of shape {x.shape} has a gradient of shape "
                f"{np.shape(g)}, so an operation has moved it; compute with its fork()"
            )
        return x, g + self.decay * x if self.decay else g


class Adam(Optimizer):
    """PyTorch's rule: epsilon is added to the corrected root.  Parameters keep their dtype."""

    def __init__(
        self,
        params: Iterable[Tensor],
        learning_rate: float = 0.01,
        epsilon: float = 1e-7,
        beta1: float = 0.9,
        beta2: float = 0.999,
        **kwargs: Any,
    ):
        super().__init__(params, learning_rate, epsilon, beta1, beta2, **kwargs)
        self.m = [self.found(p)[0] * 0.0 for p in self.params]
        self.v = [m * 0.0 for m in self.m]

    def _step(self, t: int, *args: float) -> None:
        rate, epsilon, beta1, beta2 = args
        for i, p in enumerate(self.params):
            x, g = self.found(p)
            self.m[i] = beta1 * self.m[i] + (1.0 - beta1) * g
            self.v[i] = beta2 * self.v[i] + (1.0 - beta2) * g * g
            root = (self.v[i] / (1.0 - beta2**t)) ** 0.5
            p.data = x - rate / (1.0 - beta1**t) * self.m[i] / (root + epsilon)
