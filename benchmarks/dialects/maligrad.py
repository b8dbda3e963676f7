"""Programs of maligrad beside PyTorch, from the same initial values and in the same batches."""

import numpy as np

from examples.dialects import maligrad_cnn, maligrad_mlp
from tidegrad.dialects.maligrad.data import DataLoader

from . import Program


def uniform(layer, *shape, places=()):
    """`layer`, of PyTorch's, with what maligrad's begins with; `places` is a kernel's shape."""
    import torch

    weight = np.random.rand(*shape) - 0.5
    bias = np.random.rand(len(layer.bias), *(1 for _ in places)) - 0.5
    layer.double()
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight if places else weight.T))
        layer.bias.copy_(torch.from_numpy(bias.ravel()))
    return layer


def linear(inputs, outputs):
    import torch

    return uniform(torch.nn.Linear(inputs, outputs), inputs, outputs)


def conv(inputs, outputs):
    import torch

    layer = torch.nn.Conv2d(inputs, outputs, 3)
    return uniform(layer, outputs, inputs, 3, 3, places=(3, 3))


def mlp(seed=0, epochs=200):
    from torch import nn

    np.random.seed(seed)
    net = nn.Sequential(
        linear(784, 123), nn.ReLU(),
        linear(123, 77), nn.ReLU(),
        linear(77, 77), nn.ReLU(),
        linear(77, 10),
        nn.Softmax(-1),
    )  # fmt: skip
    return trained(net, maligrad_mlp.Digits, lambda x: x.flatten(1), 1e-3, epochs)


def cnn(seed=0, epochs=60):
    from torch import nn

    np.random.seed(seed)
    net = nn.Sequential(
        conv(1, 3), nn.ReLU(),
        nn.MaxPool2d(2),
        conv(3, 7), nn.ReLU(),
        nn.MaxPool2d(2),
        conv(7, 12), nn.ReLU(),
        conv(12, 18), nn.ReLU(),
        nn.Flatten(),
        linear(18, 10),
        nn.Softmax(-1),
    )  # fmt: skip
    return trained(net, maligrad_cnn.Digits, lambda x: x[:, None], 1e-2, epochs)


def trained(net, digits, shaped, lr, epochs):
    """Train on the digits, and give the share of those held out that are then right."""
    import torch

    optimizer = torch.optim.SGD(net.parameters(), lr)
    loader = DataLoader(digits(), batch_size=32)
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            chances = net(shaped(torch.from_numpy(x / 255)))
            loss = -(chances[range(len(y)), y] + 1e-8).log().mean()
            loss.backward()
            optimizer.step()
    x, y = digits(train=False)[:]
    with torch.no_grad():
        pred = net(shaped(torch.from_numpy(x / 255))).argmax(-1).numpy()
    return float((pred == y).mean())


PROGRAMS = [
    Program(
        "maligrad: MLP",
        maligrad_mlp.train,
        mlp,
        "held-out accuracy",
        higher_is_better=True,
        small={"epochs": 3},
    ),
    Program(
        "maligrad: CNN",
        maligrad_cnn.train,
        cnn,
        "held-out accuracy",
        higher_is_better=True,
        small={"epochs": 2},
    ),
]
