"""Floor 6. scan in a trace: its body becomes a graph once, and its derivatives are scans."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..abstract import Value
from ..carries import Carry, Leaves, checked_pair
from ..core import Node, Tensor, local
from .graph import Graph
from .inner import Inner, Region, applied, picked, settled, tracked
from .regions import Scan
from .residuals import residuals
from .scan_rules import Plan, backward, forward

__all__ = ["Scanned", "traced"]


def traced(f: Callable, carry: Carry, xs: Leaves, length: int, reverse: bool) -> tuple[Any, Any]:
    """What `scan` gives while a function is traced; tensors that `f` rebinds are carried too."""
    lost: list[Tensor] = []
    outer, count = local.tracing, len(carry.tensors)
    kinds = [*carry.kinds, *((x.array.shape[1:], x.array.dtype) for x in xs.tensors)]
    while True:
        inner = Inner(outer, "scan", lost)
        with inner:
            given = [inner.given(shape, dtype, local.recording) for shape, dtype in kinds]
            values = [x for _, x in given]
            new, y = checked_pair(f(carry.tree(values[:count]), xs.tree(values[count:])))
            states, ys = carry.checked(new, "the function"), Leaves(y, "y", "scan")
            states, ends = ([inner.stand_in(x) for x in part] for part in (states, ys.tensors))
        if not inner.lost():
            break
        lost = [*lost, *inner.lost()]
    changed = inner.rebound()
    same = inner.unchanged()
    entries = [entry for entry, _ in given]
    entries[count:count] = [entry for _, entry in changed]
    outs = [*states, *(entry.stand_in for _, entry in changed), *ends]
    region = Region(inner, [*entries, *(entry for _, entry in same)], outs)
    args = [*carry.tensors, *(x for x, _ in changed), *xs.tensors, *(x for x, _ in same)]
    carries = count + len(changed)
    plan = Plan(region, args, carries, len(xs.tensors), length, reverse)
    found = Scanned(plan, tracked(args)).apply(args)
    settled(changed, found[count:carries], "scan")
    return carry.tree(found[:count]), ys.tree(found[carries : len(outs)])


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
        if self.seeded:
            self.back = self.region.pull(self.seeded, self.wrt, record=False)
            seeds = [entry.value for entry in self.back.inputs[: len(self.seeded)]]
            steps = [entry.value for entry in self.region.inputs[: plan.carries + plan.xs]]
            self.kept = residuals(self.back.values, seeds, steps)

    def apply(self, args: Sequence[Any]) -> list[Tensor]:
        """The results for Tensors, those that gradients flow to on the tape; none of `kept`."""
        inputs, outputs = self.region.graph()
        carries = self.plan.carries
        body = Graph(inputs, (*outputs, *inputs[:carries], *self.kept))
        whole = applied(self, args, self.plan.params(body))
        found = [picked(whole, k) for k in range(len(outputs) + carries)]
        flowing = {*self.seeded, *(len(outputs) + k for k in self.wrt)}
        return [y if k in flowing else Tensor(y.array) for k, y in enumerate(found)]

    def vjp(self, node: Node, g: Any, saved: Sequence) -> list:
        gs, (*args, whole) = g.parts, saved
        outs = len(self.region.outs)
        record = any(type(part) is Tensor for part in gs.values())
        whole_step = record or any(k >= outs for k in gs)  # computed again from the carries
        back = self.region.pull(self.seeded, self.wrt, record) if whole_step else self.back
        before = [picked(whole, outs + k) for k in range(self.plan.carries)]
        plan, names = backward(self.plan, self.wrt, self.seeded, back, record, args, gs, before)
        if record:
            found = Scanned(plan, tracked(plan.args)).apply(plan.args)
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
        results = Scanned(plan, tracked(plan.args)).apply(plan.args) if record else plan.bare()
        found = dict(zip(names, results))
        return [found.get(k) for k in range(len(self.region.outs) + self.plan.carries)]
