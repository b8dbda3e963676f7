"""Floor 7. Activations made of others; the elementary ones are tidegrad's own functions."""

from __future__ import annotations

from typing import Any

import tidegrad as tg

__all__ = ["glu", "hardsigmoid", "hardswish", "hardtanh", "logsigmoid", "mish", "prelu", "relu6"]
__all__ += ["selu", "softmin", "softplus", "softsign"]


def relu6(input: Any) -> tg.Tensor:
    """relu cut off at 6.

    >>> tg.nn.functional.relu6(tg.tensor([-1.0, 3.0, 9.0])).tolist()
    [0.0, 3.0, 6.0]
    """
    return tg.clip(input, 0.0, 6.0)


def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0) -> tg.Tensor:
    """The identity between `min_val` and `max_val`, constant beyond.

    >>> tg.nn.functional.hardtanh(tg.tensor([-3.0, 0.5, 3.0])).tolist()
    [-1.0, 0.5, 1.0]
    """
    return tg.clip(input, min_val, max_val)


def hardsigmoid(input: Any) -> tg.Tensor:
    """relu6(x + 3) / 6, a sigmoid of straight lines.

    >>> tg.nn.functional.hardsigmoid(tg.tensor([-3.0, 0.0, 3.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    return relu6(input + 3.0) / 6.0


def hardswish(input: Any) -> tg.Tensor:
    """x * hardsigmoid(x) (Howard et al., 2019).

    >>> tg.nn.functional.hardswish(tg.tensor([-1.5, 0.0, 3.0])).tolist()
    [-0.375, 0.0, 3.0]
    """
    return input * hardsigmoid(input)


def logsigmoid(input: Any) -> tg.Tensor:
    """log(sigmoid(x)), stable for any x.

    >>> tg.nn.functional.logsigmoid(tg.tensor([-1e4])).tolist()
    [-10000.0]
    """
    return tg.log_sigmoid(input)


def mish(input: Any) -> tg.Tensor:
    """x * tanh(softplus(x)) (Misra, 2019).

    >>> tg.nn.functional.mish(tg.tensor([0.0, 1e4])).tolist()
    [0.0, 10000.0]
    """
    return input * tg.tanh(tg.softplus(input))


def selu(input: Any) -> tg.Tensor:
    """A scaled elu that keeps mean 0 and variance 1 (Klambauer et al., 2017).

    >>> round(float(tg.nn.functional.selu(tg.tensor(1.0))), 4)
    1.0507
    """
    return 1.0507009873554804934193349852946 * tg.elu(input, 1.6732632423543772848170429916717)


def softplus(input: Any, beta: float = 1.0) -> tg.Tensor:
    """log(1 + exp(beta x)) / beta, stable for any x.

    >>> tg.nn.functional.softplus(tg.tensor([-1e4, 1e4]), beta=2.0).tolist()
    [0.0, 10000.0]
    """
    return tg.softplus(input) if beta == 1.0 else tg.softplus(input * beta) / beta


def softsign(input: Any) -> tg.Tensor:
    """x / (1 + abs(x)).

    >>> tg.nn.functional.softsign(tg.tensor([-1.0, 3.0])).tolist()
    [-0.5, 0.75]
    """
    return input / (1.0 + tg.abs(input))


def softmin(input: Any, axis: int = -1) -> tg.Tensor:
    """softmax of -x along `axis`.

    >>> tg.nn.functional.softmin(tg.tensor([0.0, 0.0])).tolist()
    [0.5, 0.5]
    """
    return tg.softmax(-input, axis=axis)


def glu(input: Any, axis: int = -1) -> tg.Tensor:
    """The first half along `axis` times the sigmoid of the second (Dauphin et al., 2017).

    >>> tg.nn.functional.glu(tg.tensor([4.0, 0.0])).tolist()
    [2.0]
    """
    if input.shape[axis] % 2:
        raise ValueError(
            f"glu: axis {axis} must have an even size to be halved, but the input has shape "
            f"{tuple(input.shape)}"
        )
    half, gate = tg.split(input, 2, axis=axis)
    return half * tg.sigmoid(gate)


def prelu(input: Any, weight: Any) -> tg.Tensor:
    """x where positive, else x times `weight`: one number, or one a channel of (N, C, ...).

    >>> tg.nn.functional.prelu(tg.tensor([-2.0, 2.0]), tg.tensor([0.25])).tolist()
    [-0.5, 2.0]
    """
    if weight.shape[0] != 1 and len(input.shape) > 2:
        weight = tg.reshape(weight, (-1, *(1,) * (len(input.shape) - 2)))
    return tg.where(input > 0, input, input * weight)
