"""Floor 6. Operations that hold graphs: loops and branches as one Value with several results."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from numpy import ndarray

from ..kinds import Prim
from ..shapes import Shape
from .graph import Graph
from .interpreter import Interpreter

__all__ = ["Cond", "Holding", "Scan", "WhileLoop", "cond_", "scan_", "while_loop_"]


class Holding(Prim):
    """What holds graphs; `results` names the shape and the dtype of each result.

    `pick` gives one of them; the shape and dtype of the whole are those of the first.
    """

    promotes = False
    called: str

    def __init__(self) -> None:
        super().__init__(self.called)
        self.drop = defaultdict(tuple)  # derivatives keep all inputs, and the results

    def infer(self, *args: Any, results: tuple, **params: Any) -> tuple[Shape, np.dtype]:
        return results[0]


class Scan(Holding):
    """A loop of `length` steps.

    Its inputs are `carries` initial carries, `xs` stacks of which each step gets a slice, and what
    is the same in all steps; those of `body` are alike.  The body's outputs are the new carries,
    and slices of the stacks that stand after the last carries among the results.
    """

    called = "scan"

    def run(
        self, *arrays: ndarray, body: Graph, carries: int, xs: int, length: int, reverse: bool,
        results: tuple,
    ) -> tuple[ndarray, ...]:  # fmt: skip
        step = Interpreter(body)
        state, rows = list(arrays[:carries]), arrays[carries : carries + xs]
        stacks = [np.empty(shape, dtype) for shape, dtype in results[carries:]]
        for t in reversed(range(length)) if reverse else range(length):
            slices = [x[t, ...] for x in rows]
            found = step([*state, *slices, *arrays[carries + xs :]])
            state = found[:carries]
            for stack, y in zip(stacks, found[carries:]):
                stack[t] = y
        return (*state, *stacks)


class Cond(Holding):
    """One of two graphs, `true` and `false`, by the first input; both take all others."""

    called = "cond"

    def run(
        self, pred: ndarray, *arrays: ndarray, true: Graph, false: Graph, results: tuple
    ) -> tuple[ndarray, ...]:
        return tuple(Interpreter(true if pred else false)(arrays))


class WhileLoop(Holding):
    """As long as `test` gives true, `body` makes new carries; both take all inputs."""

    called = "while_loop"

    def run(
        self, *arrays: ndarray, test: Graph, body: Graph, carries: int, results: tuple
    ) -> tuple[ndarray, ...]:
        again, step = Interpreter(test), Interpreter(body)
        state, rest = list(arrays[:carries]), arrays[carries:]
        while again([*state, *rest])[0]:
            state = step([*state, *rest])
        return tuple(state)


cond_, while_loop_, scan_ = Cond(), WhileLoop(), Scan()
