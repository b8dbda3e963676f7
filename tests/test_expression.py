"""Expressions as NumPy source: for every operation what it gives is what was computed."""

import gc
import pickle
import weakref

import numpy as np
import pytest
import test_operations
import test_table

import tidegrad as tg
from tidegrad import ops
from tidegrad.kinds import Cast, Map, Prim
from tidegrad.ops import (
    contractions,
    elementwise,
    indexing,
    joining,
    movement,
    philox,
    reductions,
    scans,
    sorting,
    windows,
)
from tidegrad.source import spelling, tape

TABLES = (contractions, elementwise, indexing, joining, movement, philox, reductions, scans)
TABLES += (sorting, windows, __import__("tidegrad.kinds").kinds)
EVERY = {p.name: p for t in TABLES for p in vars(t).values() if isinstance(p, Prim)}


def leaf(x, dtype=None):
    return tg.tensor(np.asarray(x, dtype), requires_grad=True)


def alone(source):
    """The function that source defines, which needs nothing of ours."""
    assert "tidegrad" not in source
    names = {}
    exec(source, names)
    return names["expression"]


def checked(f, *arrays, near=0.0):
    """`f` of leaves as source, and its gradients: what eager code has; the expression."""
    leaves = [leaf(a) for a in arrays]
    names = {f"v{k}": x for k, x in enumerate(leaves)}
    with tg.whole_tape():
        out = f(*leaves)
    e = tg.expression(out, names=names)
    same(e(), out.detach().numpy(), near)
    same(alone(e)(**e.arguments), out.detach().numpy(), near)
    g = np.random.default_rng(1).normal(size=out.shape).astype(out.dtype)
    if not out.requires_grad:
        assert not e.gradients
        return e
    out.backward(g)
    for name, x in names.items():
        if name in e.arguments:
            found = e.gradients[name]
            given = {"g": g} if "g" in found.arguments else {}
            expected = np.zeros(x.shape, x.dtype) if x.grad is None else x.grad.numpy()
            if out.size == 1:
                expected = expected / g.item() if g.size else expected
                near = max(near, 1e-6)
            same(found(**given), expected, near)
    return e


def same(found, expected, near):
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    if near:
        np.testing.assert_allclose(found, expected, rtol=near, atol=near)
    else:
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("name", test_table.SMOOTH)
def test_elementwise(name, dtype):
    shapes = [(3, 4), (4,)]
    inputs = test_table.MAPS[name].inputs
    xs = [x.astype(dtype) for x in test_table.arguments(name, shapes[:inputs])]
    checked(test_table.function(name), *xs)


SILENT = [n for n in test_table.MAPS if n not in test_table.SMOOTH and n != "stop_gradient"]


@pytest.mark.parametrize("name", SILENT)
def test_elementwise_without_gradient(name):
    inputs = test_table.MAPS[name].inputs
    kinds = ["?", "i4", "u1"] if name.startswith(("bitwise", "logical")) else ["f4", "i8"]
    kinds = kinds[1:] if "shift" in name else kinds
    for dtype in kinds:
        xs = [np.abs(x * 3).astype(dtype) for x in test_table.arguments(name, [(3, 4)] * inputs)]
        with tg.whole_tape():
            out = test_table.MAPS[name](*map(tg.tensor, xs))
        same(tg.expression(out)(), out.numpy(), 0)


@pytest.mark.parametrize(
    "f, shapes", [(f, s) for _, f, _, s in test_operations.CASES], ids=test_operations.NAMES
)
def test_operations_as_users_call_them(f, shapes):
    checked(f, *test_operations.inputs(shapes), near=1e-14)


