"""Floor 6. Direct: machine code that runs a program from inside one function of the interpreter.

It looks at all that a call needs to be as it was, and at whose memory it may write, in Python's own
objects: while the interpreter waits for it, nothing of that changes.
"""

from __future__ import annotations

import ctypes
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

from ..ir import Code, Module
from .engine import Library, loaded
from .forks import LOCK
from .layout import WORD, Fields, Layout, LayoutError, fields, layout
from .threads import object_code

__all__ = ["direct", "direct_code"]

# What the code is told, a word each: a program and its argument, where others write, objects; then
# pairs of a number and the address of as many words.
SINGLE = ["program", "argument", "busy", "boolean", "tensor", "ndarray", "none"]
SEVERAL = [
    "arguments",  # of each the address of its dtype, its rank and its sizes
    "inputs",  # of each the number of the argument that it is
    "apart",  # tensors that no argument may be
    "held",  # tensors that are read
    "states",  # tensors whose arrays are written
    "arrays",  # and these arrays, in a list of Python's
    "leaves",  # tensors whose gradients are written
    "gradients",  # and these gradients, in a list of Python's
    "results",  # to be written; they are the last arguments
    "given",  # where the inputs' addresses go
    "made",  # and those of what is written
]
IN_ORDER, WRITEABLE = 0x1, 0x400  # an array's flags
FASTCALL = 0x80  # how a function takes its arguments: as an address and a number


class Method(ctypes.Structure):
    """What the interpreter wants to know of a function in machine code."""

    _fields_ = (("name", ctypes.c_char_p), ("code", ctypes.c_void_p), ("flags", ctypes.c_int),
                ("doc", ctypes.c_char_p))  # fmt: skip


def direct(told: Mapping[str, int | tuple[int, int]]) -> Any:
    """A function of an interpreter that is called with the tensors and the arrays for results.

    It gives whether it has run the program; otherwise it has changed nothing.  `told` names its
    words.  What these are addresses of must live as long as the function.
    """
    table = [told[name] for name in SINGLE]
    table += [n for name in SEVERAL for n in told[name]]  # type: ignore[union-attr]  # pairs
    with LOCK:  # of threads that come here at once, one makes it
        definition = method()
    return maker()(ctypes.addressof(definition), np.array(table, np.uint64), None)


@cache
def maker() -> Any:
    """What makes a function of the interpreter's."""
    kinds = ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p
    return ctypes.PYFUNCTYPE(ctypes.py_object, *kinds)(("PyCFunction_NewEx", ctypes.pythonapi))


@cache
def method() -> Method:
    """The one function in machine code; LayoutError where the interpreter is of another kind."""
    return Method(b"direct", library().address("tide_direct"), FASTCALL, None)


@cache
def library() -> Library:
    if sysconfig.get_config_var("Py_GIL_DISABLED") or WORD != 8:
        raise LayoutError("jit: this interpreter runs several threads at once, or has short words")
    return loaded(object_code(direct_code(fields(), layout())))


def boolean() -> int:
    """Where the interpreter's own function is that makes a bool."""
    return ctypes.cast(ctypes.pythonapi.PyBool_FromLong, ctypes.c_void_p).value or 0


def direct_code(at: Fields, lists: Layout) -> str:
    """The function, as LLVM's text."""
    module = Module()
    parameters = [("ptr", "%self"), ("ptr", "%arguments"), ("i64", "%count")]
    look = Look(module.function("tide_direct", "ptr", parameters, "nounwind"), at)
    look.tell("%self", lists)
    look.need(look.word(look.told["busy"], 0, "i64"), "0", "i64")
    look.need(look.sum("arguments", "results"), "%count", "i64")
    look.arguments()
    look.inputs()
    look.states()
    look.leaves()
    look.results()
    look.end()
    return module.text()


class Checks:
    """Code that ends as soon as a word in memory is not as it should be."""

    def __init__(self, code: Code):
        self.code = code

    def word(self, start: str, offset: int, kind: str = "ptr") -> str:
        """What stands so many bytes behind an address."""
        place = self.code.emit(f"getelementptr i8, ptr {start}, i64 {offset}")
        return self.code.emit(f"load {kind}, ptr {place}")

    def item(self, start: str, k: str, kind: str = "ptr") -> str:
        place = self.code.emit(f"getelementptr {kind}, ptr {start}, i64 {k}")
        return self.code.emit(f"load {kind}, ptr {place}")

    def need(self, found: str, wanted: str, kind: str = "ptr", relation: str = "eq") -> None:
        """Go on only where two words are equal, or are not."""
        right = self.code.emit(f"icmp {relation} {kind} {found}, {wanted}")
        more = self.code.label("more")
        self.code.line(f"br i1 {right}, label %{more}, label %no")
        self.code.place(more)

    @contextmanager
    def each(self, count: str) -> Iterator[str]:
        """A loop over the numbers below `count`."""
        code = self.code
        head, body, end = map(code.label, ("head", "body", "end"))
        before = code.block
        code.line(f"br label %{head}")
        code.place(head)
        k = code.emit("")
        start = len(code.lines) - 1
        more = code.emit(f"icmp slt i64 {k}, {count}")
        code.line(f"br i1 {more}, label %{body}, label %{end}")
        code.place(body)
        yield k
        following = code.emit(f"add i64 {k}, 1")
        code.lines[start] += f"phi i64 [ 0, %{before} ], [ {following}, %{code.block} ]"
        code.line(f"br label %{head}")
        code.place(end)


