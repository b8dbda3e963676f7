"""Floor 6. Guards: the plain values around a function that a program was made with."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable, Iterator
from dis import get_instructions
from operator import is_
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
from numpy import ndarray

from ..core import Tensor
from ..epoch import Followed

__all__ = ["INNER", "Guards"]

PLAIN = (
    *(bool, int, float, complex, str, bytes, type(None), frozenset, type),
    *(np.generic, np.dtype),
)
OURS = __name__.partition(".")[0]
FOREIGN = {OURS, "numpy", *sys.stdlib_module_names}
INNER: dict[type, str] = {}  # of some classes of ours, the one attribute that matters
KEPT = {"._parameters", "._buffers"}  # which modules look after
GLOBAL = {"LOAD_GLOBAL", "LOAD_NAME"}
MOST = 10_000  # places that are looked at
Part = tuple[Any, Any, str, Any]  # a container (or None), a key, how users call it, the value


class Cell:
    """What a function closes over, read like a dict."""

    def __init__(self, cell: Any):
        self.cell = cell

    def __getitem__(self, _: Any) -> Any:
        return self.cell.cell_contents


class Attributes:
    """The attributes of something, read like a dict."""

    def __init__(self, owner: Any):
        self.owner = owner

    def __getitem__(self, key: str) -> Any:
        try:
            return getattr(self.owner, key)
        except AttributeError:
            raise KeyError(key) from None


class Places:
    """Where values stand, as pairs of a container and a key, and which values they are."""

    def __init__(self) -> None:
        self.places: list[tuple[Any, Any]] = []
        self.names: list[str] = []
        self.values: list[Any] = []
        self.sizes: list[tuple[Any, int]] = []

    def add(self, container: Any, key: Any, name: str, value: Any) -> None:
        self.places.append((container, key))
        self.names.append(name)
        self.values.append(value)

    def hold(self) -> bool:
        """Whether every value is the one it was."""
        try:
            found = [container[key] for container, key in self.places]
        except (LookupError, ValueError):
            return False
        if all(map(is_, found, self.values)) and not self.sizes:
            return True
        return self.changed(found) is None

    def settle(self) -> None:
        """Let go of lists and dicts that the function itself has changed while it was traced."""
        changed = {id(c) for c, n in self.sizes if len(c) != n}
        self.sizes = [(c, n) for c, n in self.sizes if id(c) not in changed]
        kept = [k for k, (c, _) in enumerate(self.places) if id(c) not in changed]
        self.places = [self.places[k] for k in kept]
        self.names, self.values = [self.names[k] for k in kept], [self.values[k] for k in kept]

    def missing(self) -> str | None:
        """The name of the first value that is another one."""
        try:
            return self.changed([container[key] for container, key in self.places])
        except (LookupError, ValueError):
            return "what is there"

    def changed(self, found: Iterable[Any]) -> str | None:
        """The name of a value that is another one now; equal plain values are the same."""
        found = list(found)
        for name, new, old in zip(self.names, found, self.values):
            if new is not old and not (is_plain(old) and is_same(new, old)):
                return name
        if any(len(c) != n for c, n in self.sizes):
            return "the number of items in a list or dict, or of attributes"
        self.values = found
        return None


class Guards:
    """What a function reads around itself, beside tensors."""

    def __init__(self, f: Any, arguments: Iterable[Any]):
        # Compared at each call, and when one of those that are followed has moved.
        self.always, self.followed = Places(), Places()
        self.seen: dict[int, Any] = {}
        self.named: set[str] = set()
        self.look(f, "", self.always)
        for x in arguments:
            self.look(x, "an argument", self.always)
        self.seen = {}

    def missing(self) -> str | None:
        """The name of what has changed."""
        return self.always.missing() or self.followed.missing()

    def look(self, x: Any, name: str, places: Places) -> None:
        """Note what `x`, which stands under `name`, is made of."""
        if id(x) in self.seen or isinstance(x, (Tensor, ndarray)):
            return
        if is_plain(x) and not isinstance(x, type):
            return
        if len(self.seen) > MOST:
            return
        self.seen[id(x)] = x
        inner = self.followed if isinstance(x, Followed) else places
        for container, key, part, value in self.parts(x):
            full = f"{name}{part}" if name else part.lstrip(".")
            if container is not None and not isinstance(value, (ModuleType, BuiltinFunctionType)):
                apart = type(container) is Attributes  # of a class, whose changes nobody follows
                (self.always if apart else inner).add(container, key, full, value)
            self.look(value, full, self.always if is_quiet(x, part, value) else inner)
        counted = vars(x) if isinstance(x, Followed) else x
        if isinstance(counted, (list, dict)):
            inner.sizes.append((counted, len(counted)))

    def parts(self, x: Any) -> Iterator[Part]:
        """What `x` is made of, as far as it matters."""
        if isinstance(x, functools.partial):
            yield from ((None, None, "", part) for part in (x.func, x.args, x.keywords))
        elif isinstance(x, MethodType) or hasattr(x, "__func__"):
            yield None, None, "", x.__func__
            yield None, None, "", x.__self__
        elif isinstance(x, FunctionType):
            yield from self.read_by(x)
        elif type(x) in INNER:
            yield None, None, "", getattr(x, INNER[type(x)])
        elif isinstance(x, type):
            yield from self.shared(x, x)
        elif isinstance(x, dict):
            for key in list(x):
                yield x, key, f"[{key!r}]" if is_plain(key) else "[...]", x[key]
        elif isinstance(x, (list, tuple)):
            for i, part in enumerate(x):
                yield x, i, f"[{i}]", part
        elif isinstance(x, ModuleType):
            if not is_foreign(x.__name__):
                yield from attributes(x, self.named)
        elif hasattr(x, "__dict__"):
            for kind in type(x).__mro__:
                if not is_foreign(kind.__module__):
                    functions = [v for v in vars(kind).values() if isinstance(v, FunctionType)]
                    yield from ((None, None, "", f) for f in functions)
            every = isinstance(x, Followed) or type(x).__module__.partition(".")[0] == OURS
            yield from attributes(x, None if every else self.named)
            yield from self.shared(x, type(x))

    def shared(self, x: Any, kind: type) -> Iterator[Part]:
        """Plain attributes that `x` has from the class `kind`."""
        own = {} if x is kind else vars(x)
        for base in kind.__mro__:
            if not is_foreign(base.__module__):
                for key in (vars(base).keys() & self.named) - own.keys():
                    if is_plain(vars(base)[key]):
                        yield Attributes(x), key, f".{key}", getattr(x, key)

    def read_by(self, f: FunctionType) -> Iterator[Part]:
        """Globals and cells that a function's code names."""
        if is_foreign(f.__module__ or ""):
            return
        names = set()
        for code in codes_in(f.__code__):
            # Texts may name attributes too, as in getattr(options, "scale").
            self.named.update(code.co_names, (c for c in code.co_consts if type(c) is str))
            names |= {i.argval for i in get_instructions(code) if i.opname in GLOBAL}
        for name in sorted(names & f.__globals__.keys()):
            yield f.__globals__, name, name, f.__globals__[name]
        for name, cell in zip(f.__code__.co_freevars, f.__closure__ or ()):
            try:
                yield Cell(cell), None, name, cell.cell_contents
            except ValueError:  # it is empty
                continue
        for value in (*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values()):
            yield None, None, "a default", value


