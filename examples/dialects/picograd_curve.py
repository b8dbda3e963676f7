"""A dense network learns a curve: the program of picograd's module NN, on tidegrad.

A 1-32-32-1 network on a hundred points of a cubic curve, a thousand epochs. The root of the mean
squared error goes to between 0.010 and 0.032 by seed (PyTorch, from the same numbers: likewise);
the curve itself spreads by 0.157.

    python examples/dialects/picograd_curve.py
"""

from tidegrad.dialects.picograd import NN, np


def curve(x):
    return (x - 0.743) * (x - 0.097) * (x + 0.787)


def train(seed=0, points=100, hidden=32, epochs=1000):
    """The root of the mean squared error where it was lowest: the steps never quite rest."""
    np.random.seed(seed)
    x = np.linspace(-1, 1, points)
    np.random.shuffle(x)
    x = x.reshape((points, 1, 1))

    model = NN.NN(input_size=1, output_size=1, hiddens=[hidden, hidden])
    print(f"Model has {model.size} params.")
    history = NN.train_model(model, x, curve(x), epochs=epochs, alpha=1)
    print()
    return round(min(history) ** 0.5, 3)


if __name__ == "__main__":
    print(f"error {train()}")
