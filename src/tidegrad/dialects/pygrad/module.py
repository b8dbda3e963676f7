"""Floor 8. pygrad's Module: a model that runs as a copy of itself."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from ..shared import lacking
from .tensor import Tensor

__all__ = ["Module"]


class Module(ABC):
    """A model whose forward pass runs on `model_copy`, where gradients and results stay.

    The copy's weights have the values that the model's have now; the engine's stayed as they
    were until `model_reset()`.  An optimizer made with `weights` carries the gradients over.
    """

    params: list[Tensor]
    weights: list[Tensor]
    model_copy: Any = None
    followers: list[Tensor] = []  # noqa: RUF012 (rebound, never changed)

    @abstractmethod
    def __init__(self, **kwargs: Any):
        self.params, self.weights = self.parameters(**kwargs)
        self.model_copy = None

    @abstractmethod
    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """The result for these inputs."""

    def __call__(self, **kwargs: Any) -> Tensor:
        if self.model_copy is None:
            self.model_reset()
        for follower in self.followers:
            follower.value = follower.origin.value
        output = self.model_copy.forward(**kwargs)
        self.model_copy.params, self.model_copy.weights = output.create_graph()
        return output

    def model_reset(self) -> None:
        """Begin with a new copy, with gradients of zero."""
        self.model_copy, self.followers = None, []
        followers = [follower(weight) for weight in self.weights]
        memo: dict[int, Any] = {id(x): y for x, y in zip(self.weights, followers)}
        memo[id(self.params)] = []
        self.model_copy = copy.deepcopy(self, memo)
        self.followers = followers

    def call_slow(self, **kwargs: Any) -> Tensor:
        """As calling the model, with a new copy every time."""
        self.model_reset()
        return self(**kwargs)

    def parameters(self, **kwargs: Any) -> tuple[list[Tensor], list[Tensor]]:
        """All Tensors of a forward pass with these inputs, and its weights among them."""
        return self.forward(**kwargs).create_graph()


def follower(weight: Tensor) -> Tensor:
    """A weight of the copy: a gradient of its own for the value of `weight`."""
    made = copy.copy(weight)
    made.origin, made.grad = weight, np.zeros_like(weight.value)
    return made


__getattr__ = lacking("pygrad")
