"""Floor 7. The state of an optimizer as nested dictionaries, in PyTorch's shape, out and in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tidegrad as tg

from .groups import ParamGroup

__all__ = ["apply_state", "described", "read_state"]


def described(optimizer: Any) -> dict[str, Any]:
    """The snapshot of `optimizer`: detached tensors keep the values of now."""
    state: dict[int, dict[str, Any]] = {}
    groups = []
    for group in optimizer.param_groups:
        first = len(state)
        for p in group["params"]:
            kept = {name: t.detach() for name, t in optimizer.state[p].items()}
            state[len(state)] = {"step": group.step.detach(), **kept}
        groups.append({**group.plain_options(), "params": list(range(first, len(state)))})
    return {"state": state, "param_groups": groups}


def read_state(optimizer: Any, saved: Mapping[str, Any]) -> list[tuple]:
    """What `saved` says, checked against `optimizer` and ready to be put in place.

    For each group: a new group with its options, its step count, and its slots by parameter.
    """
    owner = f"{type(optimizer).__name__}.load_state_dict"
    if not isinstance(saved, Mapping) or not {"state", "param_groups"} <= set(saved):
        raise ValueError(f"{owner}: takes a mapping with 'state' and 'param_groups'")
    try:
        state = {int(k): v for k, v in saved["state"].items()}  # JSON has made strings of them
    except (TypeError, ValueError, AttributeError):
        raise ValueError(f"{owner}: 'state' is not a mapping by index") from None
    groups = saved["param_groups"]
    if len(groups) != len(optimizer.param_groups):
        raise ValueError(
            f"{owner}: {len(groups)} parameter groups were saved, and the optimizer has "
            f"{len(optimizer.param_groups)}"
        )
    indices = {index for group in groups for index in group.get("params", ())}
    if strange := sorted(set(state) - indices):
        raise ValueError(f"{owner}: state for parameter {strange[0]}, which is in no group")
    return [
        read_group(optimizer, number, group, state, f"{owner}: group {number}")
        for number, group in enumerate(groups)
    ]


def read_group(optimizer: Any, number: int, saved: Mapping, state: dict, where: str) -> tuple:
    """One group of the snapshot, checked."""
    ours = optimizer.param_groups[number]
    params, indices = ours["params"], list(saved.get("params", ()))
    if len(indices) != len(params):
        raise ValueError(f"{where} has {len(indices)} parameters saved, and here {len(params)}")
    if missing := sorted(set(optimizer.defaults) - set(saved)):
        raise ValueError(f"{where} lacks {', '.join(missing)}: was it saved by another optimizer?")
    options = {k: v for k, v in saved.items() if k != "params"}
    group = ParamGroup(params, options, optimizer.plain)
    entries = [state.get(index) for index in indices]
    if all(not entry for entry in entries):
        entries = [None] * len(entries)  # as PyTorch saves before the first step
    elif None in entries:
        raise ValueError(f"{where}: the state of parameter {entries.index(None)} is missing")
    slots = []
    for k, (p, entry) in enumerate(zip(params, entries, strict=True)):
        slots.append(read_slots(optimizer, group, p, entry, f"{where}, parameter {k}"))
    return group, common_step(entries, where), slots


def read_slots(optimizer: Any, group: ParamGroup, p: Any, entry: Any, where: str) -> dict:
    """The slots of one parameter, in its dtype."""
    names = optimizer.slots(group)
    if entry is None:
        return {name: optimizer.initial(name, p, group) for name in names}
    given = {k: v for k, v in entry.items() if k != "step" and v is not None}
    if missing := [name for name in names if name not in given]:
        raise ValueError(f"{where}: {missing[0]} is missing")
    found = {}
    for name, value in given.items():
        if name not in names and name not in optimizer.state[p]:
            raise ValueError(f"{where}: unexpected {name}; there are {', '.join(names) or 'none'}")
        tensor = tg.asarray(value).detach().astype(p.dtype)
        if tensor.shape != p.shape:
            raise ValueError(
                f"{where}: {name} has shape {tensor.shape}, and the parameter {p.shape}"
            )
        found[name] = tensor
    return found


def common_step(entries: Sequence[Any], where: str) -> int:
    """The step count that all parameters of a group share."""
    # An entry without a count is PyTorch's SGD, which has moved if it has a buffer.
    steps = {int(entry.get("step", 1)) if entry else 0 for entry in entries}
    if len(steps) > 1:
        raise ValueError(
            f"{where}: its parameters have taken {sorted(steps)} steps; a group counts them as one"
        )
    return steps.pop() if steps else 0


def apply_state(optimizer: Any, found: list[tuple]) -> None:
    """Put in place what `read_state` has checked; tensors stay the same objects."""
    with tg.no_grad():
        for ours, (group, step, slots) in zip(optimizer.param_groups, found, strict=True):
            for name, value in group.items():
                if name != "params":
                    ours[name] = value
            ours.nonzero = group.nonzero
            ours.step.data = tg.tensor(step, dtype=tg.int64).data
            for p, kept in zip(ours["params"], slots, strict=True):
                state = optimizer.state[p]
                for name in [name for name in state if name not in kept]:
                    del state[name]
                for name, tensor in kept.items():
                    if name in state:
                        state[name].data = tensor.data
                    else:
                        state[name] = tensor
