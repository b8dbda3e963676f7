"""Floor 6. Targets: the four kinds of processor that code is generated for, from one source."""

from __future__ import annotations

import os
from functools import cache
from typing import NamedTuple

from ...errors import extra

__all__ = ["Target", "host", "targets"]

# The AMD64 levels v3 and v4, in LLVM's words for what the processor must have.
AVX2 = frozenset("avx2 bmi bmi2 f16c fma lzcnt movbe".split())
AVX512 = AVX2 | frozenset("avx512f avx512bw avx512cd avx512dq avx512vl".split())

# Name, LLVM's processor, LLVM's features, what the processor must have, bits of a vector, fma.
# LLVM would halve 512-bit vectors, to spare the clock of the first processors that had them.
TABLE = (
    ("x86-64", "x86-64", "", frozenset[str](), 128, False),
    ("avx2", "x86-64-v3", "", AVX2, 256, True),
    ("avx512", "x86-64-v4", "-prefer-256-bit", AVX512, 512, True),
    ("aarch64", "generic", "+neon", frozenset({"neon"}), 128, True),
)


class Target(NamedTuple):
    """A kind of processor: what LLVM calls it, and the bits of its vector registers."""

    name: str
    triple: str
    cpu: str
    features: str
    bits: int
    fma: bool
    native: bool  # whether this machine can run its code


@cache
def targets() -> dict[str, Target]:
    """Every target by name; those of the other architecture can be generated and verified only.

    >>> from tidegrad.jit.native import target
    >>> list(target.targets())
    ['x86-64', 'avx2', 'avx512', 'aarch64']
    """
    llvm = extra("llvmlite.binding", "jit")
    # On Windows too LLVM loads code in the ELF format only.
    triple = llvm.get_process_triple() + ("-elf" if os.name == "nt" else "")
    architecture = "aarch64" if triple.startswith(("aarch64", "arm64")) else "x86_64"
    has = {name for name, there in llvm.get_host_cpu_features().items() if there}
    found = {}
    for name, cpu, features, needs, bits, fma in TABLE:
        needed = "aarch64" if name == "aarch64" else "x86_64"
        here = needed == architecture
        where = triple if here else f"{needed}-unknown-linux-gnu"
        found[name] = Target(name, where, cpu, features, bits, fma, here and needs <= has)
    return found


@cache
def host() -> Target:
    """The widest target that this machine runs, or a lower one that TIDEGRAD_TARGET names.

    ValueError where the variable names none, or one that this machine cannot run.
    """
    native = {name: target for name, target in targets().items() if target.native}
    if not native:
        raise RuntimeError("jit: there is no code generator for this processor")
    wanted = os.environ.get("TIDEGRAD_TARGET") or max(native, key=lambda name: native[name].bits)
    if wanted not in native:
        raise ValueError(
            f"jit: TIDEGRAD_TARGET is {wanted!r}; this machine runs {', '.join(native)}"
        )
    return native[wanted]
