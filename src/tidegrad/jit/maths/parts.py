"""Floor 6. What the vector maths is made of: fused products, polynomials, a float's parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..lane import Lane, Operand, cast, lane_type, same, select, suffix

__all__ = ["DOUBLE", "SINGLE", "bits_of", "float_of", "fma", "format_of", "intrinsic", "polynomial"]
__all__ += ["product", "split", "two_to_the"]

SINGLE, DOUBLE = np.dtype("f4"), np.dtype("f8")
FLOAT: dict[int, np.dtype] = {4: SINGLE, 8: DOUBLE}
INTEGER: dict[int, np.dtype] = {4: np.dtype("i4"), 8: np.dtype("i8")}


class Format(NamedTuple):
    """A float's layout: bits of its fraction, bias of its exponent, bits of sqrt(1/2)."""

    digits: int
    bias: int
    root_half: int
    tiny: float

    @property
    def one_and_a_half(self) -> float:
        """Added to a number it leaves the nearest whole number in the last bits."""
        return 1.5 * 2.0**self.digits


FORMATS = {
    4: Format(23, 127, 0x3F3504F3, 2.0**-126),
    8: Format(52, 1023, 0x3FE6A09E667F3BCD, 2.0**-1022),
}


def intrinsic(name: str, *given: Lane) -> Lane:
    """One of LLVM's functions that every target has as an instruction or a few."""
    x = given[0]
    listed = ", ".join(f"{y.type} {y.name}" for y in given)
    return x.like(f"call {x.type} @llvm.{name}.{suffix(x)}({listed})")


def bits_of(x: Lane) -> Lane:
    """The bits of a float, as a signed integer."""
    dtype = INTEGER[x.dtype.itemsize]
    return x.like(f"bitcast {x.type} {x.name} to {lane_type(dtype, x.width)}", dtype)


def float_of(x: Lane) -> Lane:
    """The float that has these bits."""
    dtype = FLOAT[x.dtype.itemsize]
    return x.like(f"bitcast {x.type} {x.name} to {lane_type(dtype, x.width)}", dtype)


def format_of(x: Lane) -> Format:
    return FORMATS[x.dtype.itemsize]


def fma(x: Operand, y: Operand, z: Operand) -> Lane:
    """x * y + z, rounded once where the target can."""
    x, y, z = same(x, y, z)
    return intrinsic("fma", x, y, z) if x.code.module.fma else x * y + z


def polynomial(x: Lane, table: Mapping[int, Sequence[float]]) -> Lane:
    """By Horner's rule, with the coefficients for this dtype, constant term first."""
    highest, *lower = reversed(table[x.dtype.itemsize])
    total = x.full(highest)
    for c in lower:
        total = fma(total, x, c)
    return total


def product(x: Lane, y: Lane) -> tuple[Lane, Lane]:
    """x * y as a rounded product and its error; float64."""
    high = x * y
    if x.code.module.fma:
        return high, intrinsic("fma", x, y, -high)
    x1, y1 = (float_of(bits_of(z) & -(1 << 27)) for z in (x, y))
    x2, y2 = x - x1, y - y1
    return high, ((x1 * y1 - high) + x1 * y2 + x2 * y1) + x2 * y2


def two_to_the(biased: Lane, digits: int) -> Lane:
    """2**e, from e + bias in the last bits of an integer."""
    return float_of(biased << digits)


def split(x: Lane, subnormal: bool = True) -> tuple[Lane, Lane]:
    """`x` > 0 is m * 2**e: m from sqrt(1/2) to sqrt(2), and e, a float."""
    digits, _, root, tiny = format_of(x)
    scaled = x
    if subnormal:
        small = x < tiny
        scaled = select(small, x * 2.0**digits, x)
    bits = bits_of(scaled) - root
    e = cast(bits >> digits, x.dtype)
    if subnormal:
        e = select(small, e - digits, e)
    return float_of((bits & ((1 << digits) - 1)) + root), e
