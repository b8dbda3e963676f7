"""Floor 6. while_loop in a trace: its test and its body become graphs; forward mode is a loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..carries import Carry, checked_predicate
from ..core import Node, Tensor, local
from ..errors import GraphError
from ..ops.creation import lift
from .bodies import Region, applied, picked, settled, tracked
from .graph import Graph
from .inner import Inner
from .regions import WhileLoop
from .scan_rules import closed, given
from .traced import as_value

__all__ = ["traced"]


def traced(cond_fun: Callable, body_fun: Callable, init: Carry) -> Any:
    """What `while_loop` gives while a function is traced; what the body rebinds is carried too."""
    lost: list[Tensor] = []
    while True:
        inner = Inner(local.tracing, "while_loop", lost)
        with inner:
            own = [inner.given(shape, dtype, local.recording) for shape, dtype in init.kinds]
            test = tested(inner, cond_fun, init.tree([x for _, x in own]))
            state = body_fun(init.tree([x for _, x in own]))
            outs = list(map(inner.stand_in, init.checked(state, "body_fun")))
        if not inner.lost():
            break
        lost = [*lost, *inner.lost()]
    changed = inner.rebound()
    same = inner.unchanged()
    entries = [*(e for e, _ in own), *(e for _, e in changed), *(e for _, e in same)]
    outs += [entry.stand_in for _, entry in changed]
    args = [*init.tensors, *(x for x, _ in changed), *(x for x, _ in same)]
    looped = Looped(Region(inner, entries, outs), test, tracked(args))
    found = looped.apply(args)
    settled(changed, found[len(init.tensors) :], "while_loop")
    return init.tree(found[: len(init.tensors)])


def tested(inner: Inner, cond_fun: Callable, state: Any) -> Tensor:
    """Whether to go on, from the state."""
    test = checked_predicate(cond_fun(state), "while_loop", "what cond_fun returned")
    if inner.rebound():
        raise GraphError(
            "while_loop: cond_fun changes a tensor outside of it (a random generator is one, too); "
            "do that in body_fun, and carry what the test needs"
        )
    found: Tensor = inner.stand_in(lift(test, "while_loop"))
    return Tensor(found.array)


class Looped(WhileLoop):
    """One while_loop with what its derivative is made of: the region of its body, and its test."""

    def __init__(self, region: Region, test: Tensor, tracked: set[int]):
        super().__init__()
        self.region, self.test = region, test
        self.wrt, self.seeded = region.reached(tracked, len(region.outs))

    def apply(self, args: Sequence[Any]) -> list[Tensor]:
        whole = self.whole(args)
        found = [picked(whole, k) for k in range(len(self.region.outs))]
        return [y if k in self.seeded else Tensor(y.array) for k, y in enumerate(found)]

    def whole(self, args: Sequence[Any]) -> Any:
        body = self.region.graph()
        results = tuple((y.shape, y.dtype) for y in body.outputs)
        test = Graph(body.inputs, (as_value(self.test.array),))
        params = {"test": test, "body": body, "carries": len(body.outputs), "results": results}
        return applied(self, args, params)

    def vjp(self, node: Node, g: Any, saved: Sequence) -> list:
        raise GraphError(
            "while_loop: reverse mode through a compiled while_loop would have to keep the states "
            "of any number of steps; use tg.scan with a fixed length, or forward mode (tg.jvp)"
        )

    def jvp(self, node: Node, tangents: Sequence, saved: Sequence) -> Any:
        args = saved[:-1]
        record = any(type(t) is Tensor for t in tangents)
        region, n = self.region, len(self.region.outs)
        pushed = region.push(self.wrt, record)
        seeds = dict(zip(self.wrt, pushed.inputs))
        states, same = [i for i in self.wrt if i < n], [i for i in self.wrt if i >= n]
        inputs = [*(seeds[i] for i in states), *region.inputs[:n]]
        inputs += [*(seeds[i] for i in same), *region.inputs[n:]]
        ts = {i: given(tangents[i], region.inputs[i].value) for i in self.wrt}
        whole = [*(ts[i] for i in states), *args[:n], *(ts[i] for i in same), *args[n:]]
        outs = [*(pushed.outs[i] for i in states), *region.outs]
        both, more = closed(Region(region.trace, inputs, outs), record)
        whole += more
        looped = Looped(both, self.test, tracked(whole) if record else set())
        if record:
            found = looped.apply(whole)
        else:
            made = looped.whole(whole)
            found = [picked(made, k) for k in range(len(states))]
        by_carry = dict(zip(states, found))
        return [by_carry.get(k) for k in range(n)]
