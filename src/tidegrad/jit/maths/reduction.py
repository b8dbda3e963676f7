"""Floor 6. Large angles: |x| = n pi / 2 + r in integers, after Payne and Hanek.

With |x| = m 2**k and m of 53 bits, only 192 bits of 2 / pi matter for |x| / (pi / 2) modulo 4:
those before give multiples of 4, those behind too little to see.  Their product with m is a
fraction of 128 bits, of which the first two say n modulo 4.
"""

from __future__ import annotations

from ..ir import Code, Module
from ..lane import Lane, lane_type, select, suffix
from .routine import anywhere

__all__ = ["reduced_far"]

# floor(2 / pi * 2**1280), after 64 zeros.
TWO_OVER_PI = int(
    "A2F9836E4E441529FC2757D1F534DDC0DB6295993C439041FE5163ABDEBBC561B7246E3A424DD2E0"
    "06492EEA09D1921CFE1DEB1CB129A73EE88235F52EBB4484E99C7026B45F7E413991D639835339F4"
    "9C845F8BBDF9283B1FF897FFDE05980FEF2F118B5A0A6D1F6D367ECF27CB09B74F463F669E5FEA2D"
    "7527BAC7EBE5F17B3D0739F78A5292EA6BFB5FB11F8D5D0856033046FC7B6BABF0CFBC209AF4361D",
    16,
)
WORDS = [TWO_OVER_PI >> 64 * (20 - k) & (1 << 64) - 1 for k in range(21)]
TABLE = f"@tg.two_over_pi = internal constant [21 x i64] [{', '.join(f'i64 {w}' for w in WORDS)}]"

# The window begins at bit k - 2, and the table 64 bits before the point: k + 62 is e - 1013.
ONE = """
  %bits = bitcast double %x to i64
  %fraction = and i64 %bits, 4503599627370495
  %mantissa = or i64 %fraction, 4503599627370496
  %m = zext i64 %mantissa to i128
  %biased = lshr i64 %bits, 52
  %moved = sub i64 %biased, 1013
  %place = call i64 @llvm.smax.i64(i64 %moved, i64 0)
  %word = lshr i64 %place, 6
  %shift = and i64 %place, 63
  %p0 = getelementptr i64, ptr @tg.two_over_pi, i64 %word
  %p1 = getelementptr i64, ptr %p0, i64 1
  %p2 = getelementptr i64, ptr %p0, i64 2
  %p3 = getelementptr i64, ptr %p0, i64 3
  %t0 = load i64, ptr %p0
  %t1 = load i64, ptr %p1
  %t2 = load i64, ptr %p2
  %t3 = load i64, ptr %p3
  %w0 = call i64 @llvm.fshl.i64(i64 %t0, i64 %t1, i64 %shift)
  %w1 = call i64 @llvm.fshl.i64(i64 %t1, i64 %t2, i64 %shift)
  %w2 = call i64 @llvm.fshl.i64(i64 %t2, i64 %t3, i64 %shift)
  %high = mul i64 %mantissa, %w0
  %high.wide = zext i64 %high to i128
  %high.placed = shl i128 %high.wide, 64
  %w1.wide = zext i64 %w1 to i128
  %middle = mul i128 %m, %w1.wide
  %w2.wide = zext i64 %w2 to i128
  %low = mul i128 %m, %w2.wide
  %low.placed = lshr i128 %low, 64
  %sum = add i128 %high.placed, %middle
  %turns = add i128 %sum, %low.placed
  %rounded = add i128 %turns, 42535295865117307932921825928971026432
  %quadrant = lshr i128 %rounded, 126
  %n = trunc i128 %quadrant to i64
  %whole = shl i128 %quadrant, 126
  %rest = sub i128 %turns, %whole
  %size = call i128 @llvm.abs.i128(i128 %rest, i1 false)
  %zeros = call i128 @llvm.ctlz.i128(i128 %size, i1 false)
  %by = and i128 %zeros, 127
  %full = shl i128 %size, %by
  %top.wide = lshr i128 %full, 64
  %top = trunc i128 %top.wide to i64
  %float = uitofp i64 %top to double
  %by.short = trunc i128 %by to i64
  %exponent = sub i64 961, %by.short
  %scale.bits = shl i64 %exponent, 52
  %scale = bitcast i64 %scale.bits to double
  %turn = fmul double %float, %scale
  %angle = fmul double %turn, 0x3FF921FB54442D18
  %opposite = fneg double %angle
  %below = icmp slt i128 %rest, 0
  %signed = select i1 %below, double %opposite, double %angle
  %finite = icmp ult i64 %biased, 2047
  %r = select i1 %finite, double %signed, double 0x7FF8000000000000
  %pair = insertvalue {double, i64} poison, double %r, 0
  %result = insertvalue {double, i64} %pair, i64 %n, 1
  ret {double, i64} %result"""


