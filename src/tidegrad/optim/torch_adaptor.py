"""Floor 7. Any optimizer of PyTorch, for tidegrad's parameters."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Mapping
from typing import Any

import tidegrad as tg

from .groups import read_groups

__all__ = ["TorchOptimizer"]


class TorchOptimizer:
    """Let `torch.optim` drive tidegrad's parameters: PyTorch keeps a copy and computes the steps.

    `optimizer` is a class of torch.optim (any other is a TypeError), which is given `options` and
    the `params`, tensors or groups of them.  A step hands over the gradients, by DLPack without a
    copy, and values changed in between, and rebinds every parameter to its new value.  `.torch`
    is PyTorch's own optimizer, for its schedules.

    >>> import pytest
    >>> torch = pytest.importorskip("torch")
    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> opt = tg.optim.TorchOptimizer(torch.optim.SGD, [x], lr=0.25)
    >>> (x * x).sum().backward()
    >>> opt.step()
    >>> x.tolist()
    [0.5, 1.0]
    """

    def __init__(self, optimizer: Callable[..., Any], params: Any, **options: Any):
        # Whoever has a class of torch.optim has imported PyTorch.
        self.library: Any = sys.modules.get("torch")
        if self.library is None or not is_torch_optimizer(self.library, optimizer):
            raise TypeError(f"TorchOptimizer: takes a class of torch.optim, not {optimizer!r}")
        groups = read_groups(params, "TorchOptimizer")
        self.pairs: list[tuple[Any, Any]] = []
        for group in groups:
            ours = group["params"]
            group["params"] = [self.library.nn.Parameter(self.library.tensor(p.data)) for p in ours]
            self.pairs += zip(ours, group["params"])
        self.torch = optimizer(groups, **options)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """PyTorch's parameter groups: rates read and set here take effect."""
        return self.torch.param_groups

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for ours, theirs in self.pairs:
            ours.grad = theirs.grad = None

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step of PyTorch's optimizer; give what `closure`, if any, returned first.

        An error in the closure leaves the parameters as they were.
        """
        if closure is None:
            self.push()
            self.torch.step()
            self.pull()
            return None
        before = [ours.data for ours, _ in self.pairs]
        results: list[Any] = []

        def evaluated() -> Any:
            if results:  # PyTorch has moved its copies: the loss is wanted there
                self.pull()
            with tg.enable_grad():
                results.append(closure())
            self.push()
            return self.library.tensor(float(results[-1]))

        try:
            self.torch.step(evaluated)
        except BaseException:  # whatever came in between, nothing is half changed
            for (ours, _), value in zip(self.pairs, before):
                ours.data = value
            raise
        self.pull()
        return results[0] if results else None

    def push(self) -> None:
        """Hand values and gradients to PyTorch."""
        with self.library.no_grad():
            for ours, theirs in self.pairs:
                theirs.copy_(self.library.from_dlpack(ours))
                g = ours.grad
                if g is not None:
                    g = self.library.from_dlpack(g.detach() if g.requires_grad else g)
                theirs.grad = g

    def pull(self) -> None:
        """Rebind every parameter to PyTorch's value: a copy, as PyTorch writes in place."""
        for ours, theirs in self.pairs:
            ours.data = theirs.detach().numpy()

    def state_dict(self) -> dict[str, Any]:
        """The state of PyTorch's optimizer, as a copy: later steps do not change it."""
        return copy.deepcopy(self.torch.state_dict())

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a state of PyTorch's optimizer."""
        self.torch.load_state_dict(state_dict)

    def __repr__(self) -> str:
        return f"TorchOptimizer({self.torch!r})"


def is_torch_optimizer(torch: Any, made_by: Any) -> bool:
    """Whether `made_by` is a class of optimizers, or such a class with arguments bound."""
    made_by = getattr(made_by, "func", made_by)
    return isinstance(made_by, type) and issubclass(made_by, torch.optim.Optimizer)
