"""Floor 6. Drawing: random words by counting, each from its own number, in generated code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...abstract import Value
from ...ops.philox import WORDS, bell, below, bits, blocks_of, unit
from ...special import FAR, LOG2_HIGH, LOG2_LOW, LOGARITHM, MIDDLE, ROOT_HALF, TAIL
from ..lane import Lane, cast, lane_type, select, splat
from ..maths.exact import copysign, sqrt
from ..maths.parts import bits_of, float_of
from ..maths.routine import routine
from ..sizes import Size
from .loops import measured
from .shuffling import shuffled

__all__ = ["WORD", "finished", "words"]

WORD, DOUBLE = np.dtype("uint64"), np.dtype("float64")
ROUNDS = 10
# Philox4x64: the factors of a round, and by how much the key grows from one to the next.
FACTORS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
STEPS = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
HALF = 2**32 - 1


def product(x: Lane, n: int) -> tuple[Lane, Lane]:
    """The upper and the lower word of `x * n`, by halves; no partial sum exceeds 64 bits."""
    low, high = x & HALF, x >> 32
    first = low * (n & HALF)
    middle = high * (n & HALF) + (first >> 32)
    other = low * (n >> 32) + (middle & HALF)
    upper = high * (n >> 32) + (middle >> 32) + (other >> 32)
    return upper, (other << 32) | (first & HALF)


def block(number: Lane, key: Sequence[Lane]) -> list[Lane]:
    """The four words of a block, one block in each lane."""
    k0, k1 = key
    zero = number.full(0)
    c = [number, zero, zero, zero]
    for turn in range(ROUNDS):
        (high0, low0), (high1, low1) = product(c[0], FACTORS[0]), product(c[2], FACTORS[1])
        c = [high1 ^ c[1] ^ k0, low1, high0 ^ c[3] ^ k1, low0]
        if turn + 1 < ROUNDS:
            k0, k1 = k0 + STEPS[0], k1 + STEPS[1]
    return c


def words(v: Value, key: Sequence[Lane], end: Lane, number: Lane, whole: int) -> Lane:
    """The words of a draw with these numbers.

    `whole`: so many of them, from `number` on, which are whole blocks.
    """
    first = end - blocks(v.size, end.code) + 1
    at = (number >> 2) + first
    if whole:
        listed = ", ".join(f"i64 {k}" for k in range(whole // WORDS))
        count = Lane(at.code, f"<{listed}>", WORD, whole // WORDS)
        at = at + count if count.width > 1 else at
        return woven(block(at, [splat(k, at.width) for k in key]))
    found = block(at, [splat(k, at.width) for k in key])
    place = number & 3
    low = select(place == 0, found[0], found[1])
    high = select(place == 2, found[2], found[3])
    return select(place < 2, low, high)


def blocks(count: int, code: Any) -> Lane | int:
    """How many blocks so many words are."""
    if not isinstance(count, Size):
        return blocks_of(count)
    return cast(measured(code, count + (WORDS - 1)), WORD) >> 2


def woven(found: Sequence[Lane]) -> Lane:
    """The first lanes of four vectors, then the second ones, and so on."""
    n = found[0].width
    first, last = (joined(found[k], found[k + 1], range(2 * n)) for k in (0, 2))
    return joined(first, last, [k * n + lane for lane in range(n) for k in range(4)])


def joined(x: Lane, y: Lane, places: Sequence[int]) -> Lane:
    """The lanes of both at some places; two numbers are joined in order."""
    if x.width == 1:
        kind = lane_type(x.dtype, 2)
        first = x.code.emit(f"insertelement {kind} poison, {x.type} {x.name}, i64 0")
        both = x.code.emit(f"insertelement {kind} {first}, {y.type} {y.name}, i64 1")
        return Lane(x.code, both, x.dtype, 2)
    return shuffled(x, places, y)


def as_unit(made: Lane, dtype: np.dtype) -> Lane:
    kept = 24 if dtype == np.float32 else 53
    whole = made >> (64 - kept)
    return cast(cast(whole, np.dtype("int32")) if kept < 32 else whole, dtype) * 2.0**-kept


def as_bell(made: Lane, dtype: np.dtype) -> Lane:
    part = (cast(made >> 12, DOUBLE) + 0.5) * 2.0**-52
    return cast(routine(quantile, part), dtype)


def as_below(made: Lane, dtype: np.dtype, *, low: int, count: int) -> Lane:
    if count < 2**64:
        made = product(made, count)[0]
    return cast(made + low % 2**64, dtype)


def polynomial(coefficients: Sequence[float], x: Lane) -> Lane:
    """Horner's rule, highest power first."""
    total = x * coefficients[0]
    for c in coefficients[1:-1]:
        total = (total + c) * x
    return total + coefficients[-1]


def ratio(pair: Sequence[Sequence[float]], r: Lane) -> Lane:
    return polynomial(pair[0], r) / polynomial(pair[1], r)


def quantile(p: Lane) -> Lane:
    """The inverse of the normal distribution function, operation by operation special's own."""
    q = p - 0.5
    r = 0.180625 - q * q
    middle = polynomial(MIDDLE[0], r) * q / polynomial(MIDDLE[1], r)
    root = sqrt(-logarithm(select(q < 0, p, 1.0 - p)))
    found = select(root > 5.0, ratio(FAR, root - 5.0), ratio(TAIL, root - 1.6))
    return select(abs(q) > 0.425, copysign(found, q), middle)


def logarithm(x: Lane) -> Lane:
    """The natural logarithm of a normal number, special's own too."""
    raw = bits_of(x)
    exponent = (raw >> 52) - 1022
    mantissa = float_of((raw & (2**52 - 1)) | (1022 << 52))
    low = mantissa < ROOT_HALF
    f = select(low, mantissa, 0.0) + mantissa - 1.0
    e = cast(select(low, exponent - 1, exponent), DOUBLE)
    s = f / (f + 2.0)
    w = s * s
    half = f * 0.5 * f
    s = s * (polynomial(LOGARITHM, w) * w + half) + e * LOG2_LOW
    return e * LOG2_HIGH - (half - s - f)


DRAWS: dict[Any, Callable[..., Lane]] = {
    bits: lambda made, dtype: made,
    unit: as_unit,
    bell: as_bell,
    below: as_below,
}


def finished(v: Value, made: Lane) -> Lane:
    """A draw's numbers, from the words for them."""
    params = {name: x for name, x in v.params.items() if name != "shape"}
    return DRAWS[v.prim](made, **params)
