"""Floor 6. BLAS: a copy of OpenBLAS of our own, with the kernels that suit the processor."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from .forks import LOCK
from .target import host

__all__ = ["kernels", "set_threads", "table"]

# The routines that generated code may call, with the interface of CBLAS: sizes and strides are
# 64-bit integers, the words for layout and transposition 32-bit ones.
ROUTINES = "gemm gemv ger dot axpy".split()

# The newest kernels that a target's instructions run. OpenBLAS chooses by the processor's model,
# and takes older ones for a model that it does not know.
CORES = {"x86-64": "PRESCOTT", "avx2": "HASWELL", "avx512": "SKYLAKEX"}


@cache
def table() -> dict[str, int]:
    """Where each routine begins: `sgemm`, `dgemm`, `sgemv` and so on.

    ImportError, which names the extra, where scipy-openblas64 is absent or broken.

    >>> from tidegrad.jit.native import blas
    >>> "sgemm" in blas.table()
    True
    """
    found = library()
    return {
        letter + routine: address(found, f"scipy_cblas_{letter}{routine}64_")
        for routine in ROUTINES
        for letter in "sd"
    }


def kernels() -> str:
    """The processor whose kernels are in use, as OpenBLAS names it."""
    name = library().scipy_openblas_get_corename64_
    name.restype = ctypes.c_char_p
    return str(name().decode())


def set_threads(count: int) -> None:
    """How many threads OpenBLAS itself uses for one call; 1 at first."""
    library().scipy_openblas_set_num_threads64_(count)


def address(found: ctypes.CDLL, name: str) -> int:
    return ctypes.cast(getattr(found, name), ctypes.c_void_p).value or 0


def library() -> ctypes.CDLL:
    with LOCK:
        return load()


@cache
def load() -> ctypes.CDLL:
    """The library, loaded so that no other copy in the process is used by it or uses it."""
    path = library_path()
    mode = ctypes.DEFAULT_MODE if sys.platform == "win32" else os.RTLD_NOW | os.RTLD_LOCAL
    mode |= getattr(os, "RTLD_DEEPBIND", 0)
    try:
        with environment(CORES.get(host().name)), own_copy(path) as name:
            return ctypes.CDLL(name, mode=mode)
    except OSError as cause:
        raise missing(str(cause)) from cause


def library_path() -> str:
    """Where the library lies; its package is not imported, since that makes it everybody's."""
    spec = find_spec("scipy_openblas64")
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or ():
        for path in sorted((Path(folder) / "lib").glob("*scipy_openblas64_*")):
            if path.suffix in {".so", ".dylib", ".dll"}:
                return str(path)
    raise missing("its library is not there" if folders else "no module of this name")


def missing(reason: str) -> ImportError:
    return ImportError(
        f'scipy_openblas64 is needed for this: pip install "tidegrad[jit]" ({reason})',
        name="scipy_openblas64",
    )


@contextmanager
def own_copy(path: str) -> Iterator[str]:
    """The name to load the library by: of a copy in memory where another user has loaded it."""
    if not hasattr(os, "memfd_create") or not is_loaded(path):
        yield path
        return
    number = os.memfd_create("tidegrad-openblas", os.MFD_CLOEXEC)
    with open(number, "wb") as copy:
        copy.write(Path(path).read_bytes())
        copy.flush()
        yield f"/proc/self/fd/{number}"


def is_loaded(path: str) -> bool:
    try:
        ctypes.CDLL(path, mode=os.RTLD_NOW | os.RTLD_NOLOAD)
    except OSError:
        return False
    return True


@contextmanager
def environment(core: str | None) -> Iterator[None]:
    """The variables that OpenBLAS reads while it loads; the process has its own back after that.

    Its threads, should `set_threads` ask for any, wait 2**14 ticks of the clock before they sleep.
    """
    ours = {"OPENBLAS_NUM_THREADS": "1", "OPENBLAS_THREAD_TIMEOUT": "14"}
    if core:
        ours["OPENBLAS_CORETYPE"] = core
    before = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("OPENBLAS_", "GOTO_")) or name == "OMP_NUM_THREADS"
    }
    try:
        for name in before:
            del os.environ[name]
        os.environ.update(ours)
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)
        os.environ.update(before)
