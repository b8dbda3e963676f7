"""Floor 7. Writing: Values as lines of source, one for each that is used twice or is long."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import count

from ..abstract import Value
from ..viz.collect import ancestors
from .kernels import KERNELS
from .literals import literal, one_number, weak
from .spelling import ALIASES, number, spelled
from .tape import Given

__all__ = ["Text", "Writer"]

WIDTH, DEEP = 72, 40  # characters, and operations within each other, that stay on one line


class Form:
    """A template, and the Values or texts that it is filled with."""

    def __init__(self, template: str, operands: Sequence[Value | str]):
        self.template, self.operands = template, operands


class Text:
    """A written Value: as source, and how deep."""

    def __init__(self, tree: ast.expr, depth: int):
        self.tree, self.depth = tree, depth
        self.source = ast.unparse(tree)

    @property
    def atomic(self) -> bool:
        return self.depth == 0


class Writer:
    """Writes outputs as expressions of `names` and of lines that come before.

    What has one of `titles` is a line of that name.  `inline` means NumPy alone, and lines for
    nothing but what is used twice.
    """

    def __init__(self, names: Mapping[Value, str], titles: Mapping[Value, str], inline: bool):
        self.names, self.titles, self.inline = names, titles, inline
        self.lines: dict[str, str] = {}
        self.kernels: set[str] = set()
        self.forms: dict[Value, Form] = {}
        self.texts: dict[Value, Text] = {}
        taken = {*names.values(), *titles.values()}
        self.spare = (name for k in count() if (name := f"t{k}") not in taken)

    def written(self, *outputs: Value) -> list[str]:
        for v in ancestors(outputs):
            self.forms[v] = self.form(v)
        ends = [self.real(v) for v in outputs]
        reached = self.reached(ends)
        order = [v for v in ancestors(ends) if v in reached]
        uses = self.uses(order)
        for v in order:
            self.texts[v] = self.shortened(v, self.filled(self.forms[v]), uses.get(v, 0))
        return [self.texts[v].source for v in ends]

    def real(self, v: Value) -> Value:
        """What is written for `v`: the same as for its input, where nothing is done to it."""
        form = self.forms[v]
        while form.template == "_0" and form.operands and isinstance(form.operands[0], Value):
            v = form.operands[0]
            form = self.forms[v]
        return v

    def form(self, v: Value) -> Form:
        if v in self.names:
            return Form(self.names[v], ())
        if isinstance(v, Given):
            text = literal(v)
            assert text is not None, "what has no literal has a name"
            return Form(text, ())
        if v.prim.name in ALIASES:
            return Form("_0", (self.real(v.parents[0]),))
        unit = self.unit(v)
        if unit is not None:
            return Form("_0", (self.real(unit),))
        return Form(spelled(v, self.inline), self.operands(v))

    def operands(self, v: Value) -> list[Value | str]:
        found: list[Value | str] = []
        replaced = False
        for k, p in enumerate(v.parents):
            value = None if replaced else weak(v, k, self.names)
            replaced = replaced or value is not None
            found.append(self.real(p) if value is None else number(value))
        return found

    def unit(self, v: Value) -> Value | None:
        """The other factor of a product with ones."""
        if v.prim.name == "multiply":
            for k, other in ((0, v.parents[1]), (1, v.parents[0])):
                one = one_number(v.parents[k], self.names) == 1
                if one and (other.shape, other.dtype) == (v.shape, v.dtype):
                    return other
        return None

    def reached(self, ends: Sequence[Value]) -> set[Value]:
        found: set[Value] = set()
        pending = list(ends)
        while pending:
            v = pending.pop()
            if v not in found:
                found.add(v)
                pending += [p for p in self.forms[v].operands if isinstance(p, Value)]
        return found

    def uses(self, order: Sequence[Value]) -> dict[Value, int]:
        """How often the text of each would be repeated."""
        count: dict[Value, int] = {}
        for v in order:
            form = self.forms[v]
            for k, p in enumerate(form.operands):
                if isinstance(p, Value):
                    count[p] = count.get(p, 0) + names_in(form.template).count(f"_{k}")
        return count

    def filled(self, form: Form) -> Text:
        texts = [
            self.texts[p] if isinstance(p, Value) else Text(parsed(p), 0) for p in form.operands
        ]
        self.kernels.update(KERNELS.keys() & set(names_in(form.template)))
        if not texts:
            return Text(parsed(form.template), 0 if form.template.isidentifier() else 1)
        places = {f"_{k}": text.tree for k, text in enumerate(texts)}
        tree = Filled(places).visit(ast.parse(form.template, mode="eval").body)
        return Text(tree, 1 + max(text.depth for text in texts))

    def shortened(self, v: Value, text: Text, uses: int) -> Text:
        """`text`, or the name of a line that it becomes."""
        long = (len(text.source) > WIDTH and not self.inline) or text.depth >= DEEP
        if text.atomic or not (uses > 1 or (uses and long) or v in self.titles):
            return text
        name = self.titles.get(v) or next(self.spare)
        self.lines[name] = text.source
        return Text(parsed(name), 0)


@lru_cache(maxsize=4096)
def parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


@lru_cache(maxsize=4096)
def names_in(template: str) -> list[str]:
    return [node.id for node in ast.walk(parsed(template)) if isinstance(node, ast.Name)]


class Filled(ast.NodeTransformer):
    """Puts expressions in the places of names."""

    def __init__(self, places: Mapping[str, ast.expr]):
        self.places = places

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.places.get(node.id, node)
