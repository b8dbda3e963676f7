"""Floor 6. cond in a trace: both branches become graphs, and the derivatives branch likewise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..carries import Carry, Leaves
from ..core import Node, Tensor, local
from ..recording import seen
from .bodies import Region, applied, picked, settled, tracked
from .inner import Inner
from .regions import Cond
from .scan_rules import given
from .traced import as_value

__all__ = ["traced"]


def traced(pred: Tensor, true_fun: Callable, false_fun: Callable, operands: Leaves) -> Any:
    """What `cond` gives while a function is traced; a tensor that a branch rebinds is a result."""
    outer, kinds = local.tracing, [(x.array.shape, x.array.dtype) for x in operands.tensors]
    inners, entries, results = [], [], []
    for f in (true_fun, false_fun):
        inner = Inner(outer, "cond")
        with inner:
            own = [inner.given(shape, dtype, local.recording) for shape, dtype in kinds]
            results.append(Carry(f(*operands.tree([x for _, x in own])), "the result", "cond"))
        inners.append(inner)
        entries.append([entry for entry, _ in own])
    first, second = results
    with inners[1]:
        first.checked(second.tree(second.tensors), "false_fun")
    regions = [Region(inner, own, []) for inner, own in zip(inners, entries)]
    regions, more = united(regions)
    changed = {id(outer.stand_in(x)): (x, e) for inner in inners for x, e in inner.rebound()}
    for region, found in zip(regions, results):
        with region.trace as inner:
            rebound = [inner.stand_in(x) for x, _ in changed.values()]
            region.outs = [*map(inner.stand_in, found.tensors), *rebound]
    args = [*operands.tensors, *more]
    made = Branched(regions, tracked(args)).apply(pred, args)
    settled(changed.values(), made[len(first.tensors) :], "cond")
    return first.tree(made[: len(first.tensors)])


def united(regions: Sequence[Region]) -> tuple[list[Region], list[Tensor]]:
    """The regions with whatever one of them reads as inputs of all; and these."""
    known = {id(entry) for region in regions for entry in region.inputs}
    outer = regions[0].trace.outer
    more: dict[int, Tensor] = {}
    for region in regions:
        new = [x for x, entry in region.trace.found if id(entry) not in known]
        more |= {id(outer.stand_in(x)): x for x in new}
    found = []
    for region in regions:
        with region.trace as inner:
            stand_ins = [inner.stand_in(x) for x in more.values()]
        inputs = [*region.inputs, *(inner.entries[id(x)] for x in stand_ins)]
        found.append(Region(inner, inputs, region.outs))
    return found, list(more.values())


class Branched(Cond):
    """One cond with what its derivatives are made of: the regions that are its branches.

    Going back computes the branch that was taken once more.
    """

    def __init__(self, regions: Sequence[Region], tracked: set[int]):
        super().__init__()
        self.regions = list(regions)
        ways = [region.reached(tracked) for region in regions]
        self.wrt = sorted({i for wrt, _ in ways for i in wrt})
        self.seeded = sorted({k for _, seeded in ways for k in seeded})

    def apply(self, pred: Any, args: Sequence[Any]) -> list[Tensor]:
        """The results for Tensors, those that gradients flow to on the tape."""
        whole = self.whole(pred, args)
        found = [picked(whole, k) for k in range(len(self.regions[0].outs))]
        return [y if k in self.seeded else Tensor(y.array) for k, y in enumerate(found)]

    def whole(self, pred: Any, args: Sequence[Any]) -> Any:
        true, false = (region.graph() for region in self.regions)
        results = tuple((y.shape, y.dtype) for y in true.outputs)
        params = {"true": true, "false": false, "results": results}
        return applied(self, [pred, *args], params)

    def next(self, regions: Sequence[Region], pred: Any, args: list, record: bool) -> list:
        """The results of other branches."""
        if not regions[0].outs:
            return []
        regions, more = united(regions)
        args += [x if record else seen(x).array for x in more]
        branched = Branched(regions, tracked(args) if record else set())
        if record:
            return branched.apply(pred, args)
        whole = branched.whole(pred, args)
        return [picked(whole, k) for k in range(len(regions[0].outs))]

    def vjp(self, node: Node, g: Any, saved: Sequence) -> list:
        gs, (pred, *args, _) = g.parts, saved
        record = any(type(part) is Tensor for part in gs.values())
        backs = [region.pull(self.seeded, self.wrt, record) for region in self.regions]
        outs = self.regions[0].outs
        seeds = [given(gs.get(k), as_value(outs[k].array)) for k in self.seeded]
        found = dict(zip(self.wrt, self.next(backs, pred, [*seeds, *args], record)))
        return [None, *(found.get(i) for i in range(len(args)))]

    def jvp(self, node: Node, tangents: Sequence, saved: Sequence) -> Any:
        pred, *args, _ = saved
        record = any(type(t) is Tensor for t in tangents)
        pushed = [region.push(self.wrt, record) for region in self.regions]
        for region in pushed:
            region.outs = [region.outs[k] for k in self.seeded]
        entries = self.regions[0].inputs
        ts = [given(tangents[1 + i], entries[i].value) for i in self.wrt]
        found = dict(zip(self.seeded, self.next(pushed, pred, [*ts, *args], record)))
        return [found.get(k) for k in range(len(self.regions[0].outs))]
