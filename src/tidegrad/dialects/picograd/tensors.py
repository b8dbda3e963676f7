"""Floor 8. picograd's `tensor`: float32, tracked on request, differentiated by `reverse()`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import tidegrad as tg

from ..shared import lacking, operators
from .cells import UNTRACKED, Cell, attributes, flow, leaf, past

__all__ = ["apply", "tensor", "to_tensor"]


class tensor(Cell):
    """Always float32. Gradients add up in `.grad`, of leaves and of everything between.

    Operands broadcast and their gradients are sums again, each path is taken once, and nothing
    is kept of what is computed from untracked tensors. An operation of one's own states
    `rev_op`, a rule for each of `args`: of their values and the result's gradient.

    >>> x = tensor([[1, 2, 3]], grad=True)
    >>> (x @ x.value.T).reverse()
    >>> x, x.grad
    (tensor(tracked)<(1, 3)>, array([[1., 2., 3.]], dtype=float32))
    """

    __slots__ = ("rev_op", "total")
    total: np.ndarray | None
    __getattr__ = lacking("picograd", "tensor")

    def __init__(self, value: Any = 0, rev_op: Any = None, args: Any = None, grad: bool = False):
        self.become(leaf(value, tg.float32, grad))
        self.rev_op, self.total = rev_op, None
        sources = [to_tensor(x) for x in args or ()]
        if rev_op is not None and grad and any(x.tracked for x in sources):
            self.become(ruled(self.value, rev_op, sources), sources)

    value = property(Cell.numbers, Cell.assign, doc="The array, which may be written into.")
    shape = property(lambda self: self.held.shape)
    size = property(lambda self: self.held.size)
    has_grad = property(lambda self: self.tracked)
    isroot = property(lambda self: self.rev_op is None)
    isintermediate = derived = property(lambda self: self.rev_op is not None)
    children = property(lambda self: list(self.sources))
    item = property(lambda self: self.held.item())

    @property
    def grad(self) -> np.ndarray | None:
        if self.total is None and self.tracked:
            self.total = np.zeros(self.shape, np.float32)
        return self.total

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is None:
            self.untrack()
        else:
            self.track().total = np.array(np.broadcast_to(np.float32(value), self.shape))

    def receive(self, g: np.ndarray) -> None:
        self.total = g if self.total is None else np.asarray(self.total + g)

    def track(self) -> tensor:
        if not self.tracked:
            self.begin(self.value, True)
        return self

    def untrack(self) -> tensor:
        """Cut this off from its past; what was computed from it must be reversed before."""
        if self.tracked:
            self.begin(self.value, False)
        self.total = None
        return self

    def reverse(self) -> None:
        """The gradient of this, seeded with ones, is added to all that it was computed from."""
        if self.derived and not self.tracked:
            raise RuntimeError(UNTRACKED.format("reverse"))
        self.grad = np.ones(self.shape)
        self.flow_back()

    def flow_back(self) -> None:
        """`reverse` with this tensor's present gradient as the seed."""
        if self.sources:
            flow(past(self), self.grad)  # type: ignore[arg-type]  # it has one

    def clear_grads(self) -> None:
        for x in past(self) if self.tracked else ():
            x.total = None  # type: ignore[attr-defined]  # all are tensors

    def clone(self) -> tensor:
        made = tensor(self.value)
        made.grad = self.grad
        return made

    def __getitem__(self, key: Any) -> np.ndarray:
        return self.value[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        """Written over, an element of a result has gradient 0 further back."""
        if self.sources:
            self.now()[key] = np.float32(value)
        self.value[key] = value

    def __neg__(self) -> tensor:
        return apply(tg.negative, self)

    def __repr__(self) -> str:
        return f"tensor{'(tracked)' if self.has_grad else ''}<{self.shape}>"

    def __getstate__(self) -> dict:
        return attributes(self) | {"value": self.value, "grad": self.grad}

    def __setstate__(self, state: dict) -> None:
        value, grad = state.pop("value"), state.pop("grad")
        tensor.__init__(self, value, grad=grad is not None)
        self.grad = grad
        attributes(self).update(state)


def ruled(value: np.ndarray, rules: Sequence[Callable], args: Sequence[tensor]) -> tg.Tensor:
    """`value` as the result of an operation whose rules the program states."""
    function = tg.custom_vjp(lambda *xs: tg.tensor(value))

    def pull(kept: Sequence[np.ndarray], g: tg.Tensor) -> tuple:
        return tuple(tg.tensor(rule(*kept, np.array(g.data))) for rule in rules)

    function.defvjp(lambda *xs: (tg.tensor(value), [np.array(x.data) for x in xs]), pull)
    return function(*(x.now() for x in args))


def apply(function: Callable, *operands: Any, **how: Any) -> tensor:
    sources = [to_tensor(x) for x in operands]
    made = tensor.__new__(tensor)
    made.become(function(*(x.now() for x in sources), **how), sources)
    made.rev_op, made.total = function, None
    return made


operators(tensor, apply)


def to_tensor(value: Any) -> tensor:
    return value if isinstance(value, tensor) else tensor(value)
