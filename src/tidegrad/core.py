"""Floor 1. Tensor, Node and bind: how a result remembers its making."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Container, Iterable
from typing import Any

import numpy as np
from numpy import ndarray

from .arrays import SHARED, owned
from .errors import DTypeError, GraphError, ShapeError

__all__ = ["FREED", "Node", "Tensor", "bind", "leaf", "local", "rebind", "record", "toposort"]


class Local(threading.local):
    """What a thread knows: whether operations are recorded, and who else watches them."""

    recording = True
    trace: Any = None


local = Local()


class Tensor:
    """An array, and where it came from; made by `tg.tensor`, `tg.asarray` and every operation."""

    __slots__ = ("__weakref__", "array", "grad", "node")

    def __init__(self, array: ndarray, node: Node | None = None):
        if type(array) is not ndarray:
            raise TypeError(
                f"Tensor holds an ndarray, not {type(array).__name__}; use tg.tensor(...)"
            )
        self.array = array
        self.node = node
        self.grad: Tensor | None = None

    def __init_subclass__(cls) -> None:
        raise TypeError("Tensor is final; hold one as an attribute instead of deriving from it")

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to or through this tensor."""
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if self.node is not None and self.node.prim is not None:
            if not wanted:
                raise GraphError(
                    "requires_grad: only a leaf can be frozen, and this is the result of "
                    f"{self.node.prim.name}; use .detach()"
                )
        elif bool(wanted) != (self.node is not None):
            self.node = leaf(self) if wanted else None


class Node:
    """`prim` applied to `parents`; a leaf has no prim, a parent without gradient is None.

    `saved` holds the inputs and the result, each None unless a derivative needs it; `owner`
    refers weakly to the Tensor whose `.grad` this node feeds.
    """

    __slots__ = (
        *("__weakref__", "dtype", "owner", "params"),
        *("parents", "prim", "saved", "shape"),
    )

    def __init__(self, prim: Any, parents: tuple, params: dict, like: Any, saved: Any):
        self.prim = prim
        self.parents = parents
        self.params = params
        self.shape = like.shape
        self.dtype = like.dtype
        self.saved = saved
        self.owner: Any = None


NOTHING: list = []
FREED: list = []


def leaf(tensor: Tensor) -> Node:
    """A node without a prim, which gradients of `tensor` flow to."""
    if tensor.array.dtype.kind != "f":
        raise DTypeError(
            f"requires_grad: only floating tensors have gradients, not {tensor.array.dtype}; "
            "convert with .astype(tg.float32) first"
        )
    node = Node(None, (), {}, tensor.array, NOTHING)
    node.owner = weakref.ref(tensor)
    return node


def bind(prim: Any, args: tuple, params: dict) -> Any:
    """Apply `prim` to Tensors, giving a Tensor that remembers it, or to bare arrays, giving one.

    Nothing is checked here.  Where NumPy refuses, the operation's own rule is asked why; where
    dtypes differ or do not suit, `prim.unify` brings the arguments together first.
    """
    if local.trace is not None:
        return local.trace(prim, args, params)
    arrays: list = []
    nodes: list = []
    mask, bit = 0, 1
    dtype, weak, bare = None, False, True
    for a in args:
        kind = type(a)
        node = None
        if kind is Tensor:
            bare = False
            node = a.node
            if node is not None:
                mask |= bit
            a = a.array
            if a.dtype is not dtype:
                if dtype is not None and prim.promotes:
                    return bind(prim, prim.unify(args), params)
                dtype = a.dtype
        elif kind is float:
            weak = True
        elif kind is not int and kind is not bool:
            if kind is not ndarray and not isinstance(a, np.generic):
                return bind(prim, prim.lift(args), params)
            if a.dtype is not dtype:
                if dtype is not None and prim.promotes:
                    return bind(prim, prim.unify(args), params)
                dtype = a.dtype
        arrays.append(a)
        nodes.append(node)
        bit += bit
    if (weak or prim.floats) and dtype is not None and dtype.kind != "f" and prim.promotes:
        return bind(prim, prim.unify(args), params)
    try:
        out = prim.run(*arrays, **params)
    except (ValueError, TypeError, IndexError, OverflowError):
        prim.explain(args, params)
        raise
    if bare:
        # A number made of numbers stays weak, as Python's own are.
        return out.item() if dtype is None and isinstance(out, np.generic) else out
    if type(out) is not ndarray:
        out = np.asarray(out)
    if mask and prim.differentiable and local.recording:
        return Tensor(out, record(prim, arrays, nodes, mask, params, out))
    return Tensor(out)


def record(prim: Any, arrays: list, nodes: list, mask: int, params: dict, out: Any) -> Node:
    """The node of a result: it keeps what the derivatives by its tracked parents ask for."""
    drop = prim.drop[mask]
    if drop is None:
        arrays = NOTHING
    else:
        arrays.append(out)
        for k in drop:
            arrays[k] = None
        if SHARED:
            arrays = owned(arrays)
    return Node(prim, tuple(nodes), params, out, arrays)


def toposort(roots: Iterable[Node], stops: Container[Node] = ()) -> list[Node]:
    """`roots` and all they came from, parents first; nothing is looked for behind `stops`."""
    order: list = []
    seen: set = set()
    stack: list = list(roots)
    while stack:
        node = stack.pop()
        if type(node) is tuple:
            order.append(node[0])
        elif node is not None and node not in seen:
            seen.add(node)
            stack.append((node,))
            if node not in stops:
                stack += node.parents
    return order


def rebind(tensor: Tensor, value: Tensor, operation: str) -> Tensor:
    """Let the object `tensor` stand for `value`; graphs recorded before keep the old value.

    A leaf that needs a gradient stays a leaf, and is rebound only where nothing is recorded.
    """
    old, new = tensor.array, value.array
    if new.shape != old.shape or new.dtype != old.dtype:
        raise ShapeError(
            f"{operation}: the result {new.dtype}{list(new.shape)} does not fit the tensor "
            f"{old.dtype}{list(old.shape)} it is written to; write x = x + y instead of x += y"
        )
    node = tensor.node
    if node is not None and node.prim is None:
        if local.recording:
            raise GraphError(
                f"{operation}: a leaf that needs a gradient cannot be changed while operations "
                "are recorded; do it inside tg.no_grad(), or on x * 1"
            )
    else:
        tensor.node = value.node
        if node is not None and node.owner is not None:
            move_owner(tensor, node)
    tensor.array = new
    return tensor


def move_owner(tensor: Tensor, old: Node) -> None:
    """A tensor whose gradient is retained wants that of its newest value."""
    old.owner = None
    if tensor.node is not None:
        tensor.node.owner = weakref.ref(tensor)
