"""Floor 8. pygrad's dense network for images of 28x28."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...shared import lacking
from ..activations import ReLU
from ..basics import Dropout, Flatten, Linear
from ..constants import PRECISION
from ..module import Module
from ..tensor import Tensor

__all__ = ["DNN"]


class DNN(Module):
    """784-100-10 with dropout before the first layer; `training=False` leaves that out."""

    def __init__(self, batch_size: int = 1, label: str = "DNN", dropout: float = 0.10,
                 dtype: Any = PRECISION):  # fmt: skip
        self.dtype, self.label, self.dropout_rate = dtype, label, dropout
        self.flatten = Flatten()
        self.dense1 = Linear(28 * 28, 100, dtype=dtype)
        self.dropout1 = Dropout(dropout)
        self.relu1 = ReLU()
        self.dense2 = Linear(100, 10, dtype=dtype)
        x = Tensor(np.ones((batch_size, 1, 28, 28)), leaf=True, dtype=dtype)
        super().__init__(x=x, training=False)

    def forward(self, x: Tensor, training: bool = True) -> Tensor:
        x = self.dropout1(self.flatten(x), training)
        return self.dense2(self.relu1(self.dense1(x)))


__getattr__ = lacking("pygrad")
