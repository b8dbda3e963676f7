"""Floor 6. Loading: elements read from memory: one, neighbours, or those at any places."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from ...abstract import Value
from ..ir import llvm_type
from ..lane import BOOL, Lane, literal, splat
from ..sizes import Size
from .affine import Affine, Loop, Quotient, Within, linear, strides
from .loops import INDEX, Level
from .placing import Placing, at_depth, depth, met
from .shuffling import shuffled
from .views import Condition, Index

__all__ = ["Loading", "suffix"]


def elsewhere(dtype: np.dtype) -> str:
    """What stands in lanes that nothing is read for; it is not used.

    LLVM takes 0.0 / 0.0 for 0.0 where it knows both, and would leave out what selects other lanes.
    """
    if dtype.kind != "f":
        return "zeroinitializer"
    return f"splat ({llvm_type(dtype)} 0x8000000000000000)"  # -0.0


class Loading(Placing):
    """Reads the elements of stored Values."""

    def read(self, v: Value, index: Index, conditions: tuple[Condition, ...]) -> Lane:
        offset = linear(index, strides(v.shape))
        spread = self.lane is not None and self.lane in offset.loops
        if not spread:
            return self.one(v, offset, guarded=bool(conditions))
        mask, held = self.mask, self.condition(conditions)
        if held is not None:
            held = splat(held, self.width)
            mask = held if mask is None else met(held, mask)
        if offset.along(self.lane) == 1:  # type: ignore[arg-type]  # there is a lane
            return self.row(v, offset, mask)
        count = repeats(offset, self.lane, self.width)
        if count > 1:
            return self.repeated(v, offset, mask, count)
        return self.scattered(v, offset, mask)

    def one(self, v: Value, offset: Affine, guarded: bool) -> Lane:
        if guarded:  # what is read outside is not used
            o = self.within(self.scalar(offset), v.size)
            code, place = o.code, self.moved(o.code, self.pointers[v], v, o.name)
        else:
            code = self.level(offset.loops)
            place = self.address(v, offset, code)
        kind = llvm_type(v.dtype)
        name = code.emit(f"load {kind}, ptr {place}, align {v.dtype.itemsize}")
        return from_memory(code, name, v.dtype, 1)

    def row(self, v: Value, offset: Affine, mask: Lane | None) -> Lane:
        """Neighbours, for as many lanes."""
        return self.neighbours(v, offset, mask, self.width)

    def repeated(self, v: Value, offset: Affine, mask: Lane | None, count: int) -> Lane:
        """Neighbours, each of them for `count` lanes."""
        few = self.width // count
        if mask is not None:
            every = [shuffled(mask, range(k, self.width, count)) for k in range(count)]
            mask = reduce(lambda x, y: x | y, every)
        x = self.neighbours(v, offset, mask, few)
        return shuffled(x, [k // count for k in range(self.width)])

    def neighbours(self, v: Value, offset: Affine, mask: Lane | None, width: int) -> Lane:
        kind, code = llvm_type(v.dtype, width), self.deepest(offset, mask)
        place = self.address(v, offset, code)
        if mask is None:
            name = code.emit(f"load {kind}, ptr {place}, align {v.dtype.itemsize}")
        else:
            given = f"ptr align {v.dtype.itemsize} {place}, {mask.type} {mask.name}"
            name = code.emit(
                f"call {kind} @llvm.masked.load.{suffix(v.dtype, width)}.p0"
                f"({given}, {kind} {elsewhere(v.dtype)})"
            )
            code.module.declare(
                f"declare {kind} @llvm.masked.load.{suffix(v.dtype, width)}.p0"
                f"(ptr, <{width} x i1>, {kind})"
            )
        return from_memory(code, name, v.dtype, width)

    def scattered(self, v: Value, offset: Affine, mask: Lane | None) -> Lane:
        """Elements that are not neighbours."""
        kind, w, code = llvm_type(v.dtype, self.width), self.width, self.deepest(offset, mask)
        o = at_depth(self.vector(offset), code)
        mask = literal(code, True, BOOL, w) if mask is None else mask
        base = f"getelementptr inbounds {llvm_type(v.dtype)}, ptr {self.pointers[v]}"
        places = code.emit(f"{base}, {o.type} {o.name}")
        ending = f"{suffix(v.dtype, w)}.v{w}p0"
        given = f"<{w} x ptr> align {v.dtype.itemsize} {places}, {mask.type} {mask.name}"
        name = code.emit(
            f"call {kind} @llvm.masked.gather.{ending}({given}, {kind} {elsewhere(v.dtype)})"
        )
        code.module.declare(
            f"declare {kind} @llvm.masked.gather.{ending}(<{w} x ptr>, <{w} x i1>, {kind})"
        )
        return from_memory(code, name, v.dtype, w)

    def deepest(self, offset: Affine, mask: Lane | None) -> Level:
        """Where both a place and a mask are known."""
        code = self.level(offset.loops)
        return code if mask is None else max((code, mask.code), key=depth)  # type: ignore  # Levels

    def address(self, v: Value, offset: Affine, code: Any) -> str:
        """Where an element is; elements a known distance apart share what is computed for it."""
        known = 0 if isinstance(offset.const, Size) else offset.const
        key = "address", v, offset - known
        if key not in self.integers:
            o = self.scalar(offset - known)
            place = (
                self.pointers[v]
                if o.value == 0
                else self.moved(o.code, self.pointers[v], v, o.name)
            )
            self.integers[key] = Lane(o.code, place, INDEX)
        place = self.integers[key].name
        return self.moved(code, place, v, str(known)) if known else place

    def moved(self, code: Any, place: str, v: Value, offset: str) -> str:
        return code.emit(f"getelementptr {llvm_type(v.dtype)}, ptr {place}, i64 {offset}")


def suffix(dtype: np.dtype, width: int) -> str:
    one = f"{'f' if dtype.kind == 'f' else 'i'}{8 * dtype.itemsize}"
    return f"v{width}{one}"


def from_memory(code: Any, name: str, dtype: np.dtype, width: int) -> Lane:
    """What was loaded as a Lane; a bool is a byte in memory."""
    if dtype != BOOL:
        return Lane(code, name, dtype, width)
    return Lane(code, name, np.dtype("uint8"), width) != 0


def repeats(offset: Affine, lane: Loop | None, width: int) -> int:
    """How many lanes in a row read the same element, all such rows being neighbours; 1 if none do.

    That is where a place is a quotient of the lane, and the first lane begins a row.
    """
    spread = [(v, c) for v, c in offset.terms.items() if lane in v.loops]
    while len(spread) == 1 and isinstance(spread[0][0], Within) and spread[0][1] == 1:
        spread = [(v, c) for v, c in spread[0][0].whole.terms.items() if lane in v.loops]
    if lane is None or len(spread) != 1 or spread[0][1] != 1:
        return 1
    quotient = spread[0][0]
    if not isinstance(quotient, Quotient) or quotient.whole.along(lane) != 1:
        return 1
    n, rest = quotient.n, [c for v, c in quotient.whole.terms.items() if v is not lane]
    numbers = [width, lane.even, quotient.whole.const, *rest]
    if any(isinstance(x, Size) for x in (n, *numbers)):
        return 1
    return n if n < width and all(x % n == 0 for x in numbers) else 1
