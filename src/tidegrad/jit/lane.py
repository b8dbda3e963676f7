"""Floor 6. Lane: a number, or a vector of them, in generated code."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from ..dtypes import floating, promote
from ..errors import DTypeError
from .ir import Code, llvm_type
from .sizes import plain

__all__ = ["BOOL", "Lane", "Operand", "cast", "literal", "same", "select", "splat", "truth"]

BOOL = np.dtype(bool)
ORDERED = {"eq": "oeq", "ne": "une", "lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge"}
MIRRORED = {"eq": "eq", "ne": "ne", "lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}


class Lane:
    """A number, or a vector of `width` of them; operators append instructions to `code`.

    Python numbers are weak, as everywhere; a scalar that meets a vector is spread over it.
    `value` is the number itself where it is known already, else None.
    """

    __slots__ = ("code", "dtype", "name", "value", "width")
    __hash__ = None  # type: ignore[assignment]  # == compares the numbers

    def __init__(self, code: Code, name: str, dtype: np.dtype, width: int = 1, value: Any = None):
        self.code, self.name, self.dtype, self.width, self.value = code, name, dtype, width, value

    @property
    def type(self) -> str:
        return lane_type(self.dtype, self.width)

    def __repr__(self) -> str:
        return f"Lane({self.type} {self.name})"

    def like(self, text: str, dtype: np.dtype | None = None) -> Lane:
        """The Lane of an instruction, as wide as this one; a block computes nothing twice."""
        known = self.code.known
        if text not in known:
            known[text] = self.code.emit(text)
        return Lane(self.code, known[text], dtype or self.dtype, self.width)

    def full(self, value: Any) -> Lane:
        """A known number of this dtype, as wide as this one."""
        return literal(self.code, value, self.dtype, self.width)

    def __add__(self, other: Operand) -> Lane:
        return arithmetic("add", self, other)

    def __radd__(self, other: Operand) -> Lane:
        return arithmetic("add", other, self)

    def __sub__(self, other: Operand) -> Lane:
        return arithmetic("sub", self, other)

    def __rsub__(self, other: Operand) -> Lane:
        return arithmetic("sub", other, self)

    def __mul__(self, other: Operand) -> Lane:
        return arithmetic("mul", self, other)

    def __rmul__(self, other: Operand) -> Lane:
        return arithmetic("mul", other, self)

    def __truediv__(self, other: Operand) -> Lane:
        return divided(self, other)

    def __rtruediv__(self, other: Operand) -> Lane:
        return divided(other, self)

    def __and__(self, other: Operand) -> Lane:
        return bitwise("and", self, other)

    def __or__(self, other: Operand) -> Lane:
        return bitwise("or", self, other)

    def __xor__(self, other: Operand) -> Lane:
        return bitwise("xor", self, other)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __lshift__(self, other: Operand) -> Lane:
        return shifted("shl", self, other)

    def __rlshift__(self, other: Operand) -> Lane:
        return shifted("shl", other, self)

    def __rshift__(self, other: Operand) -> Lane:
        return shifted("shr", self, other)

    def __rrshift__(self, other: Operand) -> Lane:
        return shifted("shr", other, self)

    def __invert__(self) -> Lane:
        ones = {"b": 1, "i": -1, "u": (1 << 8 * self.dtype.itemsize) - 1}
        return bitwise("xor", self, self.full(ones[self.dtype.kind]))

    def __neg__(self) -> Lane:
        if self.dtype.kind == "f":
            return self.like(f"fneg {self.type} {self.name}")
        return arithmetic("sub", 0, self) if self.dtype != BOOL else arithmetic("sub", self, self)

    def __abs__(self) -> Lane:
        if self.dtype.kind == "f":
            return self.like(f"call {self.type} @llvm.fabs.{suffix(self)}({self.type} {self.name})")
        if self.dtype.kind == "i":
            given = f"{self.type} {self.name}, i1 false"
            return self.like(f"call {self.type} @llvm.abs.{suffix(self)}({given})")
        return self

    def __eq__(self, other: Operand) -> Lane:  # type: ignore[override]  # an instruction
        return compared("eq", self, other)

    def __ne__(self, other: Operand) -> Lane:  # type: ignore[override]  # likewise
        return compared("ne", self, other)

    def __lt__(self, other: Operand) -> Lane:
        return compared("lt", self, other)

    def __le__(self, other: Operand) -> Lane:
        return compared("le", self, other)

    def __gt__(self, other: Operand) -> Lane:
        return compared("gt", self, other)

    def __ge__(self, other: Operand) -> Lane:
        return compared("ge", self, other)


Operand = Lane | bool | int | float


def lane_type(dtype: np.dtype, width: int) -> str:
    if dtype.kind != "b":
        return llvm_type(dtype, width)
    return "i1" if width == 1 else f"<{width} x i1>"


def suffix(x: Lane) -> str:
    """How the names of LLVM's intrinsics end for numbers like `x`."""
    one = f"{'f' if x.dtype.kind == 'f' else 'i'}{8 * x.dtype.itemsize}"
    return one if x.width == 1 else f"v{x.width}{one}"


