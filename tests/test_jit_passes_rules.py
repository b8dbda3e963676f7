"""Rules of moves, folds, products and formulas: what becomes of small graphs."""

import numpy as np
import pytest
from test_jit_passes import Tree, c, checked, known, names, x

from tidegrad.abstract import Value
from tidegrad.custom import pick
from tidegrad.jit.graph import Graph
from tidegrad.jit.passes.bounds import Bounds
from tidegrad.jit.passes.making import made
from tidegrad.jit.regions import Cond, WhileLoop, scan_
from tidegrad.kinds import cast, expand, flow, flow_singular, permute, reshape, sum_, where
from tidegrad.ops import elementwise as table
from tidegrad.ops.contractions import contract
from tidegrad.ops.indexing import gather
from tidegrad.ops.joining import concat_
from tidegrad.ops.movement import cut, flip_, place
from tidegrad.ops.philox import unit
from tidegrad.ops.reductions import max_, prod_

ALL = slice(None)


def moved(v, *steps):
    """`v` after moves, each a primitive and its one parameter."""
    for prim, name, value in steps:
        v = made(prim, v, **{name: value})
    return v


@pytest.mark.parametrize(
    ("steps", "left"),
    [
        ([(reshape, "shape", (6,)), (reshape, "shape", (3, 2))], ["reshape"]),
        ([(reshape, "shape", (6,)), (reshape, "shape", (2, 3))], []),
        ([(permute, "axes", (1, 0)), (permute, "axes", (1, 0))], []),
        ([(reshape, "shape", (2, 1, 3)), (permute, "axes", (1, 0, 2))], ["reshape"]),
        (
            [(reshape, "shape", (2, 1, 3)), (permute, "axes", (2, 1, 0))],
            ["permute", "reshape"],
        ),
        ([(flip_, "axes", (0, 1)), (flip_, "axes", (1,))], ["flip"]),
        ([(flip_, "axes", (1,)), (flip_, "axes", (1,))], []),
        ([(expand, "shape", (4, 2, 3)), (expand, "shape", (5, 4, 2, 3))], ["expand"]),
        ([(expand, "shape", (1, 2, 3))], ["reshape"]),
        ([(expand, "shape", (4, 2, 3)), (permute, "axes", (1, 2, 0))], ["reshape", "expand"]),
        ([(expand, "shape", (4, 2, 3)), (flip_, "axes", (0,))], ["expand"]),
        ([(expand, "shape", (4, 2, 3)), (cut, "key", (slice(1, 3), ALL, ALL))], ["expand"]),
        ([(cut, "key", (slice(0, 2), 1)), (cut, "key", (1,))], ["slice"]),
        ([(cut, "key", (None, slice(1, 2))), (cut, "key", (0, 0, slice(1, None)))], ["slice"]),
        (
            [(cut, "key", (ALL, slice(None, None, -1))), (cut, "key", (0, slice(0, 2)))],
            ["slice"],
        ),
    ],
)
def test_chains_of_moves(steps, left):
    (out,) = checked(moved(x(2, 3), *steps))
    assert names(out) == left


def test_what_was_placed_is_taken_back():
    y = x(2, 2)
    whole = made(place, y, key=(ALL, slice(1, 3)), shape=(2, 4))
    (out,) = checked(made(cut, whole, key=(slice(0, 2), slice(1, 3))))
    assert out is y
    (out,) = checked(made(place, whole, key=(0, slice(0, 2), ALL), shape=(2, 2, 4)))
    assert names(out) == ["place"]


def test_keys_have_one_form():
    (out,) = checked(made(cut, x(2, 3), key=(..., slice(1, 3))))
    assert out.params["key"] == (ALL, slice(1, 3))
    (out,) = checked(made(place, x(2, 2), key=(slice(0, 2), slice(-2, None)), shape=(2, 3)))
    assert out.params["key"] == (ALL, slice(1, 3))


