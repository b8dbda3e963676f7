"""Floor 6. Arena: memory that several processes see, in blocks that are used again."""

from __future__ import annotations

import mmap
import os
import tempfile
import weakref
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from ctypes import Array, addressof, c_char
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

__all__ = ["Arena", "Block", "opened"]

LEAST = 1 << 20  # bytes of a block
FAST = "/dev/shm"  # a folder in memory, where there is one


class Block(NamedTuple):
    """A stretch of shared memory, under the number that all processes know it by."""

    number: int
    memory: mmap.mmap


class Arena:
    """The blocks of one process.

    `announce(number, path, size, gone)` lets the others open a new one, and close those `gone`.
    """

    def __init__(self, announce: Callable[[int, str, int, list[int]], None]):
        self.announce = announce
        self.free: dict[int, list[Block]] = defaultdict(list)
        self.blocks: dict[int, Block] = {}  # by the address where each begins
        self.copies: dict[int, tuple[weakref.ref, ndarray]] = {}  # by the ids of arrays
        self.retired: set[int] = set()  # numbers of blocks that are not used again,
        self.gone: list[int] = []  # and of those which the others still have open
        self.made = 0

    def new(self, shape: tuple, dtype: np.dtype) -> ndarray:
        """An array in shared memory, which is used again once nobody refers to it."""
        size = rounded(prod(shape) * dtype.itemsize)
        waiting = self.free[size]
        block = waiting.pop() if waiting else self.opened(size)
        owner: Any = (c_char * size).from_buffer(block.memory)
        weakref.finalize(owner, self.end_of, block, addressof(owner)).atexit = False
        whole = np.frombuffer(owner, dtype, prod(shape))
        self.blocks[addressof(owner)] = block
        return whole.reshape(shape)

    def end_of(self, block: Block, address: int) -> None:
        """Nobody refers to what lies in `block` any more."""
        if block.number not in self.retired:
            self.free[len(block.memory)].append(block)
        else:
            self.retired.remove(block.number)
            del self.blocks[address]
            self.gone.append(block.number)

    def retire(self) -> None:
        """Use no block again that is in use now: somebody else sees it, and says not how long."""
        free = {block.number for blocks in list(self.free.values()) for block in blocks}
        self.retired |= {block.number for block in list(self.blocks.values())} - free

    def opened(self, size: int) -> Block:
        """A new block, known to all, whose file is gone again: nothing can be left over."""
        descriptor, path = reserved(size)
        try:
            memory = mmap.mmap(descriptor, size)
            self.made += 1
            self.announce(self.made, path, size, [self.gone.pop() for _ in self.gone[:]])
        finally:
            os.close(descriptor)
            with suppress(PermissionError):  # of Windows, while somebody has it open
                os.unlink(path)
        return Block(self.made, memory)

    def shared(self, array: ndarray) -> ndarray:
        """`array`, or a copy of it in shared memory, made once for as long as it lives."""
        if self.place(array) is not None:
            return array
        known = self.copies.get(id(array))
        if known is not None and known[0]() is array:
            return known[1]
        copy, key = self.copied(array), id(array)
        self.copies[key] = weakref.ref(array, lambda _: self.copies.pop(key, None)), copy
        return copy

    def copied(self, array: ndarray) -> ndarray:
        """A copy in shared memory, with the axes in the order that they have in `array`."""
        order = sorted(range(array.ndim), key=lambda a: -abs(array.strides[a]))
        copy = self.new(tuple(array.shape[a] for a in order), array.dtype)
        copy = copy.transpose(np.argsort(order)) if order else copy
        copy[...] = array
        return copy

    def place(self, array: ndarray) -> tuple[int, int] | None:
        """In which block an array lies, and how far from its beginning."""
        owner: Any = array
        while isinstance(owner, ndarray):
            owner = owner.base
        block = self.blocks.get(addressof(owner)) if isinstance(owner, Array) else None
        return None if block is None else (block.number, array.ctypes.data - addressof(owner))


def rounded(size: int) -> int:
    """The size of the block for so many bytes: an eighth of it is wasted at most."""
    size = max(size, LEAST)
    step = 1 << (size.bit_length() - 4)
    return -(-size // step) * step


def reserved(size: int) -> tuple[int, str]:
    """A file of `size` bytes that are there, in memory if there is room; its descriptor and path.

    MemoryError where there is none on the disk either.
    """
    for folder in (FAST, None):
        with suppress(OSError):  # no such folder, or no room in it
            return allocated(size, folder)
    raise MemoryError(f"processes: there are no {size} bytes of shared memory")


def allocated(size: int, folder: str | None) -> tuple[int, str]:
    descriptor, path = tempfile.mkstemp(prefix="tidegrad-", dir=folder)
    try:
        # Without it a write would end the process where the folder is full.
        getattr(os, "posix_fallocate", lambda file, _, n: os.ftruncate(file, n))(
            descriptor, 0, size
        )
    except BaseException:  # no file is left over, whatever came in between
        os.close(descriptor)
        os.unlink(path)
        raise
    return descriptor, path


def opened(path: str, size: int) -> mmap.mmap:
    """The block that another process has made."""
    with open(path, "r+b") as file:
        return mmap.mmap(file.fileno(), size)
