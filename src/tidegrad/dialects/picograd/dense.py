"""Floor 8. picograd's `NN`: a dense network, and a loop that trains it.

Beside `nn.py` a file `NN.py` could not be on systems that take both for one name: this file is
known as `picograd.NN` by an entry in `sys.modules`.
"""

from __future__ import annotations

import pickle
from itertools import pairwise
from typing import Any, BinaryIO

import numpy as np

import tidegrad as tg

from ..shared import lacking
from .pico import glorot_uniform, relu
from .tensors import apply, tensor, to_tensor

__all__ = ["NN", "train_model"]

SPINNER = "⣾⣽⣻⢿⡿⣟⣯⣷"


class NN:
    """Dense layers with relu between them; `x` is `(batch, in, 1)`, weights `(out, in)`.

    The gradient of a weight is the whole one, not its 1/batch part.
    """

    __getattr__ = lacking("picograd", "NN")

    def __init__(self, input_size: int, output_size: int, hiddens: Any = None, init: Any = None):
        self.input_size, self.output_size = input_size, output_size
        sizes = [input_size, *([16, 16] if hiddens is None else hiddens), output_size]
        self.layers = init
        if init is None:
            self.layers = [layer(n, m) for n, m in pairwise(sizes)]

    def __call__(self, x: Any) -> tensor:
        x = to_tensor(x)
        for w, b in self.layers[:-1]:
            x = relu(w @ x + b)
        w, b = self.layers[-1]
        return w @ x + b

    @property
    def size(self) -> int:
        """How many numbers the network learns."""
        return sum(w.size + b.size for w, b in self.layers)

    def save(self, file: BinaryIO) -> None:
        """Pickle the layers and sizes into a file open for writing bytes."""
        pickle.dump(vars(self), file)

    @staticmethod
    def load(file: BinaryIO) -> NN:
        """Read what `save` wrote, here or in picograd itself; nothing in it is executed."""
        state = Reader(file).load()
        return NN(state["input_size"], state["output_size"], init=state["layers"])


def layer(n: int, m: int) -> tuple[tensor, tensor]:
    w, b = (glorot_uniform(m, k, in_size=n, out_size=m).track() for k in (n, 1))
    return w, b


class Reader(pickle.Unpickler):
    """Reads tensors and arrays, and refuses everything else that a pickle could name."""

    ARRAYS = ("_reconstruct", "_frombuffer", "ndarray", "dtype", "scalar")

    def find_class(self, module: str, name: str) -> Any:
        if name == "tensor" and module in ("picograd.pico", tensor.__module__):
            return tensor
        if module.partition(".")[0] == "numpy" and name in self.ARRAYS:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"NN.load: a network holds arrays, and this {module}.{name}")


def train_model(
    model: NN,
    X: Any,
    Y: Any,
    batch_size: int = 64,
    alpha: float = 1e-1,
    beta: float = 1e3,
    epochs: int = 1,
) -> list[float]:
    """Descend by `min(alpha / (|change of the loss| * beta), 10 * alpha)`; each epoch's loss.

    The last batch counts though it be smaller. The steps are picograd's: they are divided by
    `batch_size`, as its gradients wrongly were, so that programs learn with the alpha they have.
    """
    X, Y = to_tensor(X), to_tensor(Y)
    losses: list[float] = []
    for epoch in range(epochs):
        step = alpha
        if len(losses) > 1:
            change = max(abs(losses[-1] - losses[-2]), 1e-10)
            step = min(alpha / (change * beta), 10 * alpha)
        for start in range(0, X.shape[0], batch_size):
            rows = slice(start, start + batch_size)
            descend(model, X[rows], Y[rows], step / batch_size)
        with tg.no_grad():
            losses.append(squared_error(model, X, Y).item)
        turn = SPINNER[epoch % len(SPINNER)]
        print(f"\rEpoch {epoch + 1:4}/{epochs}: {losses[-1]:.6f} {turn} ({step:2.6f})", end="")
    return losses


def squared_error(model: NN, x: Any, y: Any) -> tensor:
    """Summed over the outputs, its mean over the batch; `y` has the shape of what comes out."""
    total: Any = apply(tg.nn.functional.mse_loss, model(x), y, reduction="sum")
    return total / len(x[:])


def descend(model: NN, x: Any, y: Any, step: float) -> None:
    """One step; none where the loss is not a number."""
    loss = squared_error(model, x, y)
    if not np.isnan(loss.value):
        loss.reverse()
        for parameter in (p for pair in model.layers for p in pair):
            parameter.value -= step * parameter.grad
        loss.clear_grads()


def main(points: int = 100, epochs: int = 1000) -> list[float]:
    """Fit a cubic curve, as `python -m picograd.NN` does."""
    x = np.linspace(-1, 1, points)
    np.random.shuffle(x)
    y = (x - 0.743) * (x - 0.097) * (x + 0.787)
    model = NN(1, 1, hiddens=[32, 32])
    print(f"{model.size} parameters learn a curve.")
    losses = train_model(model, x.reshape(-1, 1, 1), y.reshape(-1, 1, 1), epochs=epochs, alpha=1)
    print(f"\nThe squared error went from {losses[0]:.4f} to {losses[-1]:.6f}.")
    return losses


__getattr__ = lacking("picograd")

if __name__ == "__main__":
    main()
