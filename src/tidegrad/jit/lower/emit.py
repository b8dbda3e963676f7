"""Floor 6. Emit: the code of a Value's element, each part at the depth where it stops changing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from ...abstract import Value
from ...kinds import cast as cast_
from ...ops.philox import WORDS
from ..ir import llvm_type
from ..lane import BOOL, Lane, cast, lane_type, literal, select, splat
from ..lanes import evaluate
from ..sizes import divides
from .affine import Affine, linear, strides
from .drawing import WORD, finished, words
from .loading import Loading, suffix
from .placing import at_depth, combined, depth
from .views import Condition, Index

__all__ = ["Emit"]


class Emit(Loading):
    """Computes elements, and stores them."""

    def number(self, v: Value) -> Lane:
        assert v.saved is not None and v.size == 1, v
        return literal(self.root, v.saved.item(), v.dtype)

    def counted(self, v: Value, number: Affine) -> Lane:
        spread = self.lane is not None and self.lane in number.loops
        return cast(self.vector(number) if spread else self.scalar(number), v.dtype)

    def computed(self, v: Value, parts: Sequence[Lane]) -> Lane:
        code = max((x.code for x in parts), key=depth)
        given = [at_depth(x, code) for x in parts]
        if v.prim is cast_:
            return cast(given[0], v.dtype)
        found = evaluate(v.prim.text, dict(zip("xyw", given)) | v.params)
        return cast(found, v.dtype)

    def guarded(
        self, v: Value, index: Index, conditions: Any, found: Sequence[Condition], dtype: Any
    ) -> Lane:
        inner = self.at(v, index, (*conditions, *found))
        return self.either(found, inner, literal(self.root, 0, dtype))

    def either(self, found: Sequence[Condition], one: Lane, other: Lane) -> Lane:
        held = self.condition(found)
        if held is None:
            return one
        code = max((x.code for x in (held, one, other)), key=depth)
        return select(*(at_depth(x, code) for x in (held, one, other)))

    def total(self, terms: Sequence[Lane]) -> Lane:
        return reduce(combined, terms)

    def drawn(self, v: Value, key: Sequence[Lane], end: Lane, number: Affine) -> Lane:
        spread = self.lane is not None and self.lane in number.loops
        whole = spread and in_blocks(number, self.lane, self.width)
        x = self.vector(number) if spread and not whole else self.scalar(number)
        code = max((y.code for y in (x, end, *key)), key=depth)
        at = [at_depth(cast(y, WORD), code) for y in (x, end, *key)]
        return finished(v, words(v, at[2:], at[1], at[0], self.width if whole else 0))

    def again(self, v: Value, index: Index) -> Lane:
        """What is stored at `index` when the code `here` runs, which may change it."""
        outer = self.pointers, self.levels, self.here, self.here
        emit = Emit(*outer, self.lane, self.width, self.mask, held=True)
        return emit.here_wide(emit.read(v, index, ()))

    def here_wide(self, x: Lane) -> Lane:
        """`x` in every lane, for instructions here."""
        key = "wide", x.name, x.dtype
        if key not in self.integers:
            self.integers[key] = splat(at_depth(x, self.here), self.width)
        return self.integers[key]

    def store(self, v: Value, index: Index, x: Lane) -> None:
        """Write the element of `v` at `index`."""
        offset = linear(index, strides(v.shape))
        spread = self.lane is not None and self.lane in offset.loops
        x, align = to_memory(at_depth(x, self.here), self.width if spread else 1), v.dtype.itemsize
        if not spread or offset.along(self.lane) == 1:  # type: ignore[arg-type]  # it has one
            place = self.address(v, offset, self.here)
            if spread and self.mask is not None:
                self.masked_store("store", x, f"ptr align {align} {place}", "p0")
            else:
                self.here.line(f"store {x.type} {x.name}, ptr {place}, align {align}")
            return
        base = f"getelementptr inbounds {llvm_type(v.dtype)}, ptr {self.pointers[v]}"
        o = at_depth(self.vector(offset), self.here)
        places = self.here.emit(f"{base}, {o.type} {o.name}")
        given = f"<{self.width} x ptr> align {align} {places}"
        self.masked_store("scatter", x, given, f"v{self.width}p0")

    def masked_store(self, verb: str, x: Lane, place: str, ending: str) -> None:
        code, mask = self.here, self.mask
        mask = literal(code, True, BOOL, self.width) if mask is None else mask
        name = f"@llvm.masked.{verb}.{suffix(x.dtype, self.width)}.{ending}"
        code.line(f"call void {name}({x.type} {x.name}, {place}, {mask.type} {mask.name})")
        where = f"<{self.width} x ptr>" if verb == "scatter" else "ptr"
        code.module.declare(f"declare void {name}({x.type}, {where}, <{self.width} x i1>)")


def in_blocks(number: Affine, lane: Any, width: int) -> bool:
    """Whether vectors along `lane` begin with the first word of a block and end with a last one."""
    rest = [c for v, c in number.terms.items() if v is not lane]
    even = all(divides(WORDS, c) for c in (width, lane.even, number.const, *rest))
    return even and number.along(lane) == 1


def to_memory(x: Lane, width: int) -> Lane:
    """`x` as it is stored, `width` of them."""
    x = splat(x, width)
    if x.dtype != BOOL:
        return x
    kind = llvm_type(np.dtype("uint8"), width)
    name = x.code.emit(f"zext {lane_type(BOOL, width)} {x.name} to {kind}")
    return Lane(x.code, name, np.dtype("uint8"), width)
