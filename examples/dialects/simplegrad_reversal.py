"""Attention that simplegrad's users write by hand reverses sequences of digits.

One head, 32 numbers wide, sequences of 16: after ten rounds of 400 batches all digits of new
sequences come out at their places (accuracy 1.0, seeds 0 to 4, as in PyTorch from the same
beginnings), in a quarter of a minute.

    python examples/dialects/simplegrad_reversal.py
"""

import numpy as np

from tidegrad.dialects.simplegrad import Adam, Tensor


def positions(length, width):
    """Sines and cosines of many wavelengths: (length, 1, width)."""
    place = np.arange(length)[:, None]
    rate = np.exp(np.arange(0, width, 2) * (-np.log(10000.0) / width))
    waves = np.empty((length, 1, width), np.float32)
    waves[:, 0, 0::2], waves[:, 0, 1::2] = np.sin(place * rate), np.cos(place * rate)
    return waves


class Transformer:
    """One layer of attention between a projection of one-hot digits and its counterpart."""

    def __init__(self, width, heads, classes):
        self.width = width // heads
        k, shape = np.sqrt(1 / width), (heads, self.width, width)
        uniform = [np.random.uniform(-k, k, size=shape) for _ in range(3)]
        out = np.random.uniform(-k, k, size=(width, heads, self.width))
        arrays = [
            np.random.randn(width, classes), np.random.randn(width), *uniform, out,
            np.zeros(width), np.ones(width), np.zeros(width),
            np.random.randn(classes, width), np.random.randn(classes),
        ]  # fmt: skip
        self.params = [Tensor(a.astype(np.float32)) for a in arrays]

    def forward(self, x):
        """Scores of the digits at each place: one-hot (places, batch, classes) to the same."""
        w0, b0, query, key, value, out, bias, scale, shift, w1, b1 = self.params
        x.einsum("sbc,ec->sbe", w0).add(b0).add(positions(x.shape[0], b0.shape[0]))
        # An operation moves the Tensor it is called on: what is needed again is a fork.
        q, k, v = (x.fork().einsum("sbe,hme->bhsm", w) for w in (query, key, value))
        attention = q.einsum("bhsm,bhtm->bhst", k).div(self.width**0.5).softmax()
        seen = attention.einsum("bhst,bhtm->bhsm", v).einsum("bhsm,ehm->sbe", out).add(bias)
        return x.add(seen).layer_norm(-1, scale, shift).einsum("sbe,ce->sbc", w1).add(b1)


def sequences(batches, length, batch, classes):
    """One-hot digits, (batches, length, batch, classes), and the same from back to front."""
    digits = np.random.randint(classes, size=(batches, length, batch))
    x = np.eye(classes, dtype=np.float32)[digits]
    return x, x[:, ::-1]


def train(seed=0, length=16, classes=10, width=32, batches=400, batch=64, epochs=10, rate=5e-4):
    """The share of places, in new sequences, where the reversed digit is found."""
    np.random.seed(seed)
    x, y = sequences(batches, length, batch, classes)
    model = Transformer(width, 1, classes)
    optim = Adam(model.params, learning_rate=rate)
    for _ in range(epochs):
        for inputs, targets in zip(x, y):
            out = model.forward(Tensor(inputs)).logsoftmax()
            loss = Tensor(targets).mul(out).mul(-1.0).sum(axis=-1).mean()
            optim.zero_grad()
            loss.backward()
            optim.step()
    x, y = sequences(1, length, 10 * batch, classes)
    found = model.forward(Tensor(x[0])).data.argmax(axis=-1)
    return float((found == y[0].argmax(axis=-1)).mean())


if __name__ == "__main__":
    print(f"{train():.2%} of the digits come out at their places.")
