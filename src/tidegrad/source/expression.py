"""Floor 7. Expressions: a recorded computation, and its gradients, as source that can be called."""

from __future__ import annotations

import keyword
import re
from itertools import count
from textwrap import fill
from typing import Any

import numpy as np
from numpy import ndarray

from ..abstract import Value
from ..core import Tensor
from ..errors import GraphError
from ..viz.collect import address, ancestors
from ..viz.names import key_of, named, run
from .kernels import prelude
from .literals import literal
from .reading import cotangents, read
from .tape import Given, known, whole_tape
from .writing import Writer

__all__ = ["Expression", "expression"]

Arguments = dict[str, ndarray | None]


class Expression(str):
    """NumPy source, as a string: a function of the inputs by name, that can also be called here.

    `arguments` are the inputs' values, None for what the tape has forgotten; `lines` the names
    and texts of what is used more than once, and `result` the text of what is returned;
    `gradients` has for each differentiable input an expression of the gradient.
    """

    arguments: Arguments
    lines: dict[str, str]
    result: str
    gradients: dict[str, Expression]

    @property
    def source(self) -> str:
        """The source as an ordinary string."""
        return str(self)

    def __repr__(self) -> str:
        return self.source

    def __call__(self, **given: Any) -> ndarray:
        """What the source gives for the recorded inputs, or for others by name."""
        if unknown := given.keys() - self.arguments.keys():
            raise TypeError(
                f"expression: there is no input {', '.join(sorted(unknown))}; there are "
                f"{', '.join(self.arguments) or 'none'}"
            )
        values = {**self.arguments, **given}
        if lost := [name for name, value in values.items() if value is None]:
            raise GraphError(
                f"expression: the tape has forgotten {', '.join(lost)}, which no derivative needs;"
                f" give it, as in e({lost[0]}=...), or compute inside `with tg.whole_tape():`"
            )
        names: dict[str, Any] = {}
        exec(self.source, names)
        with np.errstate(all="ignore"):
            found = names["expression"](**values)
        return np.asarray(found)


def expression(
    what: Any, *args: Any, names: Any = None, gradients: bool = True, inline: bool = False
) -> Expression:
    """The NumPy source of what was recorded for a Tensor, and of its gradients.

    The source needs NumPy alone, and gives the same numbers, bit for bit but for contractions
    that are no matrix products.  Instead of a Tensor, `what` may be a function, which is run with
    `args`.  `names` is a Module or a dict from names to tensors, arrays and Modules; other inputs
    are called x0, x1, ...  Gradients are those of a single element; those of more are multiplied
    by an input g, ones if not given.  They are written for the numbers that were met: where one
    of these was infinite or none, the source guards against it; without `gradients` there are
    none, and the graph may have been freed where all was recorded within `whole_tape`.  `inline`
    writes no functions of its own, which some operations cannot do without.

    TypeError where there is no tensor; GraphError where it was not recorded, or is freed, and
    where an operation has no text, such as one with a derivative of your own.

    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> e = tg.expression((tg.exp(x) * x).sum(), names={"x": x})
    >>> e
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def expression(x):
        return np.sum(np.exp(x) * x)
    >>> e.gradients["x"].lines, e.gradients["x"].result
    ({'t0': 'np.exp(x)'}, 't0 + x * t0')
    >>> e.gradients["x"](x=np.zeros(2))
    array([1., 1.])
    """
    pairs = [] if names is None else list(named(names, operation="expression"))
    tensor, found = computed(what, args)
    namer, value = Namer(pairs + found), read(tensor)
    if gradients:
        return with_gradients(tensor, value, namer, inline)
    return written(namer, value, inline)


def computed(what: Any, args: tuple) -> tuple[Tensor, list[tuple[str, Any]]]:
    """The tensor, or what a function makes of `args` and their names."""
    found: list[tuple[str, Any]] = []
    if callable(what) and not isinstance(what, Tensor):
        with whole_tape():
            what, found = run(what, args)
    elif args:
        raise TypeError("expression: arguments are for a function; a tensor has been computed")
    if not isinstance(what, Tensor):
        raise TypeError(
            f"expression: takes a tensor or a function that returns one, not {type(what).__name__}"
        )
    return what, found


