"""grad, vjp, jvp, jacobian, hessian and hvp, of trees, of each other, and beside backward."""

import dataclasses
import math
from collections import namedtuple

import numpy as np
import pytest

import tidegrad as tg


def close(found, expected, rtol=1e-6):
    found = found.detach().numpy() if isinstance(found, tg.Tensor) else found
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-12)


# Perturbation confusion: each transform's variable is its own.
NESTED = {
    "grad of grad": (lambda: tg.grad(lambda x: x * tg.grad(lambda y: x * y)(1.0))(3.0), 6),
    "grad of grad of both": (
        lambda: tg.grad(lambda x: x * tg.grad(lambda y: x * y * y)(2.0))(3.0),
        24,
    ),
    "jvp of jvp": (
        lambda: tg.jvp(lambda x: x * tg.jvp(lambda y: x + y, [1.0], [1.0])[1], [3.0], [1.0])[1],
        1,
    ),
    "grad of jvp": (
        lambda: tg.grad(lambda x: x * tg.jvp(lambda y: x * y * y, [2.0], [1.0])[1])(3.0),
        24,
    ),
    "jvp of grad": (
        lambda: tg.jvp(lambda x: x * tg.grad(lambda y: x * y * y)(2.0), [3.0], [1.0])[1],
        24,
    ),
    "grad of vjp": (
        lambda: tg.grad(lambda x: x * tg.vjp(lambda y: x * y * y, 2.0)[1](1.0)[0])(3.0),
        24,
    ),
    "the same variable": (lambda: tg.grad(lambda x: tg.grad(lambda y: y**3 * x)(x))(2.0), 36),
    "three deep": (
        lambda: tg.grad(lambda x: tg.grad(lambda y: tg.grad(lambda z: x * y * z)(1.0))(1.0))(5.0),
        1,
    ),
    "a tangent that depends": (
        lambda: tg.grad(lambda x: tg.jvp(lambda y: y * y, [x], [x * x])[1])(2.0),
        6 * 4,
    ),
    "a cotangent that depends": (
        lambda: tg.grad(lambda x: tg.vjp(lambda y: y * y, 3.0)[1](x * x)[0])(2.0),
        24,
    ),
    "nothing of the outer": (lambda: tg.grad(lambda x: tg.grad(lambda y: y * y)(3.0) * x)(2.0), 6),
}


@pytest.mark.parametrize("recording", [True, False])
@pytest.mark.parametrize("call, expected", NESTED.values(), ids=NESTED)
def test_transforms_inside_each_other_keep_their_variables_apart(call, expected, recording):
    with (tg.enable_grad if recording else tg.no_grad)():
        result = call()
    assert result.item() == expected and not result.requires_grad


def test_a_hessian_closes_over_anothers_variable():
    w = tg.tensor(2.0, requires_grad=True)
    h = tg.hessian(lambda x: (w * x**3).sum())([1.0, 2.0])
    assert h.tolist() == [[12, 0], [0, 24]]
    h.sum().backward()
    assert w.grad.item() == 18
    mixed = tg.grad(lambda a: tg.hessian(lambda x: (a * a * x**3).sum())([1.0, 2.0]).sum())(3.0)
    assert mixed.item() == 2 * 3 * 18


@pytest.mark.parametrize("order", range(1, 8))
def test_derivatives_of_any_order(order):
    f = tg.sin
    for _ in range(order):
        f = tg.grad(f)
    close(f(np.float64(0.7)), math.sin(0.7 + order * math.pi / 2), 1e-12)
    f = tg.sin
    for _ in range(order):
        f = lambda x, inner=f: tg.jvp(inner, [x], [1.0])[1]
    close(f(tg.tensor(np.float64(0.7))), math.sin(0.7 + order * math.pi / 2), 1e-12)


