"""Floor 7. Text in pictures: made harmless, kept short, and measured."""

from __future__ import annotations

__all__ = ["plain", "short", "width"]

# Widths in parts of the font size, no less than those of DejaVu Sans, the widest usual font.
NARROW, WIDE = " .,:;'|!ijlIf()[]/\\-", "mwMWQ@%&+<>=~^#×_ÆŒæœ"


def plain(text: str) -> str:
    """`text` with everything that does not print (control, direction, surrogate) spelled out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def short(text: str, longest: int = 44) -> str:
    """`text`, its middle left out where it is longer than a box should be wide."""
    half = (longest - 1) // 2
    return text if len(text) <= longest else f"{text[:half]}…{text[-half:]}"


def width(text: str, size: float, bold: bool = False) -> float:
    """At most how wide `text` is in a font of this size."""
    total = 0.0
    for c in text:
        if c in NARROW:
            total += 0.41
        elif c in WIDE or c > "\u024f":
            total += 1.1
        else:
            total += 0.79 if c.isupper() else 0.66
    return total * size * (1.12 if bold else 1)
