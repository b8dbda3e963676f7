"""Passes: graphs give the same numbers before and after, bit for bit where that is promised."""

import numpy as np
import pytest

from tidegrad.abstract import constant, unknown
from tidegrad.jit.graph import Graph
from tidegrad.jit.passes import pipeline, simplified
from tidegrad.jit.passes.making import made
from tidegrad.jit.verify import verified
from tidegrad.kinds import cast, expand, permute, reshape
from tidegrad.ops import elementwise as table
from tidegrad.ops.movement import cut, flip_, place

HARD = [0.0, -0.0, 1.0, -1.0, 2.5, -3.0, np.inf, -np.inf, np.nan, 1e-45, -1e-40, 3e38, 1e-20, 0.3]


def x(*shape, dtype=np.float32):
    return unknown(shape, np.dtype(dtype))


def known(array, dtype=np.float32):
    array = np.array(array, dtype)
    array.flags.writeable = False
    return constant(array)


class Tree:
    """A Value with operators."""

    def __init__(self, value):
        self.value = value


for name, prim in {
    **{"add": table.add, "sub": table.subtract, "mul": table.multiply, "neg": table.negative},
    **{"truediv": table.divide, "pow": table.power, "abs": table.abs_},
    **{"exp": table.exp, "relu": table.relu, "maximum": table.maximum, "tanh": table.tanh},
    **{"log": table.log, "sqrt": table.sqrt, "log1p": table.log1p, "isinf": table.isinf},
    **{"lt": table.less, "eq": table.equal, "invert": table.logical_not, "and": table.logical_and},
    **{"ge": table.greater_equal, "gap": table.gap, "isfinite": table.isfinite},
}.items():

    def operator(*trees, prim=prim):
        return Tree(made(prim, *(t.value for t in trees)))

    setattr(Tree, f"__{name}__", operator)
    setattr(Tree, name, operator)


def c(number):
    return Tree(known(number))


def arguments(graph, seed=0, mild=False):
    """Arrays for the inputs of a graph, rich in special numbers unless these are to be mild."""
    rng = np.random.default_rng(seed)
    found = []
    for v in graph.inputs:
        if v.dtype.kind == "f" and mild:
            found.append(rng.normal(size=v.shape).astype(v.dtype))
        elif v.dtype.kind == "f":
            found.append(rng.choice(np.array(HARD, v.dtype), v.shape))
        elif v.dtype.kind == "b":
            found.append(rng.integers(0, 2, v.shape).astype(bool))
        else:
            found.append(rng.integers(0, 5, v.shape).astype(v.dtype))
    return found


def computed(graph, arrays):
    """The outputs of a graph, operation by operation as eager code computes them."""
    found = dict(zip(graph.inputs, arrays))
    with np.errstate(all="ignore"):
        for v in graph.order():
            if v not in found:
                saved = [found[p] for p in v.parents]
                out = v.saved if v.prim is None else v.prim.run(*saved, **v.params)
                found[v] = out if type(out) is tuple else np.asarray(out)
    return [found[y] for y in graph.outputs]


def same_bits(a, b, zeros=True):
    """Equal bit for bit; NaNs are all alike, and zeros are too unless asked."""
    assert a.dtype == b.dtype and a.shape == b.shape
    np.testing.assert_array_equal(a, b)
    if a.dtype.kind == "f" and zeros:
        lost = np.isnan(a)
        np.testing.assert_array_equal(np.signbit(a)[~lost], np.signbit(b)[~lost])


def close(a, b, better):
    """Equal within rounding, unless it was not even finite and may have become better."""
    at = np.isfinite(a) if better else np.ones(a.shape, bool)
    np.testing.assert_allclose(b[at], a[at], 1e-5, 1e-6)


def inputs_of(outputs):
    order = Graph((), tuple(outputs)).order()
    return tuple(v for v in order if v.prim is None and v.saved is None)


EACH = [(name,) for name in pipeline.PASSES]


def checked(*outputs, exact=True, zeros=True, seeds=3, alone=EACH, without=()):
    """What becomes of the outputs; the numbers stay, whichever pass is at work.

    Not `exact`, they stay within rounding; None, and where they were infinite they may improve.
    """
    graph = verified(Graph(inputs_of(outputs), outputs))
    for passes in (*alone, tuple(name for name in pipeline.PASSES if name not in without)):
        after = verified(simplified(graph, passes), graph)
        for seed in range(seeds):
            arrays = arguments(graph, seed, mild=not exact)
            for a, b in zip(computed(graph, arrays), computed(after, arrays)):
                if exact:
                    same_bits(a, b, zeros)
                else:
                    close(a, b, better=exact is None)
    # Nothing is left to say, and no two rules undo each other.
    assert all(a is b for a, b in zip(simplified(after, passes).outputs, after.outputs))
    return after.outputs