def test_the_second_derivative_of_a_square_at_its_minimum():
    assert tg.hessian(lambda x: (x - 1) ** 2)(1.0).item() == 2
    assert tg.jvp(tg.grad(lambda x: (x - 1) * (x - 1)), [1.0], [1.0])[1].item() == 2
    x = tg.tensor(1.0, requires_grad=True)
    ((x - 1) ** 2).backward(create_graph=True)
    first, x.grad = x.grad, None
    first.backward()
    assert x.grad.item() == 2


def test_arguments_of_every_kind():
    leaf = tg.tensor([3.0], requires_grad=True)
    for x in (3.0, np.float32(3), np.array([3.0]), [3.0], [[3.0]], leaf.detach(), leaf, leaf * 1):
        assert tg.grad(lambda x: (x * x).sum())(x).numpy().ravel().tolist() == [6]
    assert tg.grad(tg.square)(np.float32(3)).dtype == np.float32
    assert tg.grad(tg.square)(np.array(3.0)).dtype == np.float64
    assert tg.grad(tg.square)(3.0).dtype == tg.float32 and leaf.grad is None


def test_nothing_touches_grad_or_the_arguments():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    kept = x.grad = tg.tensor([7.0, 7.0])
    node, array = x.node, x.array
    f = lambda x: (x**3).sum()
    with tg.no_grad():
        for call in (tg.grad, tg.value_and_grad, tg.hessian, tg.jacobian):
            call(f)(x)
        tg.hvp(f, x, x)
        tg.jvp(f, [x], [x])
        tg.vjp(f, x)[1](1.0)
    assert x.grad is kept and kept.tolist() == [7, 7] and x.node is node and x.array is array


Pair = namedtuple("Pair", "left right")


@dataclasses.dataclass
class Params:
    weight: object
    count: int
    name: str = "net"


def test_trees():
    def f(p, q):
        return (p.weight * q["w"][0]).sum() * p.count + q["pair"].left

    p = Params(tg.tensor([1.0, 2.0]), 3)
    q = {"w": [tg.tensor(2.0)], "ids": tg.tensor([1, 2]), "number": 1.5, "word": "a", "none": None,
         "pair": Pair(np.float32(1), np.ones(2)), "unused": tg.zeros((2, 2))}  # fmt: skip
    by_p, by_q = tg.grad(f, argnums=(0, 1))(p, q)
    assert by_p.weight.tolist() == [6, 6] and by_p.count is None and by_p.name is None
    assert by_q["w"][0].item() == 9 and by_q["pair"].left.item() == 1
    assert by_q["pair"].right.tolist() == [0, 0] and type(by_q["pair"]) is Pair
    assert by_q["unused"].tolist() == [[0, 0], [0, 0]]
    assert [by_q[k] for k in ("ids", "number", "word", "none")] == [None] * 4
    assert list(by_q) == list(q)


def test_modules():
    net = tg.nn.Sequential(tg.nn.Linear(2, 3), tg.nn.Tanh(), tg.nn.Linear(3, 1))
    x = tg.tensor([[1.0, 2.0]])
    loss = lambda net: (net(x) ** 2).sum()
    value, found = tg.value_and_grad(loss)(net)
    assert all(p.grad is None for p in net.parameters())
    expected = loss(net)
    expected.backward()
    assert value.item() == expected.item()
    for g, p in zip(found.parameters(), net.parameters(), strict=True):
        close(g, p.grad.numpy())


def test_unused_inputs_have_zeros_and_constants_too():
    assert tg.grad(lambda x, y: y * 2, argnums=(0, 1))(1.0, 1.0)[0].item() == 0
    assert tg.grad(lambda x: tg.tensor(5.0))(1.0).item() == 0
    assert tg.jacobian(lambda x: tg.ones(2))([1.0, 2.0]).tolist() == [[0, 0], [0, 0]]
    assert tg.hessian(lambda x: x.sum())([1.0, 2.0]).tolist() == [[0, 0], [0, 0]]
    assert tg.jvp(lambda x: tg.ones(2), [1.0], [1.0])[1].tolist() == [0, 0]
    assert tg.grad(lambda x: (x > 0).astype(tg.float32).sum())([1.0]).tolist() == [0]
    assert tg.grad(lambda x: x.astype(tg.int64).astype(tg.float32).sum())([1.5]).tolist() == [0]


