"""Floor 8. Running a program written for another engine: its imports are answered by a dialect."""

from __future__ import annotations

import runpy
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from .answers import Answering, answered, real_name, until_exit

__all__ = ["Answering", "answered", "run_module", "run_path", "until_exit"]


def run_path(
    dialect: str, script: str, arguments: Sequence[str] = (), answers: Answering = answered
) -> None:
    """Run the program `script`, written for `dialect`, as Python itself would run it.

    A folder or an archive has a `__main__.py`, and `-` is what is read from the standard input.
    """
    with answers(dialect):
        sys.argv[:] = [script, *arguments]
        place = Path(script).resolve()
        if not sys.flags.safe_path:
            sys.path[0] = str(place if place.is_dir() else place.parent)
        if script == "-":
            run_text(sys.stdin.read())
        else:
            runpy.run_path(script, run_name="__main__")


def run_text(text: str) -> None:
    """Run the source of a program."""
    main, before = ModuleType("__main__"), sys.modules["__main__"]
    sys.modules["__main__"] = main
    try:
        exec(compile(text, "<stdin>", "exec", dont_inherit=True), vars(main))
    finally:
        sys.modules["__main__"] = before


def run_module(
    dialect: str, module: str, arguments: Sequence[str] = (), answers: Answering = answered
) -> None:
    """Run a module by name, such as `pytest`, where `import dialect` is answered."""
    with answers(dialect), warnings.catch_warnings():
        # A dialect's module is loaded with its package, and runs once more as a program.
        warnings.filterwarnings("ignore", ".*found in sys.modules", RuntimeWarning, "runpy")
        sys.argv[:] = [module, *arguments]
        if not sys.flags.safe_path:
            sys.path[0] = str(Path.cwd())
        runpy.run_module(real_name(module), run_name="__main__", alter_sys=True)
