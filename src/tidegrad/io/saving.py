"""Floor 7. `save` and `load`: what the four parts beside this file make together."""

from __future__ import annotations

import os
from io import BufferedReader
from typing import Any

import numpy as np

import tidegrad as tg

from ..errors import FileFormatError
from .atomic import replacing
from .header import Entry, decode_header, encode_header, in_file_order, json_object, json_text
from .seal import SEAL, check_seal, write_sealed
from .skeleton import encode, rebuild

__all__ = ["load", "save"]

TREE = "tidegrad.tree"


def save(path: Any, tree: Any) -> None:
    """Write `tree` to the safetensors file `path`, all of it or nothing.

    A tree is dicts, lists and tuples of tensors, arrays, NumPy scalars, numbers, strings, bools
    and None. A flat dict of tensors becomes an ordinary safetensors file with those names. In any
    other tree a tensor's name is its place ("model.0.weight") and the rest is JSON in the metadata.
    What is not in that list is a TypeError that names its place; a failed write is an OSError.
    Either leaves the file that was there as it was: the new one is written beside it, synced and
    renamed into place, with the old one's mode.

    >>> tg.save("run.safetensors", {"epoch": 3, "weights": [tg.tensor([1.0, 2.0])]})
    >>> tg.load("run.safetensors")["epoch"]
    3
    """
    arrays: dict[str, np.ndarray] = {}
    skeleton = encode(tree, (), arrays)
    metadata = dict(SEAL)
    if skeleton != {name: ["tensor", name] for name in arrays}:
        metadata[TREE] = json_text(skeleton)
    head, order = encode_header(arrays, metadata)
    with replacing(os.fsdecode(path)) as file:
        write_sealed(file, head, (arrays[name] for name in order))


def load(path: Any) -> Any:
    """The tree in the safetensors file `path`, its tensors new ones that need no gradient.

    Files of other programs (PyTorch, Hugging Face) load as a dict of name to Tensor, in the dtypes
    of this package: float32, float64, integers, bool. A file that is damaged, cut short or not
    safetensors is a `FileFormatError`, which names it; so is one that `save` wrote and of which any
    bit has changed since (its metadata hold a SHA-256 of everything else). Then nothing is loaded.
    Nothing is ever unpickled.

    >>> tg.save("net.safetensors", {"layer.weight": tg.tensor([1.0, 2.0])})
    >>> tg.load("net.safetensors")["layer.weight"].tolist()
    [1.0, 2.0]
    """
    name = os.fsdecode(path)
    with open(name, "rb") as file:
        try:
            return read_tree(file)
        except FileFormatError as error:
            raise FileFormatError(f"load: {name}: {error}") from None


def read_tree(file: BufferedReader) -> Any:
    """The tree in an open file; a FileFormatError says what is wrong, not yet where."""
    head, entries, metadata = decode_header(file, os.fstat(file.fileno()).st_size)
    data = {entry.name: read_bytes(file, entry) for entry in in_file_order(entries)}
    check_seal(head, metadata, data.values())
    # Popping keeps one tensor at a time in memory twice: `tensor` copies.
    tensors = {entry.name: tg.tensor(as_array(data.pop(entry.name), entry)) for entry in entries}
    if TREE not in metadata:
        return tensors
    return rebuild(json_object(metadata[TREE], "the tree in its metadata"), tensors)


def read_bytes(file: BufferedReader, entry: Entry) -> np.ndarray:
    """The bytes of one tensor, which come next in the file."""
    data = np.empty(entry.end - entry.begin, np.uint8)
    if file.readinto(data.data) < data.size:
        raise FileFormatError("it became shorter while it was read")
    return data


def as_array(data: np.ndarray, entry: Entry) -> np.ndarray:
    """Bytes as the tensor's array; any byte but 0 is True, as a bool array holds only 0 and 1."""
    array = data.astype(bool) if entry.dtype == bool else data.view(entry.dtype)
    return array.astype(entry.dtype.newbyteorder("="), copy=False).reshape(entry.shape)
