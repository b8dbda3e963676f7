"""What eager work costs: `python -m benchmarks.eager` prints ratios measured by turns."""

import argparse
import io
import marshal
import os
import subprocess
import sys
import zipfile
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np

import tidegrad as tg
from benchmarks.timing import machine, turns
from tidegrad.autodiff import ebb

X = np.linspace(0.1, 0.9, 12, dtype=np.float32).reshape(3, 4)
W = np.linspace(0.2, 1.2, 12, dtype=np.float32).reshape(4, 3)
# An operation of tensors beside NumPy's own call, and the NumPy calls that its backward needs.
OPERATIONS = {
    "x + y": (lambda x, y, w: x + y, lambda g, x, y, w: (g, g)),
    "x * y": (lambda x, y, w: x * y, lambda g, x, y, w: (g * y, g * x)),
    "x / y": (lambda x, y, w: x / y, lambda g, x, y, w: (g * (1 / y), g * (-x / y))),
    "x - 2.0": (lambda x, y, w: x - 2.0, lambda g, x, y, w: (g,)),
    "exp(x)": (lambda x, y, w: np.exp(x), lambda g, x, y, w: (g * x,)),
    "tanh(x)": (lambda x, y, w: np.tanh(x), lambda g, x, y, w: (g * (1 - x * x),)),
    "x @ w": (lambda x, y, w: x @ w, lambda g, x, y, w: (g @ w.T, x.T @ g)),
    "sum(x)": (lambda x, y, w: np.add.reduce(x, axis=None), lambda g, x, y, w: np.full((3, 4), g)),
    "x.T": (lambda x, y, w: x.T, lambda g, x, y, w: (g.T,)),
    "x[1]": (lambda x, y, w: x[1], lambda g, x, y, w: (placed(g),)),
}  # fmt: skip
CHAIN = 50
FUNCTIONS = {"exp(x)": tg.exp, "tanh(x)": tg.tanh, "sum(x)": tg.sum}


def placed(g):
    out = np.zeros((3, 4), np.float32)
    out[1] = g
    return out


def operations():
    """Microseconds over NumPy of an operation on 12 numbers: untracked, tracked, backward."""
    print("\nAn operation on 12 float32 numbers: us over the bare NumPy call")
    print(f"{'':10}{'NumPy':>9}{'untracked':>12}{'tracked':>12}{'backward':>12}")
    for name, (numpy, pull) in OPERATIONS.items():
        one = FUNCTIONS.get(name)
        taken = operation(numpy, (lambda x, y, w, one=one: one(x)) if one else numpy, pull)
        print(f"{name:10}{taken[0] * 1e6:9.2f}" + "".join(f"{t * 1e6:12.2f}" for t in taken[1:]))


def operation(numpy, ours, pull):
    """Seconds of NumPy's call, and what ours takes over it: untracked, tracked, backward."""
    arrays = (X, X, W)
    plain = [tg.tensor(a) for a in arrays]
    leaves = [tg.tensor(a, requires_grad=True) for a in arrays]
    g = np.ones_like(np.asarray(numpy(*arrays)))
    # Many operations, each on leaves of its own, and one backward through them all.
    many = [[tg.tensor(a, requires_grad=True) for a in arrays] for _ in range(CHAIN)]
    taken = turns({
        "numpy": lambda: numpy(*arrays),
        "untracked": lambda: ours(*plain),
        "tracked": lambda: ours(*leaves),
        "pull": lambda: pull(g, *arrays),
        "forward": lambda: [ours(*own).node for own in many],
        "both": lambda: ebb({ours(*own).node: g for own in many}),
    })  # fmt: skip
    backward = (taken["both"] - taken["forward"]) / CHAIN
    base = taken["numpy"]
    return base, taken["untracked"] - base, taken["tracked"] - base, backward - taken["pull"]


