"""Floor 7. Functions that NumPy lacks, as source: they and all that they call."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable
from textwrap import dedent
from types import ModuleType
from typing import Any

from .. import special, sums
from ..ops import indexing, movement, reductions, scans, windows

__all__ = ["KERNELS", "prelude"]

# What the text of an operation may call, by the name that it has there.
KERNELS: dict[str, Callable] = {
    **{
        name: getattr(special, name)
        for name in ("erf", "gap", "gelu", "logaddexp", "sigmoid", "silu", "softplus")
    },
    "added": windows.added,
    "highest": windows.highest,
    "placed": movement._placed,
    "recurrence": scans.Recurrence.run,
    "scattered": indexing.scattered,
    "total": sums.total,
    "two_norm": reductions.two_norm,
    "unsummed": windows.unsummed,
    "written": indexing._written,
}


def prelude(names: Iterable[str]) -> str:
    """Imports, constants and functions with which source that calls the kernels `names` runs."""
    imports, constants, functions = {"import numpy as np"}, {}, {}
    pending = [(name, KERNELS[name]) for name in sorted(names)]
    while pending:
        name, found = pending.pop(0)
        if name in functions or name in constants:
            continue
        if isinstance(found, ModuleType):
            imports |= set() if name == "np" else {f"import {name}"}
            continue
        home = getattr(inspect.getmodule(found), "__name__", "")
        if isinstance(found, type) and issubclass(found, Exception):  # ours, as a standard one
            constants[name] = next(b.__name__ for b in found.__mro__ if b.__module__ == "builtins")
        elif not callable(found):
            constants[name] = repr(found)
        elif home.startswith("tidegrad"):
            functions[name], needed = stripped(name, inspect.unwrap(found))
            pending += needed
        else:
            imports.add(f"from {home} import {name}")
    first = sorted(imports, key=lambda line: (line.startswith("import"), line))
    parts = ["\n".join(first), *functions.values()]
    if constants:
        parts.insert(1, "\n".join(f"{name} = {text}" for name, text in constants.items()))
    return "\n\n\n".join(parts)


def stripped(name: str, function: Callable) -> tuple[str, list[tuple[str, Any]]]:
    """The source of `function` without words about it, and the globals that it needs."""
    (tree,) = ast.parse(dedent(inspect.getsource(function))).body
    assert isinstance(tree, ast.FunctionDef)
    tree.name = name
    tree.decorator_list = [d for d in tree.decorator_list if ast.unparse(d) == "cache"]
    Plain().visit(tree)
    scope = inspect.unwrap(function).__globals__
    used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    used -= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and type(n.ctx) is ast.Store}
    used -= {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
    return ast.unparse(tree), [(n, scope[n]) for n in sorted(used & scope.keys() - {name})]


class Plain(ast.NodeTransformer):
    """Takes annotations and docstrings away."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        node.returns = None
        if ast.get_docstring(node) is not None:
            del node.body[0]
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node
