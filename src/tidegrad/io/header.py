"""Floor 7. The safetensors header: eight bytes of length, then JSON that says where tensors lie.

Names, dtypes, shapes and offsets follow the public description of the format; reading trusts none
of them, so that no file can make it allocate more than the file's own size warrants.
"""

from __future__ import annotations

import json
import math
from io import BufferedReader
from typing import Any, NamedTuple

import numpy as np

from ..errors import FileFormatError

__all__ = ["CODES", "Entry", "decode_header", "encode_header", "in_file_order"]
__all__ += ["json_object", "json_text"]

DTYPES = dict(
    zip(
        "BOOL I8 I16 I32 I64 U8 U16 U32 U64 F32 F64".split(),
        map(np.dtype, "? <i1 <i2 <i4 <i8 <u1 <u2 <u4 <u8 <f4 <f8".split()),
    )
)
CODES = {dtype: code for code, dtype in DTYPES.items()}
LIMIT = 100_000_000  # bytes of header that other readers of the format accept
METADATA = "__metadata__"


class Entry(NamedTuple):
    """One tensor of a file: its bytes are `begin` to `end` of what follows the header."""

    name: str
    dtype: np.dtype
    shape: tuple[int, ...]
    begin: int
    end: int


def encode_header(arrays: dict, metadata: dict[str, str]) -> tuple[bytes, list[str]]:
    """The length and the header of a file, and in which order the data of `arrays` follow.

    Wide dtypes come first, so that every tensor is aligned; the header keeps the dict's order.
    """
    order = sorted(arrays, key=lambda name: -arrays[name].itemsize)
    offsets, end = {}, 0
    for name in order:
        begin, end = end, end + arrays[name].nbytes
        offsets[name] = [begin, end]
    table: dict[str, Any] = {METADATA: metadata}
    for name, array in arrays.items():
        code = CODES[array.dtype.newbyteorder("<")]
        table[name] = {"dtype": code, "shape": array.shape, "data_offsets": offsets[name]}
    text = json_text(table).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > LIMIT:
        raise ValueError(
            f"save: names, strings and numbers take {len(text)} bytes, more than the {LIMIT} of "
            "the safetensors format; keep large data in tensors"
        )
    return len(text).to_bytes(8, "little") + text, order


def decode_header(file: BufferedReader, size: int) -> tuple[bytes, list[Entry], dict[str, str]]:
    """The first bytes of a file of `size` bytes, its tensors in order, and its metadata."""
    head = file.read(8)
    length = int.from_bytes(head, "little")
    if length > min(size - 8, LIMIT):
        raise FileFormatError("not a safetensors file, or one that was cut short")
    text = file.read(length)
    if len(text) < length or not text.startswith(b"{"):
        raise FileFormatError("not a safetensors file: its header is not JSON")
    table = json_object(text, "its header")
    metadata = table.pop(METADATA, {})
    if type(metadata) is not dict or any(type(value) is not str for value in metadata.values()):
        raise FileFormatError("its metadata are not strings")
    entries = [decode_entry(name, entry) for name, entry in table.items()]
    check_layout(entries, size - 8 - length)
    return head + text, entries, metadata


def decode_entry(name: str, found: Any) -> Entry:
    """What the header says of one tensor, made sure to be possible."""
    match found:
        case {"dtype": str(code), "shape": list(shape), "data_offsets": [begin, end]}:
            numbers = [*shape, begin, end]
        case _:
            raise FileFormatError(f"tensor {short(name)} lacks a dtype, shape or offsets")
    if code not in DTYPES:
        raise FileFormatError(
            f"tensor {short(name)} has dtype {short(code)}, which tidegrad does not have; "
            "convert it to float32 where it was made (in PyTorch: tensor.float()) and save again"
        )
    dtype = DTYPES[code]
    # NumPy multiplies all sizes but the zeros, and the product must fit its index type.
    if (
        any(type(n) is not int or not 0 <= n < 2**63 for n in numbers)
        or len(shape) > 64
        or math.prod(n or 1 for n in shape) * dtype.itemsize >= 2**63
    ):
        raise FileFormatError(f"tensor {short(name)} has an impossible shape or offset")
    if math.prod(shape) * dtype.itemsize != end - begin:
        raise FileFormatError(f"tensor {short(name)} has a shape that does not fit its offsets")
    return Entry(name, dtype, tuple(shape), begin, end)


def check_layout(entries: list[Entry], room: int) -> None:
    """Make sure that the tensors follow each other without gap or overlap and fill the file."""
    end = 0
    for entry in in_file_order(entries):
        if entry.begin != end:
            raise FileFormatError(f"tensor {short(entry.name)} overlaps another or leaves a gap")
        end = entry.end
    if end != room:
        what = "it was cut short" if end > room else "something was added to it"
        raise FileFormatError(f"its tensors take {end} bytes but it has {room} for them: {what}")


def in_file_order(entries: list[Entry]) -> list[Entry]:
    """Sorted by place; one without data comes before the one that begins where it is."""
    return sorted(entries, key=lambda entry: (entry.begin, entry.end))


def json_text(value: Any) -> str:
    """`value` as compact JSON in ASCII."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def json_object(text: str | bytes, what: str) -> Any:
    """Strict JSON: UTF-8, no NaN, no key twice, no nesting beyond what the parser can follow."""
    try:
        text = text.decode() if isinstance(text, bytes) else text
        # NaN and infinities, which are no JSON, become errors since int() reads none.
        return json.loads(text, object_pairs_hook=distinct, parse_constant=int)
    except RecursionError:
        raise FileFormatError(f"{what} is nested too deeply") from None
    except ValueError as error:
        raise FileFormatError(f"{what} is damaged: {error}"[:200]) from None


def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object as a dict, refused when a key occurs twice."""
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key occurs twice")
    return result


def short(text: str) -> str:
    """A name from a file as a message can hold it."""
    return repr(text if len(text) <= 100 else text[:97] + "...")
