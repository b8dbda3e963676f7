"""Floor 7. The whole tape: what arrays were made of, also where no derivative needs to know."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
from numpy import ndarray

from ..abstract import Value
from ..arrays import own
from ..core import Node, Tensor, local
from ..ops.philox import Draw
from ..transforms import variable
from ..watching import Watch

__all__ = ["Given", "given", "known", "remember", "value_of", "whole_tape"]

# By the id of an array, what it was made of; an array that dies takes its entry along.  The same
# by nodes, as these may have saved a copy of the array.
MADE: dict[int, tuple[weakref.ref, Value]] = {}
NODES: weakref.WeakKeyDictionary[Node, Value] = weakref.WeakKeyDictionary()


class Given(Value):
    """What an expression begins with: `saved` is an array, a number, or None where it is lost.

    Gradients flow to `node`; `origin` refers weakly to the array that was met.
    """

    __slots__ = ("node", "origin")

    def __init__(self, saved: Any, node: Node | None = None, like: Any = None):
        like = np.asarray(saved) if like is None else like
        super().__init__(None, (), {}, like.shape, like.dtype, saved)
        self.node = node
        self.origin: Any = weakref.ref(like) if type(like) is ndarray else None

    def is_now(self, array: ndarray) -> bool:
        """Whether `array` still has the elements that it had."""
        saved: Any = self.saved
        return saved is array or np.array_equal(saved, array, equal_nan=array.dtype.kind == "f")


# By the ids of their arrays and of their nodes, both of which live as long as they.
GIVEN: weakref.WeakValueDictionary[int, Given] = weakref.WeakValueDictionary()


def known(array: ndarray) -> Value | None:
    """What `array` was made of, if that was seen."""
    ref, value = MADE.get(id(array), (None, None))
    return value if ref is not None and ref() is array else None


def remember(array: ndarray, value: Value, node: Node | None = None) -> None:
    key = id(array)
    MADE[key] = weakref.ref(array, lambda _: MADE.pop(key, None)), value
    if node is not None:
        NODES[node] = value


def given(array: ndarray, node: Node | None = None) -> Given:
    """`array` as a beginning, always the same one; a copy is kept of what others may write into."""
    found = GIVEN.get(id(array))
    if found is None or found.origin() is not array or node not in (None, found.node):
        found = GIVEN.get(id(node)) if node is not None else None
    if found is None or not found.is_now(array):
        found = GIVEN[id(array)] = Given(own(array), node, array)
    if node is not None:
        GIVEN[id(node)] = found
    return found


def value_of(x: Any) -> Value:
    """What a Tensor, an array or a number was made of: itself where that was not seen."""
    array, node = (x.array, stood_for(x.node)) if type(x) is Tensor else (x, None)
    if type(array) is not ndarray:
        return Given(array)
    made = known(array) if node is None or node.prim is not None else None
    made = NODES.get(node) if made is None and node is not None else made
    return given(array, node) if made is None else made


def stood_for(node: Node | None) -> Node | None:
    """The node whose place a transform's variable takes, for as long as the transform runs."""
    while node is not None and node.prim is variable:
        node = node.parents[0]
    return node


class whole_tape(Watch):
    """Within `with tg.whole_tape():` it is kept what every result was made of.

    The tape alone forgets the operands that no derivative needs, such as the 1 in `x + 1`; here
    `tg.expression` finds them all.  Inputs, not the results, are kept alive for it.  Random
    numbers are inputs, too.

    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> with tg.whole_tape():
    ...     y = (x + 1.0) ** 2
    >>> tg.expression(y, names={"x": x}).result
    '(x + 1.0) ** 2'
    """

    def __init__(self) -> None:
        super().__init__()

    def __enter__(self) -> whole_tape:
        self.before = local.trace
        return super().__enter__()

    def note(self, made: Any) -> None:
        """Results of a whole function, which was seen step by step."""
        if self.before is not None:
            self.before.note(made)

    def __call__(self, prim: Any, args: tuple, params: dict) -> Any:
        if not all(map(has_elements, args)):
            return self.passed_on(prim, args, params)
        args = agreed(prim, prim.lift(args))
        out = self.passed_on(prim, args, params)
        array = out.array if type(out) is Tensor else out
        same = any(array is getattr(a, "array", a) for a in args)
        if type(array) is ndarray and not same and not isinstance(prim, Draw):
            parents = tuple(map(value_of, args))
            made = Value(prim, parents, params, array.shape, array.dtype)
            remember(array, made, getattr(out, "node", None))
        return out


def has_elements(x: Any) -> bool:
    """Whether they are known, and here: not those of a trace, nor of another backend."""
    return not isinstance(getattr(x, "array", x), Node)


def agreed(prim: Any, args: tuple) -> tuple:
    """`args` in the one dtype that `prim` computes in: casts are operations to be seen, too."""
    dtypes = {a.dtype for a in args if hasattr(a, "dtype")}
    floats = prim.floats or any(type(a) is float for a in args)
    mixed = len(dtypes) > 1 or (floats and any(dtype.kind != "f" for dtype in dtypes))
    return prim.unify(args) if prim.promotes and mixed else args
