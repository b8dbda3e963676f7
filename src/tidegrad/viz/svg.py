"""Floor 7. A picture as SVG text: complete in itself, with its own ground, fonts by name only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from xml.sax.saxutils import escape

from .picture import KINDS, Box, Picture
from .plan import BOLD, LINE, PLAIN, plan
from .sheet import Frame, Stroke
from .text import plain, width

__all__ = ["svg"]

INK, GREY, LINES = "#1f2733", "#5b6675", "#8592a3"
FONT = "'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif"
MARGIN = 20.0
COLUMN, ROW = 96.0, 17.0  # of the legend


def svg(picture: Picture) -> str:
    """The SVG document of `picture`."""
    laid = plan(picture)
    kinds = [kind for kind in KINDS if any(box.kind == kind for box in picture.boxes)]
    columns = max(3, int(laid.width / COLUMN))
    below = max(min(columns, len(kinds)) * COLUMN, width(picture.note, PLAIN))
    wide = max(laid.width, below) + 2 * MARGIN
    foot = laid.height + 2 * MARGIN
    last = foot + ROW * -(-len(kinds) // columns)
    inside = [
        tag("title", clean(picture.note or "graph")),
        box_of((0, 0, wide, last + MARGIN), rx=8, fill="#ffffff"),
        f'<g transform="translate({number((wide - laid.width) / 2)} {number(MARGIN)})">',
        *repeats(picture, laid.repeats),
        *lines(laid.strokes),
        *map(drawn, picture.boxes, laid.boxes),
        "</g>",
        *legend(kinds, columns, foot),
        text(MARGIN, last + 4, picture.note),
    ]
    return tag(
        "svg",
        "\n".join(inside),
        xmlns="http://www.w3.org/2000/svg",
        width=wide,
        height=last + MARGIN,
        viewBox=f"0 0 {number(wide)} {number(last + MARGIN)}",
        role="img",
        font_family=FONT,
        font_size=PLAIN,
        fill=GREY,
    )


def tag(name: str, inside: str = "", **attributes: Any) -> str:
    """An element; attributes are numbers, or text that is harmless."""
    spelled = [
        f' {key.replace("_", "-")}="{value if isinstance(value, str) else number(value)}"'
        for key, value in attributes.items()
    ]
    return f"<{name}{''.join(spelled)}>{inside}</{name}>"


def number(x: float) -> str:
    """A coordinate as text: a tenth of a pixel is fine enough."""
    return f"{round(x, 1) + 0.0:.1f}".removesuffix(".0")  # + 0.0: no -0


def clean(text: str) -> str:
    """`text` as XML may hold it."""
    return escape(plain(text), {'"': "&quot;"})


def text(x: float, y: float, words: str, **look: Any) -> str:
    return tag("text", clean(words), x=x, y=y, **look)


def box_of(frame: Frame, **look: Any) -> str:
    x, y, w, h = frame
    return tag("rect", x=x, y=y, width=w, height=h, **look)


def repeats(picture: Picture, frames: Sequence[Frame]) -> Iterator[str]:
    """A second sheet behind the first says that there are more."""
    for repeat, (x, y, w, h) in zip(picture.repeats, frames):
        for shift in (5, 0):
            yield box_of((x + shift, y + shift, w, h), rx=10, fill="#f4f6fa", stroke="#b4bdca")
        yield text(x + 14, y + 18, repeat.title, font_size=BOLD, font_weight=600)


def lines(strokes: Sequence[Stroke]) -> Iterator[str]:
    """All strokes, and the tips of the arrows."""
    paths = " ".join(map(path, strokes))
    tips = [f"M{number(s.to)} {number(s.end)}l-3.6 -7h7.2z" for s in strokes if s.tip]
    yield tag("path", d=paths, fill="none", stroke=LINES, stroke_width=1.3)
    yield tag("path", d="".join(tips), fill=LINES)


def path(stroke: Stroke) -> str:
    """Straight within rows; between rows a curve that leaves and arrives upright."""
    x, start, leave, to, arrive, end = map(number, stroke[:6])
    middle = number((stroke.leave + stroke.arrive) / 2)
    if x == to:
        return f"M{x} {start}V{end}"
    return f"M{x} {start}V{leave}C{x} {middle} {to} {middle} {to} {arrive}V{end}"


def drawn(box: Box, frame: Frame) -> str:
    """A box with its text."""
    x, y, w, h = frame
    faint = box.kind == "constant"
    fill, outline = KINDS.get(box.kind, KINDS["operation"])
    corner = 6 if len(box.lines) > 1 or not (faint or box.kind == "leaf") else h / 2
    thick = 2.4 if box.result else 1.2
    parts = [box_of(frame, rx=corner, fill=fill, stroke=outline, stroke_width=thick)]
    look: dict[str, Any] = dict(font_size=BOLD, font_weight=500 if faint else 600)
    look["fill"] = GREY if faint else INK
    for k, line in enumerate(box.lines):
        parts.append(text(x + w / 2, y + 17 + LINE * k, line, **look))
        look = {}
    return tag("g", "".join(parts), text_anchor="middle")


def legend(kinds: Sequence[str], columns: int, top: float) -> Iterator[str]:
    """What the colours that occur mean."""
    for k, kind in enumerate(kinds):
        x, y = MARGIN + k % columns * COLUMN, top + k // columns * ROW
        fill, outline = KINDS[kind]
        yield box_of((x, y - 8.5, 11, 9), rx=2.5, fill=fill, stroke=outline)
        yield text(x + 17, y, kind)