def mlp(library, sizes, batch, classes):
    """A training step: zero_grad, forward, backward, Adam; the loss is returned."""
    nn, optim = (tg.nn, tg.optim) if library is tg else (library.nn, library.optim)
    layers = []
    for k, (n, m) in enumerate(pairwise(sizes)):
        layers += [nn.Linear(n, m)] + ([nn.ReLU()] if k < len(sizes) - 2 else [])
    net = nn.Sequential(*layers)
    optimizer = optim.Adam(net.parameters(), lr=1e-3)
    random = np.random.default_rng(0)
    x = library.asarray(random.standard_normal((batch, sizes[0])).astype(np.float32))
    if classes:
        y = library.asarray(random.integers(0, sizes[-1], batch))
        loss_of = nn.functional.cross_entropy
    else:
        y = library.asarray(random.standard_normal((batch, sizes[-1])).astype(np.float32))
        loss_of = nn.functional.mse_loss

    def step():
        optimizer.zero_grad()
        loss = loss_of(net(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def autograd_mlp(sizes, batch):
    """The same step with the `autograd` package, Adam being written out as its own does it."""
    import autograd
    import autograd.numpy as anp

    random = np.random.default_rng(0)
    pairs = list(pairwise(sizes))
    weights = [random.standard_normal(pair).astype(np.float32) * 0.1 for pair in pairs]
    biases = [np.zeros(m, np.float32) for m in sizes[1:]]
    x = random.standard_normal((batch, sizes[0])).astype(np.float32)
    y = random.standard_normal((batch, sizes[-1])).astype(np.float32)
    state = [[np.zeros_like(p), np.zeros_like(p)] for p in weights + biases]
    count = [0]

    def loss(parameters):
        h = x
        n = len(parameters) // 2
        for k in range(n):
            h = anp.dot(h, parameters[k]) + parameters[n + k]
            h = anp.maximum(h, 0) if k < n - 1 else h
        return anp.mean((h - y) ** 2)

    gradient = autograd.value_and_grad(loss)
    parameters = weights + biases

    def step():
        nonlocal parameters
        value, grads = gradient(parameters)
        count[0] += 1
        fresh = []
        for p, g, s in zip(parameters, grads, state, strict=True):
            s[0] = 0.9 * s[0] + 0.1 * g
            s[1] = 0.999 * s[1] + 0.001 * g * g
            m, v = s[0] / (1 - 0.9 ** count[0]), s[1] / (1 - 0.999 ** count[0])
            fresh.append(p - 1e-3 * m / (np.sqrt(v) + 1e-8))
        parameters = fresh
        return value

    return step


STEPS = {
    "2-16-16-1, 100 points, mse": ((2, 16, 16, 1), 100, False, 60),
    "2-1024-3, 600 points, cross entropy": ((2, 1024, 3), 600, True, 30),
    "784-256-128-10, batch 128, cross entropy": ((784, 256, 128, 10), 128, True, 30),
}


def steps():
    """Whole eager Adam steps beside PyTorch and autograd."""
    print("\nA whole Adam step: ms, and the peers' time over ours")
    torch = peer("torch")
    for name, (sizes, batch, classes, rounds) in STEPS.items():
        peers = {"tidegrad": mlp(tg, sizes, batch, classes)}
        if torch:
            peers["PyTorch"] = mlp(torch, sizes, batch, classes)
        if not classes and peer("autograd"):
            peers["autograd"] = autograd_mlp(sizes, batch)
        taken = turns(peers, rounds, target=2e-2)
        ratios = [f"{k} {t * 1e3:.3f} ({t / taken['tidegrad']:.2f}x)" for k, t in taken.items()]
        print(f"{name:44}{', '.join(ratios)}")


def peer(name):
    try:
        return __import__(name)
    except ImportError:
        print(f"({name} is not installed)")
        return None


def imports():
    """How long `import` takes in a fresh interpreter, over NumPy's."""
    peers = {name: alone(f"import {name}") for name in ("numpy", "tidegrad")}
    taken = turns(peers, rounds=15, target=0, warm=2)
    over = (taken["tidegrad"] - taken["numpy"]) * 1e3
    print(f"\nimport numpy {taken['numpy'] * 1e3:.0f} ms, import tidegrad {over:.0f} ms more")
    for name in ("torch", "jax"):
        if peer(name):
            both = turns({name: alone(f"import {name}")}, rounds=3, target=0, warm=1)
            print(f"import {name} {both[name] * 1e3:.0f} ms in all")


def alone(program):
    """A run of `program` in a fresh interpreter, with compiled modules as an installation has."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return lambda: subprocess.run([sys.executable, "-c", program], check=True, env=env)


def sizes():
    """What the package weighs: packed as in a wheel, and installed with its compiled form."""
    root = Path(tg.__file__).parent
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as wheel:
        for path in root.rglob("*"):
            if path.suffix in {".py", ".pyi", ".typed"}:
                wheel.write(path, path.relative_to(root.parent))
    sources = sum(p.stat().st_size for p in root.rglob("*") if p.suffix in {".py", ".pyi"})
    codes = (compile(p.read_bytes(), p.name, "exec") for p in root.rglob("*.py"))
    compiled = sum(len(marshal.dumps(code)) + 16 for code in codes)
    print(f"\nwheel {len(packed.getvalue()) / 1e3:.0f} kB; installed ", end="")
    print(f"{(sources + compiled) / 1e6:.2f} MB, of which compiled {compiled / 1e3:.0f} kB")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="*", help="operations, steps, imports, sizes; default all")
    chosen = parser.parse_args().only or ["operations", "steps", "imports", "sizes"]
    print(f"{date.today()}: {machine('numpy', 'torch', 'jax', 'autograd')}")
    for name in chosen:
        {"operations": operations, "steps": steps, "imports": imports, "sizes": sizes}[name]()


if __name__ == "__main__":
    main()
