"""Floor 8. simplegrad's names and habits: `from tidegrad.dialects.simplegrad import Tensor, Adam`.

>>> x, w = Tensor(np.array([1.0, 2.0])), Tensor(np.array([-3.0, 4.0]))
>>> loss = x.mul(w).sum().relu()
>>> loss.backward()
>>> w.grad, x.grad, loss is x
(array([1., 2.]), array([-3.,  4.]), True)
"""

from __future__ import annotations

from ..shared import lacking
from .devices import Numpy
from .optimizers import Adam, Optimizer
from .tensor import Tensor

__all__ = ["Adam", "Numpy", "Optimizer", "Tensor"]

__getattr__ = lacking("simplegrad")
