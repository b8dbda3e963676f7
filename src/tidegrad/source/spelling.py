"""Floor 7. Spelling: each operation as a NumPy expression of its inputs, `_0`, `_1` and so on."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from functools import lru_cache
from string import ascii_letters
from typing import Any

import numpy as np

from .. import special
from ..abstract import Value
from ..errors import GraphError
from ..kinds import Map
from ..ops.plans import terms
from ..partials import INPUTS, NUMPY
from ..shapes import size_of
from ..sums import LONG
from .kernels import KERNELS
from .windowing import counted, dtype, overlapped, peaked, window, window_sums

__all__ = ["ALIASES", "number", "spelled"]

ALIASES = {"positive", "stop_gradient", "variable"}  # the same numbers under another name


def spelled(v: Value, inline: bool) -> str:
    """What computes `v`; `inline` without functions but NumPy's, even if others are nearer."""
    name = v.prim.name
    if isinstance(v.prim, Map) and name not in SPELLINGS:
        return mapped(v, inline)
    if inline and name in INLINE:
        return INLINE[name](v)
    if name not in SPELLINGS:
        raise GraphError(
            f"expression: {name} has no text in NumPy; if it is a function with a derivative of "
            "its own, or was compiled, compute inside `with tg.whole_tape():`"
        )
    return SPELLINGS[name](v)


def mapped(v: Value, inline: bool) -> str:
    """The text of the table, or a call of what runs in its place."""
    run = v.prim.run
    if inspect.isfunction(run) and inspect.getmodule(run) is special:
        if run.__name__ in KERNELS and not inline:
            return f"{run.__name__}({', '.join(f'_{k}' for k in range(v.prim.inputs))})"
        if run.__name__ == "<lambda>" and v.parents[0].dtype.kind != "f":
            return "_0"  # what rounds leaves integers as they are
    return elementwise(v.prim.text, tuple(v.params.items()))


@lru_cache(maxsize=512)
def elementwise(text: str, params: tuple) -> str:
    """A Map's text with NumPy's functions in full, and numbers for its parameters."""
    known = {x: f"_{k}" for k, x in enumerate(INPUTS)} | {n: f"np.{n}" for n in NUMPY}
    known |= {name: number(value) for name, value in params}
    return ast.unparse(Renamed(known).visit(ast.parse(text, mode="eval").body))


class Renamed(ast.NodeTransformer):
    def __init__(self, known: dict[str, str]):
        self.known = known

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.parse(self.known.get(node.id, node.id), mode="eval").body


def number(x: Any) -> str:
    """A number, or nested lists of them, as source."""
    if isinstance(x, list):
        return f"[{', '.join(map(number, x))}]"
    if isinstance(x, float) and not np.isfinite(x):
        return "np.nan" if x != x else "np.inf" if x > 0 else "-np.inf"
    return repr(x)


def fold(name: str) -> Callable[[Value], str]:
    return lambda v: f"np.{name}(_0{along(v)})"


def along(v: Value) -> str:
    axes, ndim = v.params["axes"], len(v.parents[0].shape)
    one = axes[0] if len(axes) == 1 else axes
    text = f", axis={one}" if v.params["keepdims"] or len(axes) < ndim else ""
    return text + (", keepdims=True" if v.params["keepdims"] else "")


def summed(v: Value) -> str:
    """NumPy adds rows one by one: where there are many of them it is done by halves, as here."""
    x, axes = v.parents[0], v.params["axes"]
    long = any(x.shape[a] > LONG for a in axes) and len(axes) < len(x.shape)
    return called("total", v) if long and x.dtype.kind == "f" else fold("sum")(v)


def called(name: str, v: Value) -> str:
    """A call of a kernel with the operation's parameters."""
    inputs = [f"_{k}" for k in range(len(v.parents))]
    return f"{name}({', '.join([*inputs, *(f'{n}={p!r}' for n, p in v.params.items())])})"


def call(name: str) -> Callable[[Value], str]:
    return lambda v: called(name, v)


def arrays(v: Value) -> str:
    return ", ".join(f"_{k}" for k in range(len(v.parents)))


def reshaped(v: Value) -> str:
    same = v.shape == v.parents[0].shape
    return "_0" if same else f"_0.reshape({', '.join(map(str, v.shape)) or '()'})"


def turned(v: Value) -> str:
    axes = v.params["axes"]
    return "_0.T" if axes == (1, 0) else f"_0.transpose{axes}" if axes else "_0"


def index(key: Any) -> str:
    """A basic index as one writes it."""
    return ", ".join(map(part, key)) or "()"


def part(key: Any) -> str:
    if type(key) is not slice:
        return "..." if key is Ellipsis else str(key)
    ends = ["" if end is None else str(end) for end in (key.start, key.stop)]
    return ":".join([*ends, *([] if key.step is None else [str(key.step)])])


def located(v: Value, first: int) -> list[str]:
    """The key of a gather: the inputs from `first` on at their axes."""
    key = [":"] * (max(v.params["axes"]) + 1)
    for k, axis in enumerate(v.params["axes"]):
        key[axis] = f"_{first + k}"
    return key


def written_at(v: Value) -> str:
    key = [k.replace(":", "slice(None)") for k in located(v, 2)]
    return f"written(_0, _1, key=({', '.join(key)},))"