def test_a_gradient_by_nothing_frees_nothing():
    w = tg.tensor(2.0, requires_grad=True)
    h = w * w
    with tg.no_grad():
        assert tg.grad(lambda d: h * 1)({"a": 3}) == {"a": None}
        assert tg.grad(lambda x: h)(1.0).item() == 0
    h.backward()
    assert w.grad.item() == 4


def test_has_aux_and_keywords():
    def f(x, *, scale):
        return (x * scale).sum(), {"doubled": x * 2, "text": "kept"}

    (value, aux), g = tg.value_and_grad(f, has_aux=True)([1.0, 2.0], scale=3.0)
    assert value.item() == 9 and g.tolist() == [3, 3] and aux["text"] == "kept"
    assert aux["doubled"].tolist() == [2, 4] and not aux["doubled"].requires_grad
    g, aux = tg.grad(f, has_aux=True)([1.0, 2.0], scale=3.0)
    assert g.tolist() == [3, 3]
    w = tg.tensor(2.0, requires_grad=True)
    _, (same, product) = tg.grad(lambda x: (x * x, (w, w * x)), has_aux=True)(3.0)
    product.backward()
    assert same is w and w.grad.item() == 3


def test_argnums():
    f = lambda a, b, c: a * b * b * c
    assert tg.grad(f, argnums=-2)(1.0, 2.0, 3.0).item() == 12
    assert [g.item() for g in tg.grad(f, argnums=(2, 0))(1.0, 2.0, 3.0)] == [4, 12]
    x = tg.tensor(3.0)
    assert [g.item() for g in tg.grad(lambda a, b: a * b, argnums=[0, 1])(x, x)] == [3, 3]
    h = tg.hessian(f, argnums=(0, 1))(1.0, 2.0, 3.0)
    assert [[e.item() for e in row] for row in h] == [[0, 12], [12, 6]]


def test_a_gradient_penalty_trains():
    w = tg.tensor([1.0, 2.0], dtype=tg.float64, requires_grad=True)
    x = tg.tensor([3.0, 4.0], dtype=tg.float64)
    f = lambda x: ((w * x) ** 2).sum()
    g = tg.grad(f)(x)
    assert g.requires_grad
    ((g**2).sum() + f(x)).backward()
    close(w.grad, 16 * w.numpy() ** 3 * x.numpy() ** 2 + 2 * w.numpy() * x.numpy() ** 2)
    with tg.no_grad():
        assert not tg.grad(f)(x).requires_grad


def matrix(rng):
    return rng.normal(size=(3, 4)), rng.normal(size=(4, 4))


def test_jacobians_and_hessians_have_closed_forms(rng):
    a, s = matrix(rng)
    x = rng.normal(size=4)
    close(tg.jacobian(lambda x: tg.tensor(a) @ x)(x), a)
    close(tg.jacobian(lambda x: x * x)(x), np.diag(2 * x))
    close(
        tg.jacobian(lambda x: tg.concat([x, x * 2, x]))(x),
        np.vstack([np.eye(4), 2 * np.eye(4), np.eye(4)]),
    )
    quadratic = lambda x: 0.5 * (x @ (tg.tensor(s) @ x))
    close(tg.grad(quadratic)(x), (s + s.T) @ x / 2)
    close(tg.hessian(quadratic)(x), (s + s.T) / 2)
    close(tg.hvp(quadratic, x, a[0]), (s + s.T) @ a[0] / 2)
    outer = tg.jacobian(lambda y: y.sum(axis=0))(a)
    assert outer.shape == (4, 3, 4)
    close(outer, np.einsum("jk,i->jik", np.eye(4), np.ones(3)))
    parts = tg.jacobian(lambda x: {"s": x.sum(), "v": (x * 3, x[0])})(x)
    close(parts["s"], np.ones(4))
    close(parts["v"][0], 3 * np.eye(4))
    close(parts["v"][1], np.eye(4)[0])
    assert tg.jacobian(lambda x: x[:0])(x).shape == (0, 4)