PRODUCTS = [
    ("ij,jk->ik", (3, 4), (4, 5)), ("ij,kj->ik", (3, 4), (5, 4)), ("ij,jk->ki", (3, 4), (4, 5)),
    ("ji,jk->ik", (4, 3), (4, 5)), ("aij,ajk->aik", (2, 3, 4), (2, 4, 5)), ("i,i->", (4,), (4,)),
    ("aij,jk->aik", (2, 3, 4), (4, 5)), ("i,j->ij", (3,), (4,)), ("ij,ij->i", (3, 4), (3, 4)),
    ("ijk,lmk->jlim", (2, 3, 4), (2, 5, 4)), ("ij,jk->k", (3, 4), (4, 5)),
    ("ij,j->i", (3, 4), (4,)),
    ("...ij,...jk->...ik", (2, 3, 4), (1, 4, 5)), ("ii,ij->j", (3, 3), (3, 2)), ("ij->ji", (2, 3)),
]  # fmt: skip


@pytest.mark.parametrize("spec, shapes", [(s, shapes) for s, *shapes in PRODUCTS])
def test_products(spec, shapes, rng):
    checked(lambda *xs: tg.einsum(spec, *xs), *(rng.normal(size=s) for s in shapes), near=1e-12)


def test_matrix_products_are_written_as_such(rng):
    x, y = leaf(rng.normal(size=(3, 4))), leaf(rng.normal(size=(4, 5)))
    names = {"x": x, "y": y}
    assert tg.expression(x @ y, names=names).result == "x @ y"
    assert tg.expression(y.T @ x.T, names=names).result == "y.T @ x.T"
    e = tg.expression(x @ y, names=names)
    assert e.gradients["x"].result == "g @ y.T" and e.gradients["y"].result == "x.T @ g"


NET = tg.nn.functional


def steps(w, xs):
    return tg.scan(lambda h, x: (tg.tanh(w * h + x), h), tg.zeros((), dtype=tg.float64), xs)[0]


def convolved(x, w):
    return NET.conv2d(x, w, stride=2, padding=1, dilation=2)


def attended(q, k, v):
    return NET.scaled_dot_product_attention(q, k, v, is_causal=True)


LAYERS = {
    "conv2d": (convolved, (2, 2, 7, 6), (3, 2, 2, 2)),
    "conv1d": (lambda x, w: NET.conv1d(x, w), (2, 2, 7), (3, 2, 3)),
    "conv_transpose2d": (
        lambda x, w: NET.conv_transpose2d(x, w, stride=2), (2, 2, 3, 3), (2, 3, 2, 2)),
    "max_pool2d": (lambda x: NET.max_pool2d(x, 3, 2, 1), (2, 2, 7, 6)),
    "avg_pool2d": (lambda x: NET.avg_pool2d(x, 3, 2, 1), (2, 2, 7, 6)),
    "layer_norm": (lambda x, w: NET.layer_norm(x, 4, w), (3, 4), (4,)),
    "attention": (attended, *[(2, 3, 4)] * 3),
    "cross_entropy": (lambda x: NET.cross_entropy(x, tg.tensor([0, 2, 1])), (3, 4)),
    "put": (lambda x, v: assigned(x, np.s_[1:, ::2], v), (3, 4), (2, 2)),
    "put_at": (lambda x, v: assigned(x, ([0, 2, 0],), v), (3, 4), (3, 4)),
    "long sum": (lambda x: tg.sum(x, axis=0), (600, 3)),
    "scan": (steps, (), (5,)),
    "checkpoint": (lambda x: tg.checkpoint(lambda x: tg.sin(x) * x)(x), (3,)),
    "grad of grad": (lambda x: tg.grad(lambda x: (tg.sin(x) * x).sum())(x) * 2, (3,)),
}  # fmt: skip


def assigned(x, key, v):
    x = x * 1
    x[key] = v
    return x


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name, rng):
    f, *shapes = LAYERS[name]
    checked(f, *(rng.normal(size=s) for s in shapes), near=1e-12)


def test_every_operation_has_a_text():
    without = {
        name
        for name, prim in EVERY.items()
        if not isinstance(prim, Map) and name not in spelling.SPELLINGS
    }
    draws = {name for name, prim in EVERY.items() if isinstance(prim, philox.Draw)}
    assert without - spelling.ALIASES == draws  # random numbers are inputs
    assert isinstance(EVERY["cast"], Cast) and ops


