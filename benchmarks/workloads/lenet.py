"""A small convolutional network: 1-16-32 channels, 3x3 and padded, two 2x2 pools, 128, 10."""

import numpy as np

import tidegrad as tg

from .peers import LR, Jax, PyTorch, Tidegrad, Workload, linear

BATCH = 64
SHAPES = {"0": (16, 1, 3, 3), "3": (32, 16, 3, 3), "7": (128, 1568), "9": (10, 128)}


def make(random):
    state = {}
    for layer, shape in SHAPES.items():
        bound = np.prod(shape[1:]) ** -0.5
        state[f"{layer}.weight"] = random.uniform(-bound, bound, shape).astype(np.float32)
        state[f"{layer}.bias"] = random.uniform(-bound, bound, shape[:1]).astype(np.float32)
    x = random.standard_normal((BATCH, 1, 28, 28)).astype(np.float32)
    return state, (x, random.integers(0, 10, BATCH))


def tidegrad(state, inputs):
    nn = tg.nn
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(1568, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip
    net.load_state_dict(state)
    opt = tg.optim.Adam(net.parameters(), lr=LR)

    @tg.jit
    def step(x, y):
        opt.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        opt.step()
        return loss

    return Tidegrad(step, [tg.tensor(a) for a in inputs], net, opt)


def pytorch(state, inputs, compiled):
    import torch
    from torch import nn

    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(1568, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip
    peer = PyTorch(net, nn.functional.cross_entropy, state, inputs, compiled)
    # Channels last, which takes PyTorch little more than half the time.
    net.to(memory_format=torch.channels_last)
    peer.inputs[0] = peer.inputs[0].to(memory_format=torch.channels_last)
    return peer


def jax(state, inputs):
    import jax
    import jax.numpy as jnp

    def convolved(x, w, b):
        x = jax.nn.relu(jax.lax.conv(x, w, (1, 1), "SAME") + b[:, None, None])
        window = ((1, 1, 2, 2), (1, 1, 2, 2), "VALID")
        return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, *window)

    def loss(p, x, y):
        x = convolved(x, p["0.weight"], p["0.bias"])
        x = convolved(x, p["3.weight"], p["3.bias"])
        x = jax.nn.relu(x.reshape(len(x), -1) @ p["7.weight"].T + p["7.bias"])
        x = x @ p["9.weight"].T + p["9.bias"]
        return -jnp.take_along_axis(jax.nn.log_softmax(x), y[:, None], axis=1).mean()

    return Jax(loss, state, inputs)


LENET = Workload(
    "lenet: conv 1-16-32, 128, 10, batch 64 of 28x28", make, tidegrad, pytorch, jax,
    # A convolution is a product of its windows with its weights.
    linear(BATCH * 28 * 28, 9, 16, first=True) + linear(BATCH * 14 * 14, 144, 32)
    + linear(BATCH, 1568, 128) + linear(BATCH, 128, 10),
)  # fmt: skip
