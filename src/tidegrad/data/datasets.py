"""Floor 7. Datasets: anything with a length and an index; whole tensors; random parts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

import tidegrad as tg

__all__ = ["Dataset", "Subset", "TensorDataset", "gather", "random_split"]


@runtime_checkable
class Dataset(Protocol):
    """What a `DataLoader` reads: anything with `__len__` and `__getitem__`, a list included.

    Deriving from it is optional; a class that does must define both.

    >>> class Squares(tg.data.Dataset):
    ...     def __len__(self):
    ...         return 4
    ...
    ...     def __getitem__(self, i):
    ...         return float(i), float(i * i)
    >>> x, y = next(iter(tg.data.DataLoader(Squares(), batch_size=4)))
    >>> y.tolist()
    [0.0, 1.0, 4.0, 9.0]
    """

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, index: int, /) -> Any: ...


class TensorDataset:
    """Rows of tensors of equal length: item i is the tuple of every tensor's row i.

    ndarrays and lists are copied into tensors. Lengths that differ are a ValueError.

    >>> rows = tg.data.TensorDataset([[1.0, 2.0], [3.0, 4.0]], [0, 1])
    >>> x, y = rows[1]
    >>> x.tolist(), y.item()
    ([3.0, 4.0], 1)
    """

    def __init__(self, *tensors: Any):
        if not tensors:
            raise ValueError("TensorDataset: give at least one tensor")
        made = tuple(tg.asarray(t) for t in tensors)
        for place, tensor in enumerate(made):
            if tensor.ndim == 0:
                raise ValueError(
                    f"TensorDataset: tensor {place} is 0-dimensional and has no rows; "
                    "every tensor needs one row per item along axis 0"
                )
            if tensor.shape[0] != made[0].shape[0]:
                raise ValueError(
                    f"TensorDataset: tensor 0 of shape {made[0].shape} and tensor {place} of shape "
                    f"{tensor.shape} differ along axis 0; give every tensor one row per item"
                )
        self.tensors = made

    def __len__(self) -> int:
        return int(self.tensors[0].shape[0])

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __repr__(self) -> str:
        parts = ", ".join(f"{tensor.dtype}{tensor.shape}" for tensor in self.tensors)
        return f"TensorDataset({parts})"


class Subset:
    """The items of `dataset` at `indices`, in that order.

    An index outside the dataset is an IndexError.

    >>> part = tg.data.Subset("abcdef", [4, 0])
    >>> len(part), part[0]
    (2, 'e')
    """

    def __init__(self, dataset: Any, indices: Iterable[int]):
        chosen = np.asarray(
            indices if isinstance(indices, (np.ndarray, Sequence)) else list(indices)
        )
        if chosen.size == 0:
            chosen = chosen.astype(np.int64)
        if chosen.ndim != 1 or chosen.dtype.kind not in "iu":
            raise TypeError(
                f"Subset: indices must be a flat list of integers, not {chosen.dtype} of shape "
                f"{chosen.shape}; turn a mask into indices with numpy.flatnonzero"
            )
        size = len(dataset)
        wrong = chosen[(chosen < 0) | (chosen >= size)]
        if wrong.size:
            raise IndexError(f"Subset: index {wrong[0]} is outside a dataset of {size} items")
        self.dataset = dataset
        self.indices = chosen.astype(np.int64)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[int(self.indices[index])]

    def __repr__(self) -> str:
        return f"Subset({len(self)} of {len(self.dataset)} items)"


def random_split(dataset: Any, sizes: Sequence[float], seed: int = 0) -> list[Subset]:
    """Disjoint random parts of `dataset`, of these sizes or these fractions of the whole.

    Sizes (integers) sum to `len(dataset)`, fractions (floats) to 1; anything else is a ValueError.
    The parts depend on `seed` alone, on every machine.

    >>> train, test = tg.data.random_split(range(10), [0.8, 0.2], seed=1)
    >>> len(train), len(test), sorted(train.indices.tolist() + test.indices.tolist())
    (8, 2, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    count = len(dataset)
    edges = np.cumsum(whole_sizes(sizes, count))[:-1]
    order = tg.random.Generator(seed).permutation(count).numpy()
    return [Subset(dataset, part) for part in np.split(order, edges)]


def whole_sizes(sizes: Sequence[float], count: int) -> list[int]:
    """`sizes` as whole numbers that sum to `count`."""
    if any(not size >= 0 for size in sizes):
        raise ValueError(f"random_split: sizes cannot be negative or NaN, got {list(sizes)}")
    if all(isinstance(size, (int, np.integer)) for size in sizes):
        if sum(sizes) != count:
            raise ValueError(
                f"random_split: sizes {list(sizes)} sum to {sum(sizes)}, but the dataset has "
                f"{count} items; make them equal, or give fractions such as [0.8, 0.2]"
            )
        return [int(size) for size in sizes]
    if abs(sum(sizes) - 1) > 1e-6:
        raise ValueError(
            f"random_split: fractions {list(sizes)} sum to {sum(sizes)}, not 1; "
            "whole sizes must all be integers"
        )
    # Rounding the borders instead of the sizes makes the parts sum to the whole by construction.
    edges = np.rint(np.cumsum(np.asarray(sizes, np.float64)).round(9) * count).astype(int)
    return [int(size) for size in np.diff(edges, prepend=0)]


def gather(dataset: Any, indices: np.ndarray) -> tuple[Any, ...] | None:
    """The batch at `indices` in one indexing, or None where only items can be read."""
    while type(dataset) is Subset:
        indices = dataset.indices[indices]
        dataset = dataset.dataset
    # A derived class may give other items than its tensors' rows, so only the plain one counts.
    return dataset[indices] if type(dataset) is TensorDataset else None
