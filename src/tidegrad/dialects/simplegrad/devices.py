"""Floor 8. simplegrad's devices: NumPy with four names of its own, and tidegrad's backends."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from numpy import ndarray

import tidegrad as tg

__all__ = ["Numpy", "at_work"]


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


NAMES: dict[Any, str] = {}  # of classes that were assigned to Tensor.device


def at_work(device: Any) -> AbstractContextManager:
    """Where operations run: with NumPy, or on the backend that a name or a class says.

    A class has the operations of `tg.backends.Host`: the error names those that it lacks.
    """
    if device is Numpy:
        return nullcontext()
    if not isinstance(device, str) and device not in NAMES:
        name = getattr(device, "__name__", type(device).__name__)
        name = f"{name}_{len(NAMES)}" if name in tg.backends.names() else name
        tg.backends.register(name, device)
        NAMES[device] = name
    return tg.backends.use(device if isinstance(device, str) else NAMES[device])
