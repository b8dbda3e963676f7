"""Floor 8. How picograd's operations run: its settings for work on all cores."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import tidegrad as tg

__all__ = ["execution", "get_distributed_config", "set_distributed_config", "wanted"]

CONFIG: dict[str, Any] = {
    "enabled": False,
    "num_workers": os.cpu_count() or 1,
    "min_elements_for_parallel": 10000,
    "use_processes": True,
}
LEAST = {"num_workers": 1, "min_elements_for_parallel": 0}


def set_distributed_config(
    enabled: bool | None = None,
    num_workers: int | None = None,
    min_elements_for_parallel: int | None = None,
    use_processes: bool | None = None,
) -> None:
    """What is left out stays; ValueError for what cannot be, and then nothing changes."""
    wanted = {
        "enabled": enabled,
        "num_workers": num_workers,
        "min_elements_for_parallel": min_elements_for_parallel,
        "use_processes": use_processes,
    }
    given = {name: value for name, value in wanted.items() if value is not None}
    for name, value in given.items():
        sort = int if name in LEAST else bool
        if type(value) is not sort:
            raise TypeError(f"set_distributed_config: {name} is {sort.__name__}, not {value!r}")
        if value < LEAST.get(name, 0):
            raise ValueError(f"set_distributed_config: {name} is at least {LEAST[name]}: {value}")
    CONFIG.update(given)


def get_distributed_config() -> dict[str, Any]:
    return dict(CONFIG)


def wanted(size: int) -> bool:
    """Whether something of this size is distributed unless it says otherwise."""
    return bool(CONFIG["enabled"] and size >= CONFIG["min_elements_for_parallel"])


def execution(distributed: bool) -> AbstractContextManager:
    """Where operations run: the same answers in every bit, on all cores or on one."""
    if not distributed:
        return nullcontext()
    kind = "processes" if CONFIG["use_processes"] else "threads"
    return tg.backends.use(kind, workers=CONFIG["num_workers"], min_elements=1)
