"""Faults measured in small engines, each a test here: graphs, broadcasting, shapes and dtypes.

The numbers are those of finite differences; training has its own file.
"""

import numpy as np
import pytest

import tidegrad as tg


def gradients(f, *arrays, seed=None):
    """The value of f, and its gradient by each array, the sum of f being differentiated."""
    leaves = [tg.tensor(np.asarray(a, np.float64), requires_grad=True) for a in arrays]
    y = f(*leaves)
    y.backward(np.ones(y.shape) if seed is None else np.asarray(seed, np.float64))
    return y.numpy(), *[leaf.grad.numpy() for leaf in leaves]


BINARY = ["add", "subtract", "multiply", "divide", "pow", "maximum", "minimum", "hypot", "atan2"]
BINARY += ["logaddexp", "remainder"]


@pytest.mark.parametrize("shapes", [((2, 3), (3,)), ((2, 3), (2, 1)), ((2, 3), ()), ((), (2, 3))])
@pytest.mark.parametrize("name", BINARY)
def test_broadcasting_is_undone_by_sums(name, shapes, rng):
    x, y = (rng.uniform(0.5, 2, s) for s in shapes)
    z, dx, dy = gradients(getattr(tg, name), x, y)
    wide = np.broadcast_arrays(x, y)
    same, wide_dx, wide_dy = gradients(getattr(tg, name), *wide)
    assert np.array_equal(z, same) and dx.shape == x.shape and dy.shape == y.shape
    for narrow, summed in [(dx, wide_dx), (dy, wide_dy)]:
        added = tuple(range(2 - narrow.ndim))
        ones = tuple(i for i, n in enumerate(narrow.shape, 2 - narrow.ndim) if n == 1)
        np.testing.assert_allclose(narrow, summed.sum(added + ones).reshape(narrow.shape))


@pytest.mark.parametrize(
    "shapes",
    [
        ((3,), (3,)),
        ((3,), (3, 4)),
        ((2, 3), (3,)),
        ((2, 3), (3, 4)),
        ((4, 2, 3), (3, 4)),
        ((2, 3), (5, 3, 4)),
        ((1, 2, 3), (5, 3, 4)),
        ((5, 2, 3), (3,)),
        ((3,), (5, 3, 4)),
        ((7, 1, 2, 3), (5, 3, 4)),
    ],
    ids=str,
)
def test_every_form_of_matmul(shapes, rng):
    x, y = (rng.normal(size=s) for s in shapes)
    seed = rng.normal(size=np.shape(x @ y))
    z, dx, dy = gradients(tg.matmul, x, y, seed=seed)
    np.testing.assert_allclose(z, x @ y)
    # Along the directions dx and dy, z changes by what the gradients say.
    for d, change in [(dx, (lambda t: t @ y)), (dy, (lambda t: x @ t))]:
        t = rng.normal(size=d.shape)
        np.testing.assert_allclose((d * t).sum(), (seed * change(t)).sum())


def test_matrix_times_vector():
    x, w = [[1, 2, 3], [4, 5, 7]], [1, -1, 2]
    z, dx, dw = gradients(tg.matmul, x, w)
    assert z.tolist() == [5, 13]
    assert dx.tolist() == [[1, -1, 2], [1, -1, 2]] and dw.tolist() == [5, 7, 10]


def test_shared_intermediates_count_once_each():
    assert gradients(lambda x: (2 * x) + (2 * x), 1.0)[1] == 4

    def square_of_square(x):
        y = x * x
        return y * y

    np.testing.assert_allclose(gradients(square_of_square, 1.137)[1], 4 * 1.137**3)


def test_doublings_take_linear_time():
    def doubled(x, times):
        for _ in range(times):
            x = x + x
        return x

    assert gradients(lambda x: doubled(x, 10), 1.0)[1] == 1024
    assert gradients(lambda x: doubled(x, 18), 1.0)[1] == 262144
    # Were each path walked, this would not end.
    assert gradients(lambda x: doubled(x, 1000), 1.0)[1] == 2.0**1000


def test_long_chains_and_deep_operands():
    def chain(x):
        for _ in range(20_000):
            x = x * 1.0
        return x

    def nested(x):
        y = x
        for _ in range(20_000):
            y = x + y
        return y

    assert gradients(chain, 2.0)[1] == 1 and gradients(nested, 2.0)[1] == 20_001


def test_second_backward_is_an_error_or_adds_the_same_again():
    x = tg.tensor(2.0, requires_grad=True)
    y = 3 * x
    z = y * y
    z.backward(retain_graph=True)
    assert x.grad.item() == 36
    z.backward()
    assert x.grad.item() == 72
    with pytest.raises(RuntimeError, match=r"freed.*retain_graph=True"):
        z.backward()
    assert x.grad.item() == 72


