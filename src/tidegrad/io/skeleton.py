"""Floor 7. Trees and flat files: a tree is named tensors and a skeleton in JSON.

In a skeleton None, bools, strings, and small numbers stand for themselves, an object is a dict with
string keys, and an array is never a list but a tag and what belongs to it: ["tensor", name],
["list", ...], ["tuple", ...], ["int", "0x..."], ["float", "nan"], ["dict", [key, value], ...].
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

import tidegrad as tg

from ..errors import DTypeError, FileFormatError
from .header import CODES

__all__ = ["encode", "rebuild"]

DEPTH = 100  # levels of nesting: far below the recursion limit, and how a cycle is found
EXACT = 2**53  # up to here every reader of JSON agrees what an integer is
ONLY = (
    "only dicts, lists and tuples of tensors, arrays, numbers, strings, bools and None can be "
    "saved (of a Module or an optimizer, save the state_dict())"
)
HEX = re.compile(r"-?0x[0-9a-f]+")


def rebuild(skeleton: Any, tensors: dict[str, Any]) -> Any:
    """The tree of a skeleton; each of `tensors` must occur in it once."""
    left = dict(tensors)
    tree = decode(skeleton, left)
    if left:
        raise FileFormatError(f"tensor {next(iter(left))!r} has no place in the tree")
    return tree


def encode(x: Any, path: tuple, arrays: dict[str, np.ndarray]) -> Any:
    """The skeleton of `x`, which is at `path`; its arrays are added to `arrays`."""
    if len(path) > DEPTH:
        raise ValueError(f"save: the tree contains itself or is deeper than {DEPTH} levels")
    if isinstance(x, (tg.Tensor, np.ndarray, np.generic)):
        name = unused(".".join(map(str, path)), arrays)
        arrays[name] = array_of(x, path)
        return ["tensor", name]
    if isinstance(x, Mapping):
        pairs = [(key, encode(value, (*path, key), arrays)) for key, value in x.items()]
        if all(type(key) is str for key, _ in pairs):
            return dict(pairs)
        return ["dict", *([encode_plain(key, path, "a key of "), value] for key, value in pairs)]
    if isinstance(x, (list, tuple)):
        tag = "tuple" if isinstance(x, tuple) else "list"
        return [tag, *(encode(item, (*path, i), arrays) for i, item in enumerate(x))]
    return encode_plain(x, path)


def encode_plain(x: Any, path: tuple, role: str = "") -> Any:
    """The skeleton of a number, a string, a bool or None, as a leaf or as a key."""
    if x is None or isinstance(x, (bool, str)):
        return x
    if isinstance(x, int):
        return int(x) if abs(x) < EXACT else ["int", hex(x)]
    if isinstance(x, float):
        return float(x) if math.isfinite(x) else ["float", float.__repr__(x)]
    remedy = "use a string or a number" if role else ONLY
    raise TypeError(f"save: {role}{place(path)} is a {type(x).__name__}; {remedy}")


def array_of(x: Any, path: tuple) -> np.ndarray:
    """The array of a Tensor, ndarray or NumPy scalar, of a dtype that files can hold."""
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(f"save: {place(path)} is a masked array; save its data and mask instead")
    array = x.data if isinstance(x, tg.Tensor) else np.asarray(x)
    if array.dtype.newbyteorder("<") not in CODES:
        raise DTypeError(
            f"save: {place(path)} has dtype {array.dtype}; convert it to one of "
            f"{', '.join(dtype.name for dtype in CODES)}"
        )
    return array


def unused(name: str, arrays: dict[str, np.ndarray]) -> str:
    """`name` as safetensors can hold it, numbered when another tensor has it already."""
    base = name = name.encode("utf-8", "backslashreplace").decode()
    count = 1
    while name in arrays or name == "__metadata__":
        count += 1
        name = f"{base}~{count}"
    return name


def place(path: tuple) -> str:
    """`path` as one would write it in Python."""
    return "tree" + "".join(f"[{key!r}]" for key in path)


def decode(node: Any, tensors: dict[str, Any], depth: int = 0) -> Any:
    """The tree of a skeleton, taking what it uses out of `tensors`."""
    if depth > DEPTH:
        raise FileFormatError("the tree in its metadata is nested too deeply")
    match node:
        case dict():
            return {key: decode(value, tensors, depth + 1) for key, value in node.items()}
        case ["list", *items]:
            return [decode(item, tensors, depth + 1) for item in items]
        case ["tuple", *items]:
            return tuple(decode(item, tensors, depth + 1) for item in items)
        case ["dict", *pairs]:
            return decode_pairs(pairs, tensors, depth + 1)
        case ["tensor", str(name)] if name in tensors:
            return tensors.pop(name)
        case ["int", str(text)] if HEX.fullmatch(text):
            return int(text, 16)
        case ["float", ("nan" | "inf" | "-inf") as text]:
            return float(text)
        case list():
            raise FileFormatError("the tree in its metadata makes no sense")
    return node


def decode_pairs(pairs: list, tensors: dict[str, Any], depth: int) -> dict:
    """The dict of [key, value] pairs, whose keys are plain and differ."""
    result = {}
    for pair in pairs:
        match pair:
            case [None | bool() | int() | float() | str() | ["int" | "float", _] as key, value]:
                result[decode(key, {})] = decode(value, tensors, depth)
            case _:
                raise FileFormatError("the tree in its metadata has a key that cannot be one")
    if len(result) != len(pairs):
        raise FileFormatError("the tree in its metadata has a key twice")
    return result
