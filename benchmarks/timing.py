"""Timing by turns: peers run one after another, round by round, so that noise falls on all."""

import platform
import statistics
import time
from importlib.metadata import PackageNotFoundError, version


def turns(peers, rounds=30, target=2e-3, warm=3):
    """The median seconds of one call of each of `peers` (name -> function without arguments)."""
    taken = samples(peers, rounds, target, warm)
    return {name: statistics.median(found) for name, found in taken.items()}


def samples(peers, rounds=30, target=2e-3, warm=3, before=None):
    """The seconds of one call of each of `peers`, in every round.

    Each turn repeats a peer until about `target` seconds have passed; `before(name)`, where
    given, prepares it, outside of the time.
    """
    repeats = {}
    for name, f in peers.items():
        for _ in range(warm):
            f()
        start = time.perf_counter()
        f()
        repeats[name] = max(1, int(target / max(time.perf_counter() - start, 1e-9)))
    taken = {name: [] for name in peers}
    for _ in range(rounds):
        for name, f in peers.items():
            if before is not None:
                before(name)
            start = time.perf_counter()
            for _ in range(repeats[name]):
                f()
            taken[name].append((time.perf_counter() - start) / repeats[name])
    return taken


def machine(*packages):
    """One line that says where and with what was measured."""
    versions = []
    for package in packages:
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"{package} absent")
    cpu = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as info:
            cpu = next(line.split(":")[1].strip() for line in info if "model name" in line)
    except (OSError, StopIteration):
        pass
    return f"{cpu}, Python {platform.python_version()}, {', '.join(versions)}"
