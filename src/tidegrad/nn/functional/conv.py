"""Floor 7. Convolutions: windows, then one contraction with the kernel; and their transposes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tidegrad as tg
from tidegrad.ops.contractions import contract
from tidegrad.ops.movement import cut
from tidegrad.ops.windows import overlap_add, window

__all__ = ["conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d", "unfold"]

Sizes = int | Sequence[int]


def conv1d(
    input: Any, weight: Any, bias: Any = None, stride: Sizes = 1, padding: Sizes | str = 0,
    dilation: Sizes = 1, groups: int = 1,
) -> tg.Tensor:  # fmt: skip
    """(batch, in, n) with weight (out, in/groups, k) to (batch, out, windows); batch may lack.

    `padding` is a number, one for each axis, "valid" or "same" (for stride 1).

    >>> tg.nn.functional.conv1d(tg.ones((1, 1, 5)), tg.ones((1, 1, 3))).tolist()
    [[[3.0, 3.0, 3.0]]]
    """
    return convolve("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Any, weight: Any, bias: Any = None, stride: Sizes = 1, padding: Sizes | str = 0,
    dilation: Sizes = 1, groups: int = 1,
) -> tg.Tensor:  # fmt: skip
    """(batch, in, h, w) with weight (out, in/groups, kh, kw) to (batch, out, h', w').

    As `conv1d`, over two axes.

    >>> tg.nn.functional.conv2d(tg.ones((1, 1, 3, 3)), tg.ones((2, 1, 2, 2)), padding="same").shape
    (1, 2, 3, 3)
    """
    return convolve("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def convolve(
    name: str, axes: int, input: Any, weight: Any, bias: Any, stride: Sizes,
    padding: Sizes | str, dilation: Sizes, groups: int,
) -> tg.Tensor:  # fmt: skip
    x, w = tg.asarray(input), tg.asarray(weight)
    x, batched = with_batch(name, x, axes)
    channels(name, x.shape[1], w.shape[1] * groups, w.shape[0], groups, x, w)
    steps, apart = sizes(name, stride, axes), sizes(name, dilation, axes)
    kernel = w.shape[2:]
    x = framed(x, paddings(name, padding, kernel, steps, apart))
    seen = window(x, size=kernel, stride=steps, dilation=apart)
    out = grouped(seen, w, groups, axes)
    return finished(out, bias, axes, batched)


def grouped(seen: tg.Tensor, w: tg.Tensor, groups: int, axes: int) -> tg.Tensor:
    """The contraction of windows with a kernel, the channels in `groups`."""
    places, inside = "hw"[:axes], "kl"[:axes]
    if groups == 1:
        spec = f"bc{places}{inside},oc{inside}->bo{places}"
        return contract(seen, w, spec=spec)
    b, c, *rest = seen.shape
    o = w.shape[0] // groups
    seen = seen.reshape(b, groups, c // groups, *rest)
    w = w.reshape(groups, o, *w.shape[1:])
    out = contract(seen, w, spec=f"bgc{places}{inside},goc{inside}->bgo{places}")
    return out.reshape(b, groups * o, *rest[:axes])


def conv_transpose1d(
    input: Any, weight: Any, bias: Any = None, stride: Sizes = 1, padding: Sizes = 0,
    output_padding: Sizes = 0, groups: int = 1, dilation: Sizes = 1,
) -> tg.Tensor:  # fmt: skip
    """The transpose of `conv1d`: (batch, in, n) with weight (in, out/groups, k).

    >>> tg.nn.functional.conv_transpose1d(tg.ones((1, 1, 2)), tg.ones((1, 1, 2)), stride=2).shape
    (1, 1, 4)
    """
    options = (stride, padding, output_padding, groups, dilation)
    return transposed("conv_transpose1d", 1, input, weight, bias, *options)


def conv_transpose2d(
    input: Any, weight: Any, bias: Any = None, stride: Sizes = 1, padding: Sizes = 0,
    output_padding: Sizes = 0, groups: int = 1, dilation: Sizes = 1,
) -> tg.Tensor:  # fmt: skip
    """The transpose of `conv2d`: (batch, in, h, w) with weight (in, out/groups, kh, kw)."""
    options = (stride, padding, output_padding, groups, dilation)
    return transposed("conv_transpose2d", 2, input, weight, bias, *options)


def transposed(
    name: str, axes: int, input: Any, weight: Any, bias: Any, stride: Sizes, padding: Sizes,
    output_padding: Sizes, groups: int, dilation: Sizes,
) -> tg.Tensor:  # fmt: skip
    x, w = tg.asarray(input), tg.asarray(weight)
    x, batched = with_batch(name, x, axes)
    channels(name, x.shape[1], w.shape[0], w.shape[0], groups, x, w)
    steps, apart = sizes(name, stride, axes), sizes(name, dilation, axes)
    pads, extra = sizes(name, padding, axes), sizes(name, output_padding, axes)
    if any(e and e >= max(s, d) for e, s, d in zip(extra, steps, apart, strict=True)):
        raise ValueError(f"{name}: output_padding {extra} must be less than stride or dilation")
    b, c, *places = x.shape
    out_channels, *kernel = w.shape[1:]
    where, inside = "hw"[:axes], "kl"[:axes]
    split = x.reshape(b, groups, c // groups, *places)
    kernels = w.reshape(groups, c // groups, *w.shape[1:])
    spec = f"bgi{where},gio{inside}->bgo{where}{inside}"
    spread = contract(split, kernels, spec=spec)
    spread = spread.reshape(b, groups * out_channels, *places, *kernel)
    whole = [
        (n - 1) * s + d * (k - 1) + 1 + e
        for n, s, d, k, e in zip(places, steps, apart, kernel, extra, strict=True)
    ]
    shape = (b, groups * out_channels, *whole)
    full = overlap_add(spread, size=tuple(kernel), stride=steps, dilation=apart, shape=shape)
    key = tuple(slice(p, n - p) for n, p in zip(whole, pads, strict=True))
    if any(n - 2 * p < 1 for n, p in zip(whole, pads, strict=True)):
        raise ValueError(f"{name}: padding {pads} leaves nothing of the result {tuple(whole)}")
    return finished(cut(full, key=(..., *key)) if any(pads) else full, bias, axes, batched)


def unfold(
    input: Any, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1
) -> tg.Tensor:
    """Every window as a column: (batch, c, h, w) to (batch, c * kh * kw, windows)."""
    x, batched = with_batch("unfold", tg.asarray(input), 2)
    kernel, steps = sizes("unfold", kernel_size, 2), sizes("unfold", stride, 2)
    pads = sizes("unfold", padding, 2)
    x = framed(x, [(p, p) for p in pads])
    seen = window(x, size=kernel, stride=steps, dilation=sizes("unfold", dilation, 2))
    b, c, h, w, kh, kw = seen.shape
    columns = seen.transpose(0, 1, 4, 5, 2, 3).reshape(b, c * kh * kw, h * w)
    return columns if batched else columns[0]


def with_batch(name: str, x: tg.Tensor, axes: int) -> tuple[tg.Tensor, bool]:
    """`x` with a batch axis, and whether it had one."""
    if x.ndim not in (axes + 1, axes + 2):
        raise ValueError(
            f"{name}: takes (channels, ...) or (batch, channels, ...) with {axes} axes after the "
            f"channels, not shape {x.shape}"
        )
    return (x, True) if x.ndim == axes + 2 else (tg.expand_dims(x, 0), False)


def channels(
    name: str, given: int, wanted: int, split: int, groups: int, x: tg.Tensor, w: tg.Tensor
) -> None:
    if groups < 1 or given % groups or split % groups:
        raise ValueError(f"{name}: {groups} groups do not divide the channels {given} and {split}")
    if given != wanted or w.ndim != x.ndim:
        raise ValueError(
            f"{name}: an input of shape {x.shape} has {given} channels, but a weight of shape "
            f"{w.shape} with groups={groups} takes {wanted}"
        )


def sizes(name: str, value: Sizes, axes: int) -> tuple[int, ...]:
    """One number for each axis."""
    found = (value,) * axes if isinstance(value, int) else tuple(value)
    if len(found) == 1:
        found = found * axes
    if len(found) != axes or any(not isinstance(n, int) or n < 0 for n in found):
        raise ValueError(f"{name}: {value!r} must be one number or {axes} of them, not negative")
    return found


def paddings(
    name: str, padding: Sizes | str, kernel: Sequence[int], stride: Sequence[int],
    dilation: Sequence[int],
) -> list[tuple[int, int]]:  # fmt: skip
    """What to add before and after each axis."""
    if padding == "valid":
        return [(0, 0)] * len(kernel)
    if padding == "same":
        if any(s != 1 for s in stride):
            raise ValueError(f'{name}: padding="same" needs stride 1, not {tuple(stride)}')
        whole = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return [(n // 2, n - n // 2) for n in whole]
    if isinstance(padding, str):
        raise ValueError(f'{name}: padding is a number, "same" or "valid", not {padding!r}')
    return [(p, p) for p in sizes(name, padding, len(kernel))]


def framed(x: tg.Tensor, pads: Sequence[tuple[int, int]], value: float = 0) -> tg.Tensor:
    """`x` with `pads` around its last axes."""
    if not any(a or b for a, b in pads):
        return x
    return tg.pad(x, [(0, 0)] * (x.ndim - len(pads)) + list(pads), constant_values=value)


def finished(out: tg.Tensor, bias: Any, axes: int, batched: bool) -> tg.Tensor:
    if bias is not None:
        out = out + tg.asarray(bias).reshape(-1, *[1] * axes)
    return out if batched else out[0]
