"""Floor 6. Executable: a graph's machine code, called with lists of arrays."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy import ndarray

from ..abstract import Value
from ..shapes import Shape
from .costs import Cost, cost_of
from .graph import Graph
from .indices import Indices
from .lower.columns import packed
from .lower.convolving import convolved
from .lower.fusing import scheduled
from .lower.hazards import in_place
from .lower.insides import with_insides
from .lower.keys import text_of
from .lower.memory import planned
from .lower.preparing import prepared
from .lower.program import generated, steps_of
from .lower.stages import Call
from .lower.storing import effort, inside_out, place_of, stored_values
from .native import cache, engine, threads
from .native.forks import new_lock
from .native.layout import layout
from .native.target import Target, host
from .passes import simplified
from .settings import is_deterministic

__all__ = ["Executable", "Variant"]

LINE = 64
PARTS = 8  # of the rows, where results must not depend on the number of threads
SMALL = 1 << 20  # operations that one thread has done before another has woken


class Executable:
    """A graph, compiled for as many threads as there are to be.

    Called with the inputs' arrays, contiguous and in order, and for each output an array to be
    written to, which may be the memory of the input that `pairs` names for it, or None for new
    memory, which no input and no other result shares.
    """

    form = ""  # what else a program depends on

    def __init__(self, graph: Graph, pairs: Mapping[int, int] | None = None, contract: bool = True):
        self.graph = ready(simplified(graph))
        self.pairs, self.contract = dict(pairs or {}), contract
        self.indices = Indices(graph)
        self.variants: dict[tuple[int, bool], Variant] = {}
        self.lock = new_lock()

    def variant(self) -> Variant:
        """The program for the number of threads that is set now."""
        key = threads.count or threads.get_num_threads(), is_deterministic()
        if key not in self.variants:
            with self.lock:
                if key not in self.variants:
                    self.variants[key] = self.opened(*key)
        return self.variants[key]

    def opened(self, count: int, fixed: bool) -> Variant:
        return Variant(self, count, fixed)

    def __call__(
        self, arrays: list[ndarray], outs: Sequence[ndarray | None] | None = None
    ) -> list[ndarray]:
        if self.indices.uses:
            self.indices.check(arrays)
        return self.variant()(arrays, outs)

    def source(self, target: Target | None = None) -> str:
        """The LLVM text of the program, for this machine or another one."""
        made = self.variant()
        kind = target or host()
        return generated(made.graph, made.schedule, made.memory, kind, self.contract)

    def cost(self) -> Cost:
        """What the program computes, moves and keeps."""
        made = self.variant()
        return cost_of(made.graph, made.schedule, made.memory)


def ready(graph: Graph, body: bool = False) -> Graph:
    """A graph of what loops are generated for, or Python called."""
    inside = with_insides(graph, partial(ready, body=True))
    return packed(convolved(prepared(inside)), body)


class Variant:
    """One program in memory, with memory of its own; calls of it take turns."""

    def __init__(self, whole: Executable, count: int, fixed: bool):
        graph = self.graph = whole.graph
        stored = stored_values(graph)
        count = team_of(effort(graph), count)
        parts = PARTS if fixed else count
        self.schedule = scheduled(graph, stored, count, parts, whole.pairs)
        self.threads = self.team = count
        self.memory = planned(graph, self.schedule)
        settings = f"{count} {parts} {whole.form} {whole.contract} {layout()}"
        text = partial(generated, graph, self.schedule, self.memory, host(), whole.contract)
        self.library = engine.loaded(code_of(graph, settings, text))
        self.steps = [self.opened(step) for step in steps_of(self.schedule)]
        outputs = graph.outputs
        # An array has the shape of the first output that lies in its place.
        self.first = {place_of(v): v for v in reversed(outputs) if v.prim is not None}
        self.places = list(dict.fromkeys(place_of(v) for v in outputs if v.prim is not None))
        self.count = len(self.places)
        self.fresh = [(k, (self.first[p].shape, p.dtype)) for k, p in enumerate(self.places)]
        safe = in_place(graph, self.schedule, whole.pairs)
        self.given = [self.taken(v, safe) for v in self.places]
        self.results = [self.result(v) for v in outputs]
        self.plain = len(outputs) == self.count and set(outputs) == set(self.first.values())
        self.reserve()
        self.lock = new_lock()

    def reserve(self) -> None:
        """Memory for what the program keeps between its stages, and for constants."""
        memory = self.memory
        self.arena = self.room("the arena", memory.arena)
        self.scratch = self.room("scratch", memory.scratch * self.threads)
        first = len(self.graph.inputs) + len(self.places)
        self.constants = [np.ascontiguousarray(v.saved) for v in memory.slots[first:]]
        addresses = [a.ctypes.data for a in self.constants]
        self.table = np.array(addresses or [0], np.uint64)
        fixed = [self.table.ctypes.data, self.arena.ctypes.data, self.scratch.ctypes.data]
        self.words = (ctypes.c_uint64 * 6)(0, 0, *fixed)
        self.argument = ctypes.addressof(self.words)

    def room(self, name: str, size: int) -> ndarray:
        """Memory of the program's own."""
        return aligned(size)

    def new(self, k: int, shape: Shape, dtype: np.dtype) -> ndarray:
        """New memory for a result."""
        return np.empty(shape, dtype)

    def opened(self, step: str | Call) -> Any:
        """A part of the program, ready to be called."""
        if isinstance(step, Call):
            return step
        address = self.library.address(step)
        if self.threads > 1:
            return address
        kind = ctypes.CFUNCTYPE(
            None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p
        )
        return kind(address)

    def __call__(
        self, arrays: list[ndarray], outs: Sequence[ndarray | None] | None = None
    ) -> list[ndarray]:
        made: list[Any] = [None] * self.count
        if outs is not None:
            made = [None if k is None else outs[k] for k in self.given]
        for k, specification in self.fresh:
            if made[k] is None:
                made[k] = self.new(k, *specification)
        with self.lock:
            self.words[0], self.words[1] = id(arrays), id(made)
            self.run(arrays, made)
        if self.plain:
            return made
        return [pick(arrays, made) for pick in self.results]

    def taken(self, place: Value, safe: set[int]) -> int | None:
        """The output whose memory, if the caller gives any, a result is written to."""
        usable = [k for k in sorted(safe) if place_of(self.graph.outputs[k]) is place]
        shape = self.first[place].shape
        return next((k for k in usable if self.graph.outputs[k].shape == shape), None)

    def result(self, v: Value) -> Any:
        """How an output is found after the program has run."""
        if v.prim is None:
            place = [k for k, x in enumerate(self.graph.inputs) if x is v]
            return lambda arrays, made: arrays[place[0]] if place else v.saved
        k, shape = next(k for k, p in enumerate(self.places) if p is place_of(v)), v.shape
        if v is self.first[place_of(v)]:  # not even a view, so that its one owner may write to it
            return lambda arrays, made: made[k]
        return lambda arrays, made: made[k].reshape(self.real(shape))

    def real(self, x: Any) -> Any:
        """A shape, or parameters, as this call has them."""
        return x

    def run(self, arrays: list[ndarray], made: list[ndarray]) -> None:
        """All parts, one after another."""
        for step in self.steps:
            if type(step) is Call:
                self.call(step, arrays, made)
            elif self.threads > 1:
                threads.run(step, self.argument, self.team)
            else:
                step(self.argument, 0, 1, None)

    def call(self, step: Call, arrays: list[ndarray], made: list[ndarray]) -> None:
        """One routine of NumPy's, on what is in the program's memory."""
        made_of = step.operation
        given = [self.array(p, arrays, made) for p in made_of.parents]
        with np.errstate(all="ignore"):
            found = made_of.prim.run(*given, **self.real(made_of.params))
        for v in step.values:
            if v in step.kept:
                self.array(v, arrays, made)[...] = found if v is made_of else found[v.params["k"]]

    def array(self, v: Value, arrays: list[ndarray], made: list[ndarray]) -> ndarray:
        """The memory of a Value as an array."""
        if v.prim is None and v.saved is not None:
            return v.saved
        inner = inside_out(v)
        buffer = self.memory.buffers[inner]
        if buffer.kind == "slot":
            given = len(self.graph.inputs)
            start = buffer.start
            found = arrays[start] if start < given else made[start - given]
            return found.reshape(self.real(v.shape))
        return ndarray(self.real(v.shape), v.dtype, self.arena, buffer.start)


def team_of(work: int, count: int) -> int:
    """How many threads, of `count`, so much work is for."""
    return 1 if work < SMALL else count


def code_of(graph: Graph, settings: str, text: Callable[[], str]) -> bytes:
    """Machine code, from the disk if it was made before; `text` writes it for LLVM."""
    key = cache.key_of(text_of(graph), settings, *map(str, host()))
    code = cache.load(key)
    if code is None:
        code = engine.compiled(text(), host())
        cache.store(key, code)
    return code


def aligned(size: int) -> ndarray:
    """Bytes that begin on a cache line."""
    whole = np.empty(size + LINE, np.uint8)
    start = -whole.ctypes.data % LINE
    return whole[start : start + size]
