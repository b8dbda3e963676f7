"""Compiled steps beside JAX and PyTorch: `python -m benchmarks.compiled [rows...]`.

Each row has a process of its own in which the engines take turns, every turn from the initial
weights; first calls and memory are measured in further processes.  A row's ratio is the time of
the best other engine over ours, by the minimum over rounds.  The exit status is 1 when an engine
fails or a result differs from another's by more than 1e-4 of its magnitude.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

from benchmarks.timing import machine
from benchmarks.workloads import ROWS, workload

OURS = "tidegrad"
TOLERANCE = 1e-4
# What each row is asked: at least, and the aim.
ASKED = {
    "moons": (3, 5),
    "spiral": (3, 4),
    "mnist": (1.5, 1.8),
    "wide": (1, 1.1),
    "lenet": (2, 4),
    "lstm": (1.5, 2),
    "gpt": (1.7, 2.5),
    "options": (1.5, 2.5),
    "affine": (1.2, 1.2),
}
# Two threads for all, and NumPy's BLAS free to choose its kernels and block sizes.
UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "2")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rows", nargs="*", help=f"of {', '.join(ROWS)}; default all")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, one try of each first")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured there")
    given = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # a row is printed when it is measured
    unknown = [row for row in given.rows if row not in ROWS]
    if unknown:
        parser.error(f"no row is called {unknown[0]!r}; there are {', '.join(ROWS)}")
    print(f"{date.today()}: {machine('numpy', 'llvmlite', 'torch', 'jax', 'jaxlib')}")
    print(f"float32, 2 threads, {' and '.join(UNSET)} unset; ms, minimum (median) of rounds")
    found, wrong = {}, []
    for row in given.rows or ROWS:
        found[row] = measured(row, given.quick)
        wrong += report(row, found[row])
    summary(found)
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n")
    for line in wrong:
        print(f"WRONG: {line}")
    sys.exit(bool(wrong))


def measured(row, quick):
    """All that processes of its own find about `row`."""
    rounds = ("--rounds", "10") if quick else ()
    found = child("turns", row, *rounds)
    engines = list(found.get("minimum", {}))
    tries = 1 if quick else 3
    found["first"] = firsts(row, [name for name in engines if name in (OURS, "JAX")], tries)
    if row in ASKED:
        memory = {name: child("memory", row, name) for name in engines}
        found["memory"] = {name: got["memory"] for name, got in memory.items() if "memory" in got}
    return found


def firsts(row, engines, tries):
    """Seconds of the first call in a fresh process; ours without and with a program on disk."""
    found = {}
    for name in engines:
        taken = {name: [], f"{name} from disk": []}
        for _ in range(tries):
            with tempfile.TemporaryDirectory() as cache:
                for kind in taken if name == OURS else (name,):
                    taken[kind].append(child("first", row, name, cache=cache).get("first"))
        found |= {kind: min(filter(None, t), default=None) for kind, t in taken.items() if t}
    return found


def child(*arguments, cache=None):
    """What a process of `benchmarks.row` printed; {"error": ...} where it failed."""
    environment = {k: v for k, v in os.environ.items() if k not in UNSET} | THREADS
    if cache is not None:
        environment["TIDEGRAD_CACHE"] = cache
    program = [sys.executable, "-m", "benchmarks.row", *arguments]
    ended = subprocess.run(program, env=environment, capture_output=True, text=True)
    if ended.returncode == 0:
        return json.loads(ended.stdout.splitlines()[-1])
    lines = ended.stderr.strip().splitlines() or [f"exit status {ended.returncode}"]
    return {"error": f"{' '.join(arguments)}: {lines[-1]}"}


def report(row, found):
    """Print one row; what is wrong in it is returned, a line each."""
    print(f"\n{row}: {workload(row).title}")
    if "error" in found:
        return [found["error"]]
    times = [
        f"{name} {least * 1e3:.4g} ({found['median'][name] * 1e3:.4g})"
        for name, least in found["minimum"].items()
    ]
    print(f"  time        {', '.join(times)}")
    by = ratio(found, "minimum"), ratio(found, "median")
    if by[0] and row in ASKED:
        least, aim = ASKED[row]
        print(
            f"  ratio       {by[0]:.2f}x by minimum, {by[1]:.2f}x by median to {best(found)}; ",
            end="",
        )
        print(f"asked {least}x ({'reached' if by[0] >= least else 'MISSED'}), aim {aim}x")
    if found["flops"] or found["bytes"]:
        print(f"  limit       {limit(found)}")
    print(f"  first call  {shown(found['first'], 1, 's')}")
    if "memory" in found:
        print(f"  memory      {shown(found['memory'], 1e6, 'MB')} beyond weights, moments, inputs")
    return checked(row, found)


def best(found):
    """The fastest other engine, or None where no other ran."""
    others = {name: t for name, t in found["minimum"].items() if name != OURS}
    return min(others, key=others.get, default=None)


def ratio(found, which):
    """The best other engine's time over ours."""
    others = [t for name, t in found.get(which, {}).items() if name != OURS]
    return min(others) / found[which][OURS] if others and OURS in found[which] else None


