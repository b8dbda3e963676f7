"""Floor 7. What L-BFGS remembers: steps, changes of the gradient, and the direction they give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

import tidegrad as tg

from .line_search import Point

__all__ = ["Curvature"]

# PyTorch's names for the parts of a snapshot.
VECTORS, LISTS = ("d", "prev_flat_grad"), ("old_dirs", "old_stps", "ro")


@dataclass
class Curvature:
    """The last steps, the changes of the gradient along them, and one over their products.

    `d` and `t` are the last direction and how far it was followed, from where loss and gradient
    were `loss` and `gradient`; `scale` is the inverse Hessian's first guess.
    """

    changes: list[Any] = field(default_factory=list)
    steps: list[Any] = field(default_factory=list)
    weights: list[Any] = field(default_factory=list)
    scale: Any = 1.0
    d: Any = None
    t: float = 0.0
    loss: float = 0.0
    gradient: Any = None
    iterations: int = 0
    evaluations: int = 0

    def copy(self) -> Curvature:
        """Another one, whose lists grow apart from these; the vectors are never written to."""
        return replace(self, changes=[*self.changes], steps=[*self.steps], weights=[*self.weights])

    def moved(self, d: Any, t: float, start: Point) -> None:
        """Take down a step: `t` along `d` from `start`."""
        self.d, self.t, self.loss, self.gradient = d, t, start.loss, start.gradient

    def direction(self, g: Any, size: int) -> Any:
        """Learn from the last step, keeping `size` of them, and give the next direction."""
        self.iterations += 1
        if self.iterations == 1 or self.d is None:
            return -g
        y, s = g - self.gradient, self.d * np.asarray(self.t, self.d.dtype)
        ys = y @ s
        # Only a step along which the loss curves upwards keeps the matrix positive definite.
        if ys > 1e-10:
            self.changes.append(y)
            self.steps.append(s)
            self.weights.append(1 / ys)
            self.scale = ys / (y @ y)
            for kept in (self.changes, self.steps, self.weights):
                del kept[:-size]
        return self.recursion(g)

    def recursion(self, g: Any) -> Any:
        """Minus the inverse Hessian times `g`: the two loops of algorithm 7.4."""
        q, parts = -g, []
        history = list(zip(self.changes, self.steps, self.weights, strict=True))
        for y, s, weight in reversed(history):
            parts.append((s @ q) * weight)
            q = q - parts[-1] * y
        q = q * np.asarray(self.scale, g.dtype)
        for y, s, weight in history:
            q = q + s * (parts.pop() - (y @ q) * weight)
        return q

    def described(self) -> dict[str, Any]:
        """Everything, under PyTorch's names, with tensors for vectors."""
        found: dict[str, Any] = dict(func_evals=self.evaluations, n_iter=self.iterations)
        if self.d is None:
            return found
        found |= dict(d=tg.tensor(self.d), t=float(self.t), H_diag=float(self.scale))
        found |= dict(prev_flat_grad=tg.tensor(self.gradient), prev_loss=float(self.loss))
        found["old_dirs"] = [tg.tensor(y) for y in self.changes]
        found["old_stps"] = [tg.tensor(s) for s in self.steps]
        found["ro"] = [float(w) for w in self.weights]
        return found

    @classmethod
    def read(cls, saved: Any, size: int) -> Curvature:
        """What the snapshot `saved` of an optimizer says, for `size` numbers in all."""
        state = saved.get("state") if isinstance(saved, Mapping) else None
        if not isinstance(state, Mapping) or not set(state) <= {0, "0"}:
            raise ValueError("LBFGS.load_state_dict: takes a mapping whose 'state' has index 0")
        entry: Any = next(iter(state.values()), {})
        names = {"func_evals", "n_iter", "t", "H_diag", "prev_loss", *VECTORS, *LISTS}
        if not entry or set(entry) == {"func_evals", "n_iter"}:
            return cls(evaluations=entry.get("func_evals", 0), iterations=entry.get("n_iter", 0))
        if differing := sorted(names ^ set(entry)):
            raise ValueError(f"LBFGS.load_state_dict: {', '.join(differing)} missing or unexpected")
        vectors = [np.array(entry[name]) for name in VECTORS]
        changes, steps = ([np.array(v) for v in entry[name]] for name in LISTS[:2])
        if any(v.shape != (size,) for v in (*vectors, *changes, *steps)):
            raise ValueError(
                f"LBFGS.load_state_dict: its vectors are not of the {size} numbers to optimize"
            )
        dtype = vectors[0].dtype
        weights = [dtype.type(w) for w in entry["ro"]]
        if not len(changes) == len(steps) == len(weights):
            raise ValueError("LBFGS.load_state_dict: old_dirs, old_stps and ro differ in length")
        return cls(
            changes=changes,
            steps=steps,
            weights=weights,
            scale=dtype.type(entry["H_diag"]),
            d=vectors[0],
            t=float(entry["t"]),
            loss=float(entry["prev_loss"]),
            gradient=vectors[1],
            iterations=int(entry["n_iter"]),
            evaluations=int(entry["func_evals"]),
        )
