"""Floor 8. simplegrad's SymbolicArray: an array that knows the expression that it is."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

import tidegrad as tg

__all__ = ["SymbolicArray"]

Inputs = list[tuple[tg.Tensor, str]]


class SymbolicArray(ndarray):
    """An ndarray with its source: `symbolic`, which uses `locals`, and `expand()`, which does not.

    Arrays computed of it, by NumPy's functions or by a Tensor of it, have theirs, where tidegrad
    has the function; they are plain arrays otherwise.  Elements are what the source gives: a part
    or a view, such as `a[::-1]`, is its numbers, where the engine had the source of the whole.

    >>> a = SymbolicArray(np.array([1.0, 2.0]), "a")
    >>> np.exp(a * 2.0).symbolic
    'np.exp((a * 2.0))'
    """

    text: str
    locals: dict[str, str]

    def __new__(cls, arr: Any, symbolic: Any = None, **options: Any) -> SymbolicArray:
        if isinstance(arr, cls):
            return arr
        plain = np.asarray(arr, **options).view(ndarray)
        made = plain.view(cls)
        made.text = str(symbolic or "")
        return made

    def __array_finalize__(self, obj: Any) -> None:
        self.text, self.locals = "", {}

    @property
    def symbolic(self) -> str:
        return self.text or np.array2string(
            self.view(ndarray), separator=",", threshold=sys.maxsize, floatmode="unique"
        )

    def copy(self, order: Any = "C") -> SymbolicArray:
        made = SymbolicArray(self.view(ndarray).copy(order), self.text)
        made.locals = dict(self.locals)
        return made

    __copy__ = copy
    __deepcopy__ = lambda self, memo: self.copy()

    def __reduce__(self) -> Any:
        return SymbolicArray, (self.view(ndarray),), vars(self)

    def __setstate__(self, state: Any) -> None:
        vars(self).update(state)

    def expand(self) -> str:
        """The source as one expression, each local in its place."""
        text = self.symbolic
        for name, line in reversed(self.locals.items()):
            text = replaced(text, {name: line})
        return text

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        types = [type(x) for x in inputs if hasattr(x, "__array_ufunc__")]
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        return self.__array_function__(function, types, inputs, options)

    def __array_function__(self, function: Any, types: Any, inputs: Any, options: Any) -> Any:
        if not all(issubclass(kind, ndarray | np.generic) for kind in types):
            return NotImplemented
        return computed(function, inputs, options)

    @classmethod
    def recorded(cls, tensor: tg.Tensor, inputs: Inputs) -> SymbolicArray:
        """A tensor computed within `tg.whole_tape` of inputs that have these texts."""
        names = named(inputs)
        return written(tg.expression(tensor, names=names, gradients=False, inline=True), inputs)

    @classmethod
    def gradients(cls, tensor: tg.Tensor, inputs: Inputs) -> list[SymbolicArray | None]:
        """Those of the inputs, from before the graph is freed."""
        names = named(inputs)
        found = tg.expression(tensor, names=names, inline=True).gradients
        return [written(found[name], inputs) if name in found else None for name in names]


def named(inputs: Inputs) -> dict[str, tg.Tensor]:
    """The inputs by names: their own where it is a name, once; the others are replaced later."""
    names: dict[str, tg.Tensor] = {}
    for k, (x, text) in enumerate(inputs):
        names[f"v_{k}_" if text in names or not plain_name(text) else text] = x
    return names


def plain_name(text: str) -> bool:
    return text.isidentifier() and not re.fullmatch(r"t\d+|x\d+|v_\d+_|np|numpy|g", text)


def written(e: tg.source.Expression, inputs: Inputs) -> SymbolicArray:
    """The value of an expression, with its source in terms of the inputs' texts."""
    texts = {f"v_{k}_": array(text, x.dtype) for k, (x, text) in enumerate(inputs)}
    for name, value in e.arguments.items():
        if name not in texts and re.fullmatch(r"x\d+", name):
            texts[name] = f"np.array({np.asarray(value).tolist()}, np.{np.asarray(value).dtype})"
    made = SymbolicArray(e(), replaced(e.result, texts))
    made.locals = {name: replaced(text, texts) for name, text in e.lines.items()}
    return made


def array(text: str, dtype: np.dtype) -> str:
    """A list of numbers, as arrays without a name have it, is an array in an expression."""
    return f"np.array({text}, np.{dtype})" if text[:1] in "[0123456789-" else text


def replaced(text: str, texts: dict[str, str]) -> str:
    if not texts:
        return text
    names = "|".join(map(re.escape, texts))
    return re.sub(rf"\b(?:{names})\b", lambda m: f"({texts[m[0]]})", text)


def computed(function: Callable, inputs: Any, options: dict[str, Any]) -> Any:
    """A function of NumPy's of arrays some of which are symbolic."""
    leaves, rebuild = tg.trees.flatten((tuple(inputs), options))
    symbolic = {id(x): x for x in leaves if isinstance(x, SymbolicArray)}
    known = {key: (tg.tensor(x.view(ndarray)), x.expand()) for key, x in symbolic.items()}
    given, options = rebuild([known.get(id(x), (x,))[0] for x in leaves])
    try:
        with tg.whole_tape():
            found = function(*given, **options)
    except TypeError:
        found = None  # tidegrad has no such function, or NumPy refuses what it is given
    if isinstance(found, tg.Tensor):
        return SymbolicArray.recorded(found, list(known.values()))
    given, options = rebuild([x.view(ndarray) if id(x) in symbolic else x for x in leaves])
    return function(*given, **options)
