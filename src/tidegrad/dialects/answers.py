"""Floor 8. Imports of another engine, answered by a dialect."""

from __future__ import annotations

import atexit
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from . import __all__ as DIALECTS

__all__ = ["Answering", "answered", "real_name", "until_exit"]

Answering = Callable[[str], AbstractContextManager[None]]

# Packages that an engine's programs import beside it: those on the program's own path come first.
SIDES = {"pygrad": ("architectures", "examples"), "simplegrad": ("accel",)}
# Of these packages what is the engine's own file, which lies there and is not to be run.
OWN = {("simplegrad", "accel"): ("symbolic", "gpu")}


class Answer(MetaPathFinder, Loader):
    """Finds the module `name` and those below it at `place`, where they have another name.

    With `below` only those below it, once it was answered itself: before its folder is searched.
    With `only` none but this one.
    """

    def __init__(self, name: str, place: str, below: bool = False, only: str = ""):
        self.name, self.place, self.below, self.only = name, place, below, only

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname.partition(".")[0] != self.name or self.only not in ("", fullname):
            return None
        if self.below and getattr(sys.modules.get(self.name), "__name__", None) != self.place:
            return None
        real = self.place + fullname.removeprefix(self.name)
        try:
            found = sys.modules[real].__spec__ if real in sys.modules else find_spec(real)
        except ModuleNotFoundError:
            found = None
        if found is None:
            raise ModuleNotFoundError(
                f"the dialect has no module {fullname}; docs/coming-from.md has its names",
                name=fullname,
            )
        package = found.submodule_search_locations is not None
        return ModuleSpec(fullname, self, origin=real, is_package=package)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(str(spec.origin))
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """It has run already, under its own name, and keeps that name's spec."""
        assert module.__spec__ is not None
        module.__spec__ = module.__spec__.loader_state


@contextmanager
def answered(dialect: str) -> Iterator[None]:
    """Within the block `import dialect` imports `tidegrad.dialects.dialect`.

    ValueError for a dialect that there is not.

    >>> with answered("micrograd"):
    ...     from micrograd.engine import Value
    >>> Value(2.0) * 3
    Value(data=6.0, grad=0)
    """
    if dialect not in DIALECTS:
        raise ValueError(f"there is no dialect {dialect!r}; there are {', '.join(DIALECTS)}")
    place = f"tidegrad.dialects.{dialect}"
    modules, finders = dict(sys.modules), list(sys.meta_path)
    names = {dialect, *SIDES.get(dialect, ())}
    for name in sys.modules.keys() & names:
        del sys.modules[name]
    sides = {side: f"{place}.{side}" for side in SIDES.get(dialect, ())}
    below = [Answer(side, real, below=True) for side, real in sides.items()]
    own = [
        Answer(side, real, only=f"{side}.{module}")
        for side, real in sides.items()
        for module in OWN.get((dialect, side), ())
    ]
    sys.meta_path[:] = [Answer(dialect, place), *own, *below, *sys.meta_path]
    sys.meta_path += [Answer(side, real) for side, real in sides.items()]
    try:
        yield
    finally:
        sys.meta_path[:] = finders
        for name in list(sys.modules):
            if name.partition(".")[0] in names:
                del sys.modules[name]
        sys.modules.update({n: m for n, m in modules.items() if n.partition(".")[0] in names})


def until_exit(dialect: str) -> AbstractContextManager[None]:
    """As `answered`, and on for the program's threads and exit handlers, until Python ends."""
    answers = ExitStack()
    answers.enter_context(answered(dialect))
    atexit.register(answers.close)
    return nullcontext()


def real_name(module: str) -> str:
    """The name by which the file knows itself that answers for `module`: it may import from it."""
    found = find_spec(module)
    if found is None or not isinstance(found.loader, Answer):
        return module
    spec = import_module(module).__spec__
    return module if spec is None else spec.name
