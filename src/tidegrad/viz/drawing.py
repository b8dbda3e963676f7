"""Floor 7. draw, and what it returns: a picture that shows itself and can be saved."""

from __future__ import annotations

from os import PathLike, fspath
from typing import Any

import tidegrad as tg

from ..abstract import Value
from ..io.atomic import replacing
from ..jit.graph import Graph
from ..lazy import lazy
from .collect import collect
from .compose import compose
from .describe import describe
from .dot import dot
from .names import named, place_names, run
from .picture import Picture
from .programs import from_graphs
from .svg import svg

__all__ = ["Drawing", "draw"]


def draw(
    what: Any,
    *args: Any,
    names: Any = None,
    values: bool = False,
    gradients: bool = False,
    fold: bool = True,
    limit: int = 1500,
) -> Drawing:
    """The graph of a tensor, of a tree of tensors, or of what a function makes of `args`.

    A Graph, as `tg.optimize` gives it, is drawn too, and a list of them side by side; Values also.

    `names` is a Module or a dict of tensors and Modules.  `values` and `gradients` are shown
    where something still keeps them.  A part that repeats itself in operations, shapes, dtypes
    and wiring is drawn once (`fold`), and no more than the `limit` boxes nearest to the result
    are drawn: the picture says so.  A function is run with its float arguments as leaves.

    >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> picture = tg.draw((w * w).sum(), names={"w": w}, values=True)
    >>> picture
    Drawing(3 boxes, 3 arrows)
    >>> picture.save("graph.svg")
    >>> tg.draw(lambda x: tg.exp(x), 1.0)
    Drawing(2 boxes, 1 arrows)
    """
    if limit < 1:
        raise ValueError(f"draw: limit is the most boxes to draw, at least 1, not {limit}")
    items, results, arguments = things_in(what, args)
    pairs = [*(named(names) if names is not None else []), *arguments]
    known = place_names(pairs, items)

    def box_of(places):
        told = [known.get(place, "") for place in places]
        return describe([items[place] for place in places], told, values, gradients)

    return Drawing(compose(items, results, fold, limit, box_of))


def things_in(what, args) -> tuple[list, list, list]:
    """Everything to be drawn, the places of the results in it, and a function's arguments."""
    programs = [what] if isinstance(what, Graph | Value) else what
    if isinstance(programs, list | tuple) and programs:
        if all(isinstance(p, Graph) for p in programs):
            return *from_graphs(programs), []
        if all(isinstance(p, Value) for p in programs):
            return *from_graphs([Graph((), tuple(programs))]), []
    tensors, arguments = tensors_of(what, args)
    return *collect(tensors), arguments


def tensors_of(what, args) -> tuple[list, list]:
    """The tensors to be drawn, and the named arguments of a function that made them."""
    arguments: list = []
    if callable(what) and not isinstance(what, tg.Tensor):
        what, arguments = run(what, args)
    elif args:
        kind = type(what).__name__
        raise TypeError(f"draw: arguments go with a function to be run, not with {kind}")
    tensors = [leaf for leaf in tg.trees.flatten(what)[0] if isinstance(leaf, tg.Tensor)]
    if not tensors:
        raise TypeError(
            "draw: takes a tensor, a tree of tensors, or a function that returns such, and "
            f"found no tensor in {type(what).__name__}"
        )
    return tensors, arguments


class Drawing:
    """A picture of a graph: in a notebook it shows itself.

    >>> drawing = tg.draw(tg.tensor([1.0, 2.0]))
    >>> drawing.svg.startswith("<svg "), drawing.dot.startswith("digraph")
    (True, True)
    """

    def __init__(self, picture: Picture):
        self.picture = picture

    @lazy
    def svg(self) -> str:
        """The picture as an SVG document, complete in itself."""
        return svg(self.picture)

    @lazy
    def dot(self) -> str:
        """The picture as Graphviz source text."""
        return dot(self.picture)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the picture to a file that ends in .svg or .dot, replacing it whole or not at all.

        ValueError for any other ending; OSError where it cannot be written.

        >>> tg.draw(tg.tensor(1.0)).save("one.dot")
        """
        name = fspath(path)
        if not name.lower().endswith((".svg", ".dot")):
            raise ValueError(f"draw: a drawing is saved as .svg or as .dot, not as {name!r}")
        text = self.svg if name.lower().endswith("svg") else self.dot
        with replacing(name) as file:
            file.write(text.encode())

    def _repr_svg_(self) -> str:
        # A page shrinks what is too wide for it; some viewers of files stumble over the style.
        return self.svg.replace("<svg ", '<svg style="max-width:100%;height:auto" ', 1)

    def __repr__(self) -> str:
        return f"Drawing({len(self.picture.boxes)} boxes, {len(self.picture.arrows)} arrows)"
