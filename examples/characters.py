"""A network learns to write Python, one character at a time, from Python's own library.

It reads the standard library's sources and guesses, at every character, the next one. Who knows
only how often each character occurs is told the unigram entropy by it, in bits; the network is told
far less, and in a file that it was never trained on:

    python examples/characters.py [folder]
"""

import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import tidegrad as tg
from tidegrad import data, nn, training

TRAINED_ON = (
    "argparse csv copy dataclasses functools heapq queue sched shlex string textwrap".split()
)
HELD_OUT = ["contextlib"]


class Writer(nn.Module):
    """For every character of a text, the scores of what may come next."""

    def __init__(self, characters, width):
        self.embed = nn.Embedding(characters, width // 2)
        self.memory = nn.GRU(width // 2, width, batch_first=True)
        self.scores = nn.Linear(width, characters)

    def forward(self, x, state=None):
        seen, state = self.memory(self.embed(x), state)
        return self.scores(seen), state


class Windows:
    """Pieces of a text, `length` characters each, with the same a character later as target."""

    def __init__(self, codes, length):
        self.codes, self.length = codes, length

    def __len__(self):
        return (len(self.codes) - 1) // self.length

    def __getitem__(self, at):
        begin, end = at * self.length, (at + 1) * self.length
        return self.codes[begin:end], self.codes[begin + 1 : end + 1]


def source(modules):
    """The text of these modules of the standard library."""
    files = [importlib.util.find_spec(module).origin for module in modules]
    return "".join(Path(file).read_text(encoding="utf-8") for file in files)


def unigram_entropy(codes):
    """Bits per character for who knows nothing but how often each occurs."""
    share = np.bincount(codes) / len(codes)
    share = share[share > 0]
    return -(share * np.log2(share)).sum()


@tg.no_grad()
def write(net, alphabet, start, length, temperature=0.7):
    """Continue `start` by drawing one character after the other."""
    text, state = start, None
    codes = [alphabet.index(character) for character in start]
    for _ in range(length):
        scores, state = net(tg.tensor([codes]), state)
        chances = tg.softmax(scores[0, -1] / temperature).numpy()
        # The first character at which the summed chances pass a uniform number.
        drawn = np.searchsorted(chances.cumsum(), tg.random.uniform(()).item() * chances.sum())
        codes = [min(int(drawn), len(alphabet) - 1)]
        text += alphabet[codes[0]]
    return text


def bits(scores_and_state, targets):
    """Cross entropy in bits per character."""
    scores, _ = scores_and_state
    return nn.cross_entropy(scores.reshape(-1, scores.shape[-1]), targets.reshape(-1)) / math.log(2)


def train(net, codes, held_codes, epochs, tell):
    """Adam, with gradients clipped as recurrent networks need it."""
    optimizer = tg.optim.Adam(net.parameters(), lr=6e-3)

    class Clip(training.Callback):
        def on_gradients(self, run):
            tg.optim.clip_grad_norm(net.parameters(), max_norm=1.0)

    return training.fit(
        net,
        data.DataLoader(Windows(codes, 64), batch_size=64, shuffle=True, seed=0),
        bits,
        optimizer,
        epochs,
        validate=data.DataLoader(Windows(held_codes, 64), batch_size=128),
        schedule=tg.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs),
        callbacks=[Clip(), tell],
    )


def show(history, entropy, path):
    """Draw the bits per character, and where counting characters would leave them."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.axhline(entropy, color="silver", label="unigram entropy")
    axes.plot(history["epoch"], history["loss"], "--", color="#30638e", label="trained on")
    axes.plot(history["epoch"], history["val_loss"], color="#30638e", label="held out")
    axes.set(title="Bits per character", xlabel="epoch", ylim=(0, None))
    axes.legend(frameon=False)
    figure.savefig(path, dpi=120)


def main(folder="demo", epochs=6, width=128, modules=TRAINED_ON):
    """Train, write samples, draw; bits per held-out character, and the unigram entropy."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tg.random.seed(0)
    text, held_out = source(modules), source(HELD_OUT)
    alphabet = "".join(sorted(set(text + held_out)))
    codes = np.array([alphabet.index(character) for character in text])
    held_codes = np.array([alphabet.index(character) for character in held_out])
    entropy = unigram_entropy(held_codes)
    net = Writer(len(alphabet), width)

    def tell(run):
        if run.epoch in (1, epochs):
            print(f"\n--- after {run.epoch} epochs ---\n{write(net, alphabet, 'def ', 300)}\n")

    history = train(net, codes, held_codes, epochs, tell)
    reached = history["val_loss"][-1]
    show(history, entropy, folder / "characters.png")
    print(f"Unigram entropy {entropy:.2f} bits per character, the network {reached:.2f}.")
    print(f"Wrote {folder / 'characters.png'}.")
    return reached, entropy


if __name__ == "__main__":
    main(*sys.argv[1:])
