"""What the engines' programs reach on their dialects, and PyTorch with the same networks.

python -m benchmarks.dialects [name ...]
"""

import sys
from importlib import import_module

from . import ENGINES

SEEDS = range(5)


def main(wanted: list[str]) -> None:
    for engine in ENGINES:
        for program in import_module(f"benchmarks.dialects.{engine}").PROGRAMS:
            if wanted and program.name not in wanted:
                continue
            peers = [program.peer(seed=seed) for seed in SEEDS]
            figures = [program.ours(seed=seed) for seed in SEEDS]
            reached = all(program.reached(figure, peers) for figure in figures)
            print(
                f"{program.name:24} {program.figure:20} "
                f"tidegrad {spread(figures)}, PyTorch {spread(peers)}"
                f"{'' if reached else '  (outside PyTorch)'}",
                flush=True,
            )


def spread(figures: list[float]) -> str:
    return f"{min(figures):.4g} to {max(figures):.4g}"


if __name__ == "__main__":
    main(sys.argv[1:])