def test_float32_stays(rng):
    x = rng.normal(size=(3, 4)).astype(np.float32)
    e = checked(lambda x: tg.log_softmax(0.1 * x + 1e-3, axis=1) * 0.3, x)
    assert "0.1" in e.source
    checked(lambda x: (x.astype(tg.float64) * 2 + x).mean(axis=0), x, near=1e-15)


def test_what_is_used_twice_is_a_line():
    x = leaf([1.0, 2.0])
    h = tg.exp(x)
    e = tg.expression(h * h + x, names={"x": x})
    assert (e.lines, e.result) == ({"t0": "np.exp(x)"}, "t0 * t0 + x")
    e = tg.expression(h * h + x, names={"x": x, "hidden": h})
    assert (e.lines, e.result) == ({"hidden": "np.exp(x)"}, "hidden * hidden + x")
    assert str(e).count("np.exp") == 1


def test_names():
    w, data = leaf([1.0, 2.0]), tg.tensor(np.arange(40.0))
    other = tg.tensor(np.arange(40.0) * 2)
    with tg.whole_tape():
        y = (tg.concat([w, data * data]) * 2.0).sum() + other.sum()
    assert list(tg.expression(y).arguments) == ["x0", "x1", "x2"]
    named = tg.expression(y, names={"data": data, "w": w})
    assert list(named.arguments) == ["data", "w", "x0"]
    assert list(named.gradients) == ["w"]
    net = tg.nn.Sequential(tg.nn.Linear(2, 3))
    e = tg.expression(net(w), names=net)
    assert set(e.arguments) == {"_0_weight", "_0_bias", "x0"}
    for wrong in ("!", "class", "", "np", "a b"):
        with pytest.raises(ValueError, match="name"):
            tg.expression(y, names={wrong: w, "a.b": data})
    with pytest.raises(ValueError, match="needs the name 'sigmoid'"):
        tg.expression(tg.sigmoid(w), names={"sigmoid": w})
    with pytest.raises(TypeError, match="expression: names is"):
        tg.expression(y, names=[w])


@pytest.mark.parametrize("name", ["np", "bool", "slice", "lambda", "__debug__", ""])
def test_names_that_cannot_be(name):
    x = leaf([1.0, 2.0])
    with pytest.raises(ValueError, match="choose another|use letters"):
        tg.expression(tg.where(tg.tensor([True, False]), x, 0), names={name: x})


def test_names_within_transforms():
    x, w = tg.tensor([1.0, 2.0]), leaf([3.0, 4.0])
    e = tg.expression(lambda a: tg.grad(lambda b: (b**3).sum())(a).sum(), x)
    assert e.result == "np.sum(3 * a ** 2)" and list(e.gradients) == ["a"]
    e = tg.expression(lambda a: tg.checkpoint(lambda b: tg.sin(b).sum())(a), x)
    assert e.gradients["a"].result == "np.cos(a)" and list(e.gradients["a"].arguments) == ["a"]
    with tg.whole_tape():
        loss = (tg.grad(lambda b: (b**3 * w).sum())(x) ** 2).sum()
    assert list(tg.expression(loss, names={"w": w, "x": x}).gradients) == ["w"]


def test_bools_are_what_they_were():
    x = tg.tensor([True, False])
    e = tg.expression(lambda x: tg.relu(tg.square(x)), x)
    assert e().dtype == tg.relu(tg.square(x)).dtype == np.int64 and e().tolist() == [1, 0]


def test_other_inputs():
    x, w = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    e = tg.expression((x * w).sum(), names={"x": x, "w": w})
    assert e() == 11.0 and e(x=np.array([2.0, 2.0])) == 14.0
    assert e.gradients["w"](x=np.array([5.0, 6.0])).tolist() == [5.0, 6.0]
    with pytest.raises(TypeError, match="no input y; there are x, w"):
        e(y=1.0)


