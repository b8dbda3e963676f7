"""Floor 8. picograd's networks of single neurons, whose numbers are Values."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from ..shared import lacking
from .engine import Value, visualize_graph

__all__ = ["MLP", "Layer", "Neuron", "Value", "generate_dataset", "train_model"]
__all__ += ["visualize_graph"]


class Neuron:
    """tanh of a weighted sum; weights from `random`, between -1 and 1, and a bias of 0."""

    __getattr__ = lacking("picograd", "Neuron")

    def __init__(self, nin: int):
        self.w = [Value(random.uniform(-1, 1)) for _ in range(nin)]
        self.b: Any = Value(0)

    def __call__(self, x: Sequence[Any]) -> Value:
        if len(x) != len(self.w):
            raise ValueError(f"Neuron: {len(self.w)} weights do not fit {len(x)} inputs")
        return sum((w * xi for w, xi in zip(self.w, x)), self.b).tanh()

    def parameters(self) -> list[Value]:
        return [*self.w, self.b]


class Layer:
    """`nout` neurons that see the same `nin` inputs."""

    __getattr__ = lacking("picograd", "Layer")

    def __init__(self, nin: int, nout: int):
        self.neurons = [Neuron(nin) for _ in range(nout)]

    def __call__(self, x: Sequence[Any]) -> list[Value]:
        return [neuron(x) for neuron in self.neurons]

    def parameters(self) -> list[Value]:
        return [p for neuron in self.neurons for p in neuron.parameters()]


class MLP:
    """Layers of these sizes, one after the other; a single output comes without its list."""

    __getattr__ = lacking("picograd", "MLP")

    def __init__(self, nin: int, nouts: Sequence[int]):
        self.layers = [Layer(n, m) for n, m in zip([nin, *nouts], nouts)]

    def __call__(self, x: Sequence[Any]) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x[0] if len(x) == 1 else x

    def parameters(self) -> list[Value]:
        return [p for layer in self.layers for p in layer.parameters()]


def generate_dataset(n: int) -> list[tuple[list[float], Value]]:
    """Points of a square whose labels, 1 or -1, have nothing to do with where they are."""

    def pair() -> tuple[list[float], Value]:
        label = 1 if random.random() > 0.5 else -1
        return [random.uniform(-1, 1), random.uniform(-1, 1)], Value(label)

    return [pair() for _ in range(n)]


def train_model(epochs: int = 1000, points: int = 100, learning_rate: float = 0.01) -> MLP:
    """Descend on such a data set, all points at once; the network is drawn before and after."""
    model, data = MLP(2, [8, 8, 1]), generate_dataset(points)
    visualize_graph(model(data[0][0]), "initial_model")
    for epoch in range(epochs):
        loss: Any = sum((model(x) - y) ** 2 for x, y in data)
        for p in model.parameters():
            p.grad.data = 0
        loss.backward()
        for p in model.parameters():
            p.data.data -= learning_rate * p.grad.data
        if epoch % 100 == 0:
            print(f"Epoch {epoch}, Loss: {loss.data.data.item() / points:.4f}")
    visualize_graph(model(data[0][0]), "trained_model")
    return model


__getattr__ = lacking("picograd")

if __name__ == "__main__":
    train_model()