def reduced_far(a: Lane, far: Lane, r: Lane, n: Lane) -> tuple[Lane, Lane]:
    """`r` and `n`, computed anew in integers where `far`; a branch passes this by where none is."""
    code = a.code
    before, away, done = code.block, code.label("far"), code.label("near")
    code.line(f"br i1 {anywhere(far).name}, label %{away}, label %{done}")
    code.place(away)
    pair = f"{{{r.type}, {n.type}}}"
    both = code.emit(f"call {pair} @{each(code.module, a, n)}({a.type} {a.name})")
    r1, n1 = (x.like(f"extractvalue {pair} {both}, {k}") for k, x in enumerate((r, n)))
    r1, n1 = select(far, r1, r), select(far, n1, n)
    code.line(f"br label %{done}")
    code.place(done)
    return (
        r.like(f"phi {r.type} [ {r.name}, %{before} ], [ {r1.name}, %{away} ]"),
        n.like(f"phi {n.type} [ {n.name}, %{before} ], [ {n1.name}, %{away} ]"),
    )


def each(module: Module, a: Lane, n: Lane) -> str:
    """The name of a function that reduces the numbers of a Lane one by one."""
    name = f"tg.reduced_far.{suffix(a)}"
    if name not in module.functions:
        single(module)
        pair = f"{{{a.type}, {n.type}}}"
        code = internal(module, name, pair, a.type)
        angles, turns = "poison", "poison"
        for k in range(a.width):
            r, m = one(code, a, k)
            if a.width == 1:
                angles, turns = r, m
            else:
                one_r, one_n = lane_type(a.dtype, 1), lane_type(n.dtype, 1)
                angles = code.emit(f"insertelement {a.type} {angles}, {one_r} {r}, i64 {k}")
                turns = code.emit(f"insertelement {n.type} {turns}, {one_n} {m}, i64 {k}")
        first = code.emit(f"insertvalue {pair} poison, {a.type} {angles}, 0")
        both = code.emit(f"insertvalue {pair} {first}, {n.type} {turns}, 1")
        code.line(f"ret {pair} {both}")
    return name


def one(code: Code, a: Lane, k: int) -> tuple[str, str]:
    """r and n of the number in place `k`."""
    x = "%x" if a.width == 1 else code.emit(f"extractelement {a.type} %x, i64 {k}")
    short = a.dtype.itemsize == 4
    if short:
        x = code.emit(f"fpext float {x} to double")
    both = code.emit(f"call {{double, i64}} @tg.reduced_far(double {x})")
    r = code.emit(f"extractvalue {{double, i64}} {both}, 0")
    m = code.emit(f"extractvalue {{double, i64}} {both}, 1")
    if short:
        r = code.emit(f"fptrunc double {r} to float")
        m = code.emit(f"trunc i64 {m} to i32")
    return r, m


def single(module: Module) -> None:
    if "tg.reduced_far" not in module.functions:
        module.declare(TABLE)
        code = internal(module, "tg.reduced_far", "{double, i64}", "double")
        code.lines.append(ONE)


def internal(module: Module, name: str, result: str, parameter: str) -> Code:
    attributes = "nounwind noinline cold"
    return module.function(name, result, [(parameter, "%x")], attributes, linkage="internal")
