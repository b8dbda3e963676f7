"""A network with one hidden layer learns where the arms of a spiral are.

Six hundred points in the plane, three classes wound around each other: no straight line separates
them, a thousand bent ones do. The picture shows which class the network sees at every place:

    python examples/spiral.py [folder]
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

import tidegrad as tg
from tidegrad import data, nn, training

COLOURS = ["#d1495b", "#edae49", "#30638e"]


def regions(net, x, y, path):
    """Paint every place in the colour of its class, paler where the network is less sure."""
    side = np.linspace(-1.2, 1.2, 300, dtype="float32")
    places = np.stack(np.meshgrid(side, side), axis=-1)
    with tg.no_grad():
        chances = tg.softmax(net(places.reshape(-1, 2)), axis=1).numpy()
    sure = np.clip((chances.max(axis=1) - 1 / 3) * 1.5, 0, 1)

    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    axes.imshow(
        chances.argmax(axis=1).reshape(300, 300),
        alpha=(0.1 + 0.4 * sure).reshape(300, 300),
        cmap=ListedColormap(COLOURS),
        extent=(-1.2, 1.2, -1.2, 1.2),
        origin="lower",
    )
    axes.scatter(*x.T, c=y, cmap=ListedColormap(COLOURS), s=16, edgecolors="white", linewidths=0.5)
    axes.set(title="Which class the network sees where", xticks=[], yticks=[])
    figure.savefig(path, dpi=120)


def main(folder="demo", epochs=100, points=200, width=1024):
    """Train on all points and draw; the accuracy on them."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tg.random.seed(0)
    x, y = data.spiral(points, classes=3, seed=0)

    net = nn.Sequential(nn.Linear(2, width), nn.ReLU(), nn.Linear(width, 3))
    history = training.fit(
        net,
        data.DataLoader(data.TensorDataset(x, y), batch_size=100, shuffle=True, seed=0),
        nn.cross_entropy,
        tg.optim.Adam(net.parameters(), lr=0.01),
        epochs,
        metrics=[training.accuracy],
    )
    with tg.no_grad():
        accuracy = training.accuracy(net(x), y)

    history.plot(folder / "spiral-curves.png")
    regions(net, x.numpy(), y.numpy(), folder / "spiral.png")
    print(f"{accuracy:.1%} of {len(x)} points are on the right side.")
    print(f"Wrote {folder / 'spiral.png'} and {folder / 'spiral-curves.png'}.")
    return float(accuracy)


if __name__ == "__main__":
    main(*sys.argv[1:])
