"""Floor 8. maligrad's engine."""

from ...shared import lacking
from . import engine

__all__ = ["engine"]

__getattr__ = lacking("maligrad")
