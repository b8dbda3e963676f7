"""Floor 7. Colours by kind: fill and outline, for the same light ground in any theme."""

from __future__ import annotations

__all__ = ["COLOURS", "GREY", "GROUND", "INK", "LABELS", "colours"]

INK, GREY, GROUND = "#1f2733", "#5b6675", "#ffffff"

COLOURS = {
    "leaf": ("#fff1c2", "#d39b1f"),
    "constant": ("#f6f7f9", "#c9d0d9"),
    "elementwise": ("#e2eefc", "#5b8fd6"),
    "reduction": ("#dff5e6", "#47a571"),
    "scan": ("#daf4f3", "#379f9d"),
    "movement": ("#eee9fb", "#937fd1"),
    "indexing": ("#fce6f1", "#cf6fa4"),
    "contraction": ("#fde4d8", "#dd7743"),
    "routine": ("#efe9df", "#998762"),
    "function": ("#e4e8ef", "#64748b"),
    "operation": ("#eef1f5", "#8391a3"),
    "omission": ("#ffffff", "#8391a3"),
}
LABELS = {
    "leaf": "leaf, needs a gradient",
    "movement": "movement of elements",
    "contraction": "product",
    "routine": "library routine",
    "omission": "left out",
}


def colours(kind: str) -> tuple[str, str]:
    """Fill and outline; a kind that is not known is an operation."""
    return COLOURS.get(kind, COLOURS["operation"])
