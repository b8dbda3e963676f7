"""Floor 8. simplegrad's device: whatever NumPy has, and four names of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

__all__ = ["Numpy"]


class NumpyType(type):
    def __getattr__(cls, name: str) -> Any:
        return getattr(np, name)


class Numpy(metaclass=NumpyType):
    """The default `Tensor.device`: NumPy's functions, of arrays and of Tensors.

    >>> Numpy.mul(np.array([1.0, 2.0]), 3.0)
    array([3., 6.])
    """

    pow = np.power
    mul = np.multiply

    @staticmethod
    def to_cpu(x: Any) -> ndarray:
        return np.asarray(x).view(ndarray)

    @staticmethod
    def as_strided(x: Any, **options: Any) -> Any:
        """A view by strides in bytes; of a Tensor it is `Tensor.as_strided`, which is checked."""
        own = None if isinstance(x, ndarray) else getattr(x, "as_strided", None)
        return own(**options) if own else np.lib.stride_tricks.as_strided(x, **options)
