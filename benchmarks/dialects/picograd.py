"""Programs of picograd beside PyTorch, from the same random numbers."""

import random
from contextlib import redirect_stdout
from functools import wraps
from io import StringIO
from itertools import pairwise

import numpy as np

from examples.dialects import picograd_curve, picograd_mlp

from . import Program


def curve_in_pytorch(seed=0, points=100, hidden=32, epochs=1000, batch=64):
    torch = pytorch()
    np.random.seed(seed)
    x = np.linspace(-1, 1, points)
    np.random.shuffle(x)
    sizes = [1, hidden, hidden, 1]
    layers = [glorot(torch, n, m) for n, m in pairwise(sizes)]
    relus = [torch.nn.ReLU() for _ in layers]
    net = torch.nn.Sequential(*(part for pair in zip(layers, relus) for part in pair))[:-1]
    x = torch.tensor(x, dtype=torch.float32)[:, None]
    y = picograd_curve.curve(x)

    losses = []
    for _ in range(epochs):
        step = 1.0
        if len(losses) > 1:
            step = min(1 / (max(abs(losses[-1] - losses[-2]), 1e-10) * 1e3), 10.0)
        optimizer = torch.optim.SGD(net.parameters(), lr=step / batch)
        for p, q in zip(x.split(batch), y.split(batch)):
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(net(p), q).backward()
            optimizer.step()
        with torch.no_grad():
            losses.append(torch.nn.functional.mse_loss(net(x), y).item())
    return round(min(losses) ** 0.5, 3)


def glorot(torch, n, m):
    layer, high = torch.nn.Linear(n, m), (6 / (n + m)) ** 0.5
    with torch.no_grad():
        for p in (layer.weight, layer.bias):
            p.copy_(torch.tensor(np.random.uniform(-high, high, tuple(p.shape))))
    return layer


def mlp_in_pytorch(seed=0, points=100, epochs=1000, rate=0.01):
    torch = pytorch()
    random.seed(seed)
    layers = [neurons(torch, n, m) for n, m in ((2, 8), (8, 8), (8, 1))]
    net = torch.nn.Sequential(*(part for layer in layers for part in (layer, torch.nn.Tanh())))
    optimizer = torch.optim.SGD(net.parameters(), lr=rate)
    x, y = (torch.tensor(a, dtype=torch.float32) for a in picograd_mlp.wave(points, seed))
    for _ in range(epochs):
        optimizer.zero_grad()
        ((net(x)[:, 0] - y) ** 2).sum().backward()
        optimizer.step()

    x, y = (torch.tensor(a, dtype=torch.float32) for a in picograd_mlp.wave(1000, seed + 1000))
    with torch.no_grad():
        return round(((net(x)[:, 0] > 0) == (y > 0)).float().mean().item(), 2)


def neurons(torch, n, m):
    layer = torch.nn.Linear(n, m)
    drawn = [[random.uniform(-1, 1) for _ in range(n)] for _ in range(m)]
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(drawn))
        layer.bias.zero_()
    return layer


def pytorch():
    import torch

    return torch


def silent(train):
    """The program without what it prints."""

    @wraps(train)
    def run(**sizes):
        with redirect_stdout(StringIO()):
            return train(**sizes)

    return run


PROGRAMS = [
    Program(
        "picograd_curve",
        silent(picograd_curve.train),
        curve_in_pytorch,
        "error of a curve",
        False,
        {"epochs": 100, "hidden": 16},
    ),
    Program(
        "picograd_mlp",
        silent(picograd_mlp.train),
        mlp_in_pytorch,
        "held-out accuracy",
        True,
        {"epochs": 100},
    ),
]
