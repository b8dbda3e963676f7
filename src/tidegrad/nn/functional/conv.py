"""Floor 7. Convolutions: windows, then one contraction with the kernel; and their transposes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import tidegrad as tg
from tidegrad.ops.contractions import contract
from tidegrad.ops.windows import overlap_add, window

__all__ = ["conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d", "sizes", "unfold"]

# Kernels, strides, paddings and dilations are one number, or one for each axis.


def one_and_two(function: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """`function` with its name and first argument, the number of axes, filled in: ...1d, ...2d."""
    for axes in (1, 2):
        made = partial(function, axes)
        vars(made).update(__name__=f"{function.__name__}{axes}d", __doc__=function.__doc__)
        yield made


def conv(axes, input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """(batch, in, *sizes) with weight (out, in/groups, *kernel) to (batch, out, *windows).

    The batch may lack.  `padding` is a number, one for each axis, "valid" or "same" (for stride 1).

    >>> tg.nn.functional.conv1d(tg.ones((1, 1, 5)), tg.ones((1, 1, 3))).tolist()
    [[[3.0, 3.0, 3.0]]]
    >>> tg.nn.functional.conv2d(tg.ones((1, 1, 3, 3)), tg.ones((2, 1, 2, 2)), padding="same").shape
    (1, 2, 3, 3)
    """
    name, w = f"conv{axes}d", tg.asarray(weight)
    x, batched = with_batch(name, input, axes)
    check_weight(name, x, w, groups, 0)
    steps, apart = sizes(name, stride, axes, 1), sizes(name, dilation, axes, 1)
    kernel = w.shape[2:]
    x = framed(x, paddings(name, padding, kernel, steps, apart))
    reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, apart, strict=True))
    if any(k > n or k < 1 for k, n in zip(reach, x.shape[2:], strict=True)):
        raise ValueError(
            f"{name}: a kernel that reaches over {reach} does not fit into {x.shape[2:]}, the "
            "input with its padding; use a smaller kernel or dilation, or more padding"
        )
    options = {"size": kernel, "stride": steps, "dilation": apart}
    where, inside = "hw"[:axes], "kl"[:axes]
    if groups == 1:
        out = contract(window(x, **options), w, spec=f"bc{where}{inside},oc{inside}->bo{where}")
    else:
        seen = window(grouped(x, 1, groups), **options)
        spec = f"bgc{where}{inside},goc{inside}->bgo{where}"
        out = joined(contract(seen, grouped(w, 0, groups), spec=spec), 1)
    return finished(name, out, bias, axes, batched)


conv1d, conv2d = one_and_two(conv)


def grouped(x, axis, groups):
    """`x` with the channels of `axis` as two axes: groups, and channels within one."""
    shape = x.shape
    return x.reshape(*shape[:axis], groups, shape[axis] // groups, *shape[axis + 1 :])


def joined(x, axis):
    """`x` with `axis` and the next as one."""
    shape = x.shape
    return x.reshape(*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :])


def conv_transpose(
    axes, input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """The transpose of a convolution: (batch, in, *sizes) with weight (in, out/groups, *kernel).

    >>> tg.nn.functional.conv_transpose1d(tg.ones((1, 1, 2)), tg.ones((1, 1, 2)), stride=2).shape
    (1, 1, 4)
    """
    name, w = f"conv_transpose{axes}d", tg.asarray(weight)
    x, batched = with_batch(name, input, axes)
    check_weight(name, x, w, groups, 1)
    steps, apart = sizes(name, stride, axes, 1), sizes(name, dilation, axes, 1)
    pads, extra = sizes(name, padding, axes), sizes(name, output_padding, axes)
    if any(e >= max(s, d) for e, s, d in zip(extra, steps, apart, strict=True)):
        raise ValueError(
            f"{name}: output_padding {extra} must be less than the stride {steps} or the "
            f"dilation {apart}"
        )
    kernel, places = w.shape[2:], x.shape[2:]
    whole = tuple(
        (n - 1) * s + d * (k - 1) + 1 + e
        for n, s, d, k, e in zip(places, steps, apart, kernel, extra, strict=True)
    )
    if any(n - 2 * p < 1 or k < 1 for n, p, k in zip(whole, pads, kernel, strict=True)):
        raise ValueError(
            f"{name}: padding {pads} leaves nothing of the result {whole} for an input of shape "
            f"{x.shape} and a weight of shape {w.shape}"
        )
    where, inside = "hw"[:axes], "kl"[:axes]
    spec = f"bgi{where},gio{inside}->bgo{where}{inside}"
    spread = joined(contract(grouped(x, 1, groups), grouped(w, 0, groups), spec=spec), 1)
    shape = (*spread.shape[:2], *whole)
    full = overlap_add(spread, size=kernel, stride=steps, dilation=apart, shape=shape)
    if any(pads):
        full = full[(..., *(slice(p, n - p) for n, p in zip(whole, pads, strict=True)))]
    return finished(name, full, bias, axes, batched)


conv_transpose1d, conv_transpose2d = one_and_two(conv_transpose)


def unfold(input, kernel_size, dilation=1, padding=0, stride=1) -> tg.Tensor:
    """Every window as a column: (batch, c, h, w) to (batch, c * kh * kw, windows).

    >>> tg.nn.functional.unfold(tg.ones((1, 2, 4, 4)), 3).shape
    (1, 18, 4)
    """
    x, batched = with_batch("unfold", input, 2)
    pads = sizes("unfold", padding, 2)
    given = {"size": kernel_size, "stride": stride, "dilation": dilation}
    options = {name: sizes("unfold", n, 2, 1) for name, n in given.items()}
    seen = window(framed(x, [(p, p) for p in pads]), **options)
    b, c, h, w, kh, kw = seen.shape
    columns = seen.transpose(0, 1, 4, 5, 2, 3).reshape(b, c * kh * kw, h * w)
    return columns if batched else columns[0]


def with_batch(name, input, axes):
    """`input` as a tensor with a batch axis, and whether it had one."""
    x = tg.asarray(input)
    if x.ndim not in (axes + 1, axes + 2):
        raise ValueError(
            f"{name}: takes (channels, ...) or (batch, channels, ...) with {axes} axes after the "
            f"channels, not shape {x.shape}"
        )
    return (x, True) if x.ndim == axes + 2 else (tg.expand_dims(x, 0), False)


def check_weight(name, x, w, groups, turned):
    """The weight is (out, in / groups, ...), or where `turned` (in, out / groups, ...)."""
    if w.ndim != x.ndim:
        raise ValueError(
            f"{name}: the weight needs {x.ndim} axes, but its shape is {w.shape}, for an input "
            f"of shape {x.shape}"
        )
    given = x.shape[1]
    if groups < 1 or given % groups or w.shape[0] % groups:
        raise ValueError(
            f"{name}: {groups} groups must divide the {given} channels of the input and the "
            f"{w.shape[0]} of axis 0 of the weight"
        )
    wanted = w.shape[0] if turned else w.shape[1] * groups
    if given != wanted:
        raise ValueError(
            f"{name}: a weight of shape {w.shape} with groups={groups} takes {wanted} channels, "
            f"but the input has {given}: shape {x.shape}"
        )


def sizes(name: str, value, axes: int, least: int = 0) -> tuple[int, ...]:
    """One number for each axis."""
    found = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    found = found * axes if len(found) == 1 else found
    if len(found) != axes or any(not isinstance(n, int) or n < least for n in found):
        raise ValueError(f"{name}: {value!r} must be one integer or {axes}, each {least} or more")
    return found


def paddings(name, padding, kernel, stride, dilation):
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


def framed(x, pads, value=0):
    """`x` with `pads` around its last axes."""
    if not any(a or b for a, b in pads):
        return x
    return tg.pad(x, [(0, 0)] * (x.ndim - len(pads)) + list(pads), constant_values=value)


def finished(name, out, bias, axes, batched):
    """`out` with its bias, without the batch axis that was added."""
    if bias is not None:
        bias = tg.asarray(bias)
        if bias.shape != out.shape[1:2]:
            raise ValueError(
                f"{name}: the bias has shape {bias.shape}, the result {out.shape[1]} channels"
            )
        out = out + bias.reshape(-1, *[1] * axes)
    return out if batched else out[0]
