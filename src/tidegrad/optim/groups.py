"""Floor 7. Parameter groups: mappings whose numbers are 0-d tensors that programs follow."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Iterable, Mapping
from typing import Any

import tidegrad as tg
from tidegrad.epoch import Followed, moved

from ..updates import bare
from .limits import check, is_number

__all__ = ["ParamGroup", "read_groups"]

COUNTS = {"max_iter", "max_eval", "history_size"}  # these stay Python numbers


class ParamGroup(Followed, UserDict):
    """Parameters that share their rates: `group["lr"]` is a 0-d float64 tensor.

    Assigning a number gives that tensor a new value (the object stays, so that whatever holds it
    follows); `betas` is a tuple of two.  Flags and strings stay as they are.
    Raises TypeError or ValueError for a rate that cannot be, with the old value kept.

    >>> opt = tg.optim.SGD([tg.tensor([1.0], requires_grad=True)], lr=0.5)
    >>> group = opt.param_groups[0]
    >>> group["lr"] *= 0.5
    >>> float(group["lr"])
    0.25
    """

    def __init__(self, owner: str, params: list, options: Mapping[str, Any]):
        self.owner = owner
        self.data = {"params": params}
        self.nonzero: frozenset[str] = frozenset()
        self.slots: tuple[str, ...] | None = None  # those that its parameters have
        self.step = tg.tensor(0, dtype=tg.int64)
        self.update(options)

    def __setitem__(self, name: str, value: Any) -> None:
        if name == "params":
            raise ValueError("param_groups: params are fixed; use optimizer.add_param_group(...)")
        check(self.owner, name, value)
        before = self.data.get(name)
        self.data[name] = held = self.held(name, value, before)
        if held is not before:
            moved()

    def held(self, name: str, value: Any, before: Any) -> Any:
        """`value` in the form that is kept: in the 0-d tensors `before`, where there are any."""
        if isinstance(value, (tuple, list)):
            fits = isinstance(before, tuple) and len(before) == len(value)
            old = before if fits else [None] * len(value)
            pair = tuple(self.held(name, v, b) for v, b in zip(value, old))
            return before if fits and all(a is b for a, b in zip(pair, before)) else pair
        if name in COUNTS or not is_number(value):
            return value
        unknown = isinstance(value, tg.Tensor)
        if (unknown or value != 0) != (name in self.nonzero):
            self.nonzero = self.nonzero ^ {name}
            moved()
        if value is before:  # the end of `group[name] *= 0.5`: it has its new value already
            return before
        new = value.detach() if unknown else tg.tensor(float(value), dtype=tg.float64)
        if not isinstance(before, tg.Tensor):
            return new.astype(tg.float64)
        with tg.no_grad():
            before[...] = new.astype(tg.float64)
        return before

    def __repr__(self) -> str:
        options = ", ".join(f"{k}={v}" for k, v in self.plain().items())
        return f"ParamGroup({len(self['params'])} parameters, {options})"

    def uses(self, name: str) -> bool:
        """Whether the rate `name` is other than 0, so that a rule may leave its terms out."""
        return name in self.nonzero

    def numbers(self, *names: str) -> list[Any]:
        """The rates with these names, a tuple as its members, in the form that `bare` gives."""
        found: list[Any] = []
        for name in names:
            value = self.data[name]
            found += value if isinstance(value, tuple) else (value,)
        return bare(found)

    def plain(self) -> dict[str, Any]:
        """All options, with Python numbers in place of tensors."""
        return {name: as_plain(v) for name, v in self.data.items() if name != "params"}


def as_plain(value: Any) -> Any:
    """A rate as Python numbers."""
    if isinstance(value, tuple):
        return tuple(as_plain(v) for v in value)
    return float(value) if isinstance(value, tg.Tensor) else value


def read_groups(given: Any, owner: str, taken: Iterable[Any] = ()) -> list[dict[str, Any]]:
    """`given`, tensors or mappings of them with options, as mappings with a list of "params".

    Raises TypeError or ValueError for what cannot be optimized, is there twice or is in `taken`.
    """
    if isinstance(given, (tg.Tensor, Mapping)) or not isinstance(given, Iterable):
        raise TypeError(
            f"{owner}: takes a list of tensors or of groups, not {type(given).__name__}; "
            "pass net.parameters(), or [x] for a single tensor"
        )
    entries = list(given)
    groups = entries if any(isinstance(g, Mapping) for g in entries) else [{"params": entries}]
    seen = {id(p) for p in taken}
    found = []
    for group in groups:
        if not isinstance(group, Mapping) or "params" not in group:
            raise TypeError(f"{owner}: each group is a mapping with 'params', or none is a mapping")
        params = group["params"]
        if isinstance(params, (set, frozenset)):
            raise TypeError(f"{owner}: a set of parameters has no order; pass a list")
        params = [params] if isinstance(params, tg.Tensor) else list(params)
        for k, p in enumerate(params):
            check_parameter(p, f"{owner}: parameter {k}", seen)
            seen.add(id(p))
        found.append({**group, "params": params})
    if not any(group["params"] for group in found):
        raise ValueError(
            f"{owner}: the parameter list is empty; a generator such as net.parameters() can be "
            "read only once"
        )
    return found


def check_parameter(p: Any, what: str, seen: set[int]) -> None:
    """Raise unless `p` is a leaf that needs a gradient and was not `seen` before."""
    if not isinstance(p, tg.Tensor):
        raise TypeError(f"{what} is a {type(p).__name__}, not a Tensor")
    faults = {
        "is the result of an operation; optimize the leaf that it came from": not p.is_leaf,
        "has requires_grad=False; set it, or leave the frozen ones out: "
        "[p for p in net.parameters() if p.requires_grad]": not p.requires_grad,
        "was given twice": id(p) in seen,
    }
    for fault, found in faults.items():
        if found:
            raise ValueError(f"{what} of shape {p.shape} {fault}")
