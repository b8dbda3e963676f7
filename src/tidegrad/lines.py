"""Floor 0. Which line of the user's is at work: the innermost one outside of the libraries."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

__all__ = ["calling_line"]

INSIDE = str(Path(__file__).parent), str(Path(np.__file__).parent)


def calling_line() -> str:
    """The innermost line outside of this package and NumPy, as file:line."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(INSIDE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
