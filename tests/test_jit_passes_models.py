"""Whole training steps through all passes: what they compute stays, in fewer operations."""

import time

import numpy as np
import pytest
from test_jit_passes import computed

import tidegrad as tg
from tidegrad.jit.passes import simplified
from tidegrad.jit.traced import traced
from tidegrad.jit.verify import verified

nn = tg.nn


class Attention(nn.Module):
    def __init__(self):
        self.norm, self.qkv, self.out = nn.LayerNorm(8), nn.Linear(8, 24), nn.Linear(8, 8)

    def __call__(self, x):
        b, t, c = x.shape
        parts = tg.split(self.qkv(self.norm(x)), 3, axis=-1)
        q, k, v = (part.reshape((b, t, 2, c // 2)).transpose(0, 2, 1, 3) for part in parts)
        scores = (q @ k.mT) / 2.0
        scores = tg.where(tg.tril(tg.ones((t, t))) > 0, scores, -np.inf)
        mixed = (tg.softmax(scores) @ v).transpose(0, 2, 1, 3).reshape((b, t, c))
        return x + tg.gelu(self.out(mixed))


class Recurrent(nn.Module):
    def __init__(self):
        self.cells, self.out = nn.LSTM(3, 4, batch_first=True), nn.Linear(4, 3)

    def __call__(self, x):
        return self.out(self.cells(x)[0][:, -1])


MODELS = {
    "mlp": lambda: (nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)), (6, 4)),
    "normal": lambda: (
        nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Dropout(0.3), nn.Linear(5, 3)),
        (6, 4),
    ),
    "conv": lambda: (
        nn.Sequential(
            nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3)
        ),
        (6, 1, 4, 4),
    ),
    "attention": lambda: (
        nn.Sequential(Attention(), Attention(), nn.Flatten(), nn.Linear(24, 3)),
        (6, 3, 8),
    ),
    "lstm": lambda: (Recurrent(), (6, 5, 3)),
}


def step_graph(name):
    tg.random.seed(0)
    net, shape = MODELS[name]()
    adam = tg.optim.Adam(net.parameters())

    def step(x, y):
        adam.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        adam.step()
        return loss

    return traced(step, tg.random.normal(shape), tg.tensor([0, 1, 2, 0, 1, 2])).graph


def mild(graph, rng):
    """Arrays for the inputs; integers count steps, are classes, or are where a stream stands."""
    found = []
    for v in graph.inputs:
        if v.dtype.kind == "f":
            found.append((0.1 + 0.4 * rng.random(v.shape)).astype(v.dtype))
        else:
            found.append(np.full(v.shape, 100 if v.dtype == np.uint64 else 1, v.dtype))
    return found


@pytest.mark.parametrize("name", MODELS)
def test_training_steps(name, rng):
    graph = verified(step_graph(name))
    start = time.perf_counter()
    after = simplified(graph)
    took = time.perf_counter() - start
    before, left = len(graph.order()), len(verified(after, graph).order())
    print(f"{name}: {before} to {left} Values in {1e3 * took:.1f} ms")
    assert left < before
    arrays = mild(graph, rng)
    for a, b in zip(computed(graph, arrays), computed(after, arrays)):
        np.testing.assert_allclose(b, a, 1e-4, 1e-6 * max(1, np.abs(a).max(initial=0)))
    assert all(x is y for x, y in zip(simplified(after).outputs, after.outputs))
