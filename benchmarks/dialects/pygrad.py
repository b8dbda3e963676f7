"""Programs of pygrad beside PyTorch, from the same initial values, batches and dropped places."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from examples.dialects import pygrad_cnn, pygrad_dnn
from tidegrad.dialects.pygrad.architectures.cnn import CNN
from tidegrad.dialects.pygrad.architectures.dnn import DNN

from . import Program


def dropout(rate: float = 0.1) -> Any:
    """A module of PyTorch's that draws as pygrad's Dropout does."""
    import torch

    class Dropout(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            size = x.numel()
            dropped = int(size * rate)
            if not self.training or not dropped:
                return x
            kept = torch.ones(size, dtype=x.dtype)
            kept[np.random.choice(size, dropped, replace=False)] = 0
            return x * kept.reshape(x.shape) * (size / (size - dropped))

    return Dropout()


def dense() -> tuple[Any, list]:
    from torch import nn

    layers = nn.Flatten(), dropout(), nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10)
    model = DNN()
    return nn.Sequential(*layers), [model.dense1, model.dense2]


def convolutional() -> tuple[Any, list]:
    from torch import nn

    images = nn.Conv2d(1, 4, 5), nn.ReLU(), nn.Conv2d(4, 1, 5), nn.ReLU(), dropout()
    rows = nn.Flatten(), nn.Linear(400, 100), nn.ReLU(), nn.Linear(100, 10)
    model = CNN()
    begun = [model.conv1, model.conv2, model.dense1, model.dense2]
    return nn.Sequential(*images, *rows), begun


def copied(parameters: Iterable[Any], layers: list) -> None:
    """Give PyTorch's parameters what pygrad's layers begin with: W is (1, in, out) there."""
    import torch

    weights = [vars(layer).get(name) for layer in layers for name in ("W", "B", "kw", "kb")]
    for parameter, weight in zip(parameters, filter(None, weights), strict=True):
        value = weight.value[0]
        value = value.T if parameter.ndim == 2 else value.reshape(parameter.shape)
        parameter.data.copy_(torch.from_numpy(value.copy()))


def peer(
    network: Callable, optimizer: str, batch: int, fall: float, **rates: float
) -> Callable[..., float]:
    """A function that trains as the example does; an epoch divides the rate by `fall`."""

    def train(seed: int = 0, n_epochs: int = 20, images: int = 1437) -> float:
        import torch

        np.random.seed(seed)
        seen, unseen = pygrad_dnn.digits(seed)
        x, y, held, labels = (torch.from_numpy(v) for v in (*seen, *unseen))
        net, layers = network()
        copied(net.double().parameters(), layers)
        rule = getattr(torch.optim, optimizer)(net.parameters(), **rates)
        order = np.arange(images)
        for _ in range(n_epochs):
            order = order[np.random.permutation(images)]
            for at in torch.from_numpy(order).split(batch):
                rule.zero_grad()
                torch.nn.functional.cross_entropy(net(x[at]), y[at, 0]).backward()
                rule.step()
            rule.param_groups[0]["lr"] /= fall
        with torch.no_grad():
            right = net.eval()(held).argmax(-1) == labels[:, 0].argmax(-1)
        return float(np.mean(right.numpy()))

    return train


SMALL = {"n_epochs": 3, "images": 720}
PROGRAMS = [
    Program(
        "pygrad dnn",
        pygrad_dnn.train,
        peer(dense, "SGD", 16, 1.2, lr=0.1),
        "held-out accuracy",
        higher_is_better=True,
        small=SMALL,
    ),
    Program(
        "pygrad cnn",
        pygrad_cnn.train,
        peer(convolutional, "RMSprop", 64, 1.0, lr=0.001, alpha=0.9),
        "held-out accuracy",
        higher_is_better=True,
        small=SMALL,
    ),
]
