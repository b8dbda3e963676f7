"""Floor 7. Replacing a file: write beside it, sync, rename, sync the folder.

At every moment the path holds the old file or the new one, whole. The file beside is locked while
its writer lives, so that the next save of the same path knows which ones a kill has left behind.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedWriter, FileIO

try:
    import fcntl
except ImportError:  # Windows, where an open file cannot be removed and so needs no lock
    fcntl = None  # type: ignore[assignment]  # in place of a module

__all__ = ["replacing"]

SUFFIX = ".tidegrad-part"


@contextmanager
def replacing(path: str) -> Iterator[BufferedWriter]:
    """A new file that takes the place of `path` when the block ends well, with the old one's mode.

    A symbolic link stays one: its target is replaced. An OSError says that nothing was changed.
    """
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    prefix = f".{name[:50]}."  # a name may have 255 bytes, a character up to four
    try:
        mode = mode_of(target)
        remove_leftovers(folder, prefix)
        with file_beside(folder, prefix, mode) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if fcntl is None:
                file.close()
            os.replace(file.name, target)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(error.errno, f"save: {reason}; nothing was changed", path) from error
    sync_folder(folder)


@contextmanager
def file_beside(folder: str, prefix: str, mode: int | None) -> Iterator[BufferedWriter]:
    """A locked new file in `folder`, removed when the block fails."""
    file = create_locked(os.path.join(folder, prefix), 0o666 if mode is None else 0o600)
    try:
        with file:
            if mode is not None:
                os.chmod(file.name, mode)
            yield file
    except BaseException:  # no half file stays, whatever came in between
        with suppress(OSError):
            os.unlink(file.name)
        raise


def create_locked(start: str, mode: int) -> BufferedWriter:
    """A new file with a random name, which the umask applies to as to any new file."""
    while True:
        name = f"{start}{os.urandom(8).hex()}{SUFFIX}"
        raw = FileIO(name, "xb", opener=lambda name, flags: os.open(name, flags, mode))
        file: BufferedWriter = BufferedWriter(raw)
        if fcntl is None:
            return file
        with suppress(OSError):  # a file system without locks: leftovers stay, nothing else
            fcntl.flock(file, fcntl.LOCK_EX)
        # Another save may have taken the file for a leftover before it was locked.
        if os.path.exists(name):
            return file
        file.close()


def remove_leftovers(folder: str, prefix: str) -> None:
    """Remove what killed saves of the same path have left: files beside it that nobody locks."""
    pattern = re.compile(re.escape(prefix) + "[0-9a-f]{16}" + re.escape(SUFFIX))
    left = []
    with suppress(OSError):  # a folder that cannot be listed may still be written to
        left = [name for name in os.listdir(folder) if pattern.fullmatch(name)]
    for name in left:
        beside = os.path.join(folder, name)
        with suppress(OSError), open(beside, "r+b") as file:
            if fcntl is None:
                file.close()
            else:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(beside)


def mode_of(target: str) -> int | None:
    """The permissions of the file to be replaced; None where there is none yet."""
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is a device or a pipe, not a file")
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "the file there is write-protected")
    return stat.S_IMODE(mode)


def sync_folder(folder: str) -> None:
    """Make the rename survive a power cut, where the system can sync folders."""
    if fcntl is None:
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(number)
