"""Floor 8. pygrad's optimizers: its arguments and its calls over tidegrad's rules."""

from __future__ import annotations

from typing import Any

import numpy as np

import tidegrad as tg

from ..shared import lacking
from .tensor import Tensor

__all__ = ["Adam", "RMSProp", "SGD", "SGD_Momentum"]


class Optimizer:
    """Changes `model_parameters` by the gradients that `loss` has, once `backward()` has run.

    A parameter's gradient is found by what it is, not by its place among the loss's weights, and
    is the loss's own, not once more a mean over its first axis.  Rates are attributes, and may be
    changed between steps.
    """

    method: Any
    names: dict[str, str]  # of the rates: tidegrad's, and here

    def __init__(self, model_parameters: list[Tensor]):
        if not model_parameters or not all(isinstance(p, Tensor) for p in model_parameters):
            raise ValueError(f"{type(self).__name__}: takes a list of Tensors, and not none")
        self.model_parameters = list(model_parameters)
        self.sums = [np.zeros_like(p.value) for p in self.model_parameters]
        self.begin()

    def rates(self) -> dict[str, Any]:
        return {name: getattr(self, here) for name, here in self.names.items()}

    def begin(self) -> None:
        """Forget what was kept from step to step."""
        self.held = [tg.tensor(p.value, requires_grad=True) for p in self.model_parameters]
        self.rule, self.iter_num = self.method(self.held, **self.rates()), 0

    def zero_grad(self) -> None:
        for p in self.model_parameters:
            p.reset_grad()
        self.sums = [p.grad for p in self.model_parameters]

    def step(self, loss: Tensor) -> None:
        """Change every parameter that `loss` depends on."""
        found = gradients(loss, self)
        given = [found.get(id(p)) for p in self.model_parameters]
        self.move(given)
        for p, g in zip(self.model_parameters, given):
            p.grad = p.grad if g is None else g

    def step_single(self, loss: Tensor, batch_size: int, modify: bool = False) -> None:
        """Add the gradients of `loss` to the parameters', or with `modify` change those.

        The change is by the sum of the gradients divided by `batch_size`.
        """
        if not isinstance(loss, Tensor) or batch_size < 1:
            raise ValueError(f"step_single: takes a loss and a positive size, not {batch_size!r}")
        if modify:
            return self.move([p.grad / batch_size for p in self.model_parameters])
        found, own = gradients(loss, self), set(map(id, loss.weights))
        for i, p in enumerate(self.model_parameters):
            # backward() has reset a parameter's gradient where no copy of it ran.
            before = self.sums[i] if id(p) in own else p.grad
            p.grad = self.sums[i] = before + found.get(id(p), 0.0)

    def move(self, gradients: list[Any]) -> None:
        """One step of tidegrad's optimizer, all of it or nothing."""
        group = self.rule.param_groups[0]
        for name, rate in self.rates().items():
            group[name] = rate
        with tg.no_grad():
            for held, p, g in zip(self.held, self.model_parameters, gradients):
                held[...] = p.value
                held.grad = None if g is None else tg.tensor(g, held.dtype)
        self.rule.step()
        for held, p in zip(self.held, self.model_parameters):
            p.value = held.numpy().copy()
        self.iter_num += 1

    __getattr__ = lacking("pygrad", "Optimizer")


def gradients(loss: Tensor, optimizer: Optimizer) -> dict[int, np.ndarray]:
    """By the id of a parameter, what `loss` gave it, or a Module's copy of it."""
    name = type(optimizer).__name__
    if not isinstance(loss, Tensor) or loss.weights is None:
        raise ValueError(f"{name}: takes a loss after loss.backward(), not {loss!r}")
    found: dict[int, Any] = {}
    for w in loss.weights:
        owner = id(w if w.origin is None else w.origin)
        found[owner] = found.get(owner, 0.0) + w.grad
    if not any(id(p) in found for p in optimizer.model_parameters):
        raise ValueError(f"{name}: the loss depends on none of the parameters")
    return found


class SGD(Optimizer):
    """x - lr * g."""

    method, names = tg.optim.SGD, {"lr": "lr"}

    def __init__(self, model_parameters: list[Tensor], lr: float = 1e-5):
        self.lr = lr
        super().__init__(model_parameters)


class SGD_Momentum(Optimizer):
    """x - lr * v with v = beta * v + g, where the engine took (1 - beta) * g."""

    method, names = tg.optim.SGD, {"lr": "lr", "momentum": "beta"}
    zero_momentums = Optimizer.begin

    def __init__(self, model_parameters: list[Tensor], beta: float = 0.9, lr: float = 1e-5):
        self.beta, self.lr = beta, lr
        super().__init__(model_parameters)


class RMSProp(Optimizer):
    """x - lr * g / (sqrt(v) + eps) with v = beta * v + (1 - beta) * g**2, in both kinds of step."""

    method, names = tg.optim.RMSprop, {"lr": "lr", "alpha": "beta", "eps": "eps"}
    zero_vs = Optimizer.begin
    eps = 1e-8

    def __init__(self, model_parameters: list[Tensor], beta: float = 0.9, lr: float = 1e-5):
        self.beta, self.lr = beta, lr
        super().__init__(model_parameters)


class Adam(Optimizer):
    """Adam, whose steps are counted once a step and not once a parameter."""

    method, names = tg.optim.Adam, {"lr": "lr", "betas": "betas", "eps": "eps"}
    zero_adam = Optimizer.begin
    betas = property(lambda self: (self.beta1, self.beta2))

    def __init__(self, model_parameters: list[Tensor], beta1: float = 0.9, beta2: float = 0.999,
                 eps: float = 1e-8, lr: float = 1e-5):  # fmt: skip
        self.beta1, self.beta2, self.eps, self.lr = beta1, beta2, eps, lr
        super().__init__(model_parameters)


__getattr__ = lacking("pygrad")
