"""Floor 6. Machine code: LLVM IR text becomes object code, and object code becomes addresses."""

from __future__ import annotations

import weakref
from collections import deque
from functools import cache
from types import ModuleType
from typing import Any

from ...errors import extra
from .forks import LOCK
from .target import Target, host

__all__ = ["Library", "compiled", "loaded", "verified"]


# The memory for an object is counted before it is loaded, but without the table of the functions it
# calls from elsewhere, as fmaf: what is counted for the alignment of this word has room for 128.
ROOM = "\n@tidegrad.room = global i64 0, align 1024\n"


def compiled(ir: str, target: Target, level: int = 0) -> bytes:
    """Object code for `target`, which need not be this machine.

    Loops are neither vectorised nor unrolled: the generator has done both. `level` 0 leaves the
    rest to LLVM's code generator too, which takes half the time of levels 1 to 3 and makes code as
    fast of what the generator writes. RuntimeError, with LLVM's words, for text that is not valid.
    """
    with LOCK:
        llvm = llvm_for(target)
        machine = machine_for(target)
        with llvm.create_context() as context, llvm.parse_assembly(ir + ROOM, context) as module:
            module.verify()
            optimised(module, builder_for(target, level))
            return machine.emit_object(module)


def verified(ir: str, target: Target) -> None:
    """RuntimeError, with LLVM's words, unless `ir` is a valid program of `target`."""
    with LOCK:
        llvm = llvm_for(target)
        with llvm.create_context() as context, llvm.parse_assembly(ir, context) as module:
            module.verify()


class Library:
    """Object code in memory; it stays there for as long as this object lives."""

    def __init__(self, engine: Any):
        self.engine = engine
        # Nothing is taken away at the interpreter's end: other threads may still be running it.
        weakref.finalize(self, bury, engine).atexit = False

    def address(self, name: str) -> int:
        """Where the function `name` begins; KeyError where there is none."""
        with LOCK:
            found = self.engine.get_function_address(name)
        if not found:
            raise KeyError(name)
        return found


def loaded(code: bytes) -> Library:
    """`code`, as `compiled` made it for this machine, ready to run.

    >>> from tidegrad.jit.native import engine, target
    >>> code = engine.compiled("define i32 @one() { ret i32 1 }", target.host())
    >>> engine.loaded(code).address("one") > 0
    True
    """
    with LOCK:
        llvm = llvm_for(host())
        # An engine of its own: it is what can be freed, at half a millisecond each.
        module = llvm.parse_assembly("", llvm.create_context())
        # llvmlite's memory manager lays an object's sections side by side. LLVM's own takes any
        # free pages, in a full address space gigabytes apart: farther than an instruction reaches.
        engine = llvm.create_mcjit_compiler(module, new_machine(host()), use_lmm=True)
        with llvm.ObjectFileRef.from_data(code) as file:
            engine.add_object_file(file)
        engine.finalize_object()
        bury()
        return Library(engine)


DEAD: deque[Any] = deque()


def bury(*engines: Any) -> None:
    """Free `engines`, or leave them to the next who comes by, where another thread is in LLVM.

    The garbage collector runs anywhere, so it must not wait for a lock.
    """
    DEAD.extend(engines)
    if LOCK.acquire(blocking=False):
        try:
            while DEAD:
                DEAD.popleft().close()
        finally:
            LOCK.release()


def llvm_for(target: Target) -> ModuleType:
    """llvmlite, made ready for a target; for all of them only where one is not this machine's."""
    llvm = extra("llvmlite.binding", "jit")
    initialize(llvm, target.triple == host().triple)
    return llvm


@cache
def initialize(llvm: Any, native: bool) -> None:
    if native:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
    else:
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()


def optimised(module: Any, builder: Any) -> None:
    """Run the passes of a level over a module."""
    passes = builder.getModulePassManager()
    try:
        passes.run(module, builder)
    finally:
        # Its close() does nothing: two base classes define _dispose, and the empty one is first.
        extra("llvmlite.binding", "jit").newpassmanagers.NewPassManager._dispose(passes)
        passes.detach()


@cache
def builder_for(target: Target, level: int) -> Any:
    llvm = llvm_for(target)
    choices = llvm.create_pipeline_tuning_options(speed_level=level)
    choices.loop_vectorization = choices.slp_vectorization = False
    choices.loop_interleaving = choices.loop_unrolling = False
    return llvm.create_pass_builder(machine_for(target), choices)


@cache
def machine_for(target: Target) -> Any:
    return new_machine(target)


def new_machine(target: Target) -> Any:
    """LLVM's code generator for `target`; an engine takes possession of the one it is given."""
    kind = llvm_for(target).Target.from_triple(target.triple)
    return kind.create_target_machine(
        cpu=target.cpu, features=target.features, opt=2, reloc="pic", codemodel="small"
    )