def literal(code: Code, value: Any, dtype: np.dtype, width: int = 1) -> Lane:
    """A number that is known now, exact in every dtype; OverflowError where it does not fit."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            value = float(dtype.type(plain(value)))
        text = f"0x{struct.pack('>d', value).hex()}"
    else:
        value = bool(value) if dtype.kind == "b" else int(dtype.type(plain(value)))
        text = str(value).lower()
    if width > 1:
        text = f"splat ({lane_type(dtype, 1)} {text})"
    return Lane(code, text, dtype, width, value)


def splat(x: Lane, width: int) -> Lane:
    """`x` in each of `width` places."""
    if x.width == width:
        return x
    if x.value is not None:
        return literal(x.code, x.value, x.dtype, width)
    kind = lane_type(x.dtype, width)
    first = x.code.emit(f"insertelement {kind} poison, {x.type} {x.name}, i64 0")
    zero = f"<{width} x i32> zeroinitializer"
    name = x.code.emit(f"shufflevector {kind} {first}, {kind} poison, {zero}")
    return Lane(x.code, name, x.dtype, width)


def cast(x: Lane, dtype: np.dtype) -> Lane:
    """`x` in another dtype as NumPy's astype converts; what does not fit gives any number."""
    given = x.dtype
    if given == dtype:
        return x
    if dtype == BOOL:
        return x != 0
    if x.value is not None and (given.kind != "f" or dtype.kind == "f"):
        wrapped = x.value if dtype.kind == "f" else np.array(x.value, given).astype(dtype)[()]
        return literal(x.code, wrapped, dtype, x.width)
    small = dtype.kind in "iu" and dtype.itemsize < 8 and (dtype.itemsize < 4 or dtype.kind == "u")
    if given.kind == "f" and small:  # by way of a wider integer, as C compilers do
        return cast(cast(x, np.dtype("i8" if dtype.itemsize == 4 else "i4")), dtype)
    result = x.like(f"{conversion(given, dtype)} {x.type} {x.name} to {lane_type(dtype, x.width)}")
    result.dtype = dtype
    if given.kind == "f" and dtype.kind != "f":  # any number, but always the same one
        return result.like(f"freeze {result.type} {result.name}")
    return result


def conversion(given: np.dtype, dtype: np.dtype) -> str:
    if given.kind == dtype.kind == "f":
        return "fpext" if dtype.itemsize > given.itemsize else "fptrunc"
    if dtype.kind == "f":
        return "sitofp" if given.kind == "i" else "uitofp"
    if given.kind == "f":
        return "fptosi" if dtype.kind == "i" else "fptoui"
    if dtype.itemsize == given.itemsize and given.kind != "b":
        return "bitcast"
    wider = dtype.itemsize > given.itemsize or given.kind == "b"
    return ("sext" if given.kind == "i" else "zext") if wider else "trunc"


def same(*given: Operand, dtype: np.dtype | None = None) -> list[Lane]:
    """Lanes of one dtype, the promoted one if none is named, and of one width."""
    lanes = [x for x in given if isinstance(x, Lane)]
    dtype = dtype or promote(*(x.dtype if isinstance(x, Lane) else type(x) for x in given))
    code, width = lanes[0].code, max(x.width for x in lanes)
    return [
        splat(cast(x, dtype), width) if isinstance(x, Lane) else literal(code, x, dtype, width)
        for x in given
    ]