def test_gradients_add_up_over_graphs():
    x = tg.tensor(1.0, requires_grad=True)
    for expected in (3.0, 6.0):
        (x**2 + x + 1).backward()
        assert x.grad.item() == expected


LEFT = {"ndarray": np.array([[2.0, 3.0], [4.0, 5.0]]), "float": 2.0, "float64": np.float64(2.0)}
PAIRS = [(kind, op) for kind in LEFT for op in ("+", "-", "*", "/", "**")] + [("ndarray", "@")]


@pytest.mark.parametrize("kind, op", PAIRS)
def test_anything_on_the_left(kind, op):
    left = LEFT[kind]
    x = np.array([[1.0, 2.0], [0.5, 3.0]])
    z, dx = gradients(lambda t: eval(f"left {op} t", {"left": left, "t": t}), x)
    np.testing.assert_allclose(z, eval(f"left {op} x"))
    both = gradients(lambda a, t: eval(f"a {op} t"), np.asarray(left), x)
    np.testing.assert_allclose(dx, both[2])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_saturation(dtype):
    far = np.array([-1000, -800, -88, 88, 800, 1000], dtype)
    for name, high, low in [("tanh", 1, -1), ("sigmoid", 1, 0)]:
        x = tg.tensor(far, requires_grad=True)
        y = getattr(tg, name)(x)
        y.sum().backward()
        np.testing.assert_allclose(y.numpy(), [low] * 3 + [high] * 3, atol=1e-30)
        np.testing.assert_allclose(x.grad.numpy(), 0, atol=1e-30)
    assert tg.relu(tg.tensor(-np.inf)).item() == 0
    assert tg.softmax(tg.tensor([1000.0, 0.0])).tolist() == [1, 0]
    for logits, right, loss, expected in [
        ([0, 0, 2000], 0, 2000, [-1, 0, 1]),
        ([0, 0, 800], 2, 0, [0, 0, 0]),
    ]:
        x = tg.tensor(np.array(logits, dtype), requires_grad=True)
        found = tg.nn.cross_entropy(x, tg.tensor(right))
        found.backward()
        assert found.item() == loss and x.grad.tolist() == expected


def test_cross_entropy_by_hand():
    x = tg.tensor(np.array([[1.0, 2, 3], [1, 1, 1]]), requires_grad=True)
    loss = tg.nn.cross_entropy(x, tg.tensor([2, 0]))
    loss.backward()
    third = 1 / 3
    expected = [[0.04501529, 0.12236424, -0.16737952], [-third, third / 2, third / 2]]
    np.testing.assert_allclose(loss.item(), 0.75310913, rtol=1e-8)
    np.testing.assert_allclose(x.grad.numpy(), expected, atol=1e-8)
    p = tg.tensor(np.array([0.3, 0.6]))
    loss = tg.nn.binary_cross_entropy(p, tg.tensor(np.array([1.0, 0.0])))
    np.testing.assert_allclose(loss.item(), 1.06013177, rtol=1e-8)


def test_softmax_by_hand():
    y, dx = gradients(lambda x: tg.softmax(x), [1, 2, 3], seed=[1, 0, 0])
    np.testing.assert_allclose(y, [0.09003057, 0.24472847, 0.66524096], atol=1e-8)
    np.testing.assert_allclose(dx, [0.08192507, -0.02203304, -0.05989202], atol=1e-8)


def test_constant_rows():
    rows = np.full((2, 3), 0.1)
    for f in (
        lambda x: tg.std(x, axis=1),
        lambda x: tg.nn.functional.layer_norm(x, 3, eps=1e-9) * tg.tensor([1.0, 0.0, 0.0]),
    ):
        y, dx = gradients(f, rows)
        assert np.isfinite(y).all() and np.isfinite(dx).all()
    y, dx = gradients(lambda x: tg.std(x, axis=1), rows)
    assert not y.any() and not dx.any()
    y, dx = gradients(tg.std, [1, 2, 4])
    np.testing.assert_allclose(y, 1.24721913, rtol=1e-8)
    np.testing.assert_allclose(dx, [-0.35634832, -0.08908708, 0.44543540], atol=1e-8)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, 1, 2, -1, -3, (0,), (0, 2), (-1, 0), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "prod", "std", "var"])
