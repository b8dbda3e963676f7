"""Floor 7. Recurrences: one step of an RNN, LSTM or GRU, and a layer of them over time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tidegrad as tg

from .linear import linear

__all__ = ["STEPS", "recur"]

# A step takes the state, a tuple of (N, H) tensors, and what the input and the state contribute
# to the gates, (N, gates * H) each; it gives the new state, whose first part is the output.
State = tuple[Any, ...]


class Step(NamedTuple):
    """How a kind of cell goes on: its number of gates, the parts of its state, the function."""

    gates: int
    parts: int
    run: Callable[[State, Any, Any], State]


def lstm(state, x, h):
    """Gates i, f, g, o; c' = f c + i g, h' = o tanh(c') (Hochreiter, Schmidhuber, 1997)."""
    i, f, g, o = tg.split(x + h, 4, axis=-1)
    c = tg.sigmoid(f) * state[1] + tg.sigmoid(i) * tg.tanh(g)
    return tg.sigmoid(o) * tg.tanh(c), c


def gru(state, x, h):
    """Gates r and z, n = tanh(x_n + r h_n), h' = n + z (h - n) (Cho et al., 2014)."""
    (r_x, z_x, n_x), (r_h, z_h, n_h) = (tg.split(part, 3, axis=-1) for part in (x, h))
    n = tg.tanh(n_x + tg.sigmoid(r_x + r_h) * n_h)
    return (n + tg.sigmoid(z_x + z_h) * (state[0] - n),)


STEPS = {
    "tanh": Step(1, 1, lambda state, x, h: (tg.tanh(x + h),)),
    "relu": Step(1, 1, lambda state, x, h: (tg.relu(x + h),)),
    "lstm": Step(4, 2, lstm),
    "gru": Step(3, 1, gru),
}


def recur(
    kind: str, x, state: State, weights: tuple[Any, ...], reverse: bool = False
) -> tuple[Any, State]:
    """Run a step over the first axis of `x` (T, N, features); outputs (T, N, H), last state.

    `weights` are w_ih, w_hh, b_ih and b_hh, the last two perhaps None.  The outputs stand in the
    order of `x` also when time runs backwards.
    """
    w_ih, w_hh, b_ih, b_hh = weights
    run = STEPS[kind].run

    def step(state, drive):
        state = run(state, drive, linear(state[0], w_hh, b_hh))
        return state, state[0]

    last, outputs = tg.scan(step, state, linear(x, w_ih, b_ih), reverse=reverse)
    return outputs, last
