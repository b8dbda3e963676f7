"""Programs of simplegrad beside PyTorch, from the same initial values and in the same batches."""

import numpy as np

from examples.dialects import simplegrad_lstm, simplegrad_reversal, simplegrad_spiral

from . import Program


def spiral_in_pytorch(seed=0, points=200, width=1024, epochs=100):
    torch = pytorch()
    np.random.seed(seed)
    x, y = simplegrad_spiral.spiral(points)
    shapes = [(2, width), (width,), (width, 3), (3,)]
    w0, b0, w1, b1 = params = [leaf(np.random.randn(*shape)) for shape in shapes]
    x, y = torch.from_numpy(x.T.copy()), torch.from_numpy(y)
    optim = torch.optim.Adam(params, lr=0.01, eps=1e-7)
    for _ in range(epochs):
        optim.zero_grad()
        loss = torch.nn.functional.cross_entropy((x @ w0 + b0).relu() @ w1 + b1, y)
        loss.backward()
        optim.step()
    return float((((x @ w0 + b0).relu() @ w1 + b1).argmax(1) == y).double().mean())


def lstm_in_pytorch(seed=0, hidden=16, steps=20, epochs=40, batch=100):
    torch = pytorch()
    np.random.seed(seed)
    known, later = simplegrad_lstm.windows(steps)
    model = simplegrad_lstm.LSTM(hidden)
    cell, out = torch.nn.LSTM(1, hidden).double(), torch.nn.Linear(hidden, 1).double()
    order = (1, 2, 0, 3)  # PyTorch has the gates as i, f, g, o
    ours = [np.concatenate([ps[k].data for k in order])
            for ps in (model.w, model.u, model.wb, model.ub)]  # fmt: skip
    with torch.no_grad():
        for p, a in zip(cell.parameters(), ours, strict=True):
            p.copy_(torch.from_numpy(a.reshape(p.shape)))
        out.weight.copy_(torch.from_numpy(model.out.data[None]))
        out.bias.copy_(torch.from_numpy(model.bias.data))

    def loss(part):
        part = torch.from_numpy(part.T.copy())
        states, _ = cell(part[:-1, :, None])
        return torch.nn.functional.mse_loss(out(states[-1])[:, 0], part[-1])

    optim = torch.optim.Adam([*cell.parameters(), *out.parameters()], lr=0.01, eps=1e-7)
    for _ in range(epochs):
        for part in np.split(np.random.permutation(known), len(known) // batch):
            optim.zero_grad()
            loss(part).backward()
            optim.step()
    return loss(later).item()


def reversal_in_pytorch(
    seed=0, length=16, classes=10, width=32, batches=400, batch=64, epochs=10, rate=5e-4
):
    torch = pytorch()
    np.random.seed(seed)
    x, y = simplegrad_reversal.sequences(batches, length, batch, classes)
    params = [leaf(p.data) for p in simplegrad_reversal.Transformer(width, 1, classes).params]
    places = torch.from_numpy(simplegrad_reversal.positions(length, width))

    def scores(x):
        w0, b0, query, key, value, out, bias, scale, shift, w1, b1 = params
        x = torch.from_numpy(x.copy()) @ w0.T + b0 + places
        q, k, v = (torch.einsum("sbe,hme->bhsm", x, w) for w in (query, key, value))
        seen = torch.nn.functional.scaled_dot_product_attention(q, k, v)
        x = x + torch.einsum("bhsm,ehm->sbe", seen, out) + bias
        return torch.nn.functional.layer_norm(x, (width,), scale, shift) @ w1.T + b1

    optim = torch.optim.Adam(params, lr=rate, eps=1e-7)
    for _ in range(epochs):
        for inputs, targets in zip(x, y):
            optim.zero_grad()
            log = scores(inputs).log_softmax(-1)
            (-torch.from_numpy(targets.copy()) * log).sum(-1).mean().backward()
            optim.step()
    x, y = simplegrad_reversal.sequences(1, length, 10 * batch, classes)
    found = scores(x[0]).argmax(-1).numpy()
    return float((found == y[0].argmax(-1)).mean())


def leaf(array):
    return pytorch().tensor(array, requires_grad=True)


def pytorch():
    import torch

    return torch


PROGRAMS = [
    Program(
        "simplegrad_spiral", simplegrad_spiral.train, spiral_in_pytorch,
        "accuracy", True, {"points": 100, "width": 128},
    ),
    Program(
        "simplegrad_lstm", simplegrad_lstm.train, lstm_in_pytorch,
        "held-out loss", False, {"hidden": 8, "steps": 8, "epochs": 10},
    ),
    Program(
        "simplegrad_reversal", simplegrad_reversal.train, reversal_in_pytorch,
        "held-out accuracy", True,
        {"length": 5, "classes": 4, "width": 16, "batches": 60, "epochs": 4, "rate": 5e-3},
    ),
]  # fmt: skip
