"""One row of `benchmarks.compiled` in a process of its own; what was found is printed as JSON.

`python -m benchmarks.row turns ROW` times all engines by turns.  `first ROW ENGINE` and
`memory ROW ENGINE` look at one engine in a process that has run nothing else.
"""

import argparse
import gc
import json
import os
import statistics
import sys
import time
import traceback
from functools import partial
from pathlib import Path

import numpy as np

import tidegrad as tg
from benchmarks.limits import copy_seconds, product_seconds
from benchmarks.timing import samples
from benchmarks.workloads import workload

THREADS = 2
CHECKED_STEP = 50
# Of ten seeds, one where no ReLU or pool of lenet is so near its edge that rounding decides.
SEED = 4
REST = 0.1  # seconds until the threads of the engine before no longer look for work


def engine(name, row, state, inputs):
    """A program of `name` for `row`, on two threads."""
    found = workload(row)
    if name == "tidegrad":
        tg.set_num_threads(THREADS)
        return found.tidegrad(state, inputs)
    if name == "JAX":
        return found.jax(state, inputs)
    import torch

    torch.set_num_threads(THREADS)
    return found.pytorch(state, inputs, name == "torch.compile")


ENGINES = ("tidegrad", "JAX", "PyTorch", "torch.compile")


def turns(row, rounds, target):
    """Times of all engines, their results compared, and what the machine allows."""
    found = workload(row)
    state, inputs = found.make(np.random.default_rng(SEED))
    peers, results, failed = {}, {}, {}
    for name in ENGINES:
        try:
            peer = engine(name, row, state, inputs)
            results[name] = compared(found, peer)
            peers[name] = peer
        except Exception as error:
            traceback.print_exc()
            failed[name] = f"{type(error).__name__}: {error}".partition("\n")[0]

    def before(name):
        time.sleep(REST)
        # From the initial weights every time: a long training ends in denormal numbers, which
        # some engines flush to zero and others compute slowly.
        peers[name].restart()
        peers[name]()

    taken = samples(peers, rounds, target, before=before)
    moved = found.bytes(state, inputs)
    return {
        "minimum": {name: min(times) for name, times in taken.items()},
        "median": {name: statistics.median(times) for name, times in taken.items()},
        "failed": failed,
        "loss": {name: float(result[0].ravel()[0]) for name, result in results.items()},
        "difference": differences(results),
        "flops": found.flops,
        "products": product_seconds(found.products),
        "bytes": moved,
        "copy": copy_seconds(moved),
    }


def compared(found, peer):
    """What engines must agree on: the loss of step 50, or all results of a function."""
    for _ in range(CHECKED_STEP - 1 if found.training else 0):
        peer()
    return [np.array(x) for x in peer.read(peer())]


def differences(results):
    """The largest difference of each result from the first engine's, over its magnitude."""
    base, *others = results
    return {
        name: max(
            float(np.abs(x - y).max() / np.abs(x).max())
            for x, y in zip(results[base], results[name], strict=True)
        )
        for name in others
    }


def first(row, name):
    """Seconds of the first call: tracing, compiling, and what is imported for that."""
    peer = engine(name, row, *workload(row).make(np.random.default_rng(SEED)))
    if name == "tidegrad" and "llvmlite" in sys.modules:
        raise RuntimeError("llvmlite was imported before the first call, outside of its time")
    start = time.perf_counter()
    peer()
    return {"first": time.perf_counter() - start}


def memory(row, name):
    """Bytes that steps take at their peak beyond weights, moments and inputs, held once each.

    The engine has run something else before, so that what it loads is not counted.
    """
    small = engine(name, "moons", *workload("moons").make(np.random.default_rng(SEED)))
    for _ in range(3):
        small()
    gc.collect()
    base = resident("VmRSS")
    found = workload(row)
    state, inputs = found.make(np.random.default_rng(SEED))
    held = 3 * sum(w.nbytes for w in state.values()) + sum(x.nbytes for x in inputs)
    peer = engine(name, row, state, inputs)
    vars(peer).pop("initial", None)
    del state, inputs
    peer()
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    for _ in range(3):
        peer()
    return {"memory": resident("VmHWM") - base - held}


def resident(which):
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(which)).split()[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["turns", "first", "memory"])
    parser.add_argument("row")
    parser.add_argument("engine", nargs="?")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--target", type=float, default=0.02)
    given = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
    run = {
        "turns": partial(turns, given.row, given.rounds, given.target),
        "first": partial(first, given.row, given.engine),
        "memory": partial(memory, given.row, given.engine),
    }[given.what]
    print(json.dumps(run()))


if __name__ == "__main__":
    main()
