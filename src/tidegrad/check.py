"""Floor 5. check_grads: a user's own function against finite differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from .core import Tensor
from .dtypes import is_float
from .errors import DTypeError
from .linearize import jvp, vjp
from .ops.creation import lift
from .recording import Recording, elements
from .trees import flatten

__all__ = ["check_grads"]


def check_grads(
    f: Callable,
    xs: Sequence[Any],
    order: int = 2,
    modes: Sequence[str] = ("fwd", "rev"),
    rtol: float = 1e-6,
    eps: float = 1e-3,
) -> None:
    """AssertionError unless f's derivatives at `xs` up to `order` agree with differences.

    Computed in float64 along random directions: fourth-order central differences with a step of
    `eps` times the size of the input, so that the relative error of a smooth function is near
    1e-11.  `f` takes tensors and returns a tensor or a tree of them.

    >>> tg.check_grads(lambda x: tg.sin(x) * x, [[0.5, 1.0]])
    """
    points = [elements(lift(x, "check_grads")) for x in xs]
    for x in points:
        if not is_float(x.dtype):
            raise DTypeError(f"check_grads: only floats have gradients, not {x.dtype}")
    unknown = set(modes) - {"fwd", "rev"}
    if unknown:
        raise ValueError(f'check_grads: modes are "fwd" and "rev", not {sorted(unknown)}')
    check(f, [x.astype(np.float64) for x in points], order, modes, rtol, eps)


def check(
    f: Callable, xs: list[ndarray], order: int, modes: Sequence[str], rtol: float, eps: float
) -> None:
    random = np.random.Generator(np.random.Philox(0))
    ts = [np.asarray(random.standard_normal(x.shape)) for x in xs]
    along = [Tensor(t) for t in ts]
    outs = values(f, xs)
    gs = [np.asarray(random.standard_normal(y.shape)) for y in outs]
    expected = differences(f, xs, ts, eps)
    scale = sum(float(np.abs(g * d).sum()) for g, d in zip(gs, expected))
    if "fwd" in modes:
        _, pushed = jvp(f, [Tensor(x) for x in xs], along)
        for d, t in zip(expected, flatten(pushed)[0]):
            compare("forward mode", elements(t), d, rtol)
    if "rev" in modes:
        out, pull = vjp(f, *[Tensor(x) for x in xs])
        cotangents = flatten(out)[1]([Tensor(g) for g in gs])
        back = sum(float((elements(x) * t).sum()) for x, t in zip(pull(cotangents), ts))
        direct = sum(float((g * d).sum()) for g, d in zip(gs, expected))
        compare("reverse mode", np.array(back), np.array(direct), rtol, max(scale, 1e-300))
    # The derivatives themselves are functions to check.
    derivatives = {"fwd": lambda *ys: jvp(f, ys, along)[1], "rev": lambda *ys: pulled(f, ys)}
    for mode in ("fwd", "rev"):
        if order > 1 and mode in modes:
            check(derivatives[mode], xs, order - 1, modes, rtol, eps)


def pulled(f: Callable, ys: Sequence[Tensor]) -> tuple:
    out, pull = vjp(f, *ys)
    leaves, rebuild = flatten(out)
    # A cotangent that is not constant, or a linear function would have none to check.
    return pull(rebuild([1.0 + 0.5 * y for y in leaves]))


def values(f: Callable, xs: list[ndarray]) -> list[ndarray]:
    with Recording(False):
        return [elements(y) for y in flatten(f(*[Tensor(np.asarray(x)) for x in xs]))[0]]


def differences(f: Callable, xs: list[ndarray], ts: list[ndarray], eps: float) -> list[ndarray]:
    """The derivative of `f` along `ts`, by values at 1 and 2 steps to either side."""
    largest = max([1e-300, *(float(np.abs(t).max(initial=0)) for t in ts)])
    h = eps * max([1.0, *(float(np.abs(x).max(initial=0)) for x in xs)]) / largest
    pairs = list(zip(xs, ts))
    at = {k: values(f, [x + k * h * t for x, t in pairs]) for k in (-2, -1, 1, 2)}
    return [(8 * (b - a) - (d - c)) / (12 * h) for c, a, b, d in zip(at[-2], at[-1], at[1], at[2])]


def compare(
    what: str, found: ndarray, expected: ndarray, rtol: float, scale: float | None = None
) -> None:
    size = float(np.abs(expected).max(initial=1e-300)) if scale is None else scale
    error = float(np.abs(found - expected).max(initial=0)) / max(size, 1e-8)
    if not error <= rtol:
        raise AssertionError(
            f"check_grads: {what} differs from finite differences by {error:.2g} relative "
            f"(allowed {rtol:.2g}); found {found}, expected {expected}"
        )
