"""Write the type stubs of what tables attach at import: Tensor's methods and the public names.

`python tools/stubs.py` rewrites them; `python tools/stubs.py --check` fails if they are not
current, which the tests ask.
"""

import ast
import inspect
import sys
from pathlib import Path
from textwrap import wrap

import tidegrad as tg
from tidegrad.core import Tensor
from tidegrad.namespace import PUBLIC

PACKAGE = Path(tg.__file__).parent
NOTE = "# Written by tools/stubs.py; do not edit.\n"
PROPERTIES = {
    "shape": "tuple[int, ...]", "ndim": "int", "size": "int", "nbytes": "int", "is_leaf": "bool",
    "dtype": "np.dtype", "T": "Tensor", "mT": "Tensor", "data": "ndarray", "requires_grad": "bool",
}  # fmt: skip
SETTABLE = {"data": "Any", "requires_grad": "bool"}
# What a dunder returns where it is not a Tensor.
RETURNS = {
    "__bool__": "bool", "__len__": "int", "__int__": "int", "__float__": "float",
    "__index__": "int",
    "__hash__": "int", "__repr__": "str", "__format__": "str", "__contains__": "bool",
    "__iter__": "Iterator[Tensor]", "__setitem__": "None", "__array__": "ndarray",
    "__array_ufunc__": "Any", "__array_function__": "Any", "__dlpack__": "Any",
    "__dlpack_device__": "tuple[int, int]", "__reduce__": "tuple",
}  # fmt: skip
OPERANDS = ("__eq__", "__ne__")
HEADER = """\
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from .ops.joining import Widths
from .ops.reductions import Axis

"""


def signature(function, method=False):
    """A function's parameters and result as source, defaults left out."""
    parameters = list(inspect.signature(function).parameters.values())
    shown, star = [], False
    for i, p in enumerate(parameters):
        name = "self" if method and i == 0 else p.name
        if p.kind is p.KEYWORD_ONLY and not star:
            shown.append("*")
            star = True
        if p.kind is p.VAR_POSITIONAL:
            name, star = f"*{name}", True
        if p.kind is p.VAR_KEYWORD:
            name = f"**{name}"
        kind = (
            ""
            if name == "self"
            else ": " + (p.annotation if p.annotation is not p.empty else "Any")
        )
        default = "" if p.default is p.empty else " = ..."
        shown.append(f"{name}{kind}{default}")
        after = parameters[i + 1].kind if i + 1 < len(parameters) else None
        if p.kind is p.POSITIONAL_ONLY and after is not p.POSITIONAL_ONLY and not method:
            shown.append("/")
    result = inspect.signature(function).return_annotation
    return f"({', '.join(shown)})", result if isinstance(result, str) else "Tensor"


def tensor_class():
    """The body of class Tensor."""
    lines = [
        "    array: ndarray",
        "    node: Node | None",
        "    grad: Tensor | None",
        "    _grad: Tensor | None",
    ]
    lines.append("    def __init__(self, array: Any, node: Node | None = ...) -> None: ...")
    for name, value in sorted(vars(Tensor).items()):
        if name in PROPERTIES:
            lines += ["    @property", f"    def {name}(self) -> {PROPERTIES[name]}: ..."]
            if name in SETTABLE:
                lines += [
                    f"    @{name}.setter",
                    f"    def {name}(self, value: {SETTABLE[name]}) -> None: ...",
                ]
        elif inspect.isfunction(value) and name not in ("__init__", "__init_subclass__"):
            shown, result = signature(value, method=True)
            if name.startswith("__"):
                result = RETURNS.get(name, "Tensor")
            if name in OPERANDS:
                shown = "(self, other: object)"
            ignore = "  # type: ignore[override]" if name in OPERANDS else ""
            lines.append(f"    def {name}{shown} -> {result}: ...{ignore}")
    lines.append("    def __hash__(self) -> int: ...")
    return "\n".join(lines)


def core():
    """The stub of core.py: its own functions, and Tensor with everything attached."""
    tree = ast.parse((PACKAGE / "core.py").read_text())
    parts = [NOTE + HEADER, "class Tensor:\n" + tensor_class() + "\n\n"]
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == "Node":
            slots = ("prim: Any", "parents: tuple", "params: dict", "shape: tuple[int, ...]",
                     "dtype: np.dtype", "saved: Any", "owner: Any")  # fmt: skip
            body = "\n".join(f"    {slot}" for slot in slots)
            init = next(n for n in node.body if isinstance(n, ast.FunctionDef))
            parts.append(f"class Node:\n{body}\n    def {head(init)}: ...\n\n")
        elif isinstance(node, ast.ClassDef) and node.name == "Local":
            parts.append(
                "class Local:\n    recording: bool\n    trace: Any\n    tracing: Any\n"
                "    invalid: bool\n    watch: Any\n    lifting: bool\n\n"
                "local: Local\n\n"
            )
        elif isinstance(node, ast.FunctionDef):
            parts.append(f"def {head(node)}: ...\n")
        elif isinstance(node, ast.AnnAssign) and node.simple and node.target.id != "local":
            parts.append(f"{node.target.id}: {ast.unparse(node.annotation)}\n")
    return "".join(parts)


def head(function):
    result = ast.unparse(function.returns) if function.returns else "None"
    return f"{function.name}({ast.unparse(function.args)}) -> {result}"


def package():
    """The stub of __init__.py: what it imports, and every name of the tables."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    lines = [NOTE.rstrip(), "from typing import Any", "", "import numpy as np", ""]
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.level:
            names = ", ".join(f"{a.name} as {a.name}" for a in node.names if a.name != "PUBLIC")
            if names:
                lines.append(
                    f"from .{node.module or ''} import {names}".replace(". import", ". import")
                )
    for name, where in {**dict.fromkeys(tg.LIBRARIES), **tg.FUNCTIONS}.items():
        lines.append(f"from .{where or ''} import {name} as {name}")
    lines.append("")
    homes = {}
    for name, function in sorted(PUBLIC.items()):
        module, own = function.__module__, function.__name__
        if getattr(sys.modules[module], own, None) is function:
            homes.setdefault(module.removeprefix("tidegrad"), []).append(f"{own} as {name}")
    for module, names in homes.items():
        lines += wrap(f"from {module} import ({', '.join(names)})", 100, subsequent_indent="    ")
    for name, function in sorted(PUBLIC.items()):
        if getattr(sys.modules[function.__module__], function.__name__, None) is not function:
            shown, result = signature(function)
            lines.append(f"def {name}{shown} -> {result}: ...")
    lines += [
        "",
        "__version__: str",
        *(f"{name}: np.dtype" for name in tg.DTYPES if name != "bool"),
    ]
    return "\n".join([*lines, "bool: np.dtype", ""])


def main():
    stale = []
    for name, text in (("core.pyi", core()), ("__init__.pyi", package())):
        path = PACKAGE / name
        if not path.exists() or path.read_text() != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(text)
    if stale and "--check" in sys.argv:
        sys.exit(f"not current: {', '.join(stale)}; run python tools/stubs.py")


if __name__ == "__main__":
    main()
