"""Floor 7. L-BFGS: steps along a direction that remembers how gradients changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import tidegrad as tg

from .curvature import Curvature
from .flat import point, scatter, slope
from .line_search import Point, strong_wolfe
from .optimizer import Optimizer, check_gradient

__all__ = ["LBFGS"]


class LBFGS(Optimizer):
    """The limited-memory method of Broyden, Fletcher, Goldfarb and Shanno.

    `step(closure)` makes up to `max_iter` iterations, each evaluating `closure` (clear the
    gradients, compute the loss, call backward, return the loss) until one of the tolerances or
    `max_eval` is reached, and gives the first loss.  `line_search_fn` is None, for steps of `lr`,
    or "strong_wolfe".  One parameter group.  Nocedal and Wright, "Numerical optimization" (2006),
    algorithm 7.5.  An error in the closure leaves parameters and state as they were.

    >>> x = tg.tensor([3.0, -2.0], requires_grad=True)
    >>> opt = tg.optim.LBFGS([x], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     opt.zero_grad()
    ...     loss = ((x - 1) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> opt.step(closure).item()
    13.0
    >>> np.round(x.numpy(), 4).tolist()
    [1.0, 1.0]
    """

    plain = ("max_iter", "max_eval", "history_size")

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ):
        if line_search_fn not in (None, "strong_wolfe"):
            raise ValueError(
                f"LBFGS: line_search_fn must be None or 'strong_wolfe', not {line_search_fn!r}"
            )
        for name, count in dict(max_iter=max_iter, history_size=history_size).items():
            if count < 1:
                raise ValueError(f"LBFGS: {name} must be at least 1, not {count}")
        counts = dict(max_iter=max_iter, max_eval=max_eval, history_size=history_size)
        if max_eval is None:
            counts["max_eval"] = max_iter * 5 // 4
        rates = dict(lr=lr, tolerance_grad=tolerance_grad, tolerance_change=tolerance_change)
        self.curvature = Curvature()
        super().__init__(params, {**rates, **counts, "line_search_fn": line_search_fn})
        if len(self.param_groups) > 1:
            raise ValueError("LBFGS: takes one parameter group; its direction is one for all")

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """LBFGS has one group: always a ValueError."""
        raise ValueError("LBFGS: takes one parameter group; its direction is one for all")

    @property
    def params(self) -> list[Any]:
        """The parameters, in order."""
        return self.param_groups[0]["params"]

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Iterate as the class describes; give the loss before the first iteration."""
        if closure is None:
            raise TypeError("LBFGS.step: needs a closure that computes the loss and its gradient")
        before = [p.data for p in self.params]
        curvature = self.curvature.copy()
        try:
            first, loss, g = evaluated(self.params, closure)
            if g.size and np.abs(g).max() > self.option("tolerance_grad"):
                self.iterate(closure, curvature, loss, g)
        except BaseException:
            for p, value in zip(self.params, before, strict=True):
                p.data = value
            raise
        curvature.evaluations += 1
        self.curvature = curvature
        return first

    def iterate(self, closure: Callable, memory: Curvature, loss: float, g: Any) -> None:
        """Iterations from the present point, where the loss and its gradient are known."""
        most, limit = self.option("max_iter"), self.option("max_eval")
        little = self.option("tolerance_change")
        x, evaluations = point(self.params), 1
        for iteration in range(1, most + 1):
            d = memory.direction(g, self.option("history_size"))
            lr = self.option("lr")
            t = min(1.0, 1 / float(np.abs(g).sum())) * lr if memory.iterations == 1 else lr
            here = Point(0.0, loss, g, float(g @ d))
            memory.moved(d, t, here)
            if here.slope > -little:
                break
            at = line(self.params, closure, x, d)
            if self.option("line_search_fn") is not None:
                new, count = strong_wolfe(at, here, t, float(np.abs(d).max()))
            elif iteration < most:
                new, count = at(t), 1
            else:  # the point after the last iteration is looked at by the next step
                new, count = here._replace(t=t), 0
            memory.moved(d, new.t, here)
            memory.evaluations += count
            evaluations += count
            if new.t != 0:
                x = x + np.asarray(new.t, d.dtype) * d
            scatter(self.params, x)
            change = abs(new.loss - loss)
            loss, g = new.loss, new.gradient
            if evaluations >= limit or np.abs(g).max() <= self.option("tolerance_grad"):
                break
            if np.abs(new.t * d).max() <= little or change < little:
                break

    def option(self, name: str) -> Any:
        """An option as a Python value."""
        value = self.param_groups[0][name]
        return float(value) if isinstance(value, tg.Tensor) else value

    def state_dict(self) -> dict[str, Any]:
        """A snapshot in PyTorch's shape: what the method remembers stands under index 0."""
        options = self.param_groups[0].plain_options()
        group = {**options, "params": list(range(len(self.params)))}
        return {"state": {0: self.curvature.described()}, "param_groups": [group]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a snapshot; ValueError, with nothing changed, where it does not match."""
        curvature = Curvature.read(state_dict, sum(p.size for p in self.params))
        super().load_state_dict({**state_dict, "state": {}})
        self.curvature = curvature


def evaluated(params: list[Any], closure: Callable[[], Any]) -> tuple[Any, float, Any]:
    """The closure's result, as a number too, and the gradient of all parameters."""
    with tg.enable_grad():
        result = closure()
    for p in params:
        if p.grad is not None:
            check_gradient(p, "LBFGS")
    return result, float(result), slope(params)


def line(params: list[Any], closure: Callable[[], Any], x: Any, d: Any) -> Callable[[float], Point]:
    """A function of t that evaluates the closure at x + t * d."""

    def at(t: float) -> Point:
        scatter(params, x + np.asarray(t, d.dtype) * d)
        _, loss, g = evaluated(params, closure)
        return Point(t, loss, g, float(g @ d))

    return at
