"""Floor 8. maligrad's optimizers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

from ...shared import lacking
from .engine import Parameter

__all__ = ["SGD", "Optimizer", "Parameter"]


class Optimizer(ABC):
    """What changes parameters by their gradients."""

    def __init__(self, parameters: Iterable[Parameter], lr: float):
        self.parameters, self.lr = list(parameters), lr

    @abstractmethod
    def step(self) -> None:
        raise NotImplementedError

    def zero_grad(self) -> None:
        for p in self.parameters:
            p.grad = None


class SGD(Optimizer):
    """Steps against the gradient; a parameter that has none stays as it is."""

    def step(self) -> None:
        for p in self.parameters:
            if p.grad is not None:
                p.data -= self.lr * p.grad


__getattr__ = lacking("maligrad")
