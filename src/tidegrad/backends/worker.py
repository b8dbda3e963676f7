"""Floor 6. Worker: a process that computes pieces of operations for its parent, and lives on."""

from __future__ import annotations

import mmap
import os
import pickle
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy import ndarray

from .. import kinds
from ..kinds import Map, Prim, Reduce
from ..ops import activations, elementwise, reductions
from .arena import opened
from .pieces import Job, compute

__all__ = ["PRIMS", "Place", "receive", "send", "work"]

LENGTH = struct.Struct("<Q")

PRIMS: dict[str, Prim] = {
    prim.name: prim
    for module in (kinds, elementwise, reductions, activations)
    for prim in vars(module).values()
    if isinstance(prim, Map | Reduce)
}


class Place(NamedTuple):
    """Where an array lies in the shared memory."""

    block: int
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: str


def send(stream: BinaryIO, message: Any) -> None:
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    stream.write(LENGTH.pack(len(data)) + data)
    stream.flush()


def receive(stream: BinaryIO) -> Any:
    """The next message; EOFError where the other process has ended."""
    return pickle.loads(whole(stream, *LENGTH.unpack(whole(stream, LENGTH.size))))


def whole(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError("the other process has ended")
    return data


def work(source: BinaryIO, sink: BinaryIO) -> None:
    """Do what comes until nothing comes any more; answer each message with a result or an error."""
    blocks: dict[int, mmap.mmap] = {}

    def array(place: Any) -> Any:
        if not isinstance(place, Place):
            return place
        dtype = np.dtype(place.dtype)
        return ndarray(place.shape, dtype, blocks[place.block], place.offset, place.strides)

    def open_block(number: int, path: str, size: int, gone: list[int]) -> None:
        for old in gone:
            del blocks[old]
        blocks[number] = opened(path, size)

    def piece(name: str, args: list, params: dict, out: Any) -> tuple[Any, set[str]]:
        """What `compute` gives, and the conditions that NumPy met on the way."""
        where, met = None if out is None else array(out), set[str]()
        job = Job(PRIMS[name], params, [list(map(array, args))], [(...,)], where, list)
        with np.errstate(all="call", call=lambda kind, _: met.add(kind)):
            return compute(job, 0), met

    actions: dict[str, Callable] = {"begin": bool, "open": open_block, "piece": piece}
    while True:
        try:
            action, *given = receive(source)
        except EOFError:
            return
        answer: tuple[Any, Any]
        try:
            answer = None, actions[action](*given)
        except Exception as error:  # the parent raises it
            answer = error, None
        send(sink, answer)


def main() -> None:
    """Work for the process at the other end of standard input and output."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what anybody prints is no answer
    with suppress(BrokenPipeError):  # nobody wants the answer any more
        work(sys.stdin.buffer, answers)
