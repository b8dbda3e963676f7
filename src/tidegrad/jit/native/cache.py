"""Floor 6. The cache: compiled programs on disk, so that a second process need not compile.

An entry is machine code, so none is used unless its file and its folder belong to the user, nobody
else can write to them, and its checksum, which covers its key too, is right. Whatever is wrong with
an entry, a folder or a disk, the program is compiled again: nothing here raises.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np

from ...errors import extra

__all__ = ["folder", "key_of", "load", "store"]

MAGIC = b"tidegrad program 1\n"
DIGEST = hashlib.sha256().digest_size
SUFFIX, PART = ".program", ".part"

# What the folder holds at most; the entries whose last use is longest ago go first.
ENTRIES, BYTES = 1000, 256 << 20
FORGOTTEN = 3600  # seconds after which a file half written is no longer anybody's


def key_of(*parts: str) -> str:
    """The name of the program that `parts` describe, as this version of everything compiles it.

    >>> from tidegrad.jit.native.cache import key_of
    >>> key_of("x + y", "avx2") == key_of("x + y", "avx2") != key_of("x + ", "yavx2")
    True
    """
    found = hashlib.sha256()
    for part in (*versions(), *parts):
        word = part.encode()
        found.update(len(word).to_bytes(8, "little") + word)
    return found.hexdigest()


def load(key: str) -> bytes | None:
    """What was stored under `key`; None where there is nothing, or nothing to be trusted."""
    with suppress(OSError):
        place = folder()
        if place is not None and private(os.stat(place)):
            with open(place / (key + SUFFIX), "rb", opener=without_links) as file:
                found = os.fstat(file.fileno())
                if stat.S_ISREG(found.st_mode) and private(found):
                    code = opened(key, file.read())
                    if code is not None:
                        touch(place / (key + SUFFIX))
                    return code
    return None


def store(key: str, code: bytes) -> None:
    """Keep `code` under `key`, where that can be done."""
    with suppress(OSError):
        place = folder()
        if place is None:
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            place.mkdir(0o700)
        if private(os.stat(place)):
            write(place / (key + SUFFIX), sealed(key, code))
            evict(place)


def folder() -> Path | None:
    """Where programs are kept: what TIDEGRAD_CACHE names, or tidegrad in the user's cache folder.

    None where TIDEGRAD_CACHE is 0 or off, or where the user has no home.
    """
    chosen = os.environ.get("TIDEGRAD_CACHE", "")
    if chosen.lower() in {"0", "off"}:
        return None
    if chosen:
        return Path(chosen)
    shared = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(shared):  # others are to be ignored, says the XDG specification
        return Path(shared) / "tidegrad"
    home = os.path.expanduser("~")
    return Path(home) / ".cache" / "tidegrad" if os.path.isabs(home) else None


@cache
def versions() -> list[str]:
    """What decides, besides a program's own description, which code is made of it.

    A change to tidegrad's files counts as a version, for those who work on them.
    """
    package = str(Path(__file__).parents[2])
    states = []
    for folder, _, names in os.walk(package):  # in a third of the time that pathlib takes
        for name in names:
            if name.endswith(".py"):
                found = os.stat(os.path.join(folder, name))
                states.append((folder[len(package) :], name, found.st_size, found.st_mtime_ns))
    states.sort()
    ours = getattr(sys.modules[__name__.partition(".")[0]], "__version__", "")
    llvm = extra("llvmlite.binding", "jit").llvm_version_info
    return [ours, repr(states), extra("llvmlite", "jit").__version__, str(llvm), np.__version__]


def sealed(key: str, code: bytes) -> bytes:
    return MAGIC + checksum(key, code) + code


def opened(key: str, entry: bytes) -> bytes | None:
    """The code in an entry; None unless every byte of it is as it was written."""
    start = len(MAGIC) + DIGEST
    code = entry[start:]
    return code if entry[:start] == MAGIC + checksum(key, code) else None


def checksum(key: str, code: bytes) -> bytes:
    return hashlib.sha256(MAGIC + key.encode() + b"\n" + code).digest()


def private(found: os.stat_result) -> bool:
    """Whether a file or folder is the user's, and only the user can write to it."""
    if not hasattr(os, "geteuid"):  # Windows, where a user's folders are private to begin with
        return True
    writable = stat.S_IWGRP | stat.S_IWOTH
    return found.st_uid == os.geteuid() and not found.st_mode & writable


def without_links(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))


def touch(path: Path) -> None:
    """Note that an entry was used."""
    with suppress(OSError):
        os.utime(path)


def write(path: Path, entry: bytes) -> None:
    """Write beside `path` and rename, so that nobody ever sees half of it."""
    beside = path.with_name(f"{path.name}.{os.urandom(8).hex()}{PART}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with open(beside, "xb", opener=lambda name, _: os.open(name, flags, 0o600)) as file:
            file.write(entry)
        os.replace(beside, path)
    except BaseException:  # no half file stays, whatever came in between
        with suppress(OSError):
            os.unlink(beside)
        raise


def evict(place: Path) -> None:
    """Remove what is too much, and what killed processes have left half written."""
    uses = []
    with os.scandir(place) as files:
        for file in files:
            with suppress(OSError):
                found = file.stat(follow_symlinks=False)
                if file.name.endswith(SUFFIX):
                    uses.append((found.st_mtime_ns, found.st_size, file.path))
                elif file.name.endswith(PART) and found.st_mtime < time.time() - FORGOTTEN:
                    os.unlink(file.path)
    uses.sort(reverse=True)
    room = BYTES
    for rank, (_, size, path) in enumerate(uses):
        room -= size
        if rank >= ENTRIES or room < 0:
            with suppress(OSError):
                os.unlink(path)
