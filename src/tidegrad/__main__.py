"""Floor 8. The command line: `python -m tidegrad run --as pygrad program.py`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from .dialects import __all__ as DIALECTS
from .dialects.running import Answering, answered, run_module, run_path, until_exit

__all__ = ["main"]


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        "python -m tidegrad", description="A differentiable tensor, its transforms and libraries."
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="command")
    run = commands.add_parser(
        "run",
        help="run a program that was written for another engine",
        description="Run a program that was written for another engine, unchanged: "
        "its imports are answered by tidegrad's dialect of that engine.",
        usage="python -m tidegrad run --as DIALECT (program.py | - | -m module) [arguments]",
    )
    run.add_argument("--as", dest="dialect", required=True, choices=DIALECTS, help="the engine")
    run.add_argument(
        "-m", dest="module", nargs=argparse.REMAINDER, help="run a module by name, such as pytest"
    )
    run.add_argument("rest", nargs=argparse.REMAINDER, help="the program and its arguments")
    return top


def main(arguments: Sequence[str] | None = None, answers: Answering = answered) -> None:
    """Do what the command line asks for; exit status 2 where it cannot be understood."""
    top = parser()
    given = top.parse_args(arguments)
    if given.module:
        run_module(given.dialect, given.module[0], given.module[1:], answers)
    elif not given.rest:
        top.error("run: name a program, or a module with -m")
    elif given.rest[0] != "-" and not Path(given.rest[0]).exists():
        top.error(f"run: there is no file {given.rest[0]}")
    else:
        run_path(given.dialect, given.rest[0], given.rest[1:], answers)


if __name__ == "__main__":
    main(answers=until_exit)
