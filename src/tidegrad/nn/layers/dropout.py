"""Floor 7. Dropout layers: random in training, the identity after `eval()`."""

from __future__ import annotations

from typing import Any

import tidegrad as tg

from .. import functional as F
from ..module import Module

__all__ = ["Dropout", "Dropout2d"]


class Dropout(Module):
    """Each element zero with probability `p`, the others divided by `1 - p` (Srivastava, 2014).

    >>> tg.nn.Dropout(0.5).eval()(tg.ones(3)).tolist()
    [1.0, 1.0, 1.0]
    """

    function = "dropout"

    def __init__(self, p: float = 0.5, generator: Any = None):
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"{type(self).__name__}: p is a probability within 0 to 1, not {p}")
        self.p, self.generator = p, generator

    def forward(self, input: Any) -> tg.Tensor:
        """`input`, in training with some of it dropped."""
        return getattr(F, self.function)(input, self.p, self.training, self.generator)

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}"


class Dropout2d(Dropout):
    """`Dropout` of whole channels of (N, C, ...) (Tompson et al., 2015).

    >>> tg.nn.Dropout2d(0.5)(tg.ones((2, 3, 4, 4))).shape
    (2, 3, 4, 4)
    """

    function = "dropout2d"