def with_gradients(tensor: Tensor, value: Value, namer: Namer, inline: bool) -> Expression:
    seed, slopes = cotangents(tensor, [v for v in ancestors([value]) if isinstance(v, Given)])
    if tensor.array.size != 1:
        namer.name(seed, "g")
    made = written(namer, value, inline)
    inputs = namer.inputs(value)
    made.gradients = {
        name: written(namer, slopes[x], inline) for x, name in inputs.items() if x in slopes
    }
    return made


class Namer:
    """The names of inputs: those that the user gave, and new ones."""

    def __init__(self, pairs: list[tuple[str, Any]]):
        self.given: dict[Any, str] = {}
        self.titles: dict[Value, str] = {}
        self.names: dict[Any, str] = {}
        for name, x in pairs:
            key, plain = key_of(x), identifier(name)
            if plain in self.given.values() and self.given.get(key) != plain:
                raise ValueError(f"expression: the name {plain!r} is given to two different things")
            self.given.setdefault(key, plain)
            made = known(x if isinstance(x, ndarray) else x.array)
            if made is not None:
                self.titles[made] = plain

    def inputs(self, value: Value) -> dict[Given, str]:
        """What `value` begins with, by name; not what is written where it is used."""
        found = [v for v in ancestors([value]) if isinstance(v, Given)]
        for v in found:
            if v not in self.names and (name := self.old(v)):
                self.names[v] = name
        for v in found:
            if v not in self.names and (v.node is not None or literal(v) is None):
                self.names[v] = self.new("x{}")
        named = {v: self.names[v] for v in found if v in self.names}
        places = {name: k for k, name in enumerate(self.given.values())}
        return dict(sorted(named.items(), key=lambda pair: places.get(pair[1], len(places))))

    def old(self, v: Given) -> str | None:
        """The user's name for it; of two with gradients in the same memory the first one's."""
        array = v.origin() if v.origin is not None else None
        keys = [v.node and id(v.node), None if array is None else address(array)]
        names = (self.given[key] for key in keys if key in self.given)
        taken = self.names.values() if v.node is not None else ()
        return next((name for name in names if name not in taken), None)

    def new(self, form: str) -> str:
        taken = {*self.given.values(), *self.names.values()}
        return next(name for k in count() if (name := form.format(k)) not in taken)

    def name(self, v: Given, name: str) -> None:
        self.names[v] = name if name not in self.given.values() else self.new(name + "{}")


def identifier(name: str) -> str:
    """A name with dots and brackets, as in `layers.0.weight`, as one of Python's."""
    made = name if name.isidentifier() else re.sub(r"\W+", "_", name).strip("_")
    made = f"_{made}" if made[:1].isdigit() else made
    if not made.isidentifier() or keyword.iskeyword(made) or made == "__debug__":
        raise ValueError(f"expression: {name!r} does not name a variable; use letters")
    return made


def written(namer: Namer, value: Value, inline: bool) -> Expression:
    """The source of `value` alone."""
    inputs = namer.inputs(value)
    writer = Writer(namer.names, namer.titles, inline)
    (result,) = writer.written(value)
    inputs = {v: name for v, name in inputs.items() if v in writer.texts}
    taken = {"np", "bool", "slice", *writer.kernels} & {*inputs.values(), *writer.lines}
    if taken:
        raise ValueError(f"expression: the source needs the name {taken.pop()!r}; choose another")
    body = [*(f"{name} = {text}" for name, text in writer.lines.items()), f"return {result}"]
    listed = ", ".join(dict.fromkeys(inputs.values()))  # two tensors of the same memory are one
    head = f"def expression({listed}):"
    if len(head) > 99:
        inside = fill(listed, 95, **INDENTED)
        head = f"def expression(\n{inside}\n):"
    source = "\n".join([prelude(writer.kernels), "", "", head, *(INDENT + line for line in body)])
    made = Expression(source)
    made.arguments = {name: v.saved for v, name in inputs.items()}
    made.lines, made.result, made.gradients = writer.lines, result, {}
    return made


INDENT = "    "
INDENTED: Any = {"initial_indent": INDENT, "subsequent_indent": INDENT}