def test_parts_of_concatenations():
    a, b = x(2, 3), x(2, 4)
    both = made(concat_, a, b, axis=1, sizes=(3, 4))
    (out,) = checked(made(cut, both, key=(ALL, slice(3, 7))))
    assert out is b
    (out,) = checked(made(cut, both, key=(1, slice(4, 6))))
    assert names(out) == ["slice"] and out.parents[0] is b
    (out,) = checked(made(cut, both, key=(ALL, slice(2, 4))))
    assert names(out) == ["concat", "slice"]
    more = made(concat_, a, made(concat_, both, a, axis=1, sizes=(7, 3)), axis=1, sizes=(3, 10))
    (out,) = checked(more)
    assert names(out) == ["concat"] and len(out.parents) == 4


def test_parts_of_other_dtypes_are_left():
    parts = (x(1), known([], np.float64), x(2))
    (out,) = checked(made(concat_, *parts, axis=0, sizes=(1, 0, 2)))
    assert out.dtype == np.float64
    parts = (known([1.0, 1.0]), known([True, True], bool))
    checked(made(concat_, *parts, axis=0, sizes=(2, 2)))


def test_a_split_that_is_joined_again_is_whole():
    a = x(2, 6)
    parts = [made(cut, a, key=(ALL, slice(k, k + 2))) for k in (0, 2, 4)]
    (out,) = checked(made(concat_, *parts, axis=1, sizes=(2, 2, 2)))
    assert out is a
    (out,) = checked(made(concat_, *parts[1:], axis=1, sizes=(2, 2)))
    assert names(out) == ["slice"]


def test_parts_side_by_side_are_a_concatenation():
    parts = [x(2, 2) for _ in range(3)]
    placed = [
        made(place, p, key=(ALL, slice(2 * k, 2 * k + 2)), shape=(2, 6))
        for k, p in enumerate(parts)
    ]
    for a, b, last in ((2, 1, 0), (2, 0, 1), (0, 1, 2)):
        total = made(table.add, made(table.add, placed[a], placed[b]), placed[last])
        (out,) = checked(total, zeros=False)
        assert names(out) == ["concat"] and all(p is q for p, q in zip(out.parents, parts))
    (out,) = checked(made(table.add, placed[0], placed[1]), zeros=False)
    assert names(out) == ["concat", "place"]
    (out,) = checked(made(table.add, placed[0], placed[2]))
    assert names(out) == ["place", "place", "add"]


def test_steps_of_a_sequence_are_a_concatenation():
    steps = [x(4) for _ in range(3)]
    total = None
    for k, step in enumerate(steps):
        placed = made(place, step, key=(ALL, k), shape=(4, 3))
        total = placed if total is None else made(table.add, total, placed)
    (out,) = checked(total, zeros=False)
    assert names(out) == ["reshape"] * 3 + ["concat"]


def test_maps_broadcast_by_themselves():
    a, b = x(2, 3), x(3)
    (out,) = checked(made(table.multiply, a, made(expand, b, shape=(2, 3))))
    assert names(out) == ["multiply"]
    (out,) = checked(made(table.exp, made(expand, b, shape=(2, 3))))
    assert names(out) == ["exp", "expand"]
    a, b = (made(reshape, v, shape=(3, 1)) for v in (x(3), x(3)))
    (out,) = checked(made(reshape, made(table.add, made(table.multiply, a, b), a), shape=(3,)))
    assert names(out) == ["multiply", "add"]


def total(v, axes, keepdims=False, prim=sum_):
    return made(prim, v, axes=axes, keepdims=keepdims)


def test_folds_of_equal_numbers():
    a = x(1, 3)
    wide = made(expand, a, shape=(4, 3))
    (out,) = checked(total(wide, (0,)), exact=False)
    assert sorted(names(out)) == ["multiply", "reshape"]
    (out,) = checked(total(wide, (0,), prim=max_))
    assert names(out) == ["reshape"]
    (out,) = checked(total(wide, (1,)), exact=False)
    assert names(out) == ["sum", "expand"]
    (out,) = checked(total(made(expand, known(0.5), shape=(4, 3)), (0, 1)))
    assert out.prim is None and out.saved == 6
    (out,) = checked(total(made(expand, a, shape=(0, 3)), (0,)))
    assert out.prim is not table.multiply


