"""Floor 6. The derivatives of scan: which loops pull cotangents back and push tangents on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..abstract import Value
from ..ops.elementwise import add
from ..recording import Recording, seen
from .bodies import Region, applied, picked
from .graph import Graph
from .partition import cut_off
from .regions import scan_
from .trace import Entry

__all__ = ["Plan", "backward", "closed", "forward"]


class Plan(NamedTuple):
    """A loop: a region as its body, what it is given, and how these are divided.

    The region's inputs are the carries, what is cut into `xs` slices, and what stays the same.
    """

    region: Region
    args: list[Any]
    carries: int
    xs: int
    length: int
    reverse: bool

    def params(self, body: Graph) -> dict[str, Any]:
        ends = tuple((y.shape, y.dtype) for y in body.outputs[: self.carries])
        stacks = tuple(((self.length, *y.shape), y.dtype) for y in body.outputs[self.carries :])
        return {
            "body": body,
            "carries": self.carries,
            "xs": self.xs,
            "length": self.length,
            "reverse": self.reverse,
            "results": ends + stacks,
        }

    def bare(self, kept: Sequence[Value] = (), stacks: Sequence[Any] = ()) -> list[Any]:
        """The results, not on the tape; slices of `stacks` are what `kept` in the body are."""
        inputs, outputs = self.region.graph()
        at = self.carries + self.xs
        found = cut_off(outputs, inputs, kept)
        stands = found.inputs[len(inputs) :]
        body = Graph((*inputs[:at], *stands, *inputs[at:]), found.outputs)
        args = [*self.args[:at], *stacks, *self.args[at:]]
        whole = applied(scan_, args, self._replace(xs=self.xs + len(stands)).params(body))
        return [picked(whole, k) for k in range(len(outputs))]


class Parts(NamedTuple):
    """Inputs of a scan by their numbers: carries, what is cut into slices, what stays the same."""

    carries: list[int]
    xs: list[int]
    same: list[int]


def parts_of(plan: Plan, wrt: Sequence[int]) -> Parts:
    n, m = plan.carries, plan.carries + plan.xs
    return Parts(
        [i for i in wrt if i < n], [i for i in wrt if n <= i < m], [i for i in wrt if i >= m]
    )


def backward(
    plan: Plan, wrt: Sequence[int], seeded: Sequence[int], back: Region, record: bool,
    args: Sequence[Any], gs: Mapping[int, Any], before: Sequence[Any],
) -> tuple[Plan, list[int]]:  # fmt: skip
    """The loop that pulls cotangents `gs` back, and whose cotangent each of its results is.

    It carries cotangents of the carries, and sums for what is the same in all steps; `before` are
    stacks of the carries before each step.
    """
    n, m, T = plan.carries, plan.carries + plan.xs, plan.length
    entries, outs, own = plan.region.inputs, len(plan.region.outs), parts_of(plan, wrt)
    seeds, grads = dict(zip(seeded, back.inputs)), dict(zip(wrt, back.outs))
    with back.trace, Recording(record):
        # A carry that nothing comes of has a cotangent all the same, which nobody reads.
        ends = [seeds.get(i) or back.seed(entries[i].stand_in, record) for i in own.carries]
        sums = [back.seed(entries[i].stand_in, record) for i in own.same]
        earlier = [i for i in own.carries if record or outs + i in gs]
        stacked = {i: back.seed(entries[i].stand_in, record) for i in earlier}
        new = [
            add(grads[i], stacked[i].stand_in) if i in stacked else grads[i] for i in own.carries
        ]
        new += [add(s.stand_in, grads[i]) for i, s in zip(own.same, sums)]
        new += [grads[i] for i in own.xs]
    ys = [k for k in seeded if k >= n]
    shapes = [e.value for e in entries]
    states = [given(gs.get(i), shapes[i]) for i in own.carries]
    states += [given(None, shapes[i]) for i in own.same]
    rows = [given(gs.get(k), plan.region.outs[k].array, T) for k in ys]
    rows += [given(gs.get(outs + i), shapes[i], T) for i in stacked]
    rows += [*before, *args[n:m]]
    cut = [*(seeds[k] for k in ys), *stacked.values(), *entries[:m]]
    found = closed(Region(back.trace, [*ends, *sums, *cut, *entries[m:]], new), record)
    given_args = [*states, *rows, *args[m:], *found[1]]
    reverse = Plan(found[0], given_args, len(states), len(rows), T, not plan.reverse)
    return reverse, [*own.carries, *own.same, *own.xs]


def forward(
    plan: Plan, wrt: Sequence[int], seeded: Sequence[int], pushed: Region, record: bool,
    tangents: Sequence[Any], args: Sequence[Any],
) -> tuple[Plan, list[int | None]]:  # fmt: skip
    """The loop that pushes tangents on beside the loop itself, and whose tangent each result is."""
    n, m, T = plan.carries, plan.carries + plan.xs, plan.length
    entries, outs, own = plan.region.inputs, len(plan.region.outs), parts_of(plan, wrt)
    seeds = dict(zip(wrt, pushed.inputs))
    ts = {i: given(tangents[i], entries[i].value, T if i in own.xs else None) for i in wrt}
    inputs: list[Entry] = []
    whole: list[Any] = []
    for part, start, stop in zip(own, (0, n, m), (n, m, len(entries))):
        inputs += [*(seeds[i] for i in part), *entries[start:stop]]
        whole += [*(ts[i] for i in part), *args[start:stop]]
    ys = [k for k in seeded if k >= n]
    new = [*(pushed.outs[i] for i in own.carries), *plan.region.outs[:n]]
    new += [*(pushed.outs[k] for k in ys), *(seeds[i].stand_in for i in own.carries)]
    region, more = closed(Region(pushed.trace, inputs, new), record)
    carries, xs = len(own.carries) + n, len(own.xs) + plan.xs
    names = [*own.carries, *[None] * n, *ys, *(outs + i for i in own.carries)]
    return Plan(region, [*whole, *more], carries, xs, T, plan.reverse), names


def given(x: Any, like: Any, length: int | None = None) -> Any:
    """`x`, or zeros where there is none."""
    shape = like.shape if length is None else (length, *like.shape)
    return np.broadcast_to(np.zeros((), like.dtype), shape) if x is None else x


def closed(region: Region, record: bool) -> tuple[Region, list[Any]]:
    """The region with whatever it reads that is none of its inputs so far; and these."""
    known = {id(entry) for entry in region.inputs}
    more = [(x, entry) for x, entry in region.trace.found if id(entry) not in known]
    inputs = [*region.inputs, *(entry for _, entry in more)]
    return Region(region.trace, inputs, region.outs), [
        x if record else seen(x).array for x, _ in more
    ]