class Look(Checks):
    """A look at everything that a call is about."""

    def __init__(self, code: Code, at: Fields):
        super().__init__(code)
        self.at = at
        self.told: dict[str, str] = {}
        self.numbers: dict[str, str] = {}

    def tell(self, array: str, lists: Layout) -> None:
        """Read the words that the code is told, which are an array's."""
        table = self.word(array, lists.data)
        self.told = {name: self.item(table, str(k)) for k, name in enumerate(SINGLE)}
        for k, name in enumerate(SEVERAL):
            first = len(SINGLE) + 2 * k
            self.numbers[name] = self.item(table, str(first), "i64")
            self.told[name] = self.item(table, str(first + 1))
        for name in ("arrays", "gradients"):
            self.told[name] = self.word(self.told[name], lists.items)

    def sum(self, one: str, other: str) -> str:
        return self.code.emit(f"add i64 {self.numbers[one]}, {self.numbers[other]}")

    def every(self, name: str) -> Any:
        return self.each(self.numbers[name])

    def array(self, tensor: str, flags: int = 0) -> str:
        """The array of a tensor, which is an array and has these flags."""
        found = self.word(tensor, self.at.array)
        self.need(self.word(found, self.at.kind), self.told["ndarray"])
        if flags:
            has = self.code.emit(f"and i32 {self.word(found, self.at.flags, 'i32')}, {flags}")
            self.need(has, str(flags), "i32")
        return found

    def arguments(self) -> None:
        """They are tensors without gradients, of the dtypes and sizes that they were of."""
        at, told = self.at, self.told
        with self.every("arguments") as k:
            tensor, like = self.item("%arguments", k), self.item(told["arguments"], k)
            self.need(self.word(tensor, at.kind), told["tensor"])
            self.need(self.word(tensor, at.node), told["none"])
            with self.every("apart") as other:
                self.need(self.item(told["apart"], other), tensor, relation="ne")
            array = self.array(tensor)
            self.need(self.word(array, at.dtype), self.word(like, 0))
            rank = self.word(array, at.rank, "i32")
            self.need(rank, self.word(like, WORD, "i32"), "i32")
            sizes, count = self.word(array, at.sizes), self.code.emit(f"zext i32 {rank} to i64")
            wanted = self.code.emit(f"getelementptr i8, ptr {like}, i64 {2 * WORD}")
            with self.each(count) as axis:
                self.need(self.item(sizes, axis, "i64"), self.item(wanted, axis, "i64"), "i64")

    def inputs(self) -> None:
        """Arguments first, then tensors that are read, all in order in memory."""
        with self.every("inputs") as k:
            which = self.item(self.told["inputs"], k, "i64")
            self.put("given", k, self.array(self.item("%arguments", which), IN_ORDER))
        with self.every("held") as k:
            place = self.code.emit(f"add i64 {k}, {self.numbers['inputs']}")
            self.put("given", place, self.array(self.item(self.told["held"], k), IN_ORDER))

    def states(self) -> None:
        """Arrays that are the tensors' own, and nobody else's."""
        with self.every("states") as k:
            tensor = self.item(self.told["states"], k)
            array = self.array(tensor, IN_ORDER | WRITEABLE)
            self.need(array, self.item(self.told["arrays"], k))
            self.owned(array, 2)
            self.put("made", k, array)

    def leaves(self) -> None:
        """Gradients that are the tensors' own, and nobody else's."""
        with self.every("leaves") as k:
            tensor = self.item(self.told["leaves"], k)
            gradient = self.word(tensor, self.at.gradient)
            self.need(gradient, self.item(self.told["gradients"], k))
            self.need(self.word(gradient, self.at.kind), self.told["tensor"])
            self.owned(gradient, 2)
            array = self.array(gradient, IN_ORDER | WRITEABLE)
            self.need(self.word(array, self.at.base), "null")
            self.owned(array, 1)
            place = self.code.emit(f"add i64 {k}, {self.numbers['states']}")
            self.put("made", place, array)

    def results(self) -> None:
        """New arrays."""
        first = self.sum("states", "leaves")
        with self.every("results") as k:
            given = self.code.emit(f"add i64 {k}, {self.numbers['arguments']}")
            place = self.code.emit(f"add i64 {k}, {first}")
            self.put("made", place, self.item("%arguments", given))

    def owned(self, thing: str, count: int) -> None:
        self.need(self.word(thing, self.at.references, "i64"), str(count), "i64")

    def put(self, name: str, k: str, array: str) -> None:
        place = self.code.emit(f"getelementptr ptr, ptr {self.told[name]}, i64 {k}")
        self.code.line(f"store ptr {array}, ptr {place}")

    def end(self) -> None:
        """Run the program, and say so."""
        code, told = self.code, self.told
        code.line(f"call void {told['program']}(ptr {told['argument']}, i64 0, i64 1, ptr null)")
        last = code.block
        code.line("br label %yes")
        code.place("no")
        code.line("br label %yes")
        code.place("yes")
        said = code.emit(f"phi i64 [ 1, %{last} ], [ 0, %no ]")
        made = code.emit(f"call ptr {told['boolean']}(i64 {said})")
        code.line(f"ret ptr {made}")
