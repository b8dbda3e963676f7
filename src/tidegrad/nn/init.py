"""Floor 7. Initial values: PyTorch's names; each fills a tensor in place and gives it back."""

from __future__ import annotations

from math import prod, sqrt
from typing import Any

import numpy as np

import tidegrad as tg

__all__ = ["calculate_gain", "constant_", "dirac_", "eye_", "kaiming_normal_", "kaiming_uniform_"]
__all__ += ["normal_", "ones_", "orthogonal_", "sparse_", "trunc_normal_", "uniform_"]
__all__ += ["xavier_normal_", "xavier_uniform_", "zeros_"]

FLOAT = np.dtype("float64")
GAINS = dict.fromkeys(("linear", "conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d"), 1.0)
GAINS |= {"sigmoid": 1.0, "tanh": 5.0 / 3, "relu": sqrt(2.0), "selu": 0.75}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which to scale weights in front of a nonlinearity, to keep the variance.

    `param` is the slope of "leaky_relu", 0.01 unless given.

    >>> round(tg.nn.init.calculate_gain("relu"), 4)
    1.4142
    """
    if nonlinearity == "leaky_relu":
        return sqrt(2.0 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in GAINS:
        known = ", ".join([*GAINS, "leaky_relu"])
        raise ValueError(f"calculate_gain: {nonlinearity!r} is not one of {known}")
    return GAINS[nonlinearity]


def constant_(tensor: tg.Tensor, val: float) -> tg.Tensor:
    """Every element `val`.

    >>> tg.nn.init.constant_(tg.empty(2), 3.0).tolist()
    [3.0, 3.0]
    """
    with tg.no_grad():
        tensor[...] = val
    return tensor


def zeros_(tensor: tg.Tensor) -> tg.Tensor:
    """Every element 0."""
    return constant_(tensor, 0.0)


def ones_(tensor: tg.Tensor) -> tg.Tensor:
    """Every element 1."""
    return constant_(tensor, 1.0)


def uniform_(tensor: tg.Tensor, a: float = 0.0, b: float = 1.0, generator=None) -> tg.Tensor:
    """Uniform between `a` and `b`."""
    return _fill(tensor, tg.random.uniform(tensor.shape, a, b, tensor.dtype, generator))


def normal_(tensor: tg.Tensor, mean: float = 0.0, std: float = 1.0, generator=None) -> tg.Tensor:
    """Normal with this mean and standard deviation."""
    return _fill(tensor, tg.random.normal(tensor.shape, mean, std, tensor.dtype, generator))


def trunc_normal_(
    tensor: tg.Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator=None,
) -> tg.Tensor:
    """Normal, but only between `a` and `b` (absolute values): what falls outside is redrawn.

    >>> bool(tg.all(tg.abs(tg.nn.init.trunc_normal_(tg.empty(100), a=-0.5, b=0.5)) <= 0.5))
    True
    """
    if not a < b or not std > 0:
        raise ValueError(f"trunc_normal_: need a < b and std > 0, not a={a}, b={b}, std={std}")
    low, high = (a - mean) / std, (b - mean) / std
    peak = min(max(0.0, low), high)
    # Beyond nine standard deviations from the peak nothing is left to draw.
    ends = (max(low, peak - 9), min(high, peak + 9))
    values, todo = np.empty(tensor.size), np.arange(tensor.size)
    while todo.size:
        # A uniform draw is kept as often as the normal density there says.
        draw = tg.random.uniform(todo.shape, *ends, FLOAT, generator).data
        level = tg.random.uniform(todo.shape, 0.0, 1.0, FLOAT, generator).data
        kept = level < np.exp((peak**2 - draw**2) / 2)
        values[todo[kept]] = draw[kept]
        todo = todo[~kept]
    # Rounding to the tensor's dtype may step over a bound.
    values = np.clip((values * std + mean).astype(tensor.dtype), a, b)
    return _fill(tensor, values.reshape(tensor.shape))


def eye_(tensor: tg.Tensor) -> tg.Tensor:
    """The identity matrix."""
    _check_axes("eye_", tensor, 2, 2)
    return _fill(tensor, np.eye(tensor.shape[0], tensor.shape[1]))


def dirac_(tensor: tg.Tensor, groups: int = 1) -> tg.Tensor:
    """A convolution's weight (out, in, *kernel) that passes its channels on unchanged.

    >>> tg.nn.init.dirac_(tg.empty((1, 1, 3))).tolist()
    [[[0.0, 1.0, 0.0]]]
    """
    _check_axes("dirac_", tensor, 3)
    rows, columns, *kernel = tensor.shape
    if rows % groups:
        raise ValueError(f"dirac_: {groups} groups do not divide {rows} channels")
    value: Any = np.zeros(tensor.shape)
    # Within each group row k has column k, as long as there is one.
    value[(..., *(n // 2 for n in kernel))] = np.tile(np.eye(rows // groups, columns), (groups, 1))
    return _fill(tensor, value)


def xavier_uniform_(tensor: tg.Tensor, gain: float = 1.0, generator=None) -> tg.Tensor:
    """Uniform with variance gain**2 * 2 / (fan in + fan out) (Glorot and Bengio, 2010)."""
    bound = gain * sqrt(6.0 / max(sum(_fans("xavier_uniform_", tensor)), 1))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: tg.Tensor, gain: float = 1.0, generator=None) -> tg.Tensor:
    """Normal with variance gain**2 * 2 / (fan in + fan out) (Glorot and Bengio, 2010)."""
    std = gain * sqrt(2.0 / max(sum(_fans("xavier_normal_", tensor)), 1))
    return normal_(tensor, 0.0, std, generator)


def kaiming_uniform_(
    tensor: tg.Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator=None,
) -> tg.Tensor:
    """Uniform with variance gain**2 / fan, the gain that of the nonlinearity (He et al., 2015).

    >>> bound = (6 / 100) ** 0.5
    >>> bool(tg.all(tg.abs(tg.nn.init.kaiming_uniform_(tg.empty((50, 100)))) <= bound))
    True
    """
    bound = sqrt(3.0) * _kaiming("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: tg.Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator=None,
) -> tg.Tensor:
    """Normal with variance gain**2 / fan, the gain that of the nonlinearity (He et al., 2015)."""
    std = _kaiming("kaiming_normal_", tensor, a, mode, nonlinearity)
    return normal_(tensor, 0.0, std, generator)


def orthogonal_(tensor: tg.Tensor, gain: float = 1.0, generator=None) -> tg.Tensor:
    """Orthonormal rows or columns, times `gain`; axes after the first count as one (Saxe, 2013).

    >>> q = tg.nn.init.orthogonal_(tg.empty((2, 3)))
    >>> bool(tg.all(tg.abs(q @ q.T - tg.eye(2)) < 1e-5))
    True
    """
    _check_axes("orthogonal_", tensor, 2)
    rows, columns = tensor.shape[0], prod(tensor.shape[1:])
    shape = (max(rows, columns), min(rows, columns))
    q, r = np.linalg.qr(tg.random.normal(shape, 0.0, 1.0, FLOAT, generator).data)
    # Signs of r's diagonal make the draw uniform over orthogonal matrices.
    q = gain * q * np.sign(np.diag(r))
    return _fill(tensor, (q if rows >= columns else q.T).reshape(tensor.shape))


def sparse_(tensor: tg.Tensor, sparsity: float, std: float = 0.01, generator=None) -> tg.Tensor:
    """Normal, with the fraction `sparsity` of each column zero (Martens, 2010)."""
    _check_axes("sparse_", tensor, 2, 2)
    values = tg.random.normal(tensor.shape, 0.0, std, tensor.dtype, generator).data
    # The ranks of uniform draws are a random order of each column.
    order = np.argsort(tg.random.uniform(tensor.shape, generator=generator).data, axis=0)
    dropped = np.argsort(order, axis=0) < np.ceil(sparsity * tensor.shape[0])
    return _fill(tensor, np.where(dropped, 0.0, values))


def _fill(tensor, value):
    with tg.no_grad():
        tensor[...] = value if isinstance(value, tg.Tensor) else value.astype(tensor.dtype)
    return tensor


def _check_axes(operation, tensor, least, most=64):
    if not least <= tensor.ndim <= most:
        raise ValueError(
            f"{operation}: needs a tensor of {least} axes{' or more' if most > least else ''}, "
            f"but the shape is {tuple(tensor.shape)}"
        )


def _fans(operation, tensor):
    """How many inputs each output sees, and how many outputs each input feeds."""
    _check_axes(operation, tensor, 2)
    field = prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _kaiming(operation, tensor, a, mode, nonlinearity):
    """The standard deviation that keeps the variance."""
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"{operation}: mode {mode!r} is not one of fan_in, fan_out")
    fan = _fans(operation, tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / sqrt(max(fan, 1))
