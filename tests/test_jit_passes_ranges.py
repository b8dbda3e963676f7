"""Ranges: every element of every Value lies where its range says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_jit_passes import Tree, arguments, c, inputs_of, known, x
from test_jit_passes_random import MAPS, MOVES, grown

from tidegrad.jit.graph import Graph
from tidegrad.jit.passes.bounds import Bounds
from tidegrad.jit.passes.making import made
from tidegrad.kinds import Map, cast, sum_
from tidegrad.ops import elementwise as table
from tidegrad.ops.contractions import contract
from tidegrad.ops.reductions import max_

SMOOTH = [p for p in vars(table).values() if isinstance(p, Map) and p.inputs == 1]


def within(graph, arrays):
    """Check all Values of a graph."""
    bounds, found = Bounds(), dict(zip(graph.inputs, arrays))
    for v in graph.order():
        if v not in found:
            with np.errstate(all="ignore"):
                parents = [found[p] for p in v.parents]
                out = v.saved if v.prim is None else v.prim.run(*parents, **v.params)
                found[v] = np.asarray(out)
        reach, out = bounds.of(v), found[v]
        if out.dtype.kind == "f":
            assert reach.nan or not np.isnan(out).any(), (v, reach)
            assert reach.minus or not (np.signbit(out) & (out == 0)).any(), (v, reach)
            out = out[~np.isnan(out)]
        assert not out.size or (reach.lo <= out.min() and out.max() <= reach.hi), (v, reach)


def every(*outputs):
    graph = Graph(inputs_of(outputs), outputs)
    for seed in range(3):
        within(graph, arguments(graph, seed))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("prim", SMOOTH, ids=repr)
def test_functions_of_one_number(prim, dtype):
    params = {"elu": {"alpha": 0.5}, "leaky_relu": {"negative_slope": 0.1}}.get(prim.name, {})
    if prim.name.startswith("bitwise"):
        return
    a = x(200, dtype=dtype)
    for v in (a, made(table.tanh, a), made(table.exp, a), made(table.multiply, a, a)):
        out = made(prim, v, **params)
        every(out)
        every(made(table.subtract, out, made(table.relu, v)))


def test_sums_and_products_of_bounded_numbers():
    a = made(table.tanh, x(7, 5))
    every(made(sum_, a, axes=(0,), keepdims=False))
    every(made(contract, a, made(table.sin, x(5, 3)), spec="ij,jk->ik"))
    every(made(cast, made(table.multiply, a, known(2.5)), dtype=np.dtype("int32")))


@given(st.data())
def test_random_graphs(data):
    growing = grown(data, MAPS * 2 + MOVES)
    every(*growing.values, *growing.masks)


def test_products_that_overflow_are_infinite_without_a_warning():
    big = Tree(known(3e38))
    assert reach(big * big).hi == np.inf and not reach(big * big).finite


def reach(tree):
    return Bounds().of(tree.value)


def test_slopes_of_activations_are_finite():
    a = Tree(x(3))
    z = a.tanh()
    assert reach(c(1) - z * z).finite
    t = a.maximum(c(-1e5))
    assert reach((c(-0.5) * t * t).exp()).hi <= 1.1
    assert not reach(a.exp()).finite and reach(a.exp()).positive


def test_a_softmax_divides_by_1_or_more():
    a = x(3, 4)
    low = made(table.gap, a, made(max_, a, axes=(1,), keepdims=True))
    total = made(sum_, made(table.exp, low), axes=(1,), keepdims=True)
    assert Bounds().of(total).lo > 0.99 and Bounds().of(low).hi == 0
    assert Bounds().of(made(table.reciprocal, total)).finite
    # Along another axis, or of something else, it may vanish.
    other = made(sum_, made(table.exp, low), axes=(0,), keepdims=True)
    assert Bounds().of(other).lo == 0
    low = made(table.gap, x(3, 4), made(max_, a, axes=(1,), keepdims=True))
    assert not Bounds().of(made(table.exp, low)).finite