def test_reductions_on_any_axis(name, axis, keepdims, rng):
    x = rng.normal(size=(3, 2, 3))
    expected = getattr(np, name)(x, axis=axis, keepdims=keepdims)
    seed = rng.normal(size=expected.shape)
    y, dx = gradients(lambda t: getattr(tg, name)(t, axis=axis, keepdims=keepdims), x, seed=seed)
    assert y.shape == expected.shape
    np.testing.assert_allclose(y, expected)
    t, h = rng.normal(size=x.shape), 1e-6
    up, down = (getattr(np, name)(x + s * t, axis=axis, keepdims=keepdims) for s in (h, -h))
    np.testing.assert_allclose((dx * t).sum(), (seed * (up - down)).sum() / (2 * h), rtol=1e-6)


def test_reductions_by_hand():
    weights = tg.tensor([1.0, 2.0, 3.0])
    _, dx = gradients(lambda x: x.sum(axis=0) * weights, np.ones((3, 3)))
    assert dx.tolist() == [[1, 2, 3]] * 3
    _, dx = gradients(lambda x: x.max(axis=0) * weights, [[1, 5, 2], [4, 0, 9], [7, 3, 8]])
    assert dx.tolist() == [[0, 2, 0], [0, 0, 3], [1, 0, 0]]
    assert tg.mean([[1, 5, 2], [4, 0, 9]], axis=0).tolist() == [2.5, 2.5, 5.5]


def test_transposes():
    weights = np.arange(12.0)
    x = np.zeros((2, 2, 3))
    _, dx = gradients(lambda t: t.transpose(0, -1, -2), x, seed=weights.reshape(2, 3, 2))
    assert dx.tolist() == [[[0, 2, 4], [1, 3, 5]], [[6, 8, 10], [7, 9, 11]]]
    _, dx = gradients(lambda t: t.transpose(), x, seed=weights.reshape(3, 2, 2))
    assert np.array_equal(dx, weights.reshape(3, 2, 2).T)


def test_tile_expand_and_sums_of_them():
    for f in (
        lambda x: tg.tile(x, 5),
        lambda x: tg.broadcast_to(x, (5, 3)),
        lambda x: tg.repeat(x, 5),
    ):
        assert gradients(f, [1, 2, 3])[1].tolist() == [5, 5, 5]
    random = np.random.RandomState(0)
    x, y, target = (0.05 * random.randn(*s) for s in [(5, 7), (7, 9), (5, 9)])
    loss = lambda a, b, c: ((target - (a @ b + tg.broadcast_to(c, (5, 9)))) ** 2).mean()
    value, dx, dy, dc = gradients(loss, x, y, 0.0)
    np.testing.assert_allclose([value, dc], [0.00255833, -0.03099464], rtol=2e-6)
    slope = -2 * (target - x @ y) / 45
    np.testing.assert_allclose(dx, slope @ y.T)
    np.testing.assert_allclose(dy, x.T @ slope)


def test_einsum_sums_an_index_of_one_operand():
    z, dx, dy = gradients(
        lambda x, y: tg.einsum("ij,jk->k", x, y), [[1, 2], [3, 4]], [[1, 0, 2], [0, 1, 3]]
    )
    assert z.tolist() == [4, 6, 26] and dx.tolist() == [[3, 4], [3, 4]]
    assert dy.tolist() == [[4, 4, 4], [6, 6, 6]]


def test_a_tensor_used_twice():
    _, dx, dw = gradients(lambda x, w: x * w + x * x * w, [1, 2], [3, 4])
    assert dx.tolist() == [9, 20] and dw.tolist() == [2, 6]


def test_expressions_by_hand():
    def sanity(x):
        z = 2 * x + 2 + x
        q = tg.relu(z) + z * x
        h = tg.relu(z * z)
        return h + q + q * x

    def more(a, b):
        c = a + b
        d = a * b + b**3
        c = c + (c + 1)
        c = c + (1 + c + (-a))
        d = d + (d * 2 + tg.relu(b + a))
        d = d + (3 * d + tg.relu(b - a))
        f = (c - d) ** 2
        return f / 2.0 + 10.0 / f

    for f, at, expected in [
        (sanity, [-4], [-20, 46]),
        (more, [-4, 2], [24.70408163, 138.83381924, 645.57725948]),
        (lambda a, b, c: tg.relu(a * b + c), [2, 3, 10], [16, 3, 2, 1]),
        (lambda x: tg.sin(x) * tg.cos(x), [2], [-0.37840125, -0.65364362]),
        (lambda x: 2**x, [3], [8, 5.54517744]),
        (lambda x: (x**3 + x**2 + x + 1 - 1) ** 2, [1], [9, 36]),
        (lambda a, b, c, f: (a * b + c) * f, [2, -3, 10, -2], [-8, 6, -4, -2, 4]),
    ]:
        np.testing.assert_allclose(gradients(f, *at), expected, rtol=1e-7)