def limit(found):
    """How long the machine needs for a row's products and for its bytes, and how far ours is."""
    parts = []
    if found["flops"]:
        rate = found["flops"] / found["products"] / 1e9
        parts.append(
            f"products {found['flops'] / 1e9:.3g} GFLOP at {rate:.0f} GFLOP/s "
            f"{found['products'] * 1e3:.3g}"
        )
    rate = found["bytes"] / found["copy"] / 1e9
    parts.append(f"{found['bytes'] / 1e6:.3g} MB at {rate:.0f} GB/s {found['copy'] * 1e3:.3g}")
    bound = max(found["products"], found["copy"])
    at = [f"{name} {bound / t:.0%}" for name, t in found["minimum"].items()]
    return f"{', '.join(parts)} ms; of that limit's speed: {', '.join(at)}"


def shown(numbers, unit, name):
    known = [f"{k} {v / unit:.3g} {name}" for k, v in numbers.items() if v is not None]
    return ", ".join(known)


def checked(row, found):
    """Compare results; print them, and return what is wrong."""
    wrong = [f"{row}: {name} failed: {why}" for name, why in found["failed"].items()]
    for name, why in found["failed"].items():
        print(f"  {name} failed: {why}")
    off = {name: d for name, d in found["difference"].items() if not d <= TOLERANCE}
    what = "loss of step 50" if workload(row).training else "results"
    base, *_ = found["loss"]
    differences = ", ".join(f"{name} {d:.1e}" for name, d in found["difference"].items())
    value = f" {found['loss'][base]:.7g}" if workload(row).training else ""
    print(f"  {what}{value} by {base}; relative difference to it: {differences}", end="")
    print(": FAILED" if off else ": equal within 1e-4")
    return wrong + [f"{row}: {name} differs by {d:.1e} from {base}" for name, d in off.items()]


def summary(found):
    """Ratios of all rows, their geometric mean, and what a call costs."""
    ratios = {row: ratio(got, "minimum") for row, got in found.items() if row in ASKED}
    ratios = {row: r for row, r in ratios.items() if r}
    if ratios:
        mean, least = statistics.geometric_mean(ratios.values()), min(ratios.values())
        print("\nthe best other engine's time over ours: ", end="")
        print(", ".join(f"{row} {r:.2f}" for row, r in ratios.items()))
        print(f"geometric mean {mean:.2f}x (asked 1.8x, aim 2.5x); least {least:.2f}x")
    if "minimum" in found.get("overhead", {}):
        calls = found["overhead"]["minimum"]
        print(f"a call with ten small tensors: {shown(calls, 1e-6, 'us')} (asked 5 us)")


if __name__ == "__main__":
    main()