def test_folds_of_moves():
    (out,) = checked(total(x(1, 3), (0,)), zeros=False)
    assert names(out) == ["reshape"]
    (out,) = checked(total(made(permute, x(2, 3, 4), axes=(2, 0, 1)), (2,)), exact=False)
    assert names(out) == ["sum", "permute"]
    (out,) = checked(total(made(permute, x(2, 3, 4), axes=(2, 0, 1)), (0,)), exact=False)
    assert names(out) == ["sum"]
    placed = made(place, x(2, 3), key=(slice(1, 3), ALL), shape=(5, 3))
    (out,) = checked(total(placed, (0,)), exact=False)
    assert names(out) == ["sum"]
    (out,) = checked(total(placed, (1,)), exact=False)
    assert names(out) == ["place", "sum"]
    (out,) = checked(made(reshape, total(x(2, 3), (1,)), shape=(2, 1)), exact=False)
    assert names(out) == ["sum"] and out.params["keepdims"]
    (out,) = checked(total(x(1, 3), (0,), prim=prod_))
    assert names(out) == ["reshape"]


def test_gathers_in_order_are_slices():
    a = x(2, 6)
    for places in ([1, 2, 3], [5, 3, 1], [-1, -2], [4]):
        (out,) = checked(made(gather, a, known(places, np.int64), axes=(1,)))
        assert names(out) == ["slice"]
    for places in ([1, 2, 4], [1, 1, 2], [[1, 2]]):
        (out,) = checked(made(gather, a, known(places, np.int64), axes=(1,)))
        assert names(out) == ["gather"]
    rows = known([0, 1], np.int64)
    (out,) = checked(made(gather, a, rows, x(2, dtype=np.int64), axes=(0, 1)))
    assert names(out) == ["gather"]


@pytest.mark.parametrize(
    ("axes", "wide"), [((0, 1), (3,)), ((1, 2), (3,)), ((1,), (2, 2)), ((0, 1, 2), (3,))]
)
def test_only_what_is_gathered_is_computed(axes, wide):
    a = x(5, 9, 7)
    for other in (x(), x(7), x(9, 1), x(5, 1, 1), x(5, 9, 1), x(1, 1, 1), x(1, 9, 7)):
        low = made(table.gap, a, other)
        # Drawn from 0 to 4, which is in range.
        indices = [x(*wide, dtype=np.int64) for _ in axes]
        # The sign of a zero of gap depends on whether there are infinities elsewhere.
        (out,) = checked(made(gather, made(table.tanh, low), *indices, axes=axes), zeros=False)
        order = names(out)
        assert order.index("gather") < order.index("gap") < order.index("tanh")
    (out,) = checked(made(gather, made(table.tanh, a), x(4, dtype=np.int64), axes=(0,)))
    assert names(out) == ["tanh", "gather"]
    (out,) = checked(made(gather, made(table.tanh, a), *(x(3, dtype=np.int64),) * 2, axes=(0, 2)))
    assert names(out) == ["tanh", "gather"]


def test_a_cross_entropy_gathers_scores():
    scores, labels = x(6, 10), x(6, dtype=np.int64)
    low, _, total = softmax(scores)
    chances = made(table.subtract, low, made(table.log, total))
    rows = known(np.arange(6), np.int64)
    (out,) = checked(made(gather, chances, rows, labels, axes=(0, 1)), zeros=False)
    (taken,) = (v for v in walked(out) if v.prim is gather)
    assert taken.parents[0] is scores
    assert [v.prim for v in (out, out.parents[0])] == [table.subtract, table.gap]


def product(a, b, spec):
    return made(contract, a, b, spec=spec)


