"""Floor 7. Recurrences: one step of an RNN, LSTM or GRU, and a layer of them over time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tidegrad as tg

from .linear import linear

__all__ = ["STEPS", "gru_step", "lstm_step", "recur", "rnn_relu_step", "rnn_tanh_step"]

# A step takes the state, a tuple of (N, H) tensors, and what the input contributes to the gates,
# (N, gates * H), computed for all times at once; it gives the new state.  Its output is state[0].
State = tuple[Any, ...]
Step = Callable[..., State]


def rnn_tanh_step(state: State, drive: Any, w_hh: Any, b_hh: Any, w_hr: Any = None) -> State:
    """h' = tanh(drive + w_hh h + b_hh)."""
    return (tg.tanh(drive + linear(state[0], w_hh, b_hh)),)


def rnn_relu_step(state: State, drive: Any, w_hh: Any, b_hh: Any, w_hr: Any = None) -> State:
    """h' = relu(drive + w_hh h + b_hh)."""
    return (tg.relu(drive + linear(state[0], w_hh, b_hh)),)


def lstm_step(state: State, drive: Any, w_hh: Any, b_hh: Any, w_hr: Any = None) -> State:
    """Gates i, f, g, o; c' = f c + i g, h' = o tanh(c') (Hochreiter, Schmidhuber, 1997).

    `w_hr` projects h', as in PyTorch's `proj_size`.
    """
    h, c = state
    i, f, g, o = tg.split(drive + linear(h, w_hh, b_hh), 4, axis=-1)
    c = tg.sigmoid(f) * c + tg.sigmoid(i) * tg.tanh(g)
    h = tg.sigmoid(o) * tg.tanh(c)
    return (h if w_hr is None else linear(h, w_hr), c)


def gru_step(state: State, drive: Any, w_hh: Any, b_hh: Any, w_hr: Any = None) -> State:
    """Gates r and z, n = tanh(drive + r (w_hn h + b_hn)), h' = n + z (h - n) (Cho et al., 2014)."""
    (h,) = state
    r_x, z_x, n_x = tg.split(drive, 3, axis=-1)
    r_h, z_h, n_h = tg.split(linear(h, w_hh, b_hh), 3, axis=-1)
    n = tg.tanh(n_x + tg.sigmoid(r_x + r_h) * n_h)
    return (n + tg.sigmoid(z_x + z_h) * (h - n),)


STEPS: dict[str, Step] = {
    "RNN_TANH": rnn_tanh_step,
    "RNN_RELU": rnn_relu_step,
    "LSTM": lstm_step,
    "GRU": gru_step,
}


def recur(
    step: Step, x: Any, state: State, weights: tuple[Any, ...], reverse: bool = False
) -> tuple[Any, State]:
    """Run `step` over the first axis of `x` (T, N, features); outputs (T, N, H), last state.

    `weights` are w_ih, w_hh, b_ih, b_hh and w_hr, the last three perhaps None.  The outputs stand
    in the order of `x` also when time runs backwards.

    >>> x, weights = tg.ones((5, 2, 3)), (tg.ones((4, 3)), tg.ones((4, 4)), None, None, None)
    >>> F = tg.nn.functional
    >>> outputs, (h,) = F.recur(F.rnn_tanh_step, x, (tg.zeros((2, 4)),), weights)
    >>> outputs.shape, h.shape
    ((5, 2, 4), (2, 4))
    """
    w_ih, w_hh, b_ih, b_hh, w_hr = weights
    outputs = []
    drives = _moments(linear(x, w_ih, b_ih))
    for drive in reversed(drives) if reverse else drives:
        state = step(state, drive, w_hh, b_hh, w_hr)
        outputs.append(state[0])
    return tg.stack(outputs[::-1] if reverse else outputs, axis=0), state


def _moments(x: Any) -> list[Any]:
    """The slices of `x` along its first axis.

    Cut in halves again and again, so that the gradient of each slice fills an array of its
    half and not one of the whole: T log T work for T slices, not T squared.
    """
    length = x.shape[0]
    if length == 1:
        return [x[0]]
    return _moments(x[: length // 2]) + _moments(x[length // 2 :])
