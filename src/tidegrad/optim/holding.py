"""Floor 7. What an optimizer holds: groups of parameters, and the state kept for each of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tidegrad as tg

from .groups import ParamGroup, as_groups, checked_parameters
from .state import apply_state, described, read_state

__all__ = ["Holding"]


class Holding:
    """Groups of parameters with their options, and the slots of each parameter.

    `param_groups` lists the groups, `state` maps each parameter to its slots by name.
    """

    plain: tuple[str, ...] = ()  # options that stay Python numbers

    def __init__(self, params: Any, defaults: Mapping[str, Any]):
        self.defaults = dict(defaults)
        self.param_groups: list[ParamGroup] = []
        self.state: dict[Any, dict[str, Any]] = {}
        ready: list[ParamGroup] = []
        for given in as_groups(params, type(self).__name__):
            ready.append(self.made(given, [p for group in ready for p in group["params"]]))
        for group in ready:
            self.adopt(group)

    def slots(self, group: ParamGroup) -> tuple[str, ...]:
        """The names of what is kept for each parameter of `group`."""
        return ()

    def initial(self, name: str, parameter: Any, group: ParamGroup) -> Any:
        """The first value of a slot."""
        return tg.zeros_like(parameter)

    def made(self, group: Mapping[str, Any], taken: list) -> ParamGroup:
        """A checked group, with the defaults for what it leaves open."""
        owner = type(self).__name__
        params = checked_parameters(group["params"], taken, owner)
        options = {k: v for k, v in group.items() if k != "params"}
        unknown = sorted(set(options) - set(self.defaults) - {"initial_lr", "name"})
        if unknown:
            raise ValueError(
                f"{owner}: unknown option {unknown[0]!r}; there are {', '.join(self.defaults)}"
            )
        return ParamGroup(params, {**self.defaults, **options}, self.plain)

    def adopt(self, group: ParamGroup) -> None:
        """Take over a finished group and make its state."""
        fresh = {p: self.kept(p, group, {}) for p in group["params"]}
        self.state.update(fresh)
        self.param_groups.append(group)

    def kept(self, parameter: Any, group: ParamGroup, state: dict[str, Any]) -> dict[str, Any]:
        """`state` with every slot that `group` now asks for."""
        for name in self.slots(group):
            if name not in state:
                state[name] = self.initial(name, parameter, group)
        return state

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Optimize more parameters, with options of their own.

        >>> opt = tg.optim.SGD([tg.tensor([1.0], requires_grad=True)], lr=0.1)
        >>> opt.add_param_group({"params": [tg.tensor([2.0], requires_grad=True)], "lr": 0.01})
        >>> [float(g["lr"]) for g in opt.param_groups]
        [0.1, 0.01]
        """
        (given,) = as_groups([group], type(self).__name__)
        self.adopt(self.made(given, list(self.state)))

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients: `.grad` becomes None, or zeros where `set_to_none` is False.

        >>> x = tg.tensor([1.0], requires_grad=True)
        >>> (x * x).sum().backward()
        >>> tg.optim.SGD([x], lr=0.1).zero_grad()
        >>> print(x.grad)
        None
        """
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    p.grad = tg.zeros_like(p.grad)

    def state_dict(self) -> dict[str, Any]:
        """A snapshot: {"state": {index: {name: tensor}}, "param_groups": [...]}, as in PyTorch.

        Indices count the parameters of all groups in order.  Later steps do not change it.

        >>> opt = tg.optim.Adam([tg.tensor([1.0], requires_grad=True)], lr=0.1)
        >>> sorted(opt.state_dict()["state"][0])
        ['exp_avg', 'exp_avg_sq', 'step']
        """
        return described(self)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a snapshot, of this class or of PyTorch's optimizer of that name.

        Options come from the snapshot; state is cast to the dtype of its parameter.  Raises
        ValueError, with nothing changed, where groups, names or shapes do not match.

        >>> x = tg.tensor([1.0], requires_grad=True)
        >>> opt = tg.optim.SGD([x], lr=0.1)
        >>> opt.load_state_dict(tg.optim.SGD([x], lr=0.2).state_dict())
        >>> float(opt.param_groups[0]["lr"])
        0.2
        """
        apply_state(self, read_state(self, state_dict))

    def __repr__(self) -> str:
        groups = "".join(f"\n  {group}" for group in self.param_groups)
        return f"{type(self).__name__}({groups}\n)"
