"""Floor 7. RNN, LSTM and GRU: single cells, and stacked layers over time."""

from __future__ import annotations

import tidegrad as tg

from .. import functional as F
from .. import init
from ..tree import Parameter
from .base import Layer

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell"]

WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


class Gated(Layer):
    """What cells and layers have in common: a kind of step, its weights and its state.

    Weights are (gates * hidden_size, ...), uniform within 1 / sqrt(hidden_size) as in PyTorch.
    """

    kind = ""
    hidden_size: int
    bias: bool

    def _make(self, below, suffix, dtype):
        """The weights of one direction of one layer, which reads `below` features."""
        rows, bound = F.STEPS[self.kind].gates * self.hidden_size, self.hidden_size**-0.5
        shapes = ((rows, below), (rows, self.hidden_size), (rows,), (rows,))
        for name, shape in zip(WEIGHTS, shapes, strict=True):
            weight = None
            if self.bias or len(shape) == 2:
                weight = init.uniform_(Parameter(tg.empty(shape, dtype=dtype)), -bound, bound)
            setattr(self, name + suffix, weight)

    def _weights(self, suffix=""):
        return tuple(vars(self)[name + suffix] for name in WEIGHTS)

    def _state(self, hx, shape):
        """The state in parts, zeros where none is given."""
        parts = F.STEPS[self.kind].parts
        if hx is None:
            weight = next(iter(self.parameters()))
            return (tg.zeros(shape, dtype=weight.dtype),) * parts
        state = tuple(hx) if parts == 2 else (hx,)
        if [tuple(part.shape) for part in state] != [shape] * parts:
            given = " and ".join(str(tuple(part.shape)) for part in state)
            raise ValueError(
                f"{self._line()}: expected a state of shape {' and '.join([str(shape)] * parts)}, "
                f"but it is {given}"
            )
        return state


class Cell(Gated):
    """One step of a recurrence."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, dtype=None):
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        self._make(input_size, "", dtype)

    def forward(self, input, hx=None):
        """The new state from `input` (N, input_size) or (input_size,) and the old one."""
        shape = tuple(input.shape)
        if shape[-1:] != (self.input_size,) or len(shape) > 2:
            raise ValueError(
                f"{self._line()}: expected an input (N, {self.input_size}) or "
                f"({self.input_size},), but its shape is {shape}"
            )
        w_ih, w_hh, b_ih, b_hh = self._weights()
        state = self._state(hx, (*shape[:-1], self.hidden_size))
        drive, recalled = F.linear(input, w_ih, b_ih), F.linear(state[0], w_hh, b_hh)
        state = F.STEPS[self.kind].run(state, drive, recalled)
        return state if len(state) == 2 else state[0]


class RNNCell(Cell):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh); or relu, by `nonlinearity` (Elman, 1990).

    >>> tg.nn.RNNCell(3, 4)(tg.ones((2, 3))).shape
    (2, 4)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        dtype=None,
    ):
        self.nonlinearity = self.kind = _known("RNNCell", nonlinearity)
        super().__init__(input_size, hidden_size, bias, dtype)


class LSTMCell(Cell):
    """Gives (h', c') from x and (h, c) (Hochreiter and Schmidhuber, 1997)."""

    kind = "lstm"


class GRUCell(Cell):
    """Gives h' from x and h (Cho et al., 2014)."""

    kind = "gru"


class Recurrent(Gated):
    """What RNN, LSTM and GRU have in common: stacking, directions, dropout between layers.

    Weights are weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, with suffix _reverse for the
    second direction, as in PyTorch.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        dtype=None,
    ):
        if num_layers < 1:
            raise ValueError(f"{type(self).__name__}: needs num_layers >= 1, not {num_layers}")
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.bidirectional = bias, batch_first, bidirectional
        self.dropout = F.probability(type(self).__name__, dropout)
        for layer, suffixes in enumerate(self._suffixes()):
            for suffix in suffixes:
                self._make(hidden_size * len(suffixes) if layer else input_size, suffix, dtype)

    def _suffixes(self):
        """What the names of each layer's weights end with, for each direction."""
        ways = ["", "_reverse"][: 1 + self.bidirectional]
        return [[f"_l{layer}{way}" for way in ways] for layer in range(self.num_layers)]

    def forward(self, input, hx=None):
        """Outputs (T, N, H * directions) and the last state (layers * directions, N, H).

        `input` is (T, N, input_size), (N, T, input_size) if `batch_first`, or (T, input_size).
        The state of an LSTM is a pair (h, c); without `hx` it starts as zeros.
        """
        shape = tuple(input.shape)
        if len(shape) not in (2, 3) or shape[-1] != self.input_size or 0 in shape[:-1]:
            form = "(N, T, features)" if self.batch_first else "(T, N, features)"
            raise ValueError(
                f"{self._line()}: expected an input {form} or (T, features) of at least one step "
                f"with {self.input_size} features, but its shape is {shape}"
            )
        turned = len(shape) == 3 and self.batch_first
        x = tg.swapaxes(input, 0, 1) if turned else input
        rows = self.num_layers * (1 + self.bidirectional)
        state = self._state(hx, (rows, *x.shape[1:-1], self.hidden_size))
        outputs, ends = self._run(x, state)
        last = tuple(tg.stack(parts, axis=0) for parts in zip(*ends, strict=True))
        outputs = tg.swapaxes(outputs, 0, 1) if turned else outputs
        return outputs, last if len(last) == 2 else last[0]

    def _run(self, x, state):
        last = []
        for layer, suffixes in enumerate(self._suffixes()):
            x = F.dropout(x, self.dropout, self.training) if layer else x
            outputs = []
            for suffix in suffixes:
                start = tuple(part[len(last)] for part in state)
                reverse = suffix.endswith("_reverse")
                out, end = F.recur(self.kind, x, start, self._weights(suffix), reverse)
                outputs.append(out)
                last.append(end)
            x = tg.concat(outputs, axis=-1) if len(outputs) > 1 else outputs[0]
        return x, last


class RNN(Recurrent):
    """Layers of h' = tanh(W_ih x + b_ih + W_hh h + b_hh); or relu (Elman, 1990)."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        dtype=None,
    ):
        self.nonlinearity = self.kind = _known("RNN", nonlinearity)
        options = (num_layers, bias, batch_first, dropout, bidirectional, dtype)
        super().__init__(input_size, hidden_size, *options)


class LSTM(Recurrent):
    """Layers of long short-term memory (Hochreiter and Schmidhuber, 1997).

    >>> outputs, (h, c) = tg.nn.LSTM(3, 4, bidirectional=True)(tg.ones((5, 2, 3)))
    >>> outputs.shape, h.shape, c.shape
    ((5, 2, 8), (2, 2, 4), (2, 2, 4))
    """

    kind = "lstm"


class GRU(Recurrent):
    """Layers of gated recurrent units (Cho et al., 2014)."""

    kind = "gru"


def _known(layer, nonlinearity):
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f'{layer}: nonlinearity is "tanh" or "relu", not {nonlinearity!r}')
    return nonlinearity
