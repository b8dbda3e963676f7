"""A character model: an embedding of 64 symbols, an LSTM of 128 over 48 steps, a linear layer."""

import numpy as np

import tidegrad as tg

from .peers import LR, Jax, PyTorch, Tidegrad, Workload, linear

SYMBOLS, HIDDEN, STEPS, BATCH = 64, 128, 48, 32
SHAPES = {
    "embed.weight": (SYMBOLS, HIDDEN),
    "lstm.weight_ih_l0": (4 * HIDDEN, HIDDEN),
    "lstm.weight_hh_l0": (4 * HIDDEN, HIDDEN),
    "lstm.bias_ih_l0": (4 * HIDDEN,),
    "lstm.bias_hh_l0": (4 * HIDDEN,),
    "out.weight": (SYMBOLS, HIDDEN),
    "out.bias": (SYMBOLS,),
}


def make(random):
    bound = HIDDEN**-0.5
    state = {k: random.uniform(-bound, bound, s).astype(np.float32) for k, s in SHAPES.items()}
    text = random.integers(0, SYMBOLS, (BATCH, STEPS + 1))
    return state, (np.ascontiguousarray(text[:, :-1]), np.ascontiguousarray(text[:, 1:]))


class Net(tg.nn.Module):
    def __init__(self):
        self.embed = tg.nn.Embedding(SYMBOLS, HIDDEN)
        self.lstm = tg.nn.LSTM(HIDDEN, HIDDEN, batch_first=True)
        self.out = tg.nn.Linear(HIDDEN, SYMBOLS)

    def forward(self, x):
        return self.out(self.lstm(self.embed(x))[0])


def tidegrad(state, inputs):
    net = Net()
    net.load_state_dict(state)
    opt = tg.optim.Adam(net.parameters(), lr=LR)

    @tg.jit
    def step(x, y):
        opt.zero_grad()
        logits = net(x)
        loss = tg.nn.functional.cross_entropy(logits.reshape(-1, SYMBOLS), y.reshape(-1))
        loss.backward()
        opt.step()
        return loss

    return Tidegrad(step, [tg.tensor(a) for a in inputs], net, opt)


def pytorch(state, inputs, compiled):
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(SYMBOLS, HIDDEN)
            self.lstm = nn.LSTM(HIDDEN, HIDDEN, batch_first=True)
            self.out = nn.Linear(HIDDEN, SYMBOLS)

        def forward(self, x):
            return self.out(self.lstm(self.embed(x))[0])

    def loss_of(logits, y):
        return torch.nn.functional.cross_entropy(logits.reshape(-1, SYMBOLS), y.reshape(-1))

    return PyTorch(Net(), loss_of, state, inputs, compiled)


def jax(state, inputs):
    import jax
    import jax.numpy as jnp

    def loss(p, x, y):
        bias = p["lstm.bias_ih_l0"] + p["lstm.bias_hh_l0"]

        # One product of all inputs outside of the loop would take longer, as measured.
        def one(carry, x):
            h, c = carry
            gates = x @ p["lstm.weight_ih_l0"].T + h @ p["lstm.weight_hh_l0"].T + bias
            i, f, g, o = jnp.split(gates, 4, axis=-1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        zero = jnp.zeros((BATCH, HIDDEN), jnp.float32)
        _, h = jax.lax.scan(one, (zero, zero), p["embed.weight"][x.T])
        logits = h @ p["out.weight"].T + p["out.bias"]
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), y.T[..., None], axis=-1).mean()

    return Jax(loss, state, inputs)


LSTM = Workload(
    "char LSTM: 64 symbols, hidden 128, 48 steps, batch 32", make, tidegrad, pytorch, jax,
    # The recurrent products are one a step; the gradient of their weights is one over all steps.
    linear(BATCH * STEPS, HIDDEN, 4 * HIDDEN) + linear(BATCH * STEPS, HIDDEN, SYMBOLS)
    + [(STEPS, BATCH, HIDDEN, 4 * HIDDEN), (STEPS, BATCH, 4 * HIDDEN, HIDDEN)]
    + [(1, 4 * HIDDEN, BATCH * STEPS, HIDDEN)],
)  # fmt: skip
