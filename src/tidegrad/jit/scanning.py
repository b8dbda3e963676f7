"""Floor 6. scan in a trace: its body becomes a graph once, and its derivatives are scans."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..abstract import Value
from ..carries import Carry, Leaves, checked_pair
from ..core import Node, Tensor, local
from ..errors import GraphError
from ..recording import seen
from .bodies import Region, applied, picked, settled, tracked
from .graph import Graph
from .inner import Inner
from .regions import Scan
from .residuals import residuals
from .scan_rules import Plan, backward, closed, forward
from .trace import Entry

__all__ = ["Scanned", "traced"]


def traced(f: Callable, carry: Carry, xs: Leaves, length: int, reverse: bool) -> tuple[Any, Any]:
    """What `scan` gives while a function is traced; tensors that `f` rebinds are carried too.

    So are gradients that it sets, of which the last one stays.
    """
    inner, given, states, ys = body_of(f, carry, xs)
    graded = inner.graded()
    changed, same = inner.rebound(), inner.unchanged()
    last = [(x, inner.stand_in(g)) for x, g in graded if g is not None]
    first = [Tensor(np.zeros(g.array.shape, g.array.dtype)) for _, g in last]
    own = [inner.entered(None, g.array.shape, g.array.dtype) for g in first]
    m, n = len(states), len(states) + len(changed)
    carries = n + len(last)
    entries = [*given[:m], *(e for _, e in changed), *own, *given[m:], *(e for _, e in same)]
    outs = [*states, *(e.stand_in for _, e in changed), *(g for _, g in last), *ys.tensors]
    args = [*carry.tensors, *(x for x, _ in changed), *first, *xs.tensors, *(x for x, _ in same)]
    plan = Plan(Region(inner, entries, outs), args, carries, len(xs.tensors), length, reverse)
    found = Scanned(plan, tracked(args)).apply()
    if length:
        settled(changed, found[m:n], "scan")
        new = dict(zip((id(x) for x, _ in last), found[n:carries]))
        for x, _ in graded:
            seen(x)._grad = new.get(id(x))
    return carry.tree(found[:m]), ys.tree(found[carries : len(outs)])


def body_of(f: Callable, carry: Carry, xs: Leaves) -> tuple[Inner, list[Entry], list, Leaves]:
    """The trace of one step, its inputs, the carries that it makes, and what is stacked."""
    lost: list[Tensor] = []
    count = len(carry.tensors)
    kinds = [*carry.kinds, *((x.array.shape[1:], x.array.dtype) for x in xs.tensors)]
    while True:
        inner = Inner(local.tracing, "scan", lost)
        with inner:
            given = [inner.given(shape, dtype, local.recording) for shape, dtype in kinds]
            values = [x for _, x in given]
            new, y = checked_pair(f(carry.tree(values[:count]), xs.tree(values[count:])))
            states, ys = carry.checked(new, "the function"), Leaves(y, "y", "scan")
            states, ys.tensors = ([inner.stand_in(x) for x in p] for p in (states, ys.tensors))
        if not inner.lost():
            return inner, [entry for entry, _ in given], states, ys
        lost = [*lost, *inner.lost()]


class Scanned(Scan):
    """One scan with what its derivatives are made of: the region that is its body.

    Besides the last carries and the stacked ys it gives stacks of what its carries were before
    each step, and of `kept`, other numbers that going back needs.
    """

    def __init__(self, plan: Plan, tracked: set[int]):
        super().__init__()
        self.plan, self.region = plan, plan.region
        self.wrt, self.seeded = plan.region.reached(tracked, plan.carries)
        self.kept: list[Value] = []
        self.error: GraphError | None = None
        if self.seeded:
            try:
                self.back = self.region.pull(self.seeded, self.wrt, record=False)
            except GraphError as error:  # the body has gone back by itself
                self.error = error
                return
            seeds = [entry.value for entry in self.back.inputs[: len(self.seeded)]]
            steps = [entry.value for entry in self.region.inputs[: plan.carries + plan.xs]]
            self.kept = residuals(self.back.values, seeds, steps)
            # What only the derivative reads may be part of what is kept.
            self.region, more = closed(self.region, record=True)
            self.plan = plan._replace(region=self.region, args=[*plan.args, *more])

    def apply(self) -> list[Tensor]:
        """The results, those that gradients flow to on the tape; none of `kept`."""
        inputs, outputs = self.region.graph()
        carries = self.plan.carries
        body = Graph(inputs, (*outputs, *inputs[:carries], *self.kept))
        whole = applied(self, self.plan.args, self.plan.params(body))
        found = [picked(whole, k) for k in range(len(outputs) + carries)]
        flowing = {*self.seeded, *(len(outputs) + k for k in self.wrt)}
        return [y if k in flowing else Tensor(y.array) for k, y in enumerate(found)]

    def vjp(self, node: Node, g: Any, saved: Sequence) -> list:
        if self.error is not None:
            raise GraphError(*self.error.args)
        gs, (*args, whole) = g.parts, saved
        outs = len(self.region.outs)
        record = any(type(part) is Tensor for part in gs.values())
        whole_step = record or any(k >= outs for k in gs)  # computed again from the carries
        back = self.region.pull(self.seeded, self.wrt, record) if whole_step else self.back
        before = [picked(whole, outs + k) for k in range(self.plan.carries)]
        plan, names = backward(self.plan, self.wrt, self.seeded, back, record, args, gs, before)
        if record:
            found = Scanned(plan, tracked(plan.args)).apply()
        elif whole_step:
            found = plan.bare()
        else:
            first = outs + self.plan.carries
            found = plan.bare(self.kept, [picked(whole, first + k) for k in range(len(self.kept))])
        grads = dict(zip(names, found))
        return [grads.get(i) for i in range(len(node.parents))]

    def jvp(self, node: Node, tangents: Sequence, saved: Sequence) -> Any:
        record = any(type(t) is Tensor for t in tangents)
        pushed = self.region.push(self.wrt, record)
        plan, names = forward(
            self.plan, self.wrt, self.seeded, pushed, record, tangents, saved[:-1]
        )
        results = Scanned(plan, tracked(plan.args)).apply() if record else plan.bare()
        found = dict(zip(names, results))
        return [found.get(k) for k in range(len(self.region.outs) + self.plan.carries)]
