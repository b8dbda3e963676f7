"""Floor 5. Reverse and forward mode: one loop each over the graph that the operations left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from .arrays import as_array, is_shared
from .core import FREED, NOTHING, Node, Tensor, local, toposort
from .errors import GraphError, ShapeError
from .recording import Recording, quiet, seen

__all__ = ["as_tensor", "backward", "cotangent", "ebb", "flood"]


def ebb(
    seeds: Mapping[Node, Any],
    wanted: Iterable[Node] | None = None,
    *,
    release: bool = True,
    record: bool = False,
) -> dict[Node, Any]:
    """Reverse mode: cotangents flow from `seeds` back to the leaves, or to `wanted` alone.

    The cotangents are bare arrays, or with `record` Tensors that can be differentiated again.
    With `release` what a node saved is dropped as the ebb passes it.
    """
    stops, found = frozenset(wanted or ()), dict[Node, Any]()
    seeds = seeds if local.tracing is None else local.tracing.seeds(seeds)
    order, watch, lifts = toposort(seeds, stops), local.watch, record or local.lifting
    useful = None if wanted is None else leading_to(stops, order)
    have = {node: g for node, g in seeds.items() if useful is None or node in useful}
    with quiet(), Recording(record):
        while order:
            node = order.pop()
            g = have.pop(node, None)
            if g is None:
                continue
            prim, saved = node.prim, node.saved
            if prim is None or node.owner is not None or node in stops:
                found[node] = g
                if prim is None or node in stops:
                    continue
            if saved is FREED:
                raise GraphError(FREED_MESSAGE.format(prim.name))
            parts = prim.vjp(node, g, lifted(node, saved, record) if lifts else saved)
            if watch is not None:
                watch(node, parts)
            if release and saved is not NOTHING:
                node.saved = FREED
            for parent, part in zip(node.parents, parts):
                if part is None or parent is None or not (useful is None or parent in useful):
                    continue
                have[parent] = have[parent] + part if parent in have else part
    return found


def leading_to(ends: Iterable[Node], order: Sequence[Node]) -> set[Node]:
    """The nodes of `order` that came from `ends`: all others would ebb for nobody."""
    useful = set(ends)
    for node in order:
        if not useful.isdisjoint(node.parents):
            useful.add(node)
    return useful


FREED_MESSAGE = (
    "backward: the graph was freed by an earlier backward at {}; "
    "pass retain_graph=True to the first one"
)


def flood(seeds: Mapping[Node, Any], ends: Iterable[Node], *, record: bool) -> dict[Node, Any]:
    """Forward mode: tangents of `seeds` are pushed on to `ends`; a missing one is zero."""
    have: dict[Node, Any] = dict(seeds)
    with quiet(), Recording(record):
        for node in toposort(ends, have.keys()):
            tangents = [have.get(parent) for parent in node.parents]
            if node not in have and any(t is not None for t in tangents):
                if node.saved is FREED:
                    raise GraphError(FREED_MESSAGE.format(node.prim.name))
                saved = lifted(node, node.saved, True) if record else node.saved
                have[node] = node.prim.jvp(node, tangents, saved)
    return have


def lifted(node: Node, saved: Sequence, history: bool) -> list:
    """What a node saved as Tensors, with their history for derivatives of derivatives."""
    nodes = (*node.parents, node) if history else (None,) * len(saved)
    return [Tensor(a, n) if isinstance(a, ndarray | Node) else a for a, n in zip(saved, nodes)]


def backward(
    tensor: Tensor,
    gradient: Any = None,
    retain_graph: bool = False,
    create_graph: bool = False,
) -> None:
    """Add the gradient of `tensor` to `.grad` of every leaf that it came from.

    `gradient` is the cotangent of `tensor`, and may be left out for a single element.
    `retain_graph` keeps the graph for another backward; `create_graph` also records this one,
    so that the gradients can be differentiated.

    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """
    seed = cotangent(tensor, gradient, "backward")
    if tensor.node is None:
        raise GraphError(
            "backward: this tensor does not depend on anything with requires_grad, or was "
            "computed where nothing is recorded (inside no_grad, or by a backward without "
            "create_graph=True)"
        )
    release = not (retain_graph or create_graph)
    seeds = {tensor.node: seed if create_graph or local.lifting else seed.array}
    for node, g in ebb(seeds, release=release, record=create_graph).items():
        owner = node.owner and node.owner()
        if owner is not None:
            accumulate(owner, as_tensor(g), create_graph)


def accumulate(owner: Tensor, g: Tensor, record: bool) -> None:
    """Add to `.grad`, by a new Tensor: nobody who holds the old one sees it change."""
    with Recording(record):
        owner.grad = g if owner.grad is None else owner.grad + g


def as_tensor(g: Any) -> Tensor:
    """A cotangent, also a bare array or a NumPy scalar, as a Tensor that nobody else rebinds."""
    array, node = (g.array, g.node) if type(g) is Tensor else (g, None)
    return Tensor(array if isinstance(array, ndarray | Node) else np.asarray(array), node)


def cotangent(tensor: Tensor, gradient: Any, operation: str) -> Tensor:
    """The seed for `tensor`: ones for a single element, otherwise what the user gave, checked."""
    array = tensor.array
    if gradient is None:
        if array.size != 1:
            raise ShapeError(
                f"{operation}: only a single element starts a backward by itself, and this "
                f"tensor has shape {array.shape}; pass gradient=, or reduce it with .sum()"
            )
        return Tensor(np.ones(array.shape, array.dtype))
    given = seen(gradient) if type(gradient) is Tensor else Tensor(as_array(gradient, operation))
    if given.array.shape != array.shape:
        raise ShapeError(
            f"{operation}: shape {given.array.shape} does not fit the tensor's, {array.shape}"
        )
    if is_shared(given.array):  # what flows on is kept in .grad
        given = given.clone()
    return given if given.array.dtype == array.dtype else given.astype(array.dtype)


setattr(Tensor, "backward", backward)  # noqa: B010 (a method that floor 4 cannot know)
