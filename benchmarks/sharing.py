"""Large eager operations on all cores, beside NumPy: `python -m benchmarks.sharing`."""

import numpy as np

import tidegrad as tg
from benchmarks.timing import machine, samples

SIZES = (10_000, 100_000, 1_000_000, 2_000_000, 10_000_000)
OPERATIONS = {
    "x * y": (lambda x, y: x * y, lambda x, y: x * y),
    "x * 2": (lambda x, y: x * 2, lambda x, y: x * 2),
    "exp(x)": (lambda x, y: np.exp(x), lambda x, y: tg.exp(x)),
    "tanh(x)": (lambda x, y: np.tanh(x), lambda x, y: tg.tanh(x)),
    "sum(x)": (lambda x, y: np.sum(x), lambda x, y: tg.sum(x)),
    "max(x)": (lambda x, y: np.max(x), lambda x, y: tg.max(x)),
}
BACKENDS = ("numpy", "threads", "processes")


def main() -> None:
    print(machine("numpy"))
    print("\nmicroseconds, and how many times as fast as NumPy's own call")
    print(f"{'':21}{'NumPy':>8}" + "".join(f"{name:>18}" for name in BACKENDS))
    for name, (numpy, ours) in OPERATIONS.items():
        for size in SIZES:
            found = measured(numpy, ours, size)
            own = found.pop("call")
            columns = (f"{t * 1e6:10.1f} ({own / t:4.2f}x)" for t in found.values())
            print(f"{name:8} {size:>12,}{own * 1e6:8.1f}" + "".join(columns), flush=True)


def measured(numpy, ours, size):
    """Seconds of NumPy's own call, and of tidegrad's operation on every backend."""
    rng = np.random.default_rng(0)
    x, y = (rng.uniform(-1, 1, size).astype(np.float32) for _ in range(2))
    tensors = tg.tensor(x), tg.tensor(y)
    peers = {"call": lambda: numpy(x, y)}
    peers |= {name: lambda: ours(*tensors) for name in BACKENDS}
    with tg.backends.use("numpy"):
        taken = samples(peers, rounds=15, warm=0, before=switched)
    return {name: min(times) for name, times in taken.items()}


def switched(name):
    tg.backends.use(name if name in BACKENDS else "numpy")


if __name__ == "__main__":
    main()
