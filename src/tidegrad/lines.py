"""Floor 0. Which line of the user's is at work: the innermost one outside of this package."""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["calling_line"]

HERE = str(Path(__file__).parent)


def calling_line() -> str:
    """The innermost line outside of this package, as file:line."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(HERE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
