"""Floor 7. First-order methods: new values by a rule, put in place all at once or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tidegrad as tg

from ..updates import alike, bare, cast_all, rebind_all
from .groups import ParamGroup
from .holding import Holding

__all__ = ["Optimizer"]


class Optimizer(Holding):
    """A first-order method: a subclass says what it keeps (`slots`), its numbers and its rule.

    `params` is an iterable of tensors that need a gradient, or of mappings with "params" and
    options of their own.  The rates of a group are 0-d float64 tensors and its step count is an
    int64 one; a parameter whose `.grad` is None is left out of a step.  State has the dtype of
    its parameter and is made at once.  The options `maximize`, which turns g round, and
    `weight_decay`, which adds a multiple of x to g or, where `decoupled`, shrinks x by
    lr * weight_decay, come before any rule.  Raises TypeError and ValueError for what cannot be
    optimized, with nothing changed.

    >>> class Signs(tg.optim.Optimizer):
    ...     def numbers(self, group, step):
    ...         return group.numbers("lr")
    ...
    ...     def rule(self, group, x, g, slots, numbers):
    ...         return [x - numbers[0] * np.sign(g)]
    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> opt = Signs([x], dict(lr=0.5))
    >>> (x * x).sum().backward()
    >>> opt.step()
    >>> x.tolist()
    [0.5, 1.5]
    """

    decoupled = False

    def numbers(self, group: ParamGroup, step: Any) -> list[Any]:
        """What the rule needs to know about rates and time: computed once, in float64."""
        raise NotImplementedError(f"{type(self).__name__} does not define numbers(group, step)")

    def rule(self, group: ParamGroup, x: Any, g: Any, slots: list, numbers: list) -> list[Any]:
        """The new value of a parameter, followed by those of its slots.

        Written with operators and NumPy functions, since it is given arrays or Tensors.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define rule(...)")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient; give what `closure`, if any, returned.

        All new values are computed before the first is put in place: an error changes nothing.
        """
        loss = None
        if closure is not None:
            with tg.enable_grad():
                loss = closure()
        targets: list[Any] = []
        values: list[Any] = []
        with tg.no_grad():
            for group in self.param_groups:
                self.advance(group, targets, values)
            rebind_all(targets, values, f"{type(self).__name__}.step")
        return loss

    def advance(self, group: ParamGroup, targets: list, values: list) -> None:
        """Add to `targets` what a step of `group` changes, and to `values` the new values."""
        live = [p for p in group["params"] if p.grad is not None]
        if not live:
            return
        step = bare([group.step])[0] + 1
        targets.append(group.step)
        values.append(step)
        climbs, decays, decay = group.get("maximize"), group.uses("weight_decay"), 0.0
        if decays:
            lr, decay = group.numbers("lr", "weight_decay")
            decay = 1 - lr * decay if self.decoupled else decay
        numbers = [decay, *self.numbers(group, step)]
        names = self.prepare(group)
        ready: dict[Any, list] = {}
        for p in live:
            if p.dtype not in ready:
                ready[p.dtype] = cast_all(numbers, p.dtype)
            decay, *rest = ready[p.dtype]
            state = self.state[p]
            kept = [state[name] for name in names]
            x, g, *slots = bare([p, p.grad, *kept])
            g = -alike(g, x) if climbs else alike(g, x)
            if decays:
                x, g = (decay * x, g) if self.decoupled else (x, g + decay * x)
            targets += [p, *kept]
            values += self.rule(group, x, g, slots, rest)
