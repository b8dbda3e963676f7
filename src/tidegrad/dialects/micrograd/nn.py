"""Floor 8. micrograd's networks: neurons, layers of them, and layers upon layers."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

from ..shared import lacking
from .engine import Value

__all__ = ["MLP", "Layer", "Module", "Neuron", "Value"]


class Module:
    """What has parameters."""

    def zero_grad(self) -> None:
        for p in self.parameters():
            p.grad = 0

    def parameters(self) -> list[Value]:
        return []


class Neuron(Module):
    """relu(w . x + b), or without the relu; weights are uniform in (-1, 1), by Python's random.

    As many inputs as weights are needed; there, too many or too few were cut off.
    """

    def __init__(self, nin: int, nonlin: bool = True):
        self.w = [Value(random.uniform(-1, 1)) for _ in range(nin)]
        self.b, self.nonlin = Value(0), nonlin

    def __call__(self, x: Iterable[Any]) -> Value:
        inputs, out = list(x), self.b
        if len(inputs) != len(self.w):
            raise ValueError(f"Neuron: {len(inputs)} inputs for {len(self.w)} weights")
        for weight, number in zip(self.w, inputs):
            out = out + weight * number
        return out.relu() if self.nonlin else out

    def parameters(self) -> list[Value]:
        return [*self.w, self.b]

    def __repr__(self) -> str:
        return f"{'ReLU' if self.nonlin else 'Linear'}Neuron({len(self.w)})"


class Layer(Module):
    """Neurons side by side; a layer of one gives its number, not a list."""

    def __init__(self, nin: int, nout: int, **kwargs: Any):
        self.neurons = [Neuron(nin, **kwargs) for _ in range(nout)]

    def __call__(self, x: Iterable[Any]) -> Any:
        inputs = list(x)
        outs = [neuron(inputs) for neuron in self.neurons]
        return outs if len(outs) != 1 else outs[0]

    def parameters(self) -> list[Value]:
        return [p for neuron in self.neurons for p in neuron.parameters()]

    def __repr__(self) -> str:
        return f"Layer of [{', '.join(map(str, self.neurons))}]"


class MLP(Module):
    """Layers one after another, `nouts` wide; only the last has no relu.

    >>> MLP(2, [1, 1])
    MLP of [Layer of [ReLUNeuron(2)], Layer of [LinearNeuron(1)]]
    """

    def __init__(self, nin: int, nouts: list[int]):
        last = len(nouts) - 1
        widths = [nin, *nouts]
        self.layers = [Layer(widths[i], n, nonlin=i != last) for i, n in enumerate(nouts)]

    def __call__(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x

    def parameters(self) -> list[Value]:
        return [p for layer in self.layers for p in layer.parameters()]

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(map(str, self.layers))}]"


__getattr__ = lacking("micrograd")
