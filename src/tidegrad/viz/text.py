"""Floor 7. Text in pictures: made harmless, kept short, measured; and arrays in a few words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

import numpy as np

__all__ = ["clean", "common", "coordinate", "plain", "short", "summary", "width"]

LONGEST = 44


def plain(text: str) -> str:
    """`text` with everything that does not print (control, direction, surrogate) spelled out."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def clean(text: str) -> str:
    """`text` as XML may hold it."""
    return escape(plain(text), {'"': "&quot;"})


def coordinate(number: float) -> str:
    """A coordinate as text: a tenth of a pixel is fine enough."""
    return f"{round(number, 1) + 0.0:.1f}".removesuffix(".0")  # + 0.0: no -0


def short(text: str, longest: int = LONGEST) -> str:
    """`text`, its middle left out where it is longer than a box should be wide."""
    if len(text) <= longest:
        return text
    half = (longest - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


# Widths in parts of the font size, no less than those of DejaVu Sans, the widest of the usual
# fonts: whatever font the viewer has, the text fits.
WIDTHS = dict.fromkeys(" .,:;'|!ijlI", 0.41) | dict.fromkeys('()[]frt/\\"-', 0.53)
WIDTHS |= dict.fromkeys("mwMWQ@%&+<>=~^#×−…_æœ", 1.01)
WIDTHS |= dict.fromkeys("ÆŒ", 1.1)
BOLDER = 1.12


def width(text: str, size: float, bold: bool = False) -> float:
    """At most how wide `text` is, in a sans-serif font of this size."""
    total = 0.0
    for c in text:
        if c in WIDTHS:
            total += WIDTHS[c]
        elif c < "\u0250":
            total += 0.79 if c.isupper() else 0.66
        elif not unicodedata.combining(c):
            total += 1.3 if unicodedata.east_asian_width(c) in "WF" else 1.05
    return total * size * (BOLDER if bold else 1)


def summary(value: Any) -> str:
    """An array in a few words: its elements where they are few, else how far they reach.

    >>> from tidegrad.viz.text import summary
    >>> summary(np.array([1.0, 2.5])), summary(np.arange(100.0))
    ('[1, 2.5]', '0 to 99, mean 49.5')
    """
    array = np.asarray(value)
    if array.size == 0:
        return "empty"
    if array.size == 1:
        return number(array.reshape(())[()])
    if array.ndim == 1 and array.size <= 4:
        return f"[{', '.join(map(number, array))}]"
    if array.dtype.kind == "b":
        return f"{np.count_nonzero(array):,} of {array.size:,} true"
    if array.dtype.kind not in "iuf":
        return f"{array.size:,} elements"
    finite = array[np.isfinite(array)]
    lost = f"{array.size - finite.size:,} not finite"
    if not finite.size:
        return lost
    mean = finite.mean(dtype=np.longdouble)
    text = f"{number(finite.min())} to {number(finite.max())}, mean {number(mean)}"
    return text if finite.size == array.size else f"{text}, {lost}"


def number(x: Any) -> str:
    if isinstance(x, bool | np.bool_):
        return str(bool(x))
    return f"{x:.4g}" if np.asarray(x).dtype.kind == "f" else str(x)


def common(texts: Sequence[str]) -> str:
    """One text for many: the same, or with the one number in which they differ as a range.

    >>> from tidegrad.viz.text import common
    >>> common(["layers.0.bias", "layers.1.bias", "layers.2.bias"])
    'layers.0…2.bias'
    """
    first, last = texts[0], texts[-1]
    if all(text == first for text in texts):
        return first
    parts = [re.split(r"(\d+)", text) for text in texts]
    start, end = parts[0], parts[-1]
    if len(start) == len(end):
        differ = [k for k, (a, b) in enumerate(zip(start, end, strict=True)) if a != b]
        rest = {(*p[: differ[0]], *p[differ[0] + 1 :]) for p in parts} if differ else set()
        if len(rest) == 1 and differ[0] % 2:
            start[differ[0]] += f"…{end[differ[0]]}"
            return "".join(start)
    return f"{first} … {last}" if first and last and first != last else f"{first or last} …"
