"""Floor 6. Over time: what steps compute one by one, for all steps at once, outside of a scan."""

from __future__ import annotations

from ...abstract import Value
from ...kinds import Map, Reduce, expand, permute, reshape, sum_
from ...ops import elementwise as table
from ...ops.contractions import Contract
from ...ops.movement import cut
from ...ops.plans import terms
from ...shapes import Shape
from .making import made, reshaped, scalar
from .products import LABELS, contracted
from .scan_parts import Opened, put_for

__all__ = ["LINEAR", "Stacked", "Totals"]

LINEAR = {permute, reshape, expand, cut, table.negative}
MOST = 1 << 22  # bytes of a stack that is made only to be summed


class Stacked:
    """Values of a body for all steps, stacked; those that are the same in all, once.

    `of` gives None where the slices cannot be computed at once, or depend on a carry.
    """

    def __init__(self, scan: Opened, moving: set[Value]):
        self.scan, self.moving = scan, moving
        self.known: dict[Value, Value | None] = {x.inner: x.outer for x in scan.xs}
        self.outside: dict[Value, Value] = {x.inner: x.outer for x in scan.same}
        self.states = set(scan.states)

    def same(self, v: Value) -> Value:
        """What does not change from step to step, outside."""
        self.outside = put_for([v], self.outside)
        return self.outside[v]

    def of(self, v: Value) -> Value | None:
        if v not in self.known:
            self.known[v] = None if v in self.states else self.made(v)
        return self.known[v]

    def made(self, v: Value) -> Value | None:
        parents = [self.of(p) if p in self.moving else self.same(p) for p in v.parents]
        known = [p for p in parents if p is not None]
        return self.applied(v, known) if len(known) == len(parents) else None

    def applied(self, v: Value, parents: list[Value]) -> Value | None:
        """The operation of `v` on stacked parents, or on those that are the same in all steps."""
        prim, params, T = v.prim, v.params, self.scan.length
        stacked = [p in self.moving for p in v.parents]
        if isinstance(prim, Map):
            whole = [aligned(x, len(v.shape)) if long else x for x, long in zip(parents, stacked)]
            return made(prim, *whole, **params)
        if isinstance(prim, Contract):
            return product(v, parents[0], parents[1], *stacked)
        if isinstance(prim, Reduce):
            axes = tuple(a + 1 for a in params["axes"])
            return made(prim, *parents, **{**params, "axes": axes})
        (x,) = parents if len(parents) == 1 else (None,)
        if x is None:
            return None
        if prim is reshape:
            return reshaped(x, (T, *v.shape))
        if prim is permute:
            return made(permute, x, axes=(0, *(a + 1 for a in params["axes"])))
        if prim is expand:
            return made(expand, aligned(x, len(v.shape)), shape=(T, *v.shape))
        if prim is cut:
            return made(cut, x, key=(slice(None), *params["key"]))
        return None


def aligned(x: Value, ndim: int) -> Value:
    """A stack with axes of size 1 after its first one, so that its slices have `ndim` axes."""
    return reshaped(x, (x.shape[0], *(1,) * (ndim + 1 - len(x.shape)), *x.shape[1:]))


def product(v: Value, x: Value, y: Value, left: bool, right: bool) -> Value:
    """The contractions of all steps; rows of all steps are rows of one matrix where they can be."""
    a, b, out = terms(v.params["spec"])
    if left != right:
        first, stack = (a, x) if left else (b, y)
        if first[:1] == out[:1] and first[0] not in (b if left else a):
            flat = reshaped(stack, (stack.shape[0] * stack.shape[1], *stack.shape[2:]))
            found = made(v.prim, *((flat, y) if left else (x, flat)), **v.params)
            return reshaped(found, (stack.shape[0], *v.shape))
    t = next(n for n in LABELS if n not in a + b)
    return contracted(x, y, t * left + a, t * right + b, t + out)


class Totals:
    """Sums over all steps of what a body adds in each."""

    def __init__(self, scan: Opened, moving: set[Value]):
        self.scan, self.moving = scan, moving
        self.stacked = Stacked(scan, moving)

    def of(self, v: Value) -> Value | None:
        """The sum of `v` over the steps; None where its stack would take too much memory."""
        T = self.scan.length
        if v not in self.moving:
            return made(table.multiply, self.stacked.same(v), scalar(T, v.dtype))
        if v.prim is table.add and v.parents[0].shape == v.parents[1].shape == v.shape:
            return self.combined(v)
        if v.prim in LINEAR:
            inner = self.of(v.parents[0])
            return None if inner is None else made(v.prim, inner, **v.params)
        if isinstance(v.prim, Contract):
            return self.product(v)
        if v.prim is sum_:
            axes = tuple(a + 1 for a in v.params["axes"])
            whole = made(sum_, self.stack(v.parents[0]), axes=(0, *axes), keepdims=False)
            return reshaped(whole, v.shape)
        if v.nbytes * T > MOST:
            return None
        return made(sum_, self.stack(v), axes=(0,), keepdims=False)

    def combined(self, v: Value) -> Value | None:
        first, second = map(self.of, v.parents)
        if first is None or second is None:
            return None
        return made(table.add, first, second)

    def product(self, v: Value) -> Value | None:
        """A sum of products over time is one product, which sums over time as well."""
        x, y = v.parents
        if x not in self.moving or y not in self.moving:
            rest = self.of(x if x in self.moving else y)
            if rest is None:
                return None
            pair = (
                (rest, self.stacked.same(y)) if x in self.moving else (self.stacked.same(x), rest)
            )
            return made(v.prim, *pair, **v.params)
        a, b, out = terms(v.params["spec"])
        left, right = self.stack(x), self.stack(y)
        if a[:1] == b[:1] and a[0] not in out:
            return contracted(flat(left), flat(right), a, b, out)
        t = next(n for n in LABELS if n not in a + b)
        return contracted(left, right, t + a, t + b, out)

    def stack(self, v: Value) -> Value:
        """The slices that `v` is, outside; moves are made there."""
        if v.prim in (permute, reshape):
            moved = self.stacked.applied(v, [self.stack(v.parents[0])])
            assert moved is not None
            return moved
        return self.scan.stack(v)


def flat(x: Value) -> Value:
    shape: Shape = (x.shape[0] * x.shape[1], *x.shape[2:])
    return reshaped(x, shape)