def attributes(x: Any, wanted: set[str] | None) -> Iterator[Part]:
    """The attributes of `x`, those that are `wanted` or all."""
    for key, value in list(vars(x).items()):
        if wanted is None or key in wanted:
            yield vars(x), key, f".{key}", value


def is_quiet(x: Any, part: str, value: Any) -> bool:
    """Whether `value` is an attribute of something followed, in which nobody follows changes."""
    if isinstance(value, Followed) or not isinstance(x, Followed) or part in KEPT:
        return False
    return type(x).__module__.partition(".")[0] != OURS


def is_foreign(module: str) -> bool:
    """Whether code of this module reads nothing that changes from call to call."""
    return module.partition(".")[0] in FOREIGN


def is_same(x: Any, y: Any) -> bool:
    """Whether two plain values are one; 0.0 and -0.0 are not, nor are (1,) and (1.0,)."""
    if type(x) is not type(y):
        return False
    return repr(x) == repr(y) if type(x) is float else x == y and repr(x) == repr(y)


def is_plain(x: Any) -> bool:
    """Whether `x` is compared by value."""
    return isinstance(x, PLAIN) or (type(x) is tuple and all(map(is_plain, x)))


def codes_in(code: CodeType) -> Iterator[CodeType]:
    """A function's code, and that of the functions it makes."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes_in(constant)
