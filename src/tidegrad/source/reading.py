"""Floor 7. Reading a tape: the Values that a tensor was made of, and those of its gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from ..abstract import Value
from ..autodiff import ebb
from ..core import FREED, Node, Tensor, toposort
from ..errors import GraphError
from .tape import NODES, Given, given, has_elements, known, remember, value_of, whole_tape

__all__ = ["cotangents", "read"]


def read(tensor: Tensor) -> Value:
    """What `tensor` was made of: all of it within `whole_tape`, otherwise what the tape knows."""
    if not has_elements(tensor):
        raise GraphError(
            "expression: the elements of this tensor are not here; compute it with NumPy, not on a "
            "backend or in a compiled function"
        )
    node, made = tensor.node, known(tensor.array)
    if node is not None and node.prim is None:
        return given(tensor.array, node)
    if made is not None:
        return made
    if node is None:
        raise GraphError(
            "expression: this tensor was not recorded, as no gradient flows to it; compute it "
            "from a tensor with requires_grad=True, or inside `with tg.whole_tape():`"
        )
    values: dict[Node, Value] = {}
    for each in toposort([node]):
        values[each] = value_at(each, values)
    remember(tensor.array, values[node])
    return values[node]


def value_at(node: Node, values: dict[Node, Value]) -> Value:
    """The Value of a node whose parents have theirs; what it saved is known from now on."""
    if node.prim is None:
        owner = node.owner() if node.owner else None
        return given(owner.array, node) if owner is not None else Given(None, node, node)
    if node.saved is FREED:
        raise GraphError(
            f"expression: the graph of {node.prim.name} was freed by backward; ask before, or "
            "call backward(retain_graph=True)"
        )
    saved = list(node.saved) or [None] * (len(node.parents) + 1)
    parents = tuple(
        operand(node, i, a) if parent is None else values[parent]
        for i, (parent, a) in enumerate(zip(node.parents, saved))
    )
    out = saved[-1]
    made = known(out) if isinstance(out, ndarray) else None
    if made is None:
        made = Value(node.prim, parents, node.params, node.shape, node.dtype)
    for array, value in zip(saved, (*parents, made)):
        if isinstance(array, ndarray) and value.saved is not array and known(array) is None:
            remember(array, value)
    NODES[node] = made
    return made


def operand(node: Node, i: int, array: Any) -> Value:
    """An input of an operation that no gradient flows to; lost where no derivative needs it."""
    if array is not None:
        return value_of(array)
    part = getattr(node.prim, "part", None)
    shape = part(node, i) if part else node.shape
    return Given(None, None, np.broadcast_to(np.empty((), node.dtype), shape))


def cotangents(tensor: Tensor, inputs: list[Given]) -> tuple[Given, dict[Given, Value]]:
    """The cotangent to begin with, ones, and what then flows to each of the inputs."""
    wanted = {x.node: x for x in inputs if x.node is not None}
    ones = Tensor(np.ones(tensor.array.shape, tensor.array.dtype))
    seed = given(ones.array)
    if tensor.node is None or not wanted:
        return seed, {}
    with whole_tape():
        found = ebb({tensor.node: ones}, wanted, release=False, record=True)
    nothing = {node: Given(np.zeros(x.shape, x.dtype)) for node, x in wanted.items()}
    return seed, {
        x: value_of(as_known(found[node])) if node in found else nothing[node]
        for node, x in wanted.items()
    }


def as_known(g: Any) -> Any:
    """A cotangent without its own history on the tape: only what it was made of matters."""
    return g.array if type(g) is Tensor else g