def placed(v: Value) -> str:
    """Zeros around an array where that is all that is done; otherwise what does more."""
    key, shape, inner = v.params["key"], v.params["shape"], v.parents[0].shape
    plain = all(type(k) is slice and k.step in (None, 1) for k in key)
    if not plain or len(key) != len(shape) or not shape:
        return called("placed", v)
    starts = [k.indices(n)[0] for k, n in zip(key, shape)]
    pads = [(a, n - a - m) for a, n, m in zip(starts, shape, inner)]
    return f"np.pad(_0, {pads})" if size_of(inner) else called("placed", v)


def placed_by_number(v: Value) -> str:
    text, shape = placed(v), v.params["shape"]
    numbers = f"np.arange({size_of(shape)}).reshape({shape})[{index(v.params['key'])}]"
    return counted(numbers, v) if text.startswith("placed") else text


def scattered(v: Value) -> str:
    axes, shape = v.params["axes"], v.params["shape"]
    wide = np.broadcast_shapes(*(i.shape for i in v.parents[1:]))
    if axes != tuple(range(len(shape))) or v.dtype.kind != "f" or wide != v.parents[0].shape:
        return called("scattered", v)
    indices = "".join(f"_{k}, " for k in range(1, len(v.parents)))
    places = f"np.ravel_multi_index(({indices}), {tuple(shape)}, mode='wrap')"
    return counted(places if wide else f"np.reshape({places}, 1)", v)


def ordered(v: Value) -> str:
    axis = v.params["axis"]
    if not v.params["descending"]:
        return f"np.argsort(_0, axis={axis}, kind='stable')"
    mirrored = f"np.argsort(np.flip(_0, {axis}), axis={axis}, kind='stable')"
    return f"{v.shape[axis] - 1} - np.flip({mirrored}, {axis})"


def contracted(v: Value) -> str:
    """A matrix product where it is one, of inputs as they are or transposed; otherwise einsum."""
    a, b, out = terms(v.params["spec"])
    for left, x in ((a, "_0"), (swapped(a), "_0.mT")):
        for right, y in ((b, "_1"), (swapped(b), "_1.mT")):
            for first, second, text in ((left, right, f"{x} @ {y}"), (right, left, f"{y} @ {x}")):
                if product_of(first, second) == out:
                    return text.replace(".mT", ".T") if len(a) < 3 and len(b) < 3 else text
    if out == a + b:
        return "np.multiply.outer(_0, _1)"
    letters = dict(zip(dict.fromkeys(a + b), ascii_letters))
    plain = [n if n.isascii() else letters[n] for n in "".join(dict.fromkeys(a + b))]
    names = dict(zip(dict.fromkeys(a + b), plain if len(set(plain)) == len(plain) else letters))
    spec = "".join(names.get(n, n) for n in v.params["spec"])
    return f"np.einsum('{spec}', _0, _1)"


def swapped(labels: str) -> str:
    """The labels with the last two exchanged; nothing where there are not two."""
    return labels[:-2] + labels[-1] + labels[-2] if len(labels) > 1 else "?"


def product_of(a: str, b: str) -> str:
    """The labels of NumPy's matrix product, where these are inputs that it takes; else nothing."""
    inner = b[-2:-1] or b
    if not a or not b or "?" in a + b or a[-1] != inner:
        return ""
    batch = a[:-2], b[:-2]
    longer = max(batch, key=len)
    if not all(longer.endswith(part) for part in batch):
        return ""
    return longer + a[-2:-1] + (b[-1] if len(b) > 1 else "")


SPELLINGS: dict[str, Callable[[Value], str]] = {
    **{name: fold(name) for name in ("prod", "max", "min", "all", "any", "argmax", "argmin")},
    "sum": summed,
    "norm": call("two_norm"),
    "square": lambda v: "_0 * _0" if v.dtype.kind == "b" else "np.square(_0)",  # of bools int8
    "cast": lambda v: f"_0.astype({dtype(v.dtype)})",
    "reshape": reshaped,
    "permute": turned,
    "expand": lambda v: f"np.broadcast_to(_0, {tuple(v.shape)})",
    "slice": lambda v: f"_0[{index(v.params['key'])}]",
    "place": placed,
    "flip": lambda v: f"np.flip(_0, {v.params['axes']})",
    "concat": lambda v: f"np.concatenate(({arrays(v)},), axis={v.params['axis']})",
    "put": call("written"),
    "put_at": written_at,
    "gather": lambda v: f"_0[{', '.join(located(v, 1))}]",
    "scatter": scattered,
    "window": window,
    "overlap_add": call("added"),
    "sum_windows": window_sums,
    "spread_windows": call("unsummed"),
    "peaks": call("highest"),
    "contract": contracted,
    "cumulative_sum": lambda v: "np.cumsum(_0, axis=-1)",
    "cumulative_prod": lambda v: "np.cumprod(_0, axis=-1)",
    "recurrence": call("recurrence"),
    "argsort": ordered,
}
INLINE: dict[str, Callable[[Value], str]] = {
    "overlap_add": overlapped,
    "peaks": peaked,
    "place": placed_by_number,
}
INLINE["sum"] = fold("sum")
