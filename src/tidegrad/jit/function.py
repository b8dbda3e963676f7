"""Floor 6. jit: a function of tensors that is traced once and then runs as one program."""

from __future__ import annotations

import functools
import inspect
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

from ..core import Tensor, local
from ..dtypes import default_dtype
from ..epoch import COUNTS
from .arguments import Call, Shortcut, Signature
from .cache import Cache
from .costs import Cost
from .debug import checked
from .direct import MISSED, direct_of
from .family import Families
from .graph import Graph
from .guards import INNER, Guards
from .native.forks import new_lock
from .program import Program
from .traced import traced_with

__all__ = ["Function", "jit"]


def jit(f: Callable | None = None, *, static: Any = (), debug: bool = False) -> Any:
    """`f`, run once on abstract tensors, and from then on as one compiled program.

    There is a program for every combination of the shapes and dtypes of tensors and arrays, and of
    the values of all other arguments but floats; `static` names more that are taken by value.
    Tensors that `f` finds elsewhere are read at each call, and what it changes is changed: values,
    gradients, random streams.  Numbers, strings and attributes of modules that it reads are
    compared; whatever else it reads is read once.  What a program computes has no numbers yet, so
    checks of values are left out: classes and indices must be in range.  `f.lower(...)` compiles
    ahead, `f.graph(...)` shows what is computed, `f.clear()` forgets all programs.  With `debug`
    every intermediate result is compared with NumPy's, and programs may not write outside of their
    memory (AnomalyError, MemoryError).  TraceError, with the line, where `f` asks for numbers;
    TypeError for arguments that are neither trees of tensors nor can be hashed.

    Environment variables: TIDEGRAD_NUM_THREADS is how many threads programs use at first;
    TIDEGRAD_CACHE the folder in which machine code is kept, or 0 for none; TIDEGRAD_TARGET the kind
    of processor to make code for, if not the best that this one can be: x86-64, avx2, avx512.

    >>> @tg.jit
    ... def f(x):
    ...     return (x * 2 + 1).sum()
    >>> f(tg.tensor([1.0, 2.0]))
    tensor(8.)
    """
    if f is None:
        return functools.partial(jit, static=static, debug=debug)
    if not callable(f):
        raise TypeError(f"jit: takes a function of tensors, not {f!r}")
    return Function(f, static, debug)