def test_a_function():
    e = tg.expression(lambda x, w: (x + 1.0) @ w, np.ones((2, 3)), np.ones(3))
    assert e.result == "(x + 1.0) @ w" and e().tolist() == [6.0, 6.0]
    net = tg.nn.Linear(3, 2)
    assert "weight" in tg.expression(net, np.ones(3)).arguments
    with pytest.raises(TypeError, match="returns one"):
        tg.expression(lambda x: 3, 1.0)
    with pytest.raises(TypeError, match="arguments are for a function"):
        tg.expression(tg.tensor(1.0), 2.0)


def test_what_the_tape_forgets_is_asked_for():
    x = leaf([1.0, 2.0])
    y = (x + np.array([3.0, 4.0])) ** 2
    e = tg.expression(y, names={"x": x})
    assert e.result == "(x + x0) ** 2" and e.arguments["x0"] is None
    with pytest.raises(tg.errors.GraphError, match=r"forgotten x0.*e\(x0=...\).*whole_tape"):
        e()
    assert e(x0=np.array([3.0, 4.0])).tolist() == [16.0, 36.0]
    assert e.gradients["x"].result == "g * (2 * (x + x0))"


def test_errors():
    x = leaf([1.0, 2.0])
    with pytest.raises(tg.errors.GraphError, match="not recorded"):
        tg.expression(tg.tensor(1.0))
    y = (x * x).sum()
    y.backward()
    with pytest.raises(tg.errors.GraphError, match="freed"):
        tg.expression(y)

    @tg.custom_vjp
    def twice(x):
        return x * 2

    twice.defvjp(lambda x: (x * 2, None), lambda _, g: (g * 2,))
    with pytest.raises(tg.errors.GraphError, match="twice has no text.*whole_tape"):
        tg.expression(twice(x))
    checked(twice, [1.0, 2.0])


def test_a_freed_graph_within_the_whole_tape():
    x = leaf([1.0, 2.0])
    with tg.whole_tape():
        y = (tg.exp(x) + 1.0).sum()
    y.backward()
    with pytest.raises(tg.errors.GraphError, match="freed"):
        tg.expression(y)
    e = tg.expression(y, names={"x": x}, gradients=False)
    assert e.result == "np.sum(np.exp(x) + 1.0)" and not e.gradients


WITHOUT_INLINE = {"avg_pool2d", "scan", "put", "put_at", "grad of grad"}


@pytest.mark.parametrize("name", sorted(set(LAYERS) - WITHOUT_INLINE))
def test_inline_needs_no_functions(name, rng):
    f, *shapes = LAYERS[name]
    xs = [leaf(rng.normal(size=s)) for s in shapes]
    with tg.whole_tape():
        out = f(*xs)
    e = tg.expression(out, inline=True)
    g = rng.normal(size=out.shape)
    if out.size != 1:
        out.backward(g)
        for x, made in zip(xs, e.gradients.values(), strict=True):
            np.testing.assert_allclose(made(g=g), x.grad.numpy(), rtol=1e-12, atol=1e-12)
            assert made.count("def ") == 1
    np.testing.assert_allclose(e(), out.detach().numpy(), rtol=1e-12)
    assert e.count("def ") == 1


def test_what_lies_elsewhere():
    x = leaf([1.0, 2.0])
    tg.backends.register("elsewhere", tg.backends.Host)
    with tg.backends.use("elsewhere"), tg.whole_tape():
        y = tg.exp(x)
    with pytest.raises(tg.errors.GraphError, match="elements of this tensor are not here"):
        tg.expression(y)


def test_infinite_slopes_are_guarded():
    x = np.array([0.0, 4.0])
    e = checked(lambda x: tg.where(x > 0, tg.sqrt(x), 0.0), x)
    assert e.gradients["v0"](g=np.ones(2)).tolist() == [0.0, 0.25]


