"""Floor 8. maligrad's Variable: an array that a program may write in, and its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

import tidegrad as tg

from ...shared import lacking

__all__ = ["Variable"]


class Variable:
    """A copy of `data`, whose `.grad`, an array or None, adds up what `backward` brings.

    `.data` keeps its dtype, but integers that require a gradient become float64; it may be written
    in or replaced, where it is no recorded result, and graphs from before keep what they saw. As
    there, comparisons give bool Variables without gradient, `maximum` and `minimum` follow the
    left one where both are equal, and every maximum of `max` gets the whole gradient. Unlike
    there, a bool Variable has its own truth. NumPy's functions see the data alone, as there.

    >>> x = Variable(np.array([1.0, 3.0, 3.0]), requires_grad=True)
    >>> (2**x).max().backward()
    >>> x.grad.round(4).tolist()
    [0.0, 5.5452, 5.5452]
    """

    __array_priority__ = 1337  # an ndarray on the left leaves the operator to us

    def __init__(
        self, data: Any, requires_grad: bool = False, _src_fcn: None = None, _src_index: int = 0
    ):
        if _src_fcn is not None:
            raise TypeError("Variable: the result of a Function is made by calling it")
        self._own: Any = None  # the array that the program may write in: no recorded result's
        self._tensor: Any = None  # what operations take: of a leaf, since its first one
        self._grad: Any = None
        self.requires_grad = bool(requires_grad)
        self.data = np.array(data)

    @classmethod
    def ensure(cls, other: Any) -> Any:
        return other if isinstance(other, cls) else cls(other)

    @property
    def data(self) -> np.ndarray:
        if self._own is None and not self._tensor.requires_grad:
            self._own, self._tensor = np.array(self._tensor), None
        return self._tensor.numpy() if self._own is None else self._own

    @data.setter
    def data(self, value: Any) -> None:
        if self._own is None and self._tensor is not None and self._tensor.requires_grad:
            raise AttributeError("Variable.data: a result's is not replaced; make a new Variable")
        new = np.asarray(value)
        self._own = new.astype(float) if self.requires_grad and new.dtype.kind in "iu" else new

    @property
    def grad(self) -> Any:
        if self._tensor is not None and self._tensor.grad is not None:
            new, self._tensor.grad = np.array(self._tensor.grad), None
            self._grad = new if self._grad is None else np.asarray(self._grad + new)
        return self._grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if self._tensor is not None:
            self._tensor.grad = None
        self._grad = value

    def read(self) -> tg.Tensor:
        """The tensor that operations take: of a leaf, with what its array holds now."""
        if self._own is None and self._tensor.requires_grad:
            return self._tensor if self.requires_grad else self._tensor.detach()
        if not self.requires_grad:
            return tg.asarray(self.data)
        self.data = self.data  # floats, should the gradient have been asked for later
        array, leaf = self._own, self._tensor
        if leaf is not None and (leaf.shape, leaf.dtype) == (array.shape, array.dtype):
            leaf.data = array
        else:
            self._tensor = tg.tensor(array, requires_grad=True)
        return self._tensor

    def backward(self, partial: Any = None) -> None:
        """Add the gradients of this number, or of the sum weighted by `partial`, to the leaves."""
        start = self.read()
        if not start.requires_grad:
            raise AssertionError("backward: this Variable does not require grad")
        if partial is None and self.size != 1:
            raise AssertionError(
                f"backward: shape {self.shape} is no single number; pass partial, or use .sum()"
            )
        seed = np.ones(self.shape) if partial is None else np.asarray(partial)
        start.backward(tg.broadcast_to(tg.asarray(seed, dtype=start.dtype), start.shape))

    def __setitem__(self, key: Any, value: Any) -> None:
        raise NotImplementedError("Variable[...] = is not there; write in .data, or use tg.where")

    def __bool__(self) -> bool:
        return bool(self.data)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.data, dtype, copy=copy)

    def __getstate__(self) -> dict[str, Any]:
        """Copied or pickled it is a leaf."""
        own = {"_own": np.array(self.data), "_grad": self.grad, "_tensor": None}
        return {**self.__dict__, **own}

    def __repr__(self) -> str:
        return f"Variable(data={self.data})"

    def __getattr__(self, name: str) -> Any:
        return absent(name)


absent = lacking("maligrad", "Variable")

__getattr__ = lacking("maligrad")
