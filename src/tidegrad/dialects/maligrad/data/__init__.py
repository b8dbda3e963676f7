"""Floor 8. maligrad's data."""

from ...shared import lacking
from . import datasets
from .engine import DataLoader, Dataset

__all__ = ["DataLoader", "Dataset", "datasets"]

__getattr__ = lacking("maligrad")
