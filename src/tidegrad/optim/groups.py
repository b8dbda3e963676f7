"""Floor 7. Parameter groups: mappings whose numbers are 0-d tensors that programs follow."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from numbers import Real
from typing import Any

import numpy as np

import tidegrad as tg

from ..updates import bare

__all__ = ["ParamGroup", "as_groups", "checked_parameters"]

# What has to be a number, or two of them; further options may be anything.
RATES = frozenset({"lr", "lr_decay", "weight_decay", "momentum", "dampening", "alpha", "eps"})
RATES |= {"initial_accumulator_value", "tolerance_grad", "tolerance_change"}
PAIRS = frozenset({"betas"})
# What a schedule notes down about a group, and may be negative.
FREE = frozenset({"initial_lr", "max_lr", "min_lr", "max_momentum", "base_momentum"})


class ParamGroup(MutableMapping):
    """Parameters that share their rates: `group["lr"]` is a 0-d float64 tensor.

    Assigning a number gives that tensor a new value (the object stays, so that whatever holds it
    follows); `betas` is a tuple of two.  Flags, strings and the names in `plain` stay as they are.
    Raises ValueError for a negative or non-finite rate, with the old value kept.

    >>> opt = tg.optim.SGD([tg.tensor([1.0], requires_grad=True)], lr=0.5)
    >>> group = opt.param_groups[0]
    >>> group["lr"] *= 0.5
    >>> float(group["lr"])
    0.25
    """

    def __init__(self, params: list, options: Mapping[str, Any], plain: Iterable[str] = ()):
        self.plain = frozenset(plain)
        self.nonzero: set[str] = set()
        self.values_: dict[str, Any] = {"params": params}
        self.step = tg.tensor(0, dtype=tg.int64)
        for name, value in options.items():
            self[name] = value

    def __getitem__(self, name: str) -> Any:
        return self.values_[name]

    def __setitem__(self, name: str, value: Any) -> None:
        held = self.values_.get(name)
        if name == "params":
            raise ValueError("param_groups: params are fixed; use optimizer.add_param_group(...)")
        if name in RATES and not is_number(value):
            raise TypeError(f"{name}: takes a number, not {value!r}")
        if name in PAIRS and not (is_pair(value) and len(value) == 2):
            raise ValueError(f"{name}: takes two numbers, not {value!r}")
        if value is held and held is not None:
            # The end of `group[name] *= 0.5`: the tensor has its new value already.
            self.nonzero.add(name)
        elif name in self.plain or not is_number(value):
            self.values_[name] = self.pair(name, value) if is_pair(value) else value
        else:
            self.values_[name] = self.rate(name, value, held)

    def rate(self, name: str, value: Any, held: Any) -> Any:
        """`value` as the 0-d tensor that `held` is, or as a new one."""
        if isinstance(value, tg.Tensor):
            self.nonzero.add(name)
            value = value.detach().astype(tg.float64)
            if not isinstance(held, tg.Tensor):
                return value
            with tg.no_grad():
                held[...] = value
            return held
        number = checked(name, float(value))
        (self.nonzero.add if number else self.nonzero.discard)(name)
        if not isinstance(held, tg.Tensor):
            return tg.tensor(number, dtype=tg.float64)
        held.data = np.asarray(number)
        return held

    def pair(self, name: str, value: Any) -> tuple:
        """Each number of a tuple as a 0-d tensor."""
        held = self.values_.get(name)
        for number in value:
            if not isinstance(number, tg.Tensor):
                checked(name, float(number))
        matching = isinstance(held, tuple) and len(held) == len(value)
        before: Any = held if matching else (None,) * len(value)
        return tuple(
            b if v is b else self.rate(name, v, b) for v, b in zip(value, before, strict=True)
        )

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"param_groups: {name!r} cannot be removed from a group")

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)

    def __repr__(self) -> str:
        options = ", ".join(f"{k}={v}" for k, v in self.plain_options().items())
        return f"ParamGroup({len(self['params'])} parameters, {options})"

    def uses(self, name: str) -> bool:
        """Whether the rate `name` is other than 0, so that a rule may leave its terms out."""
        return name in self.nonzero

    def numbers(self, *names: str) -> list[Any]:
        """The rates with these names, a tuple as its members, in the form that `bare` gives."""
        found: list[Any] = []
        for name in names:
            value = self.values_[name]
            found += value if isinstance(value, tuple) else (value,)
        return bare(found)

    def plain_options(self) -> dict[str, Any]:
        """All options with Python numbers in place of tensors."""
        return {name: as_plain(v) for name, v in self.values_.items() if name != "params"}


def as_plain(value: Any) -> Any:
    """A rate as Python numbers."""
    if isinstance(value, tuple):
        return tuple(as_plain(v) for v in value)
    return float(value) if isinstance(value, tg.Tensor) else value


def is_number(value: Any) -> bool:
    """Whether `value` is a rate: a real number or something 0-d, but no flag."""
    if isinstance(value, (bool, np.bool_)):
        return False
    return isinstance(value, Real) or getattr(value, "shape", None) == ()


def is_pair(value: Any) -> bool:
    """Whether `value` is a sequence of rates, as betas are."""
    return isinstance(value, (tuple, list)) and bool(value) and all(map(is_number, value))


def checked(name: str, number: float) -> float:
    """`number`, if it can be the rate `name`."""
    if name in FREE:
        return number
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(f"{name}: must be finite and not negative, not {number}")
    if name in PAIRS and number >= 1:
        raise ValueError(f"{name}: must be at least 0 and below 1, not {number}")
    return number


def as_groups(params: Any, owner: str) -> list[dict[str, Any]]:
    """`params`, tensors or mappings of them with options, as mappings, before any check."""
    if isinstance(params, (tg.Tensor, Mapping)) or not isinstance(params, Iterable):
        raise TypeError(
            f"{owner}: takes a list of tensors or of groups, not {type(params).__name__}; "
            "pass net.parameters(), or [x] for a single tensor"
        )
    given = list(params)
    groups = given if any(isinstance(g, Mapping) for g in given) else [{"params": given}]
    for group in groups:
        if not isinstance(group, Mapping) or "params" not in group:
            raise TypeError(f"{owner}: each group is a mapping with 'params', or none is a mapping")
    found = [{**group, "params": listed(group["params"], owner)} for group in groups]
    if not any(group["params"] for group in found):
        raise ValueError(
            f"{owner}: the parameter list is empty; a generator such as net.parameters() can be "
            "read only once"
        )
    return found


def listed(params: Any, owner: str) -> list:
    """The parameters of one group as a list."""
    if isinstance(params, tg.Tensor):
        return [params]
    if isinstance(params, (set, frozenset)):
        raise TypeError(f"{owner}: a set of parameters has no order; pass a list")
    return list(params)


def checked_parameters(params: list, taken: Iterable[Any], owner: str) -> list:
    """`params`, if each is a leaf that needs a gradient and belongs to no other group."""
    seen = {id(p) for p in taken}
    for k, p in enumerate(params):
        if not isinstance(p, tg.Tensor):
            raise TypeError(f"{owner}: parameter {k} is a {type(p).__name__}, not a Tensor")
        if not p.is_leaf:
            raise ValueError(
                f"{owner}: parameter {k} of shape {p.shape} is the result of an operation; "
                "optimize the leaf that it came from"
            )
        if not p.requires_grad:
            raise ValueError(
                f"{owner}: parameter {k} of shape {p.shape} has requires_grad=False; set it, or "
                "leave the frozen ones out: [p for p in net.parameters() if p.requires_grad]"
            )
        if id(p) in seen:
            raise ValueError(f"{owner}: parameter {k} of shape {p.shape} was given twice")
        seen.add(id(p))
    return params
