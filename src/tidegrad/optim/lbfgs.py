"""Floor 7. L-BFGS: steps along a direction that remembers how gradients changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import tidegrad as tg

from .line_search import Point, strong_wolfe
from .optimizer import Optimizer

__all__ = ["LBFGS"]

# What the method remembers, under PyTorch's names: counts, the last step (t along d, from where
# gradient and loss were the prev_), and of earlier ones how gradients changed (old_dirs), the
# steps (old_stps) and one over their products (ro); H_diag is the inverse Hessian's first guess.
COUNTS = {"func_evals", "n_iter"}
VECTORS = {"d", "prev_flat_grad"}
LISTS = {"old_dirs", "old_stps", "ro"}
NAMES = COUNTS | VECTORS | LISTS | {"t", "prev_loss", "H_diag"}


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
        rates = dict(lr=lr, tolerance_grad=tolerance_grad, tolerance_change=tolerance_change)
        counts = dict(max_iter=max_iter, max_eval=max_eval, history_size=history_size)
        if max_eval is None:
            counts["max_eval"] = max_iter * 5 // 4
        self.memory: dict[str, Any] = dict.fromkeys(COUNTS, 0)
        super().__init__(params, {**rates, **counts, "line_search_fn": line_search_fn})

    def adopt(self, given):
        if self.param_groups or len(given) > 1:
            raise ValueError("LBFGS: takes one parameter group; its direction is one for all")
        super().adopt(given)
        self.params = self.param_groups[0]["params"]

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Iterate as the class describes; give the loss before the first iteration."""
        if closure is None:
            raise TypeError("LBFGS.step: needs a closure that computes the loss and its gradient")
        before = [p.data for p in self.params]
        memory = {k: [*v] if isinstance(v, list) else v for k, v in self.memory.items()}
        try:
            first = self.iterate(closure, memory)
        except BaseException:  # whatever came in between, nothing is half changed
            for p, value in zip(self.params, before):
                p.data = value
            raise
        self.memory = memory
        return first

    def iterate(self, closure: Callable[[], Any], memory: dict[str, Any]) -> Any:
        """Iterations from where the parameters are; give the loss there."""
        params, options = self.params, self.param_groups[0].plain()
        lr, little = options["lr"], options["tolerance_change"]
        first, loss, g = evaluated(params, closure)
        x, evaluations = np.concatenate([p.data.ravel() for p in params]), 1
        for left in reversed(range(options["max_iter"])):
            if not np.abs(g).max(initial=0) > options["tolerance_grad"]:
                break
            d = direction(memory, g, options["history_size"])
            t = lr * min(1.0, 1 / float(np.abs(g).sum())) if memory["n_iter"] == 1 else lr
            memory.update(d=d, t=t, prev_flat_grad=g, prev_loss=loss)
            here = Point(0.0, loss, g, float(g @ d))
            if here.slope > -little:
                break
            at = line(params, closure, x, d)
            if options["line_search_fn"] is not None:
                new, count = strong_wolfe(at, here, t, float(np.abs(d).max()))
            elif left:
                new, count = at(t), 1
            else:  # the point after the last iteration is looked at by the next step
                new, count = here._replace(t=t), 0
            memory["t"] = new.t
            evaluations += count
            x = x + new.t * d if new.t else x
            scatter(params, x)
            change, loss, g = abs(new.loss - loss), new.loss, new.gradient
            still = np.abs(new.t * d).max() <= little or change < little
            if still or evaluations >= options["max_eval"]:
                break
        memory["func_evals"] += evaluations
        return first

    def state_dict(self) -> dict[str, Any]:
        """A snapshot in PyTorch's shape: what the method remembers stands under index 0."""
        memory = {name: as_saved(value) for name, value in self.memory.items()}
        return {**super().state_dict(), "state": {0: memory}}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a snapshot; ValueError, with nothing changed, where it does not match."""
        memory = read_memory(state_dict, sum(p.size for p in self.params))
        super().load_state_dict({**state_dict, "state": {}})
        self.memory = memory


def direction(memory: dict[str, Any], g: Any, size: int) -> Any:
    """Minus the inverse Hessian times `g`, by the last `size` steps: algorithm 7.4."""
    memory["n_iter"] += 1
    if "d" not in memory:
        memory.update(old_dirs=[], old_stps=[], ro=[], H_diag=1.0)
        return -g
    y, s = g - memory["prev_flat_grad"], memory["d"] * memory["t"]
    ys = float(y @ s)
    # Only a step along which the loss curves upwards keeps the matrix positive definite.
    if ys > 1e-10:
        memory["H_diag"] = ys / float(y @ y)
        for name, new in dict(old_dirs=y, old_stps=s, ro=1 / ys).items():
            memory[name] = [*memory[name], new][-size:]
    q, parts = -g, []
    history = list(zip(memory["old_dirs"], memory["old_stps"], memory["ro"]))
    for y, s, weight in reversed(history):
        parts.append((s @ q) * weight)
        q = q - parts[-1] * y
    q = q * memory["H_diag"]
    for y, s, weight in history:
        q = q + s * (parts.pop() - (y @ q) * weight)
    return q


def evaluated(params: list[Any], closure: Callable[[], Any]) -> tuple[Any, float, Any]:
    """The closure's result, as a number too, and the gradient of all parameters as one vector."""
    with tg.enable_grad():
        result = closure()
    grads = []
    for p in params:
        grads.append(np.zeros_like(p.data) if p.grad is None else p.grad.data)
    return result, float(result), np.concatenate([g.ravel() for g in grads])


