"""Floor 7. DataLoader: batches of a dataset, in an order that can be stopped and resumed."""

from __future__ import annotations

import operator
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from typing import Any

import numpy as np

import tidegrad as tg

from .ahead import ahead
from .collate import collate as standard
from .datasets import Dataset, gather

__all__ = ["DataLoader"]


class DataLoader:
    """Batches of anything indexable, as trees of tensors; a new order in every epoch.

    The shuffled order depends on `seed` and the epoch's number alone, on every machine. The last
    batch may be smaller, unless `drop_last`. `prefetch=n` lets a thread make up to n batches
    ahead. `collate`, a function from a list of items to a batch, replaces `tg.data.collate`.

    Every iteration starts a new epoch, also when the one before was left early; only after
    `load_state_dict` the next one goes on where `state_dict()` was taken. (Random numbers that a
    dataset draws itself are resumed exactly only without `prefetch`.) An empty dataset or a batch
    size below 1 is a ValueError.

    >>> loader = tg.data.DataLoader(range(7), batch_size=3, shuffle=True, seed=1)
    >>> len(loader), [len(batch) for batch in loader]
    (3, [3, 3, 1])
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        *,
        seed: int = 0,
        drop_last: bool = False,
        prefetch: int = 0,
        collate: Callable[[list[Any]], Any] | None = None,
    ):
        if isinstance(dataset, Mapping) or not isinstance(dataset, Dataset):
            raise TypeError(
                f"DataLoader: a {type(dataset).__name__} has no length or no items by number; an "
                "iterator can be read into a list first, a mapping's values into a TensorDataset"
            )
        self.dataset = dataset
        self.batch_size = whole_number("batch_size", batch_size, 1)
        self.shuffle = bool(shuffle)
        self.seed = whole_number("seed", seed, 0)
        self.drop_last = bool(drop_last)
        self.prefetch = whole_number("prefetch", prefetch, 0)
        self.collate = collate
        self.epoch = self.position = 0
        self._resumes = False
        self._current: object = None
        if len(self) == 0:
            why = f"drop_last leaves no batch of {batch_size}" if len(dataset) else "it is empty"
            raise ValueError(f"DataLoader: the dataset has {len(dataset)} items: {why}")

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        count = len(self.dataset)
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        if self.position and not self._resumes:
            self.epoch += 1
            self.position = 0
        self._resumes = False
        # Of several iterations at once, the newest is the one that `state_dict` speaks of.
        mine = self._current = object()
        batches = self._batches(self.epoch, self.position)
        with closing(ahead(batches, self.prefetch) if self.prefetch else batches) as source:
            for batch in source:
                if self._current is mine:
                    self.position += 1
                yield batch
        if self._current is mine:
            self.epoch += 1
            self.position = 0

    def order(self, epoch: int) -> np.ndarray:
        """The indices of the dataset in the order in which `epoch` reads them."""
        count = len(self.dataset)
        if not self.shuffle:
            return np.arange(count)
        # SeedSequence mixes the two numbers, the same everywhere, into one 63-bit seed.
        mixed = int(np.random.SeedSequence([self.seed, epoch]).generate_state(1, np.uint64)[0])
        return tg.random.Generator(mixed >> 1).permutation(count).numpy()

    def state_dict(self) -> dict[str, Any]:
        """Where the order stands: the epoch and the batches handed out, and what it depends on."""
        names = ("epoch", "position", "seed", "shuffle", "batch_size", "drop_last")
        return {"items": len(self.dataset), **{name: getattr(self, name) for name in names}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on, at the next iteration, where the loader that gave `state` stood."""
        for name, value in self.state_dict().items():
            if name not in ("epoch", "position") and state.get(name) != value:
                raise ValueError(
                    f"DataLoader: {name} was {state.get(name)} when the state was taken and is "
                    f"{value} here, so the order cannot be resumed; make the loader as it was"
                )
        epoch = whole_number("epoch", state.get("epoch"), 0)
        position = whole_number("position", state.get("position"), 0)
        if position > len(self):
            raise ValueError(f"DataLoader: position {position} is past the {len(self)} batches")
        self.epoch, self.position, self._resumes, self._current = epoch, position, True, None

    def _batches(self, epoch: int, position: int) -> Generator[Any, None, None]:
        order = self.order(epoch)
        for index in range(position, len(self)):
            yield self._batch(order[index * self.batch_size : (index + 1) * self.batch_size])

    def _batch(self, indices: np.ndarray) -> Any:
        if self.collate is None:
            whole = gather(self.dataset, indices)
            if whole is not None:
                return whole
        names = indices.tolist()
        items = [self.dataset[index] for index in names]
        return standard(items, names) if self.collate is None else self.collate(items)


def whole_number(name: str, value: Any, least: int) -> int:
    """`value` as an int that is not below `least`."""
    try:
        number = operator.index(value)
    except TypeError:
        kind = type(value).__name__
        raise TypeError(f"DataLoader: {name} must be an integer, not {kind}") from None
    if number < least:
        raise ValueError(f"DataLoader: {name} must be at least {least}, got {number}")
    return number
