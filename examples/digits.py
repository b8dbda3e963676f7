"""A small convolutional network learns to read handwritten digits.

The data are 1,797 real images of 8x8 grey pixels, which come with scikit-learn; a fifth is held out
and never trained on. Pictures and the trained network go to a folder:

    python examples/digits.py [folder]
"""

import sys
from pathlib import Path

from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import tidegrad as tg
from tidegrad import data, nn, training


class Reader(nn.Module):
    """Strokes, then strokes of strokes, then a vote for each of the ten digits."""

    def __init__(self, width=32):
        self.strokes = nn.Conv2d(1, width, kernel_size=3, padding=1)
        self.shapes = nn.Conv2d(width, 2 * width, kernel_size=3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout(0.3)
        self.votes = nn.Linear(2 * width * 2 * 2, 10)

    def forward(self, x):
        x = self.pool(tg.relu(self.strokes(x)))
        x = self.pool(tg.relu(self.shapes(x)))
        return self.votes(self.dropout(x.reshape(len(x), -1)))


def digits():
    """Images of shape (1, 8, 8) and their labels: four fifths to train on, one held out."""
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).reshape(-1, 1, 8, 8).astype("float32")
    x, held_x, y, held_y = train_test_split(
        images, labels, test_size=0.2, stratify=labels, random_state=0
    )
    return data.TensorDataset(x, y), data.TensorDataset(held_x, held_y)


def train(net, seen, unseen, epochs):
    """Adam with a learning rate that falls to zero along a cosine."""
    loader = data.DataLoader(seen, batch_size=64, shuffle=True, seed=0)
    optimizer = tg.optim.Adam(net.parameters(), lr=3e-3)
    return training.fit(
        net,
        loader,
        nn.cross_entropy,
        optimizer,
        epochs,
        validate=data.DataLoader(unseen, batch_size=len(unseen)),
        metrics=[training.accuracy],
        schedule=tg.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs),
    )


@tg.no_grad()
def classify(net, images):
    """The digit that gets the most votes, image by image."""
    return net.eval()(images).argmax(axis=1).numpy()


def show(images, labels, guesses, path):
    """Draw held-out digits with the guesses: mistakes first, framed, with the truth beside them."""
    wrong = guesses != labels
    order = (~wrong).argsort(kind="stable")[:50]
    figure = Figure(figsize=(10, 6), layout="constrained")
    figure.suptitle(f"{len(labels)} digits never seen before: {wrong.sum()} mistakes")
    for axes, at in zip(figure.subplots(5, 10).flat, order):
        axes.imshow(images[at, 0], cmap="gray_r")
        axes.set(xticks=[], yticks=[])
        axes.set_title(guesses[at])
        if wrong[at]:
            axes.set_title(f"{guesses[at]}, not {labels[at]}", color="crimson", weight="bold")
            axes.spines[:].set(color="crimson", linewidth=3)
    figure.savefig(path, dpi=120)


def main(folder="demo", epochs=25):
    """Train, draw, save, and read with the saved network; the accuracy on held-out digits."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tg.random.seed(0)
    seen, unseen = digits()
    images, labels = unseen[:]
    net = Reader()
    print(net)

    history = train(net, seen, unseen, epochs)
    accuracy = (classify(net, images) == labels.numpy()).mean()
    print(f"Read {accuracy:.2%} of {len(unseen)} held-out digits after {epochs} epochs.")

    history.plot(folder / "curves.png")
    show(images.numpy(), labels.numpy(), classify(net, images), folder / "digits.png")
    tg.draw(nn.cross_entropy(net(images), labels), names=net).save(folder / "loss.svg")
    tg.save(folder / "reader.safetensors", net.state_dict())

    again = Reader()
    again.load_state_dict(tg.load(folder / "reader.safetensors"))
    reread = (classify(again, images) == labels.numpy()).mean()
    print(f"The network read back from its file reads {reread:.2%} of them.")
    print("Wrote:")
    for name, what in {
        "curves.png": "loss and accuracy, epoch by epoch",
        "digits.png": "held-out digits with what the network read",
        "loss.svg": "the graph of the loss, as recorded for its gradient",
        "reader.safetensors": "the trained network",
    }.items():
        print(f"  {folder / name}: {what}")
    return reread


if __name__ == "__main__":
    main(*sys.argv[1:])
