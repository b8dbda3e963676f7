"""Floor 6. Emit: the code of a Value's element, each part at the depth where it stops changing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np

from ...abstract import Value
from ...kinds import cast as cast_
from ...ops.philox import WORDS
from ..ir import llvm_type
from ..lane import BOOL, Lane, cast, lane_type, literal, select, splat
from ..lanes import evaluate
from ..sizes import Size, below
from .affine import Affine, Loop, Mod, Quotient, Read, Variable, Within, linear, strides
from .drawing import WORD, finished, words
from .loops import INDEX, Level, measured
from .views import Condition, Index
from .walk import Walk

__all__ = ["Emit"]


class Emit(Walk):
    """Writes code `here`, and what changes less often at outer `levels`.

    `lane` is the loop whose turns run side by side.

    `pointers` name each stored Value's memory.  `mask` says which lanes count; None means all.
    """

    def __init__(
        self,
        pointers: Mapping[Value, str],
        levels: Mapping[Loop, Level],
        root: Level,
        here: Level,
        lane: Loop | None = None,
        width: int = 1,
        mask: Lane | None = None,
        held: bool = False,
    ):
        super().__init__(pointers)
        self.pointers, self.levels, self.root, self.here = pointers, levels, root, here
        self.lane, self.width, self.mask = lane, width, mask
        self.held = held  # everything is computed here
        self.integers: dict[Any, Lane] = {}

    def level(self, loops: frozenset[Loop]) -> Level:
        """Where something that changes with `loops` is computed."""
        if self.held:
            return self.here
        return max((self.levels[loop] for loop in loops), key=depth, default=self.root)

    # Integers: a scalar is that of the first lane.

    def scalar(self, a: Affine) -> Lane:
        """`a` as one number, those terms first that change least."""
        if a not in self.integers:
            terms = [(self.variable(v), c) for v, c in a.terms.items()]
            terms.sort(key=lambda term: depth(term[0].code))
            total = measured(self.root, a.const)
            for x, c in terms:
                part = at_depth(x, x.code) * c if c != 1 else x
                total = combined(total, part)
            self.integers[a] = total
        return self.integers[a]

    def variable(self, v: Variable) -> Lane:
        if isinstance(v, Loop):
            position = self.levels[v].position
            assert position is not None
            return position
        if isinstance(v, Within):
            return self.scalar(v.whole)
        if v not in self.integers:
            if isinstance(v, (Quotient, Mod)):
                self.integers[v] = divided(self.scalar(v.whole), v)
            else:
                assert isinstance(v, Read)
                self.integers[v] = self.bounded(self.at(v.value, v.index), v.size)
        return self.integers[v]

    def vector(self, a: Affine) -> Lane:
        """`a` in every lane."""
        key = ("vector", a)
        if key not in self.integers:
            still = Affine({v: c for v, c in a.terms.items() if self.lane not in v.loops}, a.const)
            total = splat(self.scalar(still), self.width)
            for v, c in a.terms.items():
                if self.lane in v.loops:
                    total = combined(total, self.vector_variable(v) * c)
            self.integers[key] = total
        return self.integers[key]

    def vector_variable(self, v: Variable) -> Lane:
        key = ("vector", v)
        if key not in self.integers:
            if isinstance(v, Loop):
                first = splat(self.variable(v), self.width)
                found = first + counted(first.code, self.width)
            elif isinstance(v, Within):
                found = self.vector(v.whole)
            elif isinstance(v, (Quotient, Mod)):
                found = divided(self.vector(v.whole), v)
            else:
                assert isinstance(v, Read)
                found = self.bounded(splat(self.at(v.value, v.index), self.width), v.size)
            self.integers[key] = found
        return self.integers[key]

    def bounded(self, place: Lane, n: int) -> Lane:
        """A place as an index from 0 to before `n`: negative ones count from the end."""
        x = cast(place, INDEX)
        if place.dtype.kind == "i":
            x = select(x < 0, x + self.like(n, x), x)
        return self.within(x, n)

    def within(self, x: Lane, n: int) -> Lane:
        """An index brought into 0 to before `n`."""
        x = select(x < 0, 0, x)
        last = self.like(n - 1, x)
        return select(x < last, x, last)

    def like(self, n: int, x: Lane) -> Lane:
        """A size in every lane, for instructions where `x` is."""
        return at_depth(splat(measured(self.root, n), x.width), x.code)

    def condition(self, conditions: Sequence[Condition]) -> Lane | None:
        """Whether all conditions hold, in one Lane; None where they always do."""
        tests = []
        for where, low, high in conditions:
            least, most = where.bounds
            spread = self.lane is not None and self.lane in where.loops
            known = below(low - 1, least), below(most, high)
            if all(known):
                continue
            x = self.vector(where) if spread else self.scalar(where)
            tests += [] if known[0] else [x >= self.like(low, x)]
            tests += [] if known[1] else [x < self.like(high, x)]
        if not tests:
            return None
        return reduce(met, tests)

    # Elements.

    def read(self, v: Value, index: Index, conditions: tuple[Condition, ...]) -> Lane:
        offset = linear(index, strides(v.shape))
        spread = self.lane is not None and self.lane in offset.loops
        if not spread:
            return self.one(v, offset, guarded=bool(conditions))
        mask, held = self.mask, self.condition(conditions)
        if held is not None:
            held = splat(held, self.width)
            mask = held if mask is None else met(held, mask)
        if offset.along(self.lane) == 1:  # type: ignore[arg-type]
            return self.row(v, offset, mask)
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
        kind, code = llvm_type(v.dtype, self.width), self.deepest(offset, mask)
        place = self.address(v, offset, code)
        if mask is None:
            name = code.emit(f"load {kind}, ptr {place}, align {v.dtype.itemsize}")
        else:
            given = f"ptr align {v.dtype.itemsize} {place}, {mask.type} {mask.name}"
            name = code.emit(
                f"call {kind} @llvm.masked.load.{suffix(v.dtype, self.width)}.p0"
                f"({given}, {kind} zeroinitializer)"
            )
            code.module.declare(
                f"declare {kind} @llvm.masked.load.{suffix(v.dtype, self.width)}.p0"
                f"(ptr, <{self.width} x i1>, {kind})"
            )
        return from_memory(code, name, v.dtype, self.width)

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
            f"call {kind} @llvm.masked.gather.{ending}({given}, {kind} zeroinitializer)"
        )
        code.module.declare(
            f"declare {kind} @llvm.masked.gather.{ending}(<{w} x ptr>, <{w} x i1>, {kind})"
        )
        return from_memory(code, name, v.dtype, w)

    def deepest(self, offset: Affine, mask: Lane | None) -> Level:
        """Where both a place and a mask are known."""
        code = self.level(offset.loops)
        return code if mask is None else max((code, mask.code), key=depth)  # type: ignore

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

    def number(self, v: Value) -> Lane:
        assert v.saved is not None
        return literal(self.root, v.saved.reshape(-1)[0], v.dtype)

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
        if not spread or offset.along(self.lane) == 1:  # type: ignore[arg-type]
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
    even = all(c % WORDS == 0 for c in (width, lane.even, number.const, *rest))
    return even and number.along(lane) == 1


def depth(code: Any) -> int:
    return code.depth


def at_depth(x: Lane, code: Any) -> Lane:
    """`x` for instructions that stand in `code`, which is no less deep."""
    return x if x.code is code else Lane(code, x.name, x.dtype, x.width, x.value)


def combined(x: Lane, y: Lane) -> Lane:
    """`x + y`, computed at the deeper of their places."""
    if x.value == 0 and x.dtype == INDEX:
        return y
    code = max((x.code, y.code), key=depth)
    return at_depth(x, code) + at_depth(y, code)


def met(x: Lane, y: Lane) -> Lane:
    """Whether both hold, computed at the deeper of their places."""
    code = max((x.code, y.code), key=depth)
    return at_depth(x, code) & at_depth(y, code)


def divided(x: Lane, v: Quotient | Mod) -> Lane:
    verb = "udiv" if isinstance(v, Quotient) else "urem"
    n = literal(x.code, v.n, INDEX, x.width)
    return x.like(f"{verb} {x.type} {x.name}, {n.name}")


def counted(code: Any, width: int) -> Lane:
    """0, 1, 2 ... in the lanes."""
    listed = ", ".join(f"i64 {k}" for k in range(width))
    return Lane(code, f"<{listed}>", INDEX, width)


def suffix(dtype: np.dtype, width: int) -> str:
    one = f"{'f' if dtype.kind == 'f' else 'i'}{8 * dtype.itemsize}"
    return f"v{width}{one}"


def from_memory(code: Any, name: str, dtype: np.dtype, width: int) -> Lane:
    """What was loaded as a Lane; a bool is a byte in memory."""
    if dtype != BOOL:
        return Lane(code, name, dtype, width)
    return Lane(code, name, np.dtype("uint8"), width) != 0


def to_memory(x: Lane, width: int) -> Lane:
    """`x` as it is stored, `width` of them."""
    x = splat(x, width)
    if x.dtype != BOOL:
        return x
    kind = llvm_type(np.dtype("uint8"), width)
    name = x.code.emit(f"zext {lane_type(BOOL, width)} {x.name} to {kind}")
    return Lane(x.code, name, np.dtype("uint8"), width)
