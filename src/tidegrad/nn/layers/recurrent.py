"""Floor 7. RNN, LSTM and GRU: single cells, and stacked layers over time."""

from __future__ import annotations

from math import sqrt
from typing import Any

import tidegrad as tg

from .. import functional as F
from .. import init
from ..functional.recurrent import STEPS
from ..module import Module
from ..tree import Parameter

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell"]

GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}


class Cell(Module):
    """One step of a recurrence; weights (gates * hidden_size, ...), uniform as in PyTorch."""

    mode = ""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, dtype: Any = None):
        self.input_size, self.hidden_size = input_size, hidden_size
        self.bias = bias
        rows, bound = GATES[self.mode] * hidden_size, 1 / sqrt(max(hidden_size, 1))
        for name, columns in (("ih", input_size), ("hh", hidden_size)):
            setattr(self, f"weight_{name}", _drawn((rows, columns), bound, dtype))
        for name in ("ih", "hh"):
            setattr(self, f"bias_{name}", _drawn((rows,), bound, dtype) if bias else None)

    def forward(self, input: Any, hx: Any = None) -> Any:
        """The new state from `input` (N, input_size) or (input_size,) and the old one."""
        if input.shape[-1:] != (self.input_size,) or not 1 <= len(input.shape) <= 2:
            raise ValueError(
                f"{self._line()}: expected an input (N, {self.input_size}) or "
                f"({self.input_size},), but its shape is {tuple(input.shape)}"
            )
        state = self._state(input, hx)
        drive = F.linear(input, self.weight_ih, self.bias_ih)
        state = STEPS[self.mode](state, drive, self.weight_hh, self.bias_hh)
        return state if self.mode == "LSTM" else state[0]

    def _state(self, input: Any, hx: Any) -> tuple[Any, ...]:
        lstm = self.mode == "LSTM"
        shape = (*input.shape[:-1], self.hidden_size)
        if hx is None:
            return (tg.zeros(shape, dtype=self.weight_hh.dtype),) * (1 + lstm)
        state = tuple(hx) if lstm else (hx,)
        _check_state(self, state, (shape,) * (1 + lstm))
        return state

    def extra_repr(self) -> str:
        """The sizes."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


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
        dtype: Any = None,
    ):
        self.nonlinearity, self.mode = nonlinearity, _rnn_mode("RNNCell", nonlinearity)
        super().__init__(input_size, hidden_size, bias, dtype)


class LSTMCell(Cell):
    """Gives (h', c') from x and (h, c) (Hochreiter and Schmidhuber, 1997).

    >>> h, c = tg.nn.LSTMCell(3, 4)(tg.ones((2, 3)))
    >>> h.shape, c.shape
    ((2, 4), (2, 4))
    """

    mode = "LSTM"


class GRUCell(Cell):
    """Gives h' from x and h (Cho et al., 2014).

    >>> tg.nn.GRUCell(3, 4)(tg.ones((2, 3))).shape
    (2, 4)
    """

    mode = "GRU"


class Recurrent(Module):
    """What RNN, LSTM and GRU have in common: stacking, directions, dropout between layers.

    Weights are weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, with suffix _reverse for the
    second direction, as in PyTorch.
    """

    mode = ""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        dtype: Any = None,
    ):
        if num_layers < 1 or not 0.0 <= dropout <= 1.0 or not 0 <= proj_size < hidden_size:
            raise ValueError(
                f"{type(self).__name__}: needs num_layers >= 1, dropout within 0 to 1 and "
                f"0 <= proj_size < hidden_size, not {num_layers}, {dropout}, {proj_size}"
            )
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, dropout
        self.bidirectional, self.proj_size = bidirectional, proj_size
        for layer in range(num_layers):
            for suffix in self._suffixes(layer):
                self._make_weights(layer, suffix, dtype)

    def _suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}", f"_l{layer}_reverse"][: 1 + self.bidirectional]

    def _make_weights(self, layer: int, suffix: str, dtype: Any) -> None:
        gates, bound = GATES[self.mode] * self.hidden_size, 1 / sqrt(self.hidden_size)
        out = self.proj_size or self.hidden_size
        below = out * (1 + self.bidirectional) if layer else self.input_size
        shapes: dict[str, tuple[int, ...]] = {
            "weight_ih": (gates, below),
            "weight_hh": (gates, out),
        }
        if self.bias:
            shapes.update(bias_ih=(gates,), bias_hh=(gates,))
        if self.proj_size:
            shapes["weight_hr"] = (out, self.hidden_size)
        for name, shape in shapes.items():
            setattr(self, name + suffix, _drawn(shape, bound, dtype))

    def forward(self, input: Any, hx: Any = None) -> Any:
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
        single, turned = len(shape) == 2, len(shape) == 3 and self.batch_first
        x = tg.expand_dims(input, axis=1) if single else input
        x = tg.swapaxes(x, 0, 1) if turned else x
        outputs, state = self._run(x, self._state(x, hx, single))
        outputs = tg.swapaxes(outputs, 0, 1) if turned else outputs
        if single:
            outputs, *state = (tg.squeeze(part, axis=1) for part in (outputs, *state))
        return outputs, tuple(state) if self.mode == "LSTM" else state[0]

    def _run(self, x: Any, state: tuple[Any, ...]) -> tuple[Any, Any]:
        last: list[Any] = []
        for layer in range(self.num_layers):
            if layer and self.dropout:
                x = F.dropout(x, self.dropout, self.training)
            outputs = []
            for suffix in self._suffixes(layer):
                start = tuple(part[len(last)] for part in state)
                reverse = suffix.endswith("_reverse")
                out, end = F.recur(STEPS[self.mode], x, start, self._weights(suffix), reverse)
                outputs.append(out)
                last.append(end)
            x = tg.concat(outputs, axis=-1) if len(outputs) > 1 else outputs[0]
        return x, [tg.stack(parts, axis=0) for parts in zip(*last, strict=True)]

    def _weights(self, suffix: str) -> tuple[Any, ...]:
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
        return tuple(vars(self).get(name + suffix) for name in names)

    def _state(self, x: Any, hx: Any, single: bool) -> tuple[Any, ...]:
        first = self.num_layers * (1 + self.bidirectional)
        sizes = (self.proj_size or self.hidden_size, self.hidden_size)[: 1 + (self.mode == "LSTM")]
        if hx is None:
            dtype = self.weight_hh_l0.dtype
            return tuple(tg.zeros((first, x.shape[1], size), dtype=dtype) for size in sizes)
        state = tuple(hx) if self.mode == "LSTM" else (hx,)
        batch = () if single else (x.shape[1],)
        _check_state(self, state, tuple((first, *batch, size) for size in sizes))
        return tuple(tg.expand_dims(part, axis=1) for part in state) if single else state

    def extra_repr(self) -> str:
        """The sizes, and the options that are not as usual."""
        line = f"{self.input_size}, {self.hidden_size}"
        usual = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0}
        usual.update(bidirectional=False, proj_size=0)
        held = ((name, vars(self)[name], value) for name, value in usual.items())
        return line + "".join(f", {name}={x}" for name, x, value in held if x != value)


class RNN(Recurrent):
    """Layers of h' = tanh(W_ih x + b_ih + W_hh h + b_hh); or relu (Elman, 1990).

    >>> outputs, h = tg.nn.RNN(3, 4, num_layers=2)(tg.ones((5, 2, 3)))
    >>> outputs.shape, h.shape
    ((5, 2, 4), (2, 2, 4))
    """

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
        dtype: Any = None,
    ):
        self.nonlinearity, self.mode = nonlinearity, _rnn_mode("RNN", nonlinearity)
        options = (num_layers, bias, batch_first, dropout, bidirectional, 0, dtype)
        super().__init__(input_size, hidden_size, *options)


class LSTM(Recurrent):
    """Layers of long short-term memory (Hochreiter and Schmidhuber, 1997).

    >>> outputs, (h, c) = tg.nn.LSTM(3, 4, bidirectional=True)(tg.ones((5, 2, 3)))
    >>> outputs.shape, h.shape, c.shape
    ((5, 2, 8), (2, 2, 4), (2, 2, 4))
    """

    mode = "LSTM"


class GRU(Recurrent):
    """Layers of gated recurrent units (Cho et al., 2014).

    >>> outputs, h = tg.nn.GRU(3, 4, batch_first=True)(tg.ones((2, 5, 3)))
    >>> outputs.shape, h.shape
    ((2, 5, 4), (1, 2, 4))
    """

    mode = "GRU"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        dtype: Any = None,
    ):
        options = (num_layers, bias, batch_first, dropout, bidirectional, 0, dtype)
        super().__init__(input_size, hidden_size, *options)


def _rnn_mode(layer: str, nonlinearity: str) -> str:
    mode = f"RNN_{nonlinearity}".upper()
    if mode not in STEPS:
        raise ValueError(f'{layer}: nonlinearity is "tanh" or "relu", not {nonlinearity!r}')
    return mode


def _drawn(shape: tuple[int, ...], bound: float, dtype: Any) -> tg.Tensor:
    return init.uniform_(Parameter(tg.empty(shape, dtype=dtype)), -bound, bound)


def _check_state(layer: Any, state: tuple[Any, ...], shapes: tuple[Any, ...]) -> None:
    given = tuple(tuple(part.shape) for part in state)
    if given != shapes:
        expected = " and ".join(map(str, shapes))
        raise ValueError(
            f"{layer._line()}: expected a state of shape {expected}, "
            f"but it is {' and '.join(map(str, given))}"
        )
