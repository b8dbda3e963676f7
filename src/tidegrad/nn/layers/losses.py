"""Floor 7. Losses as modules: the functions of the same names, with their options kept."""

from __future__ import annotations

from typing import Any

import tidegrad as tg

from .. import functional as F
from ..module import Module

__all__ = ["BCELoss", "BCEWithLogitsLoss", "CosineEmbeddingLoss", "CosineSimilarity"]
__all__ += ["CrossEntropyLoss", "HuberLoss", "KLDivLoss", "L1Loss", "MSELoss", "NLLLoss"]
__all__ += ["SmoothL1Loss"]


class Loss(Module):
    """The function `function` of `nn.functional`, called with this module's `options`.

    Weights are buffers that are not saved, so that `astype` converts them.
    """

    function = ""
    options: tuple[str, ...] = ("reduction",)

    def __init__(self, reduction: str = "mean"):
        self.reduction = reduction

    def forward(self, *inputs: Any) -> tg.Tensor:
        """The loss of predictions and targets."""
        return getattr(F, self.function)(*inputs, **{k: vars(self)[k] for k in self.options})

    def extra_repr(self) -> str:
        """The options that are numbers or words."""
        held = ((name, vars(self)[name]) for name in self.options)
        return ", ".join(f"{k}={v!r}" for k, v in held if isinstance(v, (str, int, float)))

    def _keep(self, **weights: Any) -> None:
        for name, weight in weights.items():
            kept = None if weight is None else tg.asarray(weight)
            self.register_buffer(name, kept, persistent=False)


class MSELoss(Loss):
    """The squared difference.

    >>> float(tg.nn.MSELoss()(tg.tensor([1.0, 2.0]), tg.tensor([1.0, 4.0])))
    2.0
    """

    function = "mse_loss"


class L1Loss(Loss):
    """The absolute difference."""

    function = "l1_loss"


class HuberLoss(Loss):
    """Half the squared difference up to `delta`, linear beyond (Huber, 1964)."""

    function, options = "huber_loss", ("reduction", "delta")

    def __init__(self, reduction: str = "mean", delta: float = 1.0):
        self.reduction, self.delta = reduction, delta


class SmoothL1Loss(Loss):
    """`HuberLoss` divided by its threshold `beta`."""

    function, options = "smooth_l1_loss", ("reduction", "beta")

    def __init__(self, reduction: str = "mean", beta: float = 1.0):
        self.reduction, self.beta = reduction, beta


class BCELoss(Loss):
    """The cross entropy of probabilities with targets between 0 and 1."""

    function, options = "binary_cross_entropy", ("weight", "reduction")

    def __init__(self, weight: Any = None, reduction: str = "mean"):
        self.reduction = reduction
        self._keep(weight=weight)


class BCEWithLogitsLoss(Loss):
    """The cross entropy of `sigmoid(logits)` with targets between 0 and 1, stable.

    >>> float(tg.nn.BCEWithLogitsLoss()(tg.tensor([1e4]), tg.tensor([0.0])))
    10000.0
    """

    function = "binary_cross_entropy_with_logits"
    options = ("weight", "reduction", "pos_weight")

    def __init__(self, weight: Any = None, reduction: str = "mean", pos_weight: Any = None):
        self.reduction = reduction
        self._keep(weight=weight, pos_weight=pos_weight)


class CrossEntropyLoss(Loss):
    """The cross entropy of logits with class indices or class probabilities.

    >>> round(float(tg.nn.CrossEntropyLoss()(tg.zeros((1, 2)), tg.tensor([1]))), 4)
    0.6931
    """

    function = "cross_entropy"
    options = ("weight", "ignore_index", "reduction", "label_smoothing")

    def __init__(
        self,
        weight: Any = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ):
        self.ignore_index, self.reduction = ignore_index, reduction
        self.label_smoothing = label_smoothing
        self._keep(weight=weight)


class NLLLoss(Loss):
    """Minus the log-probability of each class index."""

    function, options = "nll_loss", ("weight", "ignore_index", "reduction")

    def __init__(self, weight: Any = None, ignore_index: int = -100, reduction: str = "mean"):
        self.ignore_index, self.reduction = ignore_index, reduction
        self._keep(weight=weight)


class KLDivLoss(Loss):
    """The Kullback-Leibler divergence; `reduction` may be "batchmean"."""

    function, options = "kl_div", ("reduction", "log_target")

    def __init__(self, reduction: str = "mean", log_target: bool = False):
        self.reduction, self.log_target = reduction, log_target


class CosineSimilarity(Loss):
    """The cosine of the angle between two tensors along `axis`."""

    function, options = "cosine_similarity", ("axis", "eps")

    def __init__(self, axis: int = 1, eps: float = 1e-8):
        self.axis, self.eps = axis, eps


class CosineEmbeddingLoss(Loss):
    """One minus the cosine for targets 1, the cosine above `margin` for targets -1."""

    function, options = "cosine_embedding_loss", ("margin", "reduction")

    def __init__(self, margin: float = 0.0, reduction: str = "mean"):
        self.margin, self.reduction = margin, reduction
