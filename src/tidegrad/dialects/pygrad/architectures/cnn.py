"""Floor 8. pygrad's convolutional network for images of 28x28."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...shared import lacking
from ..activations import ReLU
from ..basics import Conv2D, Dropout, Flatten, Linear
from ..constants import PRECISION
from ..module import Module
from ..tensor import Tensor

__all__ = ["CNN"]


class CNN(Module):
    """Two convolutions of 5x5, to four channels and back to one, dropout, and 400-100-10."""

    def __init__(self, batch_size: int = 1, label: str = "CNN", dropout: float = 0.10,
                 dtype: Any = PRECISION):  # fmt: skip
        self.dtype, self.label, self.dropout_rate = dtype, label, dropout
        self.conv1 = Conv2D(o_dim=4, i_dim=1, kH=5, kW=5, dtype=dtype)
        self.relu1 = ReLU()
        self.conv2 = Conv2D(o_dim=1, i_dim=4, kH=5, kW=5, dtype=dtype)
        self.relu2 = ReLU()
        self.dropout = Dropout(dropout)
        self.flatten = Flatten()
        self.dense1 = Linear(20 * 20, 100, dtype=dtype)
        self.relu3 = ReLU()
        self.dense2 = Linear(100, 10, dtype=dtype)
        x = Tensor(np.ones((batch_size, 1, 28, 28)), leaf=True, dtype=dtype)
        super().__init__(x=x, training=False)

    def forward(self, x: Tensor, training: bool = False) -> Tensor:
        x = self.relu2(self.conv2(self.relu1(self.conv1(x))))
        x = self.flatten(self.dropout(x, training=training))
        return self.dense2(self.relu3(self.dense1(x)))


__getattr__ = lacking("pygrad")