def arithmetic(verb: str, x: Operand, y: Operand) -> Lane:
    """A sum, difference or product; of bools, `or` and `and`."""
    x, y = same(x, y)
    if x.dtype.kind == "f":
        verb = f"f{verb} contract" if x.code.contract else "f" + verb
    elif x.dtype.kind == "b":
        if verb == "sub":
            raise DTypeError("subtract, negative: not defined for bool; use ^ or logical_not")
        verb = {"add": "or", "mul": "and"}[verb]
    return x.like(f"{verb} {x.type} {x.name}, {y.name}")


def divided(x: Operand, y: Operand) -> Lane:
    x, y = same(x, y)
    x, y = same(x, y, dtype=floating(x.dtype))
    return x.like(f"fdiv {x.type} {x.name}, {y.name}")


def bitwise(verb: str, x: Operand, y: Operand) -> Lane:
    x, y = same(x, y)
    return x.like(f"{verb} {x.type} {x.name}, {y.name}")


def shifted(verb: str, x: Operand, y: Operand) -> Lane:
    """By too much, or by a negative number, everything is shifted out."""
    x, y = same(x, y)
    if x.dtype == BOOL:
        x, y = same(x, y, dtype=np.dtype("i1"))
    bits = 8 * x.dtype.itemsize
    right = {"i": "ashr", "u": "lshr"}[x.dtype.kind]
    verb = right if verb == "shr" else "shl"
    if y.value is not None and 0 <= y.value < bits:
        return x.like(f"{verb} {x.type} {x.name}, {y.name}")
    fits = y.like(
        f"icmp ult {y.type} {y.name}, {literal(y.code, bits, y.dtype, y.width).name}", BOOL
    )
    if verb == "ashr":
        y = select(fits, y, bits - 1)
        return x.like(f"ashr {x.type} {x.name}, {y.name}")
    return select(fits, x.like(f"{verb} {x.type} {x.name}, {y.name}"), 0)


def compared(test: str, x: Lane, y: Operand) -> Lane:
    """Mixed dtypes are compared exactly, or as floats where one of them is a float."""
    if isinstance(y, Lane) and {x.dtype.kind, y.dtype.kind} == {"i", "u"}:
        if x.dtype.kind == "u":
            return compared(MIRRORED[test], y, x)
        wide = np.result_type(x.dtype, y.dtype)
        if wide.kind == "f":  # int64 with uint64
            x, y = same(x, y, dtype=y.dtype)
            below = compared("lt", cast(x, np.dtype("i8")), 0)
            return select(below, test in ("ne", "lt", "le"), compared(test, x, y))
    x, y = same(x, y, dtype=np.result_type(x.dtype, y.dtype) if isinstance(y, Lane) else None)
    if x.dtype.kind == "f":
        condition = "fcmp " + ORDERED[test]
    else:
        order = "" if test in ("eq", "ne") else "s" if x.dtype.kind == "i" else "u"
        condition = f"icmp {order}{test}"
    return x.like(f"{condition} {x.type} {x.name}, {y.name}", BOOL)


def truth(x: Operand) -> Lane | bool:
    """Whether `x` is not zero."""
    return cast(x, BOOL) if isinstance(x, Lane) else bool(x)


def select(condition: Operand, x: Operand, y: Operand) -> Lane:
    """`x` where the condition is not zero, else `y`."""
    condition = truth(condition)
    if not isinstance(condition, Lane):
        return same(x, y)[not condition]
    if not isinstance(x, Lane) and not isinstance(y, Lane):
        dtype = promote(type(x), type(y))
        x = literal(condition.code, x, dtype, condition.width)
    x, y = same(x, y)
    width = max(condition.width, x.width)
    x, y = splat(x, width), splat(y, width)
    choice = f"{condition.type} {condition.name}, {x.type} {x.name}, {y.type} {y.name}"
    return x.like(f"select {choice}")