@pytest.mark.parametrize(
    ("make", "left", "spec"),
    [
        (lambda: product(x(2, 3), x(3, 4), "AB,BC->AC"), ["contract"], "ij,jk->ik"),
        (
            lambda: product(x(2, 3), made(permute, x(4, 3), axes=(1, 0)), "ij,jk->ik"),
            ["contract"],
            "ij,kj->ik",
        ),
        (
            lambda: made(permute, product(x(2, 3), x(3, 4), "ij,jk->ik"), axes=(1, 0)),
            ["contract"],
            "ij,jk->ki",
        ),
        (
            lambda: product(made(expand, x(2, 1), shape=(2, 3)), x(3, 4), "ij,jk->ik"),
            ["sum", "multiply"],
            None,
        ),
        (
            lambda: product(made(expand, known(1.0), shape=(2, 3)), x(3, 4), "ij,jk->ik"),
            ["sum", "expand"],
            None,
        ),
        (
            lambda: product(made(expand, x(1, 3), shape=(2, 3)), x(3, 4), "ij,jk->ik"),
            ["reshape", "contract", "expand"],
            "i,ij->j",
        ),
        (lambda: product(x(2, 1), x(1, 4), "ij,jk->ik"), ["reshape", "multiply"], None),
        (lambda: product(x(3), x(4), "i,j->ij"), ["reshape", "multiply"], None),
        (
            lambda: product(x(3), x(4), "i,j->ji"),
            ["reshape", "multiply"],
            None,
        ),
        (
            lambda: product(x(1, 2, 3), x(1, 3, 4), "Bij,Bjk->Bik"),
            ["reshape", "reshape", "contract", "reshape"],
            "ij,jk->ik",
        ),
    ],
)
def test_contractions(make, left, spec):
    (out,) = checked(make(), exact=False)
    assert sorted(names(out)) == sorted(left)
    found = [v.params["spec"] for v in walked(out) if v.prim is contract]
    assert found == ([spec] if spec else [])


def walked(v):
    yield v
    for p in v.parents:
        yield from walked(p)


def test_a_product_that_others_read_is_not_made_twice():
    both = product(x(2, 3), x(3, 2), "ij,jk->ik")
    (out,) = checked(made(table.add, both, made(permute, both, axes=(1, 0))), exact=False)
    assert names(out) == ["contract", "permute", "add"]


@pytest.mark.parametrize(
    ("make", "left"),
    [
        (lambda a: (a + c(1)).log().value, ["log1p"]),
        (lambda a: (c(1) + a.exp()).log().value, ["softplus"]),
        (lambda a: (a.exp() - c(1)).value, ["expm1"]),
        (lambda a: (c(1) / (c(1) + (-a).exp())).value, ["sigmoid"]),
        (lambda a: (a.exp() / (c(1) + a.exp())).value, ["sigmoid"]),
        (lambda a: made(table.log, made(table.sigmoid, a.value)), ["softplus", "negative"]),
    ],
)
def test_formulas(make, left):
    a = Tree(x(50))
    (out,) = checked(make(a), exact=None)
    assert [n for n in names(out) if n != "negative"] == [n for n in left if n != "negative"]


def softmax(a):
    low = made(table.gap, a, made(max_, a, axes=(1,), keepdims=True))
    powers = made(table.exp, low)
    return low, powers, made(sum_, powers, axes=(1,), keepdims=True)


def test_the_logarithm_of_a_softmax():
    low, powers, total = softmax(x(3, 4))
    (out,) = checked(made(table.log, made(table.divide, powers, total)), exact=None)
    assert names(out)[-2:] == ["log", "subtract"]
    back = made(table.exp, made(table.subtract, low, made(table.log, total)))
    (out,) = checked(back, exact=None)
    assert names(out)[-1] == "divide"


def test_powers_of_positive_numbers():
    positive = made(table.exp, x(50))
    for c_, left in ((1.5, ["exp", "sqrt", "multiply"]), (-0.5, ["exp", "sqrt", "reciprocal"])):
        (out,) = checked(made(table.power, positive, known(c_)), exact=False)
        assert names(out) == left
    (out,) = checked(made(table.power, x(50), known(4.0)), exact=False)
    assert names(out) == ["square", "square"]


