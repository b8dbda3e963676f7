"""Floor 8. maligrad's datasets and loader: batches as lists of arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np

import tidegrad as tg

from ...shared import lacking

__all__ = ["DataLoader", "Dataset"]


class Dataset(ABC):
    """What has a length, and items by number."""

    @abstractmethod
    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError

    @abstractmethod
    def __len__(self) -> int:
        raise NotImplementedError


class DataLoader(tg.data.DataLoader):
    """Batches as lists of arrays, one for each part of an item; the last one may be smaller.

    Each epoch has an order of its own, by `seed`, or where there is none by np.random; there, the
    order was always the same, and a length that was no multiple of `batch_size` an IndexError.
    """

    def __init__(
        self, dataset: Any, batch_size: int, shuffle: bool = True, seed: int | None = None
    ):
        super().__init__(dataset, batch_size, shuffle, seed=seed or 0, collate=columns)
        self.draws = shuffle and seed is None

    def __iter__(self) -> Iterator[list[np.ndarray]]:
        if self.draws:
            self.seed = int(np.random.randint(2**31))
        return super().__iter__()


def columns(items: list[Any]) -> list[np.ndarray]:
    return [np.stack(column) for column in zip(*items, strict=True)]


__getattr__ = lacking("maligrad")