def line(params: list[Any], closure: Callable[[], Any], x: Any, d: Any) -> Callable[[float], Point]:
    """A function of t that evaluates the closure at x + t * d."""

    def at(t: float) -> Point:
        scatter(params, x + t * d)
        _, loss, g = evaluated(params, closure)
        return Point(t, loss, g, float(g @ d))

    return at


def scatter(params: list[Any], vector: np.ndarray) -> None:
    """Give the parameters their parts of `vector`."""
    start = 0
    for p in params:
        part = vector[start : start + p.size]
        p.data = part.reshape(p.shape).astype(p.dtype, copy=False)
        start += p.size


def as_saved(value: Any) -> Any:
    """A vector as a tensor, a number as it is, or a list of either."""
    if isinstance(value, list):
        return [as_saved(v) for v in value]
    return tg.tensor(value) if isinstance(value, np.ndarray) else value


def as_kept(value: Any) -> Any:
    """The way back from `as_saved`; PyTorch's tensors become arrays and numbers too."""
    if isinstance(value, (list, tuple)):
        return [as_kept(v) for v in value]
    array = np.asarray(value).copy()
    return array if array.ndim else array.item()


def read_memory(saved: Any, size: int) -> dict[str, Any]:
    """What the snapshot `saved` of an optimizer of `size` numbers remembers, checked."""
    owner = "LBFGS.load_state_dict"
    state = saved.get("state") if isinstance(saved, Mapping) else None
    if not isinstance(state, Mapping):
        raise ValueError(f"{owner}: takes a mapping with 'param_groups' and 'state'")
    entry: Any = next(iter(state.values()), {})
    # Beside these PyTorch keeps `al`, its work space.
    memory = {name: as_kept(entry[name]) for name in NAMES if name in entry}
    if memory.keys() <= COUNTS:
        return {**dict.fromkeys(COUNTS, 0), **memory}
    if missing := sorted(NAMES - memory.keys()):
        raise ValueError(f"{owner}: {', '.join(missing)} missing")
    if len({len(memory[name]) for name in LISTS}) > 1:
        raise ValueError(f"{owner}: old_dirs, old_stps and ro differ in length")
    vectors = [memory[name] for name in VECTORS] + memory["old_dirs"] + memory["old_stps"]
    if any(np.shape(v) != (size,) for v in vectors):
        raise ValueError(f"{owner}: its vectors are not of the {size} numbers to optimize")
    return memory