class Function:
    """A compiled function: calls find the program that fits, or make it."""

    def __init__(self, f: Callable, static: Any = (), debug: bool = False):
        functools.update_wrapper(self, f, updated=())
        self.f, self.static, self.debug = f, static, debug
        self.name = getattr(f, "__name__", type(f).__name__)
        self.signature = Signature(f, static)
        self.cache, self.families = Cache(self.name), Families()
        self.shortcut: Shortcut | None = None  # to the program of the last call
        self.lock = new_lock(threading.RLock)
        self.methods: dict[int, Function] = {}  # by the ids of the instances

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """A method of `instance`, which has programs of its own for as long as it lives."""
        if instance is None:
            return self
        found = self.methods.get(id(instance))
        if found is None:
            found = Function(Method(self.f, instance, self.methods), self.static, self.debug)
            found = self.methods.setdefault(id(instance), found)
        return Bound(found, instance)

    def __reduce__(self) -> Any:
        """By its name, as functions are copied and pickled, or with what it compiles."""
        name, place = self.__dict__.get("__qualname__", ""), sys.modules.get(self.__module__)
        for part in name.split("."):
            place = getattr(place, part, None)
        return name if place is self else (type(self), (self.f, self.static, self.debug))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if local.trace is not None:  # part of a larger program, or watched as it runs
            return self.f(*args, **kwargs)
        shortcut = self.shortcut
        if shortcut is not None and not kwargs:
            if shortcut.direct is not None:
                found = shortcut.direct(args)
                if found is not MISSED:
                    return found
            if shortcut.fits(args):
                found = shortcut.program(args)
                if not shortcut.repeated:  # a function that is called once needs no shorter way
                    shortcut.repeated, shortcut.direct = True, direct_of(args, shortcut.program)
                return found
        call = Call(args, kwargs, self.signature)
        program = self.program(call)
        found = program(call.leaves)
        self.shortcut = Shortcut(args, program) if Shortcut.suits(call) else None
        return found

    def program(self, call: Call) -> Program:
        """The program for a call: one that fits, or a new one."""
        key = (call.key, default_dtype(), local.recording)
        found = self.cache.find(key, call.leaves)
        if found is None:
            with self.lock:  # of threads that come here at once, one makes it
                found = self.cache.find(key, call.leaves)
                if found is None:
                    found = self.made(call, *key[1:])
                    self.cache.add(key, call, found)
        return found

    def made(self, call: Call, *rest: Any) -> Program:
        """A new program."""
        counts = COUNTS.copy()
        guards = Guards(self.f, [x for x in call.leaves if not isinstance(x, Tensor)])

        def run(leaves: list) -> Any:
            args, kwargs = call.filled(leaves)
            return self.f(*args, **kwargs)

        traced = traced_with(run, call.leaves, call.static)
        guards.always.settle()
        make = checked if self.debug else self.families.of(call, *rest).made_for(call)
        return Program(self.name, traced, guards, counts, make)

    def lower(self, *args: Any, **kwargs: Any) -> Program:
        """The program for these arguments, made now and not run."""
        return self.program(Call(args, kwargs, self.signature))

    def graph(self, *args: Any, optimized: bool = True, **kwargs: Any) -> Graph:
        """What a call with these arguments computes: as it was traced, or as it runs."""
        program = self.lower(*args, **kwargs)
        return getattr(program.executable, "graph", program.graph) if optimized else program.graph

    def source(self, *args: Any, **kwargs: Any) -> str:
        """The LLVM text of the machine code that a call with these arguments runs.

        >>> "fmul" in tg.jit(lambda x: x * 2).source(tg.ones(3))
        True
        """
        return self.lower(*args, **kwargs).executable.source()

    def cost(self, *args: Any, **kwargs: Any) -> Cost:
        """What a call with these arguments takes: operations, and bytes moved and planned.

        >>> tg.jit(lambda x: (x * 2).sum()).cost(tg.ones(1000))
        nest           operations  bytes read  bytes written
        multiply, sum       2,000       4,000              4
        in all              2,000       4,000              4
        memory: 4 bytes (arena 0, scratch 0, outputs 4)
        """
        return self.lower(*args, **kwargs).executable.cost()

    def clear(self) -> None:
        """Forget every program."""
        with self.lock:
            self.shortcut = None
            self.cache.clear()
            self.families.clear()
            self.methods.clear()

    def __repr__(self) -> str:
        return f"jit({self.name}, {len(self.cache)} programs)"


class Bound:
    """A compiled method, with the instance that it belongs to."""

    __slots__ = ("function", "instance")

    def __init__(self, function: Function, instance: Any):
        self.function, self.instance = function, instance

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.function, name)

    def __repr__(self) -> str:
        return repr(self.function)

    def __reduce__(self) -> Any:
        return getattr, (self.instance, self.function.name)


INNER[Function], INNER[Bound] = "f", "function"


class Method:
    """A function bound to an instance that it does not keep alive.

    Once that is gone it is no longer among the `methods`.
    """

    def __init__(self, f: Callable, instance: Any, methods: dict[int, Any]):
        functools.update_wrapper(self, f, updated=())
        key = id(instance)
        try:
            self.instance = weakref.ref(instance, lambda _: methods.pop(key, None))
        except TypeError:
            raise TypeError(
                f"jit: {f.__qualname__} is a method of objects that cannot be referred to weakly; "
                'add "__weakref__" to the __slots__ of the class'
            ) from None
        self.__func__, self.__signature__ = f, bound_signature(f)

    @property
    def __self__(self) -> Any:
        return self.instance()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__func__(self.instance(), *args, **kwargs)


def bound_signature(f: Callable) -> inspect.Signature:
    """The signature of `f` without its first parameter."""
    whole = inspect.signature(f)
    return whole.replace(parameters=list(whole.parameters.values())[1:])
