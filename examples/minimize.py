"""Where does a chain hang? SciPy looks for the lowest energy, tidegrad gives it the slopes.

The energy is an ordinary NumPy function that knows nothing of tidegrad: springs in a row between
two nails, with a weight at every joint. `tg.grad` and `tg.hessian` make its derivatives:

    python examples/minimize.py [folder]
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import brentq, minimize

import tidegrad as tg

LENGTH, WEIGHT, STIFFNESS = 1.5, 1.0, 300.0
NAILS = np.array([[-0.5, 0.5], [0.0, 0.0]])


def joints(places):
    """The chain from nail to nail: rows of x and y, from the flat vector that SciPy varies."""
    return np.concatenate([NAILS[:, :1], places.reshape(2, -1), NAILS[:, 1:]], axis=1)


def energy(places):
    """Springs that resist stretching, and weights that would rather be lower."""
    x, y = joints(places)
    links = len(x) - 1
    stretch = np.hypot(x[1:] - x[:-1], y[1:] - y[:-1]) - LENGTH / links
    return STIFFNESS * links / 2 * np.sum(stretch**2) + WEIGHT / links * np.sum(y[1:-1])


def catenary(x):
    """The curve on which a chain that cannot stretch hangs, by Johann Bernoulli, 1691."""
    a = brentq(lambda a: 2 * a * np.sinh(0.5 / a) - LENGTH, 0.05, 1.0)
    return a * (np.cosh(x / a) - np.cosh(0.5 / a))


def search(start):
    """What four methods of SciPy find, which differ in the derivatives that they are given."""

    def slopes(places):
        return tg.grad(energy)(places).numpy()

    def bends(places):
        return tg.hessian(energy)(places).numpy()

    methods = {
        "no derivative": dict(method="Nelder-Mead", options=dict(maxfev=20_000)),
        "differences": dict(method="BFGS"),
        "gradient": dict(method="BFGS", jac=slopes),
        "gradient, Hessian": dict(method="trust-exact", jac=slopes, hess=bends),
    }
    return {given: minimize(energy, start, **options) for given, options in methods.items()}


def show(start, results, path):
    """Draw the chain as it began, as it was found, and the curve it should hang on."""
    figure = Figure(figsize=(6.5, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(*joints(start), "-", color="silver", label="start")
    x = np.linspace(-0.5, 0.5, 200)
    axes.plot(x, catenary(x), color="#edae49", linewidth=6, alpha=0.6, label="catenary")
    axes.plot(*joints(results["no derivative"].x), ".-", color="#d1495b", label="no derivative")
    axes.plot(*joints(results["gradient, Hessian"].x), ".-", color="#30638e", label="with Hessian")
    axes.plot(*NAILS, "ks")
    axes.set(title="A chain between two nails", aspect="equal")
    axes.legend(frameon=False, loc="center")
    figure.savefig(path, dpi=120)


def main(folder="demo", links=20):
    """Search with and without derivatives, print what it took, draw; the results by name."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    start = np.stack([np.linspace(-0.5, 0.5, links + 1), np.zeros(links + 1)])[:, 1:-1].ravel()
    start += np.random.default_rng(0).normal(scale=0.01, size=start.shape)

    results = search(start)
    print(f"{'given':>18}  {'energies':>8}  {'gradients':>9}  {'Hessians':>8}  lowest energy")
    for given, found in results.items():
        gradients = found.get("njev", 0) if given.startswith("gradient") else 0
        counts = f"{found.nfev:8}  {gradients:9}  {found.get('nhev', 0):8}"
        print(f"{given:>18}  {counts}  {found.fun:.9f}")

    show(start, results, folder / "chain.png")
    print(f"Wrote {folder / 'chain.png'}.")
    return results


if __name__ == "__main__":
    main(*sys.argv[1:])
