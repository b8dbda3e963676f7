"""Floor 7. What the options of optimizers and schedules may be: one table, one check."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np

import tidegrad as tg

__all__ = ["check", "is_number"]

INTERVALS = {
    "[0, inf)": "lr lr_decay weight_decay momentum dampening alpha eps initial_accumulator_value "
    "tolerance_grad tolerance_change",
    "[0, 1)": "betas factor",
    "[0, 1]": "end_factor pct_start",
    "(0, 1]": "start_factor",
    "[1, inf)": "max_iter max_eval history_size step_size total_iters T_max total_steps",
}
INTERVAL = {name: interval for interval, names in INTERVALS.items() for name in names.split()}
WORDS = {
    "line_search_fn": (None, "strong_wolfe"),
    "anneal_strategy": ("cos", "linear"),
    "mode": ("min", "max"),
    "threshold_mode": ("rel", "abs"),
}


def check(owner: str, name: str, value: Any) -> None:
    """Raise TypeError or ValueError where `name` cannot be `value`; what no table has may be all.

    >>> from tidegrad.optim.limits import check
    >>> check("Adam", "lr", -1.0)
    Traceback (most recent call last):
    ValueError: Adam: lr must be in [0, inf), not -1.0
    """
    if name in WORDS and value not in WORDS[name]:
        raise ValueError(f"{owner}: {name} must be one of {WORDS[name]}, not {value!r}")
    if name not in INTERVAL:
        return
    pair = name == "betas"
    if pair and not (isinstance(value, (tuple, list)) and len(value) == 2):
        raise ValueError(f"{owner}: {name} must be two numbers, not {value!r}")
    for number in value if pair else (value,):
        if not is_number(number):
            raise TypeError(f"{owner}: {name} must be a number, not {number!r}")
        # The value of a Tensor may not be known yet.
        if not isinstance(number, tg.Tensor) and not within(float(number), INTERVAL[name]):
            raise ValueError(f"{owner}: {name} must be in {INTERVAL[name]}, not {number}")


def is_number(value: Any) -> bool:
    """Whether `value` is a real number or something 0-d, but no flag."""
    if isinstance(value, (bool, np.bool_)):
        return False
    return isinstance(value, Real) or getattr(value, "shape", None) == ()


def within(number: float, interval: str) -> bool:
    """Whether `number` lies in an interval such as "[0, 1)"; NaN lies in none."""
    low, high = map(float, interval[1:-1].split(","))
    above = low < number or (low == number and interval[0] == "[")
    return above and (number < high or (number == high and interval[-1] == "]"))
