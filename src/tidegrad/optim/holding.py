"""Floor 7. What an optimizer holds: groups of parameters, and the state kept for each of them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import numpy as np

import tidegrad as tg
from tidegrad.epoch import Followed, moved
from tidegrad.recording import seen, untraced

from .groups import ParamGroup, read_groups

__all__ = ["Holding"]


class Holding(Followed):
    """`param_groups`, parameters with their options, and `state`, of each parameter its slots."""

    def __init__(self, params: Any, defaults: Mapping[str, Any]):
        self.defaults = dict(defaults)
        self.param_groups: list[ParamGroup] = []
        self.state: dict[Any, dict[str, Any]] = {}
        self.adopt(read_groups(params, type(self).__name__))

    def slots(self, group: ParamGroup) -> tuple[str, ...]:
        """The names of what is kept for each parameter of `group`."""
        return ()

    def initial(self, name: str, parameter: Any, group: ParamGroup) -> Any:
        """The first value of a slot."""
        return tg.zeros_like(parameter)

    def made(self, params: list, options: Mapping[str, Any]) -> ParamGroup:
        """A group with these options, checked."""
        return ParamGroup(type(self).__name__, params, options)

    def adopt(self, given: list[dict[str, Any]]) -> None:
        """Take over all of these groups or none, and make their state."""
        ready = []
        for group in given:
            options = {k: v for k, v in group.items() if k != "params"}
            if unknown := sorted(options.keys() - self.defaults.keys() - {"initial_lr", "name"}):
                raise ValueError(
                    f"{type(self).__name__}: unknown option {unknown[0]!r}; there are "
                    f"{', '.join(self.defaults)}"
                )
            ready.append(self.made(group["params"], {**self.defaults, **options}))
        for made in ready:
            self.param_groups.append(made)
            moved()
            self.prepare(made)

    def prepare(self, group: ParamGroup) -> tuple[str, ...]:
        """The slots that `group` now asks for, made where they are not there."""
        names = self.slots(group)
        if names != group.slots:
            group.slots = names
            moved()
            # What is held by an optimizer from outside stays, also where a step is traced.
            stays = seen(group.step) is not group.step
            for p in group["params"]:
                state = self.state.setdefault(p, {})
                with untraced() if stays else nullcontext():
                    state.update({k: self.initial(k, p, group) for k in names if k not in state})
        return names

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Optimize more parameters, {"params": [...]}, with options of their own."""
        self.adopt(read_groups([group], type(self).__name__, self.state))

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients: `.grad` becomes None, or zeros where `set_to_none` is False."""
        for group in self.param_groups:
            for p in group["params"]:
                none = set_to_none or p.grad is None
                p.grad = None if none else tg.zeros_like(p.grad)

    def state_dict(self) -> dict[str, Any]:
        """A snapshot, which later steps do not change, in the form of PyTorch's.

        {"state": {index: {name: tensor}}, "param_groups": [...]}, where indices count parameters.

        >>> opt = tg.optim.Adam([tg.tensor([1.0], requires_grad=True)], lr=0.1)
        >>> sorted(opt.state_dict()["state"][0])
        ['exp_avg', 'exp_avg_sq', 'step']
        """
        state: dict[int, dict[str, Any]] = {}
        groups = []
        for group in self.param_groups:
            first = len(state)
            names = self.prepare(group)
            for p in group["params"]:
                slots = {name: self.state[p][name].detach() for name in names}
                state[len(state)] = {"step": group.step.detach(), **slots}
            groups.append({**group.plain(), "params": list(range(first, len(state)))})
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a snapshot, of this class or of PyTorch's optimizer of that name.

        Options come from the snapshot; state is cast to the dtype of its parameter.  Raises
        ValueError, with nothing changed, where groups, names or shapes do not match.
        """
        for ours, (group, step, slots) in zip(self.param_groups, read_state(self, state_dict)):
            # Tensors stay the same objects, for programs that follow them.
            ours.update(group.plain())
            ours.step.data = np.asarray(step)
            for p, found in zip(ours["params"], slots):
                state = self.state[p]
                for name in state.keys() & found.keys():
                    state[name].data = found[name].data
                self.state[p] = {name: state.get(name, found[name]) for name in found}
        moved()

    def __repr__(self) -> str:
        groups = "".join(f"\n  {group}" for group in self.param_groups)
        return f"{type(self).__name__}({groups}\n)"


def read_state(optimizer: Holding, saved: Mapping[str, Any]) -> list[tuple]:
    """What `saved` says, checked: of each group the options, the step count, and all slots."""
    owner, ours = f"{type(optimizer).__name__}.load_state_dict", optimizer.param_groups
    try:
        groups = [dict(group) for group in saved["param_groups"]]
        state = {int(k): dict(entry) for k, entry in saved["state"].items()}  # in JSON strings
    except (AttributeError, KeyError, TypeError, ValueError):
        message = f"{owner}: takes a mapping with 'param_groups' and, by index, 'state'"
        raise ValueError(message) from None
    places = [group.pop("params", ()) for group in groups]
    found, wanted = [len(k) for k in places], [len(group["params"]) for group in ours]
    if found != wanted:
        raise ValueError(f"{owner}: groups of {found} parameters were saved, and here are {wanted}")
    if strange := state.keys() - {k for place in places for k in place}:
        raise ValueError(f"{owner}: state for parameter {min(strange)}, which is in no group")
    return [
        read_group(
            optimizer,
            group["params"],
            options,
            [state.get(k) for k in place],
            f"{owner}: group {n}",
        )
        for n, (group, options, place) in enumerate(zip(ours, groups, places))
    ]


def read_group(
    optimizer: Holding, params: list, options: dict, entries: list[Any], where: str
) -> tuple[ParamGroup, int, list[dict[str, Any]]]:
    """One group of the snapshot: the group, its step count, and the slots of each parameter."""
    if missing := sorted(optimizer.defaults.keys() - options.keys()):
        raise ValueError(f"{where} lacks {', '.join(missing)}: was it saved by another optimizer?")
    group = optimizer.made(params, options)
    names = optimizer.slots(group)
    if not any(entries):  # as PyTorch saves before the first step
        return group, 0, [{k: optimizer.initial(k, p, group) for k in names} for p in params]
    if None in entries:
        raise ValueError(f"{where}: the state of parameter {entries.index(None)} is missing")
    # An entry without a count is PyTorch's SGD, which has moved if it has a buffer.
    steps = {int(entry.pop("step", 1)) for entry in entries}
    if len(steps) > 1:
        raise ValueError(f"{where}: counts of {sorted(steps)} steps; here a group has one count")
    slots = []
    for k, (p, entry) in enumerate(zip(params, entries)):
        given = {name: tg.asarray(v) for name, v in entry.items() if v is not None}
        found, wanted = {name: t.shape for name, t in given.items()}, dict.fromkeys(names, p.shape)
        if found != wanted:
            raise ValueError(f"{where}, parameter {k}: the shapes are {found}, not {wanted}")
        slots.append({name: t.detach().astype(p.dtype) for name, t in given.items()})
    return group, steps.pop(), slots