def test_conditions_known_in_part():
    m = x(2, 3, dtype=bool)
    yes, no = (known(v, bool) for v in (True, False))
    for prim, a, left in (
        (table.logical_and, no, ["expand"]),
        (table.logical_or, no, []),
        (table.bitwise_or, yes, ["expand"]),
        (table.bitwise_and, m, []),
    ):
        (out,) = checked(made(prim, m, a))
        assert names(out) == left
    (out,) = checked(made(where, m, x(2, 3), made(where, m, x(2, 3), x(2, 3))))
    assert names(out) == ["where"]
    one = made(cast, m, dtype=np.dtype("int64"))
    (out,) = checked(made(table.equal, one, known(0, np.int64)))
    assert names(out) == ["logical_not"]
    (out,) = checked(made(table.logical_not, made(table.logical_not, m)))
    assert out is m


def test_what_all_operands_went_through_comes_last():
    a, b = (made(permute, x(2, 3), axes=(1, 0)) for _ in "ab")
    (out,) = checked(made(table.multiply, made(table.add, a, b), known(2.0)))
    assert names(out) == ["add", "multiply", "permute"]
    wide = made(expand, x(2, 1), shape=(2, 3))
    (out,) = checked(made(reshape, wide, shape=(2, 1, 3)))
    assert names(out) == ["reshape", "expand"]


def test_masks():
    a, b, m = x(2, 3), x(2, 3), x(2, 3, dtype=bool)
    (out,) = checked(made(where, known(True, bool), a, b))
    assert out is a
    (out,) = checked(made(where, made(expand, known(False, bool), shape=(2, 3)), a, known(0.0)))
    assert names(out) == ["expand"]
    (out,) = checked(made(where, m, a, a))
    assert out is a
    (out,) = checked(made(where, made(table.logical_not, m), a, b))
    assert names(out) == ["where"] and out.parents[1] is b
    (out,) = checked(made(where, m, made(where, m, a, b), made(table.exp, b)))
    assert names(out) == ["exp", "where"] and out.parents[1] is a
    (out,) = checked(made(where, m, known(1.0), known(0.0)))
    assert names(out) == ["cast"]
    (out,) = checked(made(table.logical_not, made(table.equal, a, b)))
    assert names(out) == ["not_equal"]
    (out,) = checked(made(table.logical_and, m, known(True, bool)))
    assert out is m
    (out,) = checked(made(table.not_equal, made(cast, m, dtype=np.dtype("float32")), known(0.0)))
    assert out is m
    (out,) = checked(made(table.less, made(table.exp, a), known(-1.0)))
    assert names(out) == ["expand"] and not out.parents[0].saved


@pytest.mark.parametrize("prim", [flow, flow_singular])
def test_guards_fall_where_slopes_are_finite(prim):
    g, a, m = x(2, 3), x(2, 3), x(2, 3, dtype=bool)
    (out,) = checked(made(prim, g, made(cast, m, dtype=np.dtype("float32"))))
    assert names(out) == ["cast", "multiply"]
    (out,) = checked(made(prim, known(2.0), a))
    assert names(out) == ["multiply"]
    (out,) = checked(made(prim, g, a))
    assert names(out) == [prim.name]
    z = made(table.tanh, a)
    slope = made(table.subtract, known(1.0), made(table.multiply, z, z))
    (out,) = checked(made(prim, g, slope))
    # A NaN that was given makes the slope NaN, which the stricter of the two guards against.
    assert names(out)[-1] == ("multiply" if prim is flow else prim.name)


def test_casts():
    i, m = x(3, dtype=np.int32), x(3, dtype=bool)
    wide, small = np.dtype("float64"), np.dtype("float32")
    (out,) = checked(made(cast, made(cast, x(3), dtype=wide), dtype=small))
    assert names(out) == []
    (out,) = checked(made(cast, made(cast, i, dtype=wide), dtype=small))
    assert names(out) == ["cast"]
    (out,) = checked(made(cast, made(cast, i, dtype=small), dtype=wide))
    assert names(out) == ["cast", "cast"]
    (out,) = checked(made(cast, made(cast, m, dtype=small), dtype=np.dtype(bool)))
    assert out is m
    (out,) = checked(made(cast, made(cast, x(3, dtype=wide), dtype=small), dtype=wide))
    assert names(out) == ["cast", "cast"]