def test_vjp_and_jvp_of_trees():
    f = lambda x, y: (x * y["a"], {"s": x.sum()})
    x, y = [1.0, 2.0], {"a": tg.tensor([3.0, 4.0])}
    (product, rest), pull = tg.vjp(f, x, y)
    assert product.tolist() == [3, 8] and rest["s"].item() == 3
    by_x, by_y = pull((tg.tensor([1.0, 0.0]), {"s": 1.0}))
    assert by_x.tolist() == [4, 1] and by_y["a"].tolist() == [1, 0]
    by_x, by_y = pull((None, {"s": 2.0}))
    assert by_x.tolist() == [2, 2] and by_y["a"].tolist() == [0, 0]
    (product, rest), (t, u) = tg.jvp(f, [x, y], [[1.0, 0.0], {"a": tg.tensor([0.0, 1.0])}])
    assert t.tolist() == [3, 2] and u["s"].item() == 1


def test_hvp_of_several_arguments(rng):
    x, y, v, u = rng.normal(size=(4, 3))
    f = lambda x, y: (x**3 * tg.sin(y)).sum()
    by_x, by_y = tg.hvp(f, (x, y), (v, u))
    close(by_x, 6 * x * np.sin(y) * v + 3 * x**2 * np.cos(y) * u)
    close(by_y, 3 * x**2 * np.cos(y) * v - x**3 * np.sin(y) * u)


def test_beside_jax(jax, rng):
    np_ = jax.numpy
    x, v = rng.normal(size=(2, 4))
    weight = rng.normal(size=(4, 4))
    ours = lambda x: tg.tanh(tg.tensor(weight) @ tg.sin(x)) * x
    theirs = lambda x: np_.tanh(weight @ np_.sin(x)) * x
    scalar = lambda f: lambda x: (f(x) ** 2).sum()
    close(tg.jacobian(ours)(x), jax.jacobian(theirs)(x), 1e-10)
    close(tg.hessian(scalar(ours))(x), jax.hessian(scalar(theirs))(x), 1e-10)
    close(tg.jvp(ours, [x], [v])[1], jax.jvp(theirs, (x,), (v,))[1], 1e-10)
    close(tg.vjp(ours, x)[1](v)[0], jax.vjp(theirs, x)[1](v)[0], 1e-10)
    third = lambda grad, f: grad(lambda x: (grad(lambda x: (grad(f)(x) * v).sum())(x) * v).sum())
    close(third(tg.grad, scalar(ours))(x), third(jax.grad, scalar(theirs))(x), 1e-9)


def test_auxiliary_values_come_beside():
    f = lambda x: ((x**3).sum(), {"twice": x * 2})
    x = tg.tensor([1.0, 2.0])
    y, pull, aux = tg.vjp(f, x, has_aux=True)
    assert y.item() == 9 and pull(1.0)[0].tolist() == [3, 12] and aux["twice"].tolist() == [2, 4]
    y, slope, aux = tg.jvp(f, [x], [tg.ones(2)], has_aux=True)
    assert slope.item() == 15 and not aux["twice"].requires_grad
    slope, aux = tg.jacobian(f, has_aux=True)(x)
    assert slope.tolist() == [3, 12] and aux["twice"].tolist() == [2, 4]
    bend, aux = tg.hessian(f, has_aux=True)(x)
    assert bend.tolist() == [[6, 0], [0, 12]] and aux["twice"].tolist() == [2, 4]
    product, aux = tg.hvp(f, x, tg.ones(2), has_aux=True)
    assert product.tolist() == [6, 12] and aux["twice"].tolist() == [2, 4]


@pytest.mark.parametrize("transform", [tg.grad, tg.value_and_grad, tg.jacobian, tg.hessian])
def test_what_is_not_a_function_is_refused_at_once(transform):
    with pytest.raises(TypeError, match="takes a function of tensors, not 3"):
        transform(3)
