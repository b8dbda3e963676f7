"""Programs that the five engines ship, beside the same networks, data and steps in PyTorch."""

from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["ENGINES", "Program"]

ENGINES = ("picograd", "pygrad", "maligrad", "simplegrad")  # a module here for each


class Program(NamedTuple):
    """What a program reaches by `ours(seed=..., **sizes)`, and PyTorch by `peer` likewise.

    `small` are the sizes at which the tests run both.
    """

    name: str
    ours: Callable[..., float]
    peer: Callable[..., float]
    figure: str  # what is reached, such as "held-out accuracy" or "loss"
    higher_is_better: bool
    small: dict[str, Any]

    def reached(self, figure: float, peers: list[float]) -> bool:
        """Whether `figure` is at least what PyTorch reaches, within its spread over seeds."""
        return figure >= min(peers) if self.higher_is_better else figure <= max(peers)
