"""Multilayer perceptrons: two moons, two spirals, digits, and one whose products are large."""

from itertools import pairwise

import numpy as np

import tidegrad as tg

from .peers import LR, Jax, PyTorch, Tidegrad, Workload, linear


def tidegrad(sizes, classes, state, inputs):
    layers = []
    for n, m in pairwise(sizes):
        layers += [tg.nn.Linear(n, m), tg.nn.ReLU()]
    net = tg.nn.Sequential(*layers[:-1])
    net.load_state_dict(state)
    opt = tg.optim.Adam(net.parameters(), lr=LR)
    loss_of = tg.nn.functional.cross_entropy if classes else tg.nn.functional.mse_loss

    @tg.jit
    def step(x, y):
        opt.zero_grad()
        loss = loss_of(net(x), y)
        loss.backward()
        opt.step()
        return loss

    return Tidegrad(step, [tg.tensor(a) for a in inputs], net, opt)


def pytorch(sizes, classes, state, inputs, compiled):
    import torch

    layers = []
    for n, m in pairwise(sizes):
        layers += [torch.nn.Linear(n, m), torch.nn.ReLU()]
    net = torch.nn.Sequential(*layers[:-1])
    loss_of = torch.nn.functional.cross_entropy if classes else torch.nn.functional.mse_loss
    return PyTorch(net, loss_of, state, inputs, compiled)


def jax(sizes, classes, state, inputs):
    import jax
    import jax.numpy as jnp

    count = len(sizes) - 1

    def loss(p, x, y):
        for k in range(count):
            x = x @ p[f"{2 * k}.weight"].T + p[f"{2 * k}.bias"]
            x = jax.nn.relu(x) if k < count - 1 else x
        if classes:
            return -jnp.take_along_axis(jax.nn.log_softmax(x), y[:, None], axis=1).mean()
        return jnp.mean((x - y) ** 2)

    return Jax(loss, state, inputs)


def mlp(title, sizes, batch, inputs, classes=True):
    """The Workload of a network of these `sizes` on the inputs that a function draws."""

    def make(random):
        state = {}
        for k, (n, m) in enumerate(pairwise(sizes)):
            for name, shape in (("weight", (m, n)), ("bias", (m,))):
                drawn = random.uniform(-(n**-0.5), n**-0.5, shape)
                state[f"{2 * k}.{name}"] = drawn.astype(np.float32)
        return state, inputs(random, sizes, batch)

    layers = enumerate(pairwise(sizes))
    return Workload(
        title,
        make,
        lambda *given: tidegrad(sizes, classes, *given),
        lambda *given: pytorch(sizes, classes, *given),
        lambda *given: jax(sizes, classes, *given),
        [product for k, (n, m) in layers for product in linear(batch, n, m, k == 0)],
    )


def moons(random, sizes, count):
    t, side = random.uniform(0, np.pi, count), np.arange(count) % 2
    x = np.where(side, [1 - np.cos(t), 0.5 - np.sin(t)], [np.cos(t), np.sin(t)]).T
    x += random.normal(0, 0.1, x.shape)
    return x.astype(np.float32), side[:, None].astype(np.float32)


def spirals(random, sizes, count):
    arm, r = np.arange(count) % 3, random.uniform(0.05, 1, count)
    t = 4 * r + arm * 2 * np.pi / 3 + random.normal(0, 0.2, count)
    return (r * [np.sin(t), np.cos(t)]).T.astype(np.float32), arm


def noise(random, sizes, count):
    x = random.standard_normal((count, sizes[0])).astype(np.float32)
    return x, random.integers(0, sizes[-1], count)


MOONS = mlp("2-16-16-1, 100 points, mse", (2, 16, 16, 1), 100, moons, classes=False)
SPIRAL = mlp("2-1024-3, 600 points, cross entropy", (2, 1024, 3), 600, spirals)
MNIST = mlp("784-256-128-10, batch 128", (784, 256, 128, 10), 128, noise)
WIDE = mlp("1024-2048-2048-10, batch 256", (1024, 2048, 2048, 10), 256, noise)