def test_integers():
    a, b = (Tree(x(4, dtype=np.int64)) for _ in "ab")

    def n(k):
        return Tree(known(k, np.int64))

    for make, left in (
        (lambda: a + n(0), []),
        (lambda: a * n(0), ["expand"]),
        (lambda: a - a, ["expand"]),
        (lambda: n(0) - a, ["negative"]),
        (lambda: -(a - b), ["subtract"]),
        (lambda: a ** n(2), ["square"]),
        (lambda: a ** n(3), ["square", "multiply"]),
        (lambda: a ** n(0), ["expand"]),
    ):
        (out,) = checked(make().value)
        assert names(out) == left


def test_draws_of_the_same_numbers_are_one():
    key, end = x(2, dtype=np.uint64), x(dtype=np.uint64)
    draws = [made(unit, key, end, shape=(3,), dtype=np.dtype("float32")) for _ in "ab"]
    (out,) = checked(made(table.subtract, *draws))
    assert names(out) == ["random_unit", "subtract"]


def scanned(body, args, carries, xs, length):
    results = tuple((y.shape, y.dtype) for y in body.outputs[:carries])
    results += tuple(((length, *y.shape), y.dtype) for y in body.outputs[carries:])
    params = {"carries": carries, "xs": xs, "length": length, "reverse": False}
    return made(scan_, *args, body=body, **params, results=results)


def picked(whole, k):
    shape, dtype = whole.params["results"][k]
    return Value(pick, (whole,), {"k": k}, shape, dtype)


def test_programs_inside_become_simpler_by_what_they_are_given():
    h, g, z, w = x(3), x(3), x(3), x(3)
    carry = made(table.tanh, made(table.add, h, made(table.multiply, w, known(1.0))))
    body = Graph((h, g, z, w), (carry, made(flow, g, z), made(flow, g, h), made(flow, g, w)))
    stack = made(table.sigmoid, x(4, 3))
    whole = scanned(body, (made(table.sin, x(3)), x(4, 3), stack, x(3)), 1, 2, 4)
    outputs = checked(*(picked(whole, k) for k in range(4)))
    inner = outputs[0].parents[0].params["body"]
    # The stack and the carry lie between -1 and 1; of what stays the same nothing is known.
    assert [v.prim.name for v in inner.outputs] == ["tanh", "multiply", "multiply", "flow"]
    assert names(*inner.outputs[:1]) == ["add", "tanh"]
    assert Bounds().of(outputs[0]).hi < 1.1 and not Bounds().of(outputs[1]).finite


def test_branches_become_simpler():
    branches = []
    for prim in (table.tanh, table.cos):
        a, b = x(3), x(3)
        branches.append(Graph((a, b), (made(flow, b, made(prim, made(table.multiply, a, a))),)))
    params = {"true": branches[0], "false": branches[1]}
    choose, results = Cond(), (((3,), np.dtype("float32")),)
    whole = made(choose, x(dtype=bool), made(table.sin, x(3)), x(3), **params, results=results)
    (out,) = checked(picked(whole, 0))
    params = out.parents[0].params
    assert [names(*params[k].outputs)[-1] for k in ("true", "false")] == ["multiply"] * 2


def test_loops_that_ask_become_simpler():
    n, z, w = (x(dtype=np.int64) if k == "n" else x(3) for k in "nzw")
    test = Graph((n, z, w), (made(table.less, n, known(3, np.int64)),))
    n, z, w = (x(dtype=np.int64) if k == "n" else x(3) for k in "nzw")
    step = made(table.add, n, known(1, np.int64))
    body = Graph((n, z, w), (step, made(table.tanh, made(flow, w, z))))
    results = (((), np.dtype("int64")), ((3,), np.dtype("float32")))
    start = made(table.cos, x(3))
    args = (x(dtype=np.int64), start, x(3))
    whole = made(WhileLoop(), *args, test=test, body=body, carries=2, results=results)
    outputs = checked(*(picked(whole, k) for k in range(2)))
    inner = outputs[1].parents[0].params["body"]
    assert names(inner.outputs[1]) == ["multiply", "tanh"]
    assert Bounds().of(outputs[1]).finite and not Bounds().of(outputs[0]).nan
