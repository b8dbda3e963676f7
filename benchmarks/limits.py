"""What the machine can do: matrix products of given shapes, and copies, as fast as anybody's."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

import tidegrad as tg
from benchmarks.timing import samples

# Many short rounds: the best of them is what counts.
ROUNDS = 20


def product_seconds(products):
    """How long products (how many, m, k, n) take at the best rate measured for each shape."""
    return sum(count * seconds(m, k, n, count) for count, m, k, n in products)


def seconds(m, k, n, count):
    """One product of (m, k) and (k, n): the best of PyTorch, NumPy and ours, one or a stack."""
    found = []
    for stack in sorted({1, count}):
        random = np.random.default_rng(0)
        a, b = random.random((stack, m, k), np.float32), random.random((stack, k, n), np.float32)
        runs = available({"numpy": numpy_product, "torch": torch_product, "ours": product}, a, b)
        found += [
            min(taken) / stack for taken in samples(runs, rounds=ROUNDS, target=2e-3).values()
        ]
    return min(found)


def copy_seconds(moved):
    """How long it takes two threads to read half of `moved` bytes and write the other half."""
    a = np.ones(max(moved // 8, 1), np.float32)
    runs = available({"numpy": numpy_copy, "halves": copy_of_halves, "torch": torch_copy}, a)
    return min(min(taken) for taken in samples(runs, rounds=ROUNDS, target=2e-3).values())


def available(makers, *arrays):
    """What each of `makers` makes to be timed, without engines that are absent or fail."""
    made = {}
    for name, maker in makers.items():
        try:
            made[name] = maker(*arrays)
            made[name]()
        except Exception:
            made.pop(name, None)
    return made


def numpy_product(a, b):
    out = np.matmul(a, b)
    return lambda: np.matmul(a, b, out=out)


def torch_product(a, b):
    import torch

    a, b = (torch.from_numpy(x if len(x) > 1 else x[0]) for x in (a, b))
    multiply = torch.bmm if a.ndim == 3 else torch.mm
    out = multiply(a, b)
    return lambda: multiply(a, b, out=out)


def product(a, b):
    a, b = (tg.tensor(x if len(x) > 1 else x[0]) for x in (a, b))
    multiply = tg.jit(tg.matmul)
    return lambda: multiply(a, b)


def numpy_copy(a):
    out = np.empty_like(a)
    return lambda: np.copyto(out, a)


def copy_of_halves(a):
    out, half, pool = np.empty_like(a), len(a) // 2, ThreadPoolExecutor(1)

    def run():
        other = pool.submit(np.copyto, out[:half], a[:half])
        np.copyto(out[half:], a[half:])
        other.result()

    return run


def torch_copy(a):
    import torch

    a = torch.from_numpy(a)
    out = torch.empty_like(a)
    return lambda: out.copy_(a)
