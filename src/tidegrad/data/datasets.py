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
            if tensor.ndim == 0 or tensor.shape[:1] != made[0].shape[:1]:
                raise ValueError(
                    f"TensorDataset: tensor 0 of shape {made[0].shape} and tensor {place} of shape "
                    f"{tensor.shape} should have equally many rows along axis 0, one per item"
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
        chosen = np.asarray(list(indices) or np.zeros(0, np.int64))
        if chosen.ndim != 1 or chosen.dtype.kind not in "iu":
            raise TypeError(
                f"Subset: indices must be a flat list of integers, not {chosen.dtype} of shape "
                f"{chosen.shape}; turn a mask into indices with numpy.flatnonzero"
            )
        wrong = chosen[(chosen < 0) | (chosen >= len(dataset))]
        if wrong.size:
            raise IndexError(
                f"Subset: index {wrong[0]} is outside a dataset of {len(dataset)} items"
            )
        self.dataset, self.indices = dataset, chosen.astype(np.int64)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[int(self.indices[index])]


def random_split(dataset: Any, sizes: Sequence[float], seed: int = 0) -> list[Subset]:
    """Disjoint random parts of `dataset`, of these sizes or these fractions of the whole.

    Sizes (integers) sum to `len(dataset)`, fractions (floats) to 1; anything else is a ValueError.
    The parts depend on `seed` alone, on every machine.

    >>> train, test = tg.data.random_split(range(10), [0.8, 0.2], seed=1)
    >>> len(train), len(test), sorted(train.indices.tolist() + test.indices.tolist())
    (8, 2, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    count, exact = len(dataset), all(isinstance(size, (int, np.integer)) for size in sizes)
    total = count if exact else 1
    if any(not size >= 0 for size in sizes) or abs(sum(sizes) - total) > 1e-6:
        raise ValueError(
            f"random_split: sizes {list(sizes)} sum to {sum(sizes)}; give integers that sum to "
            f"{count}, the length of the dataset, or fractions that sum to 1, none negative"
        )
    # Rounding the borders instead of the sizes makes the parts sum to the whole by construction.
    borders = np.cumsum(np.asarray(sizes, np.float64)).round(9) * (count / total)
    order = tg.random.Generator(seed).permutation(count).numpy()
    return [Subset(dataset, part) for part in np.split(order, np.rint(borders).astype(int)[:-1])]


def gather(dataset: Any, indices: np.ndarray) -> tuple[Any, ...] | None:
    """The batch at `indices` in one indexing, or None where only items can be read."""
    while type(dataset) is Subset:
        dataset, indices = dataset.dataset, dataset.indices[indices]
    # A derived class may give other items than its tensors' rows, so only the plain one counts.
    return dataset[indices] if type(dataset) is TensorDataset else None
