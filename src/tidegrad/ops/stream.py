"""Floor 3. Streams of random bits: which one, and how far it has been read."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import index
from typing import Any, Self

import numpy as np
from numpy import ndarray

from ..core import Tensor
from ..dtypes import DTYPES
from ..recording import elements, rebind, seen
from ..shapes import Shape, size_of
from . import elementwise
from .creation import lift, size
from .philox import Draw, bits, blocks_of, key_of

__all__ = ["Stream", "lock", "noted", "repeated"]

# Held only while a place in a stream is taken.  A fork waits for it, so that the child never
# finds it held by a thread it does not have.
lock = threading.Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release
    )


class Draws(threading.local):
    """The draws of a function that may run again: each a key, and where the stream then stood."""

    noted: list | None = None
    ahead: list | None = None  # those to be made once more, the next one last


draws = Draws()


@contextmanager
def noted() -> Iterator[list]:
    """The draws of this thread in a `with` block, as a list."""
    before, draws.noted = draws.noted, []
    try:
        yield draws.noted
    finally:
        if before is not None:
            before += draws.noted
        draws.noted = before


@contextmanager
def repeated(found: Sequence) -> Iterator[None]:
    """Within the block this thread draws what it drew before, and no stream moves."""
    before, draws.ahead = draws.ahead, list(reversed(found))
    try:
        yield
    finally:
        draws.ahead = before


class Stream:
    """Random words that a key names; each draw begins with the block after the last one read.

    `key` and `counter` are tensors that a draw or `seed` rebinds and nothing writes into.
    """

    def __init__(self, seed: int | None = None):
        self.key = Tensor(key_of(checked_seed(seed)))
        self.counter = Tensor(np.zeros((), np.uint64))

    def __repr__(self) -> str:
        high, low = self.key.array.tolist()
        return f"{type(self).__name__}(key=0x{high:016x}{low:016x}, counter={self.counter.array})"

    def seed(self, seed: int | None) -> None:
        """Begin the stream of `seed`."""
        self._go_to(key_of(checked_seed(seed)), np.zeros((), np.uint64))

    def spawn(self, n: int) -> list[Self]:
        """`n` new generators, whose keys are the next 128-bit numbers of this one.

        >>> left, right = tg.random.Generator(0).spawn(2)
        >>> bool(left.uniform() == right.uniform())
        False
        """
        keys = elements(self.draw(bits, size((n, 2), "spawn"), DTYPES["uint64"]))
        children = [type(self)(0) for _ in keys]
        for child, key in zip(children, keys):
            child.key = Tensor(key.copy())
        return children

    def draw(self, prim: Draw, shape: Shape, dtype: np.dtype, **params: Any) -> Tensor:
        """`prim` of the next words of the stream, which then stands behind them."""
        if draws.ahead:
            key, end = draws.ahead.pop()
        else:
            with lock:
                key = Tensor(seen(self.key).array)
                end = elementwise.add(self.counter, blocks_of(size_of(shape)))
                rebind(self.counter, end, "random")
        if draws.noted is not None:
            draws.noted.append((key, end))
        return prim(key, end, shape=shape, dtype=dtype, **params)

    def state_dict(self) -> dict[str, Tensor]:
        """Where the stream stands: two uint64 tensors, "key" and "counter".

        >>> generator = tg.random.Generator(0)
        >>> state = generator.state_dict()
        >>> first = generator.normal((3,))
        >>> generator.load_state_dict(state)
        >>> bool((generator.normal((3,)) == first).all())
        True
        """
        with lock:
            pair = {"key": seen(self.key), "counter": seen(self.counter)}
            return {name: Tensor(tensor.array) for name, tensor in pair.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where the generator that gave `state` stood."""
        expected = self.state_dict()
        if missing := sorted(expected.keys() - state.keys()):
            raise ValueError(f"load_state_dict: the generator's state lacks {', '.join(missing)}")
        if unexpected := sorted(state.keys() - expected.keys()):
            raise ValueError(
                f"load_state_dict: a generator has no {', '.join(unexpected)}; "
                "is this the state of something else?"
            )
        found = {name: lift(state[name], "load_state_dict").array.copy() for name in expected}
        for name, now in expected.items():
            new = found[name]
            if (new.shape, new.dtype) != (now.array.shape, now.array.dtype):
                raise ValueError(
                    f"load_state_dict: a generator's {name} is uint64 of shape "
                    f"{now.array.shape}, not {new.dtype} of shape {new.shape}"
                )
        self._go_to(found["key"], found["counter"])

    def _go_to(self, key: ndarray, counter: ndarray) -> None:
        with lock:
            rebind(self.key, Tensor(key), "random")
            rebind(self.counter, Tensor(counter), "random")


def checked_seed(seed: Any) -> int | None:
    try:
        number = None if seed is None else index(seed)
    except TypeError:
        raise TypeError(f"seed: a seed is an integer, 0 or more, not {seed!r}") from None
    if number is not None and number < 0:
        raise ValueError(f"seed: a seed is 0 or more, not {number}; use its absolute value")
    return number
