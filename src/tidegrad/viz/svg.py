"""Floor 7. A picture as SVG text: complete in itself, with its own ground, fonts by name only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .legend import Legend
from .palette import GREY, GROUND, INK, colours
from .picture import Box, Picture
from .plan import BOLD, LINE, PLAIN, Frame, Plan, plan
from .sheet import Stroke
from .text import clean
from .text import coordinate as n

__all__ = ["svg"]

MARGIN = 20.0
GAP = 16.0  # between picture and legend
FONT = "'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif"
TIP = 7.0


def svg(picture: Picture) -> str:
    """The SVG document of `picture`."""
    laid = plan(picture)
    legend = Legend(picture, laid.width)
    wide = max(laid.width, legend.width) + 2 * MARGIN
    high = MARGIN + laid.height + GAP + legend.height + MARGIN / 2
    left = (wide - laid.width) / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{n(wide)}" height="{n(high)}" '
        f'viewBox="0 0 {n(wide)} {n(high)}" role="img" font-family="{FONT}" '
        f'font-size="{n(PLAIN)}">',
        f"<title>{clean(picture.note or 'graph')}</title>",
        f'<rect width="{n(wide)}" height="{n(high)}" rx="8" fill="{GROUND}"/>',
        f'<g transform="translate({n(left)} {n(MARGIN)})">',
        *frames(picture, laid),
        *lines(laid.strokes),
        *boxes(picture, laid),
        "</g>",
        *legend.drawn(MARGIN, MARGIN + laid.height + GAP),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def frames(picture: Picture, laid: Plan) -> Iterator[str]:
    """The repeats: a second sheet behind the first says that there are more."""
    for repeat, (x, y, w, h) in zip(picture.repeats, laid.repeats):
        size = f'width="{n(w)}" height="{n(h)}" rx="10"'
        style = f'fill="#f4f6fa" stroke="{colours("operation")[1]}"'
        yield f'<rect x="{n(x + 5)}" y="{n(y + 5)}" {size} {style} stroke-opacity="0.5"/>'
        yield f'<rect x="{n(x)}" y="{n(y)}" {size} {style}/>'
        yield (
            f'<text x="{n(x + 14)}" y="{n(y + 18)}" font-size="{n(BOLD)}" font-weight="600" '
            f'fill="{GREY}">{clean(repeat.title)}</text>'
        )


def lines(strokes: Sequence[Stroke]) -> Iterator[str]:
    """All strokes, those from one place as one path, and the tips of the arrows."""
    paths: dict[tuple[int, float, float], list[str]] = {}
    tips = []
    for stroke in strokes:
        paths.setdefault((stroke.tail, stroke.x, stroke.start), []).append(path(stroke))
        if stroke.tip:
            x, y = stroke.to, stroke.end
            tips.append(f"M{n(x)} {n(y)}l-3.6 {n(-TIP)}h7.2z")
    if paths:
        yield '<g fill="none" stroke="#8592a3" stroke-width="1.3" stroke-linecap="round">'
        yield from (f'<path d="{"".join(parts)}"/>' for parts in paths.values())
        yield "</g>"
    if tips:
        yield f'<path d="{"".join(tips)}" fill="#6b7788"/>'


def path(stroke: Stroke) -> str:
    """Straight within rows; between rows a curve that leaves and arrives upright."""
    end = stroke.end - (TIP - 1 if stroke.tip else 0)
    start = f"M{n(stroke.x)} {n(stroke.start)}"
    if n(stroke.x) == n(stroke.to):
        return f"{start}V{n(end)}"
    arrive = min(stroke.arrive, end)
    middle = (stroke.leave + arrive) / 2
    down = f"V{n(stroke.leave)}" if stroke.leave > stroke.start else ""
    curve = f"C{n(stroke.x)} {n(middle)} {n(stroke.to)} {n(middle)} {n(stroke.to)} {n(arrive)}"
    return f"{start}{down}{curve}" + (f"V{n(end)}" if end > arrive else "")


def boxes(picture: Picture, laid: Plan) -> Iterator[str]:
    for box, frame in zip(picture.boxes, laid.boxes):
        yield from drawn(box, frame)


def drawn(box: Box, frame: Frame) -> Iterator[str]:
    x, y, w, h = frame
    fill, outline = colours(box.kind)
    yield "<g>"
    if box.tip:
        yield f"<title>{clean(box.tip)}</title>"
    style = ' stroke-dasharray="4 3"' if box.kind == "omission" else ""
    style += f' stroke-width="{2.4 if box.result else 1.2}"'
    corner = h / 2 if box.kind in ("leaf", "constant") and len(box.lines) < 2 else 6
    yield (
        f'<rect x="{n(x)}" y="{n(y)}" width="{n(w)}" height="{n(h)}" rx="{n(corner)}" '
        f'fill="{fill}" stroke="{outline}"{style}/>'
    )
    first = y + (h - LINE * len(box.lines)) / 2 + 11.5
    for k, line in enumerate(box.lines):
        look = f'fill="{GREY}"'
        if not k:
            faint = box.kind == "constant"
            look = f'font-size="{n(BOLD)}" font-weight="{500 if faint else 600}" '
            look += f'fill="{GREY if faint else INK}"'
        yield (
            f'<text x="{n(x + w / 2)}" y="{n(first + LINE * k)}" text-anchor="middle" {look}>'
            f"{clean(line)}</text>"
        )
    yield "</g>"
