"""Floor 8. The loops that pygrad compiles: functions of arrays, derivatives by tidegrad's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

import tidegrad as tg

from ..shared import lacking

__all__ = ["combined_softmax_backprop", "conv2d_bwd", "conv2d_fwd", "convolve"]
__all__ += ["find_sum_grad_3D", "mat_sum", "softmax_grad", "softmax_matmul_3D"]


def convolve(kernel: Any, signal: Any) -> tg.Tensor:
    """Images (batch, in, H, W) under a kernel (1 or batch, out, in, kH, kW); stride 1, no padding.

    A kernel for each image is one group of channels for each.
    """
    shape = signal.shape
    if len(shape) != 4 or len(kernel.shape) != 5 or kernel.shape[0] not in (1, shape[0]):
        raise ValueError(
            "conv2D: takes a kernel (1 or batch, out, in, kH, kW) and images (batch, in, H, W), "
            f"not shapes {kernel.shape} and {shape}"
        )
    groups, outs, ins, *window = kernel.shape
    if ins != shape[1]:
        raise ValueError(f"conv2D: the kernel is for {ins} channels, the images have {shape[1]}")
    beside = tg.reshape(signal, (shape[0] // groups, groups * ins, *shape[2:]))
    made = tg.nn.functional.conv2d(
        beside, tg.reshape(kernel, (groups * outs, ins, *window)), groups=groups
    )
    return tg.reshape(made, (shape[0], outs, *made.shape[2:]))


def pulled(function: Callable, values: list[ndarray], grad: ndarray) -> list[ndarray]:
    """The gradients of `function` at `values`, which `grad` flows back to."""
    with np.errstate(all="ignore"):
        return [g.numpy() for g in tg.vjp(function, *values)[1](grad)]


def last_softmax(x: Any) -> tg.Tensor:
    return tg.softmax(x, axis=-1)


def softmax_grad(new_val: ndarray, grad: ndarray) -> ndarray:
    """The gradient that flows back through a softmax whose result is `new_val`."""
    with np.errstate(divide="ignore"):
        return pulled(last_softmax, [np.log(new_val)], grad)[0]


def combined_softmax_backprop(new_val: ndarray, new_grad: ndarray) -> ndarray:
    """As `softmax_grad`, with the first row of `new_grad` for every row."""
    return softmax_grad(new_val, np.broadcast_to(new_grad[:, :1], new_val.shape))


def find_sum_grad_3D(new_val: ndarray) -> ndarray:
    """The Jacobian of each row's softmax: (batch, rows, n, n)."""
    ways = np.eye(new_val.shape[-1], dtype=new_val.dtype)
    columns = [softmax_grad(new_val, np.broadcast_to(way, new_val.shape)) for way in ways]
    return np.stack(columns, axis=-1)


def softmax_matmul_3D(A: ndarray, B: ndarray) -> ndarray:
    """Each row's Jacobian in A, times the row of B."""
    return np.einsum("ghij,ghj->ghi", A, B)


def mat_sum(mat1: ndarray, mat2: ndarray) -> Any:
    """The sum of the products of the elements."""
    return np.sum(mat1 * mat2)


def conv2d_fwd(kernel: ndarray, signal: ndarray) -> ndarray:
    """The value of `Tensor.conv2D`."""
    return convolve(kernel, signal).numpy()


def conv2d_bwd(kernel: ndarray, signal: ndarray, grad: ndarray) -> tuple[ndarray, ndarray]:
    """The gradients of `Tensor.conv2D` by kernel and images; the engine mixed the channels."""
    by_kernel, by_signal = pulled(convolve, [kernel, signal], grad)
    return by_kernel, by_signal


for name in set(__all__) - {"convolve"}:
    globals()[name].py_func = globals()[name]  # as numba's compiled functions have

__getattr__ = lacking("pygrad")
