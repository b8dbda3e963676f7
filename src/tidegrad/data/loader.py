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
from .datasets import gather

__all__ = ["DataLoader"]


class DataLoader:
    """Batches of anything indexable, as trees of tensors; a new order in every epoch.

    The shuffled order depends on `seed` and the epoch's number alone, on every machine. The last
    batch may be smaller, unless `drop_last`. `prefetch=n` lets a thread make up to n batches
    ahead. `collate`, a function from a list of items to a batch, replaces `tg.data.collate`.

    `state_dict()` tells, in the middle of an epoch too, which batches have been handed out;
    after `load_state_dict` the next iteration goes on from there. Otherwise every iteration
    starts a new epoch, also when the one before was left early. (Random numbers that a dataset
    draws itself are resumed exactly only without `prefetch`.)

    An empty dataset or a batch size below 1 is a ValueError.

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
        self.dataset = checked_dataset(dataset)
        self.batch_size = whole_number("batch_size", batch_size, 1)
        self.shuffle = bool(shuffle)
        self.seed = whole_number("seed", seed, 0)
        self.drop_last = bool(drop_last)
        self.prefetch = whole_number("prefetch", prefetch, 0)
        self.collate = collate
        self.epoch = 0
        self.position = 0
        self._resumes = False
        self._current: object = None
        if len(self) == 0:
            raise ValueError(
                f"DataLoader: drop_last leaves no batch, as the dataset has {len(dataset)} items "
                f"and batch_size is {self.batch_size}"
            )

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
        return {"epoch": self.epoch, "position": self.position, **self._made_of()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on, at the next iteration, where the loader that gave `state` stood."""
        for name, value in self._made_of().items():
            if state.get(name) != value:
                raise ValueError(
                    f"DataLoader.load_state_dict: {name} was {state.get(name)} when the state was "
                    f"taken and is {value} here, so the order cannot be resumed; make the loader "
                    "as it was, or resume without its state"
                )
        epoch = whole_number("epoch", state.get("epoch"), 0)
        position = whole_number("position", state.get("position"), 0)
        if position > len(self):
            raise ValueError(
                f"DataLoader.load_state_dict: position {position} is past the {len(self)} batches"
            )
        self.epoch, self.position, self._resumes, self._current = epoch, position, True, None

    def _made_of(self) -> dict[str, Any]:
        """Everything that the order and the borders of its batches depend on."""
        names = ("seed", "shuffle", "batch_size", "drop_last")
        return {"items": len(self.dataset), **{name: getattr(self, name) for name in names}}

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


def checked_dataset(dataset: Any) -> Any:
    """`dataset`, if batches can be made of it."""
    if isinstance(dataset, Mapping):
        raise TypeError(
            "DataLoader: a mapping is indexed by its keys, not by item; "
            "use tg.data.TensorDataset(*mapping.values())"
        )
    if not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")):
        raise TypeError(
            f"DataLoader: a dataset needs __len__ and __getitem__, and {type(dataset).__name__} "
            "lacks one; an iterator can be read into a list first"
        )
    if len(dataset) == 0:
        raise ValueError("DataLoader: the dataset is empty; it needs at least one item")
    return dataset


def whole_number(name: str, value: Any, least: int) -> int:
    """`value` as an int that is not below `least`."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(
            f"DataLoader: {name} must be an integer, not {type(value).__name__}"
        ) from None
    if number < least:
        raise ValueError(f"DataLoader: {name} must be at least {least}, got {number}")
    return number