def names(*outputs):
    """The operations that are left, in order."""
    return [v.prim.name for v in Graph((), outputs).order() if v.prim is not None]


def test_identities_are_removed():
    a = x(2, 3)
    b = made(table.positive, made(table.stop_gradient, a))
    b = made(cast, made(reshape, b, shape=(2, 3)), dtype=np.dtype("float32"))
    b = made(permute, made(expand, b, shape=(2, 3)), axes=(0, 1))
    b = made(cut, b, key=(slice(None), slice(0, 3)))
    b = made(place, b, key=(slice(0, 2), slice(None)), shape=(2, 3))
    (out,) = checked(made(flip_, b, axes=()))
    assert out is a


def test_constants_are_computed():
    a = made(table.add, known([1.0, 2.0]), known(0.5))
    (out,) = checked(made(table.exp, a))
    assert out.prim is None
    np.testing.assert_array_equal(out.saved, np.exp(np.float32([1.5, 2.5])))


def test_equal_constants_become_one_number_spread():
    (out,) = checked(made(table.multiply, known(np.full((40, 50), 2.0)), known(3.0)))
    assert names(out) == ["expand"] and out.parents[0].saved == 6
    (out,) = checked(known(np.where(np.eye(2), 0.0, -0.0)))
    assert out.prim is None


def test_equal_operations_are_one():
    a, b = x(3), x(3)
    left = made(table.exp, made(table.add, a, b))
    right = made(table.exp, made(table.add, b, a))
    (out,) = checked(made(table.subtract, left, right))
    assert out.parents[0] is out.parents[1]


def test_zeros_of_both_signs_are_two_constants():
    a = x(3)
    (out,) = checked(made(table.divide, made(table.divide, a, known(0.0)), known(-0.0)))
    assert {float(np.copysign(1, v.saved)) for v in Graph((), (out,)).order() if v.saved} <= {1, -1}


@pytest.mark.parametrize(
    ("make", "left"),
    [
        (lambda a, b: a * c(1), []),
        (lambda a, b: c(1) * a, []),
        (lambda a, b: a / c(1), []),
        (lambda a, b: a - c(0), []),
        (lambda a, b: a + c(-0.0), []),
        (lambda a, b: a + c(0), ["add"]),
        (lambda a, b: a.exp() + c(0), ["exp"]),
        (lambda a, b: a * c(0), ["multiply"]),
        (lambda a, b: a - a, ["subtract"]),
        (lambda a, b: -c(1) * -a, []),
        (lambda a, b: a + -b, ["subtract"]),
        (lambda a, b: -a + b, ["subtract"]),
        (lambda a, b: a - -b, ["add"]),
        (lambda a, b: -(a - b), ["subtract", "negative"]),
        (lambda a, b: -a - b, ["negative", "subtract"]),
        (lambda a, b: a * c(-1), ["negative"]),
        (lambda a, b: -a * -b, ["multiply"]),
        (lambda a, b: -a * c(3), ["multiply"]),
        (lambda a, b: -(a * c(3)), ["multiply"]),
        (lambda a, b: -a * b, ["multiply", "negative"]),
        (lambda a, b: -a / -b, ["divide"]),
        (lambda a, b: c(2) / -a, ["divide", "negative"]),
        (lambda a, b: (-a * a).exp(), ["square", "negative", "exp"]),
        (lambda a, b: -(a * c(3)) - a * c(3), ["multiply", "negative", "subtract"]),
        (lambda a, b: a / c(8), ["multiply"]),
        (lambda a, b: a / c(3), ["divide"]),
        (lambda a, b: c(1) / a, ["reciprocal"]),
        (lambda a, b: a * a, ["square"]),
        (lambda a, b: -a * -a, ["square"]),
        (lambda a, b: a ** c(2), ["square"]),
        (lambda a, b: a ** c(0.5), ["sqrt"]),
        (lambda a, b: a ** c(-1), ["reciprocal"]),
        (lambda a, b: a ** c(1), []),
        (lambda a, b: a ** c(1.5), ["pow"]),
        (lambda a, b: abs(abs(-a)), ["abs"]),
        (lambda a, b: abs(a * a), ["square"]),
        (lambda a, b: a.relu().relu(), ["relu"]),
        (lambda a, b: a.exp().relu(), ["exp"]),
        (lambda a, b: a.maximum(b).maximum(b), ["maximum"]),
    ],
)
def test_algebra(make, left):
    (out,) = checked(make(Tree(x(40)), Tree(x(40))).value)
    assert names(out) == left
