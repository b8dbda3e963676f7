"""Floor 0. Exceptions: the standard kinds, under names that say what went wrong; and extras."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from types import ModuleType

__all__ = ["AnomalyError", "AxisError", "DTypeError", "FileFormatError", "GraphError"]
__all__ += ["ShapeError", "TraceError", "extra"]


class ShapeError(ValueError):
    """Shapes or sizes that do not go together."""


class DTypeError(TypeError):
    """A dtype that an operation does not take, or that tidegrad does not have."""


class AxisError(ValueError, IndexError):
    """An axis that the array does not have, or that is named twice; both kinds, as in NumPy."""


class GraphError(RuntimeError):
    """A gradient asked of a graph that was freed, or was never recorded."""


class AnomalyError(FloatingPointError):
    """A value or gradient that is NaN or infinite, found while looking for one."""


class TraceError(RuntimeError):
    """A use of numbers that are not known yet, or no longer, because a program computes them."""


class FileFormatError(ValueError):
    """A file that is cut short, altered, or of another kind than expected."""


# The oldest release of each optional package that works; pyproject.toml asks for the same.
OLDEST = {
    "llvmlite": (0, 45),
    "matplotlib": (3, 9),
    "scipy": (1, 13),
    "sklearn": (1, 5),
    "tqdm": (4, 66),
}


def extra(module: str, name: str) -> ModuleType:
    """The optional module `module`, which `pip install "tidegrad[name]"` brings.

    ImportError, in one sentence that names the extra, where it is absent, broken or too old.

    >>> tg.errors.extra("math", "train").sqrt(9.0)
    3.0
    >>> tg.errors.extra("no_such_package", "train")
    Traceback (most recent call last):
    ImportError: no_such_package is needed for this: pip install "tidegrad[train]" (...)
    """
    package = module.partition(".")[0]
    need = f'{package} is needed for this: pip install "tidegrad[{name}]"'
    try:
        found = import_module(module)
        version = str(getattr(sys.modules[package], "__version__", ""))
    except Exception as cause:  # a broken package raises anything: AttributeError, OSError, ...
        raise ImportError(f"{need} ({type(cause).__name__}: {cause})", name=module) from cause
    numbers = tuple(map(int, re.findall(r"\d+", version)[:2]))
    oldest = OLDEST.get(package, ())
    if numbers and numbers < oldest:  # a version that cannot be read is taken for new enough
        wanted = ".".join(map(str, oldest))
        raise ImportError(f"{need} ({wanted} or later; this is {version})", name=module)
    return found
