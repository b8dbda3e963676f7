"""Floor 7. The seal: a SHA-256 of the whole file, kept in its own metadata.

The sum runs over the length, the header with zeros where the sum itself will stand, and the data.
A second entry marks the file as ours: one flipped bit can spoil the name of one entry, not of both,
and a file with one alone is refused. A file with neither is another program's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from io import BufferedWriter

import numpy as np

from ..errors import FileFormatError

__all__ = ["SEAL", "check_seal", "write_sealed"]

MARK, DIGEST = "tidegrad", "tidegrad.sha256"
BLANK = "0" * 64
VERSION = "1"
SEAL = {DIGEST: BLANK, MARK: VERSION}  # the sum first: the header's first 64 zeros are its place
PIECE = 1 << 20


def write_sealed(file: BufferedWriter, head: bytes, arrays: Iterable[np.ndarray]) -> None:
    """Write a header that holds `SEAL`, then the arrays; then put the sum into its place."""
    total = sha256(head)
    file.write(head)
    for array in arrays:
        for piece in pieces(array):
            total.update(piece)
            file.write(piece)
    file.seek(head.index(BLANK.encode()))
    file.write(total.hexdigest().encode())


def check_seal(head: bytes, metadata: dict[str, str], data: Iterable[np.ndarray]) -> None:
    """Refuse a file of ours whose header or data are not what was written; `data` are its bytes."""
    if not any(key.split(".")[0] == MARK for key in metadata):
        return
    digest = metadata.get(DIGEST, "")
    if MARK not in metadata or not re.fullmatch("[0-9a-f]{64}", digest):
        raise FileFormatError("its mark or its checksum is missing or damaged")
    total = sha256(head.replace(digest.encode(), BLANK.encode()))
    for part in data:
        total.update(part.data)
    if total.hexdigest() != digest:
        raise FileFormatError(
            "its contents do not match its checksum: "
            "it was damaged, or changed by another program, since tidegrad saved it"
        )
    if metadata[MARK] != VERSION:
        raise FileFormatError(
            f"it is of version {metadata[MARK][:20]!r} and this tidegrad reads {VERSION!r}: "
            "install a newer tidegrad"
        )


def pieces(array: np.ndarray) -> Iterator[bytes]:
    """The bytes of an array, little-endian and in C order.

    Each piece is a copy, so that a program which writes into shared memory meanwhile cannot come
    between what is summed and what is written.
    """
    array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    flat = array.reshape(-1).view(np.uint8)
    for start in range(0, flat.size, PIECE):
        yield flat[start : start + PIECE].tobytes()
