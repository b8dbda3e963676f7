"""Random bodies in loops and branches: simplified and compiled, they give what NumPy gives."""

from hypothesis import given, settings
from hypothesis import strategies as st
from jit_lowering import compared, graph_of, x
from profiles import many
from test_jit_passes_random import Growing

from tidegrad.custom import pick
from tidegrad.jit.graph import Graph
from tidegrad.jit.passes.making import made
from tidegrad.jit.regions import cond_, scan_
from tidegrad.ops import elementwise as table

STEPS = ["elementwise", "sums", "turned", "flipped", "spread", "reshaped", "sliced", "contracted"]
STEPS += ["folded", "squashed", "squashed"]


class Body(Growing):
    """What a body computes from some inputs; no number grows."""

    def __init__(self, data, inputs):
        super().__init__(data)
        self.inputs = inputs
        self.values = [*inputs, self.values[0], *self.values[-2:]]

    def elementwise(self):
        a = self.draw(self.values)
        prim = self.draw([table.add, table.multiply, table.maximum, table.minimum])
        self.values.append(made(prim, a, self.fitting(a)))

    def squashed(self):
        self.values.append(made(table.tanh, self.draw(self.values)))

    def grown(self):
        for step in self.data.draw(st.lists(st.sampled_from(STEPS), min_size=1, max_size=10)):
            if self.values[-1].size < 200:
                getattr(self, step)()
        return self

    def like(self, v):
        """A result of the shape of `v`, within 1."""
        fitting = [u for u in self.values if u.shape == v.shape and u.prim is not None]
        return made(table.tanh, self.draw(fitting)) if fitting else v

    def some(self):
        computed = [u for u in self.values if u.prim is not None]
        count = self.data.draw(st.integers(1, 3))
        return [self.draw(computed or self.inputs) for _ in range(count)]


def picks(prim, parents, params):
    whole = made(prim, *parents, **params)
    return [made(pick, whole, k=k) for k in range(len(params["results"]))]


def scan(data, inner, states, slices, length):
    """A scan over `inner`, a body of these inputs and of others."""
    ends = [*map(inner.like, states), *inner.some()]
    same = [v for v in graph_of(*ends).inputs if v not in {*states, *slices}]
    body = Graph((*states, *slices, *same), tuple(ends))
    n = len(states)
    results = [(y.shape, y.dtype) for y in ends[:n]]
    results += [((length, *y.shape), y.dtype) for y in ends[n:]]
    params = {
        "body": body,
        "carries": n,
        "xs": len(slices),
        "length": length,
        "reverse": data.draw(st.booleans()),
        "results": tuple(results),
    }
    outer = [x(*v.shape) for v in states] + [x(length, *v.shape) for v in slices]
    return picks(scan_, [*outer, *(x(*v.shape) for v in same)], params)


SHAPES = [(2, 3), (2, 3), (3,), (4, 3), (1, 3), (), (16, 5)]


def inputs(data, least):
    count = data.draw(st.integers(least, 3))
    return [x(*data.draw(st.sampled_from(SHAPES))) for _ in range(count)]


@settings(max_examples=many(60, 3000))
@given(st.data())
def test_scans(data):
    states, slices, same = (inputs(data, least) for least in (1, 0, 0))
    inner = Body(data, [*states, *slices, *same]).grown()
    found = scan(data, inner, states, slices, data.draw(st.sampled_from([1, 2, 5])))
    count = data.draw(st.integers(1, len(found)))
    compared(*data.draw(st.permutations(found))[:count])


@settings(max_examples=many(40, 1000))
@given(st.data())
def test_branches(data):
    given = inputs(data, 1)
    one, other = (Body(data, given).grown() for _ in range(2))
    ends = one.some()
    others = [other.like(y) for y in ends]
    # What one branch reads and the other does not is an input of both.
    own = [v for y in (ends, others) for v in graph_of(*y).inputs]
    own = [*given, *dict.fromkeys(v for v in own if v not in set(given))]
    others = [y if y.shape == z.shape else z for y, z in zip(others, ends)]
    params = {
        "true": Graph(tuple(own), tuple(ends)),
        "false": Graph(tuple(own), tuple(others)),
        "results": tuple((y.shape, y.dtype) for y in ends),
    }
    found = picks(cond_, [x(dtype=bool), *(x(*v.shape) for v in own)], params)
    compared(*found, seed=data.draw(st.integers(0, 3)))
