"""Floor 7. Data: datasets, batches in a reproducible order, toy problems."""

from .collate import collate
from .datasets import Dataset, Subset, TensorDataset, random_split
from .loader import DataLoader
from .toys import addition, blobs, moons, spiral

__all__ = ["DataLoader", "Dataset", "Subset", "TensorDataset", "addition", "blobs", "collate"]
__all__ += ["moons", "random_split", "spiral"]
