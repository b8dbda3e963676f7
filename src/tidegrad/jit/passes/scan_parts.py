"""Floor 6. An opened scan: its carries, slices and results, to be changed and closed again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ...abstract import Value, unknown
from ...core import toposort
from ...custom import pick
from ..graph import Graph, rebuilt
from ..regions import scan_
from .making import made

__all__ = ["Carried", "Given", "Opened", "put_for"]


class Carried(NamedTuple):
    """A carry: how it starts, what stands for it in the body, what it becomes, how it ends.

    The end is a Value that stands for the result until the scan is closed.
    """

    start: Value
    inner: Value
    new: Value
    end: Value


class Given(NamedTuple):
    """A Value outside, and what stands for it, or for a slice of it, in the body."""

    outer: Value
    inner: Value


class Opened:
    """A scan as lists that may be changed; `results` says what its results are now.

    Stacks of what the body computes are asked for by `stack`, and are made when it is closed.
    """

    def __init__(self, value: Value, used: Iterable[int]):
        self.value, p = value, value.params
        n, m = p["carries"], p["carries"] + p["xs"]
        inputs, outputs = p["body"]
        self.length: int = p["length"]
        self.carries = [
            Carried(v, inputs[k], outputs[k], unknown(v.shape, v.dtype))
            for k, v in enumerate(value.parents[:n])
        ]
        self.xs = list(map(Given, value.parents[n:m], inputs[n:m]))
        self.same = list(map(Given, value.parents[m:], inputs[m:]))
        self.stacks: dict[Value, Value] = {}  # by what stands for it outside, the Value in the body
        self.results = {
            k: self.carries[k].end if k < n else self.stack(outputs[k]) for k in sorted(used)
        }
        self.changed = len(self.stacks) < len(outputs) - n

    def stack(self, inner: Value) -> Value:
        """The slices that `inner` is, outside."""
        for outer, own in self.xs:
            if own is inner:
                return outer
        for outer, own in self.stacks.items():
            if own is inner:
                return outer
        found = unknown((self.length, *inner.shape), inner.dtype)
        self.stacks[found] = inner
        return found

    @property
    def ends(self) -> list[Value]:
        """Everything that a step computes for later steps or for outside."""
        return [*(c.new for c in self.carries), *self.stacks.values()]

    @property
    def states(self) -> list[Value]:
        return [c.inner for c in self.carries]

    @property
    def slices(self) -> list[Value]:
        return [x.inner for x in self.xs]

    def give(self, outer: Value, cut: bool) -> Value:
        """A new input of the body: slices of `outer`, or all of it in each step."""
        for given in self.xs if cut else self.same:
            if given.outer is outer:
                return given.inner
        inner = unknown(outer.shape[1:] if cut else outer.shape, outer.dtype)
        (self.xs if cut else self.same).append(Given(outer, inner))
        return inner

    def replace(self, new: Mapping[Value, Value]) -> None:
        """Put other Values for some in the body."""
        known = put_for(self.ends, new)
        self.carries = [c._replace(new=known[c.new]) for c in self.carries]
        self.stacks = {outer: known[inner] for outer, inner in self.stacks.items()}
        self.changed = True

    def settle(self, new: Mapping[Value, Value]) -> None:
        """Say what results are that no step has to compute."""
        known = put_for(self.results.values(), new)
        self.results = {k: known[v] for k, v in self.results.items()}
        self.changed = True

    def prune(self) -> None:
        """Leave out what no result needs."""
        wanted = set(toposort(self.results.values()))
        stacks = {outer: inner for outer, inner in self.stacks.items() if outer in wanted}
        alive = [c for c in self.carries if c.end in wanted]
        while True:
            reached = set(toposort([*stacks.values(), *(c.new for c in alive)]))
            more = [c for c in self.carries if c.end in wanted or c.inner in reached]
            if len(more) == len(alive):
                break
            alive = more
        parts = (
            stacks,
            alive,
            [x for x in self.xs if x.inner in reached],
            [x for x in self.same if x.inner in reached],
        )
        before = (self.stacks, self.carries, self.xs, self.same)
        self.changed |= list(map(len, parts)) != list(map(len, before))
        self.stacks, self.carries, self.xs, self.same = parts

    def closed(self) -> dict[int, Value]:
        """The results of the scan as it is now."""
        self.prune()
        if not self.ends:
            return self.results
        inputs = [*self.states, *self.slices, *(x.inner for x in self.same)]
        ends = tuple((c.new.shape, c.new.dtype) for c in self.carries)
        results = ends + tuple((outer.shape, outer.dtype) for outer in self.stacks)
        params = {
            **self.value.params,
            "body": Graph(tuple(inputs), tuple(self.ends)),
            "carries": len(self.carries),
            "xs": len(self.xs),
            "results": results,
        }
        parents = [*(c.start for c in self.carries), *(x.outer for x in [*self.xs, *self.same])]
        whole = Value(scan_, tuple(parents), params, *results[0])
        whole.where = self.value.where
        stands: Sequence[Value] = [*(c.end for c in self.carries), *self.stacks]
        picks = {outer: made(pick, whole, k=k) for k, outer in enumerate(stands)}
        known = put_for(self.results.values(), picks)
        return {k: known[v] for k, v in self.results.items()}


def put_for(values: Iterable[Value], new: Mapping[Value, Value]) -> dict[Value, Value]:
    """What Values become, and all that they are made of, with others for some."""
    known = dict(new)
    for v in toposort(values):
        if v not in known:
            known[v] = rebuilt(v, tuple([known[p] for p in v.parents]))
    return known
