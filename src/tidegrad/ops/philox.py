"""Floor 3. Random bits by counting, and the primitives that make numbers of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from ..kinds import Opaque
from ..shapes import size_of
from ..special import normal_quantile

__all__ = ["Draw", "below", "bell", "bits", "blocks_of", "key_of", "unit"]

# A block of the generator is four words of 64 bits.
WORDS = 4
LOW_HALF = np.uint64(2**32 - 1)
# NumPy's own words for a generator that has nothing left of its last block.
FRESH: Any = {"bit_generator": "Philox", "buffer": (0,) * WORDS, "buffer_pos": WORDS}
FRESH |= {"has_uint32": 0, "uinteger": 0}


class Local(threading.local):
    """A thread's generator of NumPy's, made at first use: placing it costs far less."""

    source: Any = None


local = Local()


def key_of(seed: int | None) -> ndarray:
    """The 128 bits that any non-negative integer, or for None the system's entropy, is mixed to.

    NumPy promises that SeedSequence gives the same on every machine and in every version.
    """
    return np.random.SeedSequence(seed).generate_state(2, np.uint64)


def blocks_of(count: int) -> int:
    """How many blocks a draw of `count` words uses up; the next draw begins with a new one."""
    return -(-count // WORDS)


def words(key: ndarray, end, count: int) -> ndarray:
    """The `count` words whose last block is number `end` of the stream `key`.

    Philox4x64-10: Salmon, Moraes, Dror and Shaw, Parallel random numbers: as easy as 1, 2, 3, 2011.
    NumPy counts up before it makes a block, so that the first is number 1.
    """
    before = np.array([int(end) - blocks_of(count), 0, 0, 0], np.uint64)
    if local.source is None:
        local.source = np.random.Philox(0)
    local.source.state = FRESH | {"state": {"counter": before, "key": key}}
    return local.source.random_raw(count)


class Draw(Opaque):
    """`shape` numbers from the last blocks up to number `end`, each made by `finish` of one word.

    The stream's place comes and goes as a tensor, so that a draw is an operation like others.
    """

    def __init__(self, name: str, finish: Callable[..., ndarray]):
        super().__init__(name, self.drawn, self.shaped)
        self.finish = finish

    def drawn(self, key, end, *, shape, dtype, **params):
        made = words(key, end, size_of(shape))
        return self.finish(made, dtype, **params).reshape(shape)

    def shaped(self, key, end, *, shape, dtype, **_):
        return shape, dtype


def as_unit(made: ndarray, dtype: np.dtype) -> ndarray:
    """The top bits, as many as `dtype` holds exactly, as a number in [0, 1)."""
    kept = 24 if dtype == np.float32 else 53
    number = (made >> np.uint64(64 - kept)).astype(dtype)
    number *= 2.0**-kept
    return number


def as_bell(made: ndarray, dtype: np.dtype) -> ndarray:
    """The normal quantile in the middle of one of 2**52 equal parts of (0, 1), hence finite."""
    part = (made >> np.uint64(12)).astype(np.float64)
    part += 0.5
    part *= 2.0**-52
    return normal_quantile(part).astype(dtype, copy=False)


def as_below(made: ndarray, dtype: np.dtype, *, low: int, count: int) -> ndarray:
    """`low` plus the upper word of the 128-bit product with `count`.

    Lemire, Fast random integer generation in an interval, 2019, without its rejection: the
    probabilities differ by less than one part in 2**64 / count.
    """
    if count < 2**64:
        made = upper_word(made, count)
    # Modulo 2**64, as two's complement has it.
    return (made + np.uint64(low % 2**64)).astype(dtype)


def upper_word(x: ndarray, y: int) -> ndarray:
    """The upper 64 bits of `x * y`, by halves; no partial sum exceeds 64 bits."""
    shift = np.uint64(32)
    y_high, y_low = np.uint64(y >> 32), np.uint64(y) & LOW_HALF
    x_high, x_low = x >> shift, x & LOW_HALF
    middle = x_high * y_low + (x_low * y_low >> shift)
    if not y_high:
        return middle >> shift
    other = x_low * y_high + (middle & LOW_HALF)
    return x_high * y_high + (middle >> shift) + (other >> shift)


bits = Draw("random_bits", lambda made, dtype: made)
unit = Draw("random_unit", as_unit)
bell = Draw("random_normal", as_bell)
below = Draw("random_integers", as_below)
