"""Floor 1. Tensor, Node and bind: how a result remembers its making."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Container, Iterable
from typing import Any

import numpy as np
from numpy import ndarray

from .arrays import SHARED, owned
from .epoch import flipped
from .errors import DTypeError, GraphError

__all__ = ["FREED", "Node", "Tensor", "bind", "leaf", "local", "record", "toposort"]


class Local(threading.local):
    """What a thread knows: whether operations are recorded, and who else sees them."""

    recording = True
    trace: Any = None
    tracing: Any = None  # the trace that a program is being made of
    invalid = False  # NumPy met 0 * inf, or the like, in a derivative
    watch: Any = None  # called with every node and the cotangents that it sends on
    lifting = False  # derivatives compute on Tensors, as others than NumPy are to do the work


local = Local()


class Tensor:
    """An array, and where it came from; made by `tg.tensor`, `tg.asarray` and every operation."""

    __slots__ = ("__weakref__", "_grad", "array", "node")

    def __init__(self, array: ndarray, node: Node | None = None):
        if type(array) is not ndarray and not isinstance(array, Node):
            raise TypeError(
                f"Tensor holds an ndarray, not {type(array).__name__}; use tg.tensor(...)"
            )
        self.array = array
        self.node = node
        self._grad: Tensor | None = None
        if TRACES and local.tracing is not None:
            local.tracing.mine[id(self)] = self

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
            flipped()


class Node:
    """`prim` applied to `parents`; a leaf has no prim, a parent without gradient is None.

    `saved` holds the inputs and the result, each None unless a derivative needs it; `owner`
    refers weakly to the Tensor whose `.grad` this node feeds.
    """

    __slots__ = ("__weakref__", "dtype", "owner", "params", "parents", "prim", "saved", "shape")

    def __init__(self, prim: Any, parents: tuple, params: dict, like: Any, saved: Any):
        self.prim = prim
        self.parents = parents
        self.params = params
        self.shape = like.shape
        self.dtype = like.dtype
        self.saved = saved
        self.owner: Any = None


TRACES: list = []  # those at work in any thread
NOTHING: list = []
FREED: list = []
WEAK: set = {float, int, bool}
RAW: set = {ndarray, *WEAK}


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

    Nothing is checked here: where NumPy refuses, the operation's own rule is asked why.
    """
    if len(args) < 3 and type(args[0]) is type(args[-1]) is ndarray:
        return prim.run(*args, **params)  # a derivative at work: its dtypes agree already
    if local.trace is not None:
        return local.trace(prim, args, params)
    arrays: list = []
    nodes: list = []
    mask, bit, dtype, weak, bare = 0, 1, None, prim.floats, True
    for a in args:
        kind, node = type(a), None
        if kind is Tensor:
            node, a, bare = a.node, a.array, False
            if node is not None:
                mask |= bit
        elif kind not in RAW and not isinstance(a, np.generic):
            return bind(prim, prim.lift(args), params)
        weak = weak or kind is float
        if kind not in WEAK and a.dtype is not dtype:
            if dtype is not None and prim.promotes:
                return bind(prim, prim.unify(args), params)
            dtype = a.dtype
        arrays.append(a)
        nodes.append(node)
        bit += bit
    if weak and prim.promotes and dtype is not None and dtype.kind != "f":
        return bind(prim, prim.unify(args), params)
    try:
        out = prim.run(*arrays, **params)
    except (ValueError, TypeError, IndexError, OverflowError, AttributeError):
        prim.explain(args, params)
        raise
    if bare:
        return out.item() if dtype is None and isinstance(out, np.generic) else out  # still weak
    out = out if type(out) is ndarray else np.asarray(out)
    tracked = mask and out.dtype.kind == "f" and prim.differentiable and local.recording
    return Tensor(out, record(prim, arrays, nodes, mask, params, out) if tracked else None)


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


def toposort(roots: Iterable[Any], stops: Container[Any] = ()) -> list[Any]:
    """Nodes or Values and all they came from, parents first, but not from behind `stops`."""
    order: list = []
    seen: set = set()
    stack: list = list(roots)
    while stack:
        node = stack.pop()
        if type(node) is tuple:
            order.append(node[0])
        elif node is not None and node not in seen:
            seen.add(node)
            if node.parents and node not in stops:
                stack.append((node,))
                stack += node.parents
            else:
                order.append(node)
    return order
