"""Floor 8. pygrad's losses: the mean over the batch."""

from __future__ import annotations

from functools import partial

import numpy as np

import tidegrad as tg

from ..shared import lacking
from .activations import checked
from .tensor import Tensor

__all__ = ["BCELoss", "CCELoss"]


class Loss:
    """A loss has a label, which it shows itself by."""

    def __init__(self, label: str = ""):
        self.label = label or type(self).__name__

    def __repr__(self) -> str:
        return f"{type(self).__name__}=(name={self.label})"

    def compared(self, pred: Tensor, target: Tensor) -> None:
        kind = type(self).__name__
        if checked(pred, kind, 3).shape != checked(target, kind, 3).shape:
            raise ValueError(f"{kind}: shapes {pred.shape} and {target.shape} differ")
        self.bounded("targets", target)

    def bounded(self, what: str, x: Tensor) -> None:
        if not np.all((x.value >= 0) & (x.value <= 1)):
            raise ValueError(f"{type(self).__name__}: {what} are within 0 to 1")


class BCELoss(Loss):
    """Binary cross entropy of probabilities (batch, 1, 1); logarithms are at least -100."""

    def __init__(self, label: str = "BCELoss"):
        super().__init__(label)

    def __call__(self, pred: Tensor, target: Tensor) -> Tensor:
        self.compared(pred, target)
        self.bounded("predictions", pred)
        if pred.shape[-1] != 1:
            raise ValueError(f"BCELoss: takes shape (batch, 1, 1), not {pred.shape}")
        summed = partial(tg.nn.binary_cross_entropy, reduction="sum")
        return pred.made(lambda p, t: summed(p, t) / p.shape[0], pred, target)


class CCELoss(Loss):
    """Cross entropy of logits (batch, rows, classes) with targets that are 1 for one class.

    With `mask` the rows behind a sample's first target of class 0, its end, do not count; the
    engine lost the samples before it looked for their ends, and counted every row.
    """

    def __init__(self, label: str = "CCELoss"):
        super().__init__(label)

    def __call__(self, pred: Tensor, target: Tensor, mask: bool = False) -> Tensor:
        self.compared(pred, target)
        ends = target.value[..., 0] == 1
        counted = ends.cumsum(axis=1) - ends == 0 if mask else np.ones(ends.shape, bool)
        return pred.made(partial(self.over, counted.ravel()), pred, target)

    @staticmethod
    def over(counted: np.ndarray, pred: tg.Tensor, target: tg.Tensor) -> tg.Tensor:
        """The mean over the rows that are counted."""
        pred, target = (tg.reshape(x, (-1, x.shape[-1])) for x in (pred, target))
        target = tg.where(counted[:, None], target, 0.0)
        return tg.nn.cross_entropy(pred, target, reduction="sum") / int(counted.sum())


__getattr__ = lacking("pygrad")