def test_random_numbers_are_inputs():
    x = leaf(np.ones(30))
    with tg.whole_tape():
        y = (x + tg.random.normal((30,))).sum()
    e = tg.expression(y, names={"x": x})
    assert set(e.arguments) == {"x", "x0"} and e() == y.item()


def test_shared_arrays_are_remembered_as_they_were():
    w = np.array([1.0, 2.0])
    x = tg.asarray(w, copy=False).requires_grad_()
    with tg.whole_tape():
        first = (x + 1.0).sum()
        w[0] = 5.0
        second = (x + 1.0).sum()
    assert tg.expression(first)() == 5.0 and tg.expression(second)() == 9.0


def test_inputs_in_the_same_memory_are_told_apart():
    memory = np.array([1.0, 2.0])
    a, b = (tg.asarray(memory, copy=False).requires_grad_() for _ in range(2))
    for names in ({"a": a}, {"a": a, "b": b}, {"a": memory}):
        e = tg.expression((a * a * b).sum(), names=names)
        other = next(name for name in e.arguments if name != "a")
        assert e() == 9 and e.gradients.keys() == {"a", other}
        assert e.gradients["a"]().tolist() == [2, 8] and e.gradients[other]().tolist() == [1, 4]
    with tg.whole_tape():
        c, d = (tg.asarray(memory, copy=False) for _ in range(2))
        y = (c * d).sum()
    assert tg.expression(y, names={"c": c, "d": d})() == 5


def test_inputs_of_other_threads_of_names_do_not_mix():
    x = leaf([1.0, 2.0])
    with tg.whole_tape():
        y = tg.exp(x)
        z = y.detach().requires_grad_()
        out = (z * y).sum()
    e = tg.expression(out, names={"z": z, "x": x})
    assert np.allclose(e.gradients["z"](), np.exp([1, 2]))
    assert np.allclose(e.gradients["x"](), np.exp([2, 4]))


def test_long_chains():
    x = leaf(1.5)
    y = x
    for _ in range(20_000):
        y = -y
    e = tg.expression(y, names={"x": x})
    assert e() == 1.5 and e.gradients["x"]() == 1.0


def test_memory_is_free_without_the_collector():
    gc.disable()
    try:
        x = leaf(np.ones(1000))
        with tg.whole_tape():
            y = tg.exp(x + 1.0)
            array = weakref.ref(y.array), weakref.ref(x.array)
            e = tg.expression(y.sum())
        del x, y, e
        assert [a() for a in array] == [None, None]
        assert not tape.MADE and not tape.GIVEN
    finally:
        gc.enable()


def test_an_expression_is_a_string_that_can_be_kept():
    x = leaf([1.0, 2.0])
    e = tg.expression((x * x).sum(), names={"x": x})
    again = pickle.loads(pickle.dumps(e))
    assert again == e.source == str(e) and again() == 5.0
    assert again.gradients["x"]().tolist() == [2.0, 4.0]


def test_jit_and_anomalies_go_on_within():
    x = leaf([1.0, 2.0])
    with tg.whole_tape(), tg.detect_anomaly():
        y = tg.exp(x + 1.0)
    assert tg.expression(y, names={"x": x}).result == "np.exp(x + 1.0)"
    with tg.detect_anomaly(), tg.whole_tape(), pytest.raises(FloatingPointError):
        tg.log(x - 5.0)


def test_two_tensors_of_one_memory():
    """They are one input by the name that either has; it stood twice among the arguments."""
    array = np.array([1.0, 2.0, 3.0, 4.0])
    x, y = (tg.asarray(array, copy=False) for _ in "xy")
    part = tg.asarray(array[::-1], copy=False)
    with tg.whole_tape():
        z = x * y + x * part
    e = tg.expression(z, names={"x": x, "part": part})
    assert list(e.arguments) == ["x", "part"] and np.array_equal(e(), z.numpy())
    assert np.array_equal(e(x=np.ones(4)), 1.0 + array[::-1])
