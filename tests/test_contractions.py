"""Matrix products and einsum, held against NumPy and differences."""

import numpy as np
import pytest
from differences import assert_derivatives, numbers

import tidegrad as tg

MATMULS = [
    ((3, 4), (4, 5)), ((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 5)), ((2, 3, 4), (4, 5)), ((3, 4), (2, 4, 5)),
    ((2, 3, 4), (2, 4, 5)), ((1, 3, 4), (5, 4, 2)), ((5, 3, 4), (1, 4, 2)), ((2, 1, 3, 4), (5, 4, 2)), ((4,), (2, 4, 3)),
    ((2, 3, 4), (4,)), ((2, 6, 1, 4), (1, 6, 4, 3)), ((3, 1), (1, 2)), ((1, 1, 4), (1, 4, 1)),
]  # fmt: skip
EINSUMS = [
    ("ij,jk->ik", (2, 3), (3, 4)), ("ij,kj", (2, 3), (4, 3)), ("ij,jk->k", (2, 2), (2, 3)), ("ij,jk->", (2, 3), (3, 4)),
    ("ij->ji", (2, 3)), ("ii", (3, 3)), ("ii->i", (3, 3)), ("iij->j", (3, 3, 2)), ("ijji->j", (2, 3, 3, 2)), ("ij->", (2, 3)),
    ("i,i", (3,), (3,)), ("i,j->ij", (3,), (2,)), ("i,j->ji", (3,), (2,)), ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
    ("bij,bjk->ikb", (2, 3, 4), (2, 4, 5)), ("...ij,...jk->...ik", (2, 3, 4), (4, 5)), ("...ij,...jk", (2, 1, 3, 4), (5, 4, 2)),
    ("...i->i...", (2, 3, 4)), ("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)), ("ij,ij,ij->i", (2, 3), (2, 3), (2, 3)),
    ("bqhd,bkhd->bhqk", (2, 3, 2, 4), (2, 5, 2, 4)), ("ab,cb,dc,ea->de", (2, 3), (4, 3), (2, 4), (3, 2)), ("ij,ij->ij", (2, 3), (2, 3)),
    ("ij,jj->i", (2, 3), (3, 3)), ("ij,jk->ik", (2, 1), (3, 4)), ("abc,cd->bd", (2, 3, 4), (4, 2)), (",i->i", (), (3,)), ("ji,i", (2, 3), (3,)),
    ("ijk,lkj->il", (2, 3, 4), (3, 4, 3)), ("i,ij,j", (2,), (2, 3), (3,)),
]  # fmt: skip


def arrays(shapes):
    return [numbers(s, seed=i) for i, s in enumerate(shapes)]


@pytest.mark.parametrize("shapes", MATMULS, ids=str)
def test_matmul(shapes):
    x, y = arrays(shapes)
    found = tg.tensor(x) @ tg.tensor(y)
    np.testing.assert_allclose(found.numpy(), x @ y, rtol=1e-13)
    assert found.shape == (x @ y).shape
    np.testing.assert_allclose((x @ tg.tensor(y)).numpy(), x @ y, rtol=1e-13)
    np.testing.assert_allclose((tg.tensor(x) @ y).numpy(), x @ y, rtol=1e-13)
    assert_derivatives(tg.matmul, [x, y])


@pytest.mark.parametrize("case", EINSUMS, ids=str)
def test_einsum(case):
    spec, *shapes = case
    xs = arrays(shapes)
    expected = np.einsum(spec, *xs)
    found = tg.einsum(spec, *[tg.tensor(x) for x in xs])
    assert found.shape == expected.shape
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12, atol=1e-13)
    assert_derivatives(lambda *ts: tg.einsum(spec, *ts), xs)


def test_einsum_by_lists():
    x, y = arrays([(2, 3), (3, 4)])
    for args in (
        (x, [0, 1], y, [1, 2], [0, 2]),
        (x, [5, 1], y, [1, 0]),
        (x, [..., 1], y, [1, 2], [..., 2]),
    ):
        np.testing.assert_allclose(tg.einsum(*args).numpy(), np.einsum(*args), rtol=1e-13)


OTHERS = [
    ("tensordot 2", lambda x, y: tg.tensordot(x, y), lambda x, y: np.tensordot(x, y), (2, 3, 4), (3, 4, 5)),
    ("tensordot 0", lambda x, y: tg.tensordot(x, y, 0), lambda x, y: np.tensordot(x, y, 0), (2,), (3,)),
    ("tensordot of axes", lambda x, y: tg.tensordot(x, y, ((0, -1), (1, 0))), lambda x, y: np.tensordot(x, y, ((0, -1), (1, 0))), (2, 3, 4), (4, 2, 5)),
    ("vecdot", lambda x, y: tg.vecdot(x, y), lambda x, y: (x * y).sum(-1), (2, 3), (3,)),
    ("vecdot of an axis", lambda x, y: tg.vecdot(x, y, axis=-2), lambda x, y: (x * y).sum(-2), (2, 3, 4), (3, 1)),
    ("vecdot of unequal axes", lambda x, y: tg.vecdot(x, y, axis=0), lambda x, y: np.einsum("ijk,ik->jk", x, y), (2, 3, 4), (2, 4)),
    ("outer", tg.outer, np.outer, (3,), (4,)),
    ("dot", tg.dot, np.dot, (2, 3, 4), (5, 4, 3)),
    ("dot of vectors", tg.dot, np.dot, (3,), (3,)),
    ("dot with a number", tg.dot, np.dot, (), (3,)),
]  # fmt: skip


@pytest.mark.parametrize("name, f, truth, a, b", OTHERS, ids=[c[0] for c in OTHERS])
def test_other_products(name, f, truth, a, b):
    x, y = arrays((a, b))
    np.testing.assert_allclose(
        f(tg.tensor(x), tg.tensor(y)).numpy(), truth(x, y), rtol=1e-13, atol=1e-14
    )
    assert_derivatives(f, [x, y])


@pytest.mark.parametrize(
    "a, b",
    [((0, 3), (3, 2)), ((2, 0), (0, 3)), ((0, 2, 3), (0, 3, 2)), ((0,), (0,)), ((2, 0), (0,))],
)
def test_products_of_nothing(a, b):
    x, y = tg.zeros(a, requires_grad=True), tg.zeros(b, requires_grad=True)
    out = x @ y
    assert np.array_equal(out.numpy(), np.zeros(a) @ np.zeros(b))
    out.sum().backward()
    assert x.grad.shape == a and y.grad.shape == b


def test_layouts_do_not_matter():
    x, y = arrays([(8, 6), (6, 10)])
    for left in (tg.tensor(x), tg.tensor(x.T.copy()).T, tg.tensor(x[::-1].copy())[::-1]):
        for right in (tg.tensor(y), tg.tensor(y.T.copy()).T, tg.tensor(np.repeat(y, 2, 1))[:, ::2]):
            np.testing.assert_allclose((left @ right).numpy(), x @ y, rtol=1e-13)


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "bool"])
def test_integers(dtype):
    x, y = np.array([[1, 0], [1, 1]]).astype(dtype), np.array([[0, 1], [1, 1]]).astype(dtype)
    found = tg.tensor(x) @ tg.tensor(y)
    assert np.array_equal(found.numpy(), x @ y) and found.dtype == (x @ y).dtype
    assert tg.vecdot(x, y).dtype == dtype
    assert np.array_equal(tg.vecdot(x, y).numpy(), np.einsum("ij,ij->i", x, y))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: tg.ones((2, 3)) @ tg.ones((2, 3)), r"matmul: shapes \(2, 3\) and \(2, 3\) do not fit"),
        (lambda: tg.ones((2, 2, 3)) @ tg.ones((3, 3, 4)), "axis -3: 2 and 3"),
        (lambda: tg.matmul(2.0, tg.ones(3)), "use \\*"),
        (lambda: tg.einsum("ij,jk->ik", tg.ones((2, 3)), tg.ones((4, 5))), "'j' in 'ij,jk->ik' has size 3"),
        (lambda: tg.einsum("ij->ik", tg.ones((2, 3))), "'k' in the result"),
        (lambda: tg.einsum("ij,jk->ik", tg.ones((2, 3))), "for 2 operands, 1 were given"),
        (lambda: tg.einsum("ijk->i", tg.ones((2, 3))), "does not label the axes"),
        (lambda: tg.einsum("i1->i", tg.ones((2, 3))), "not made of letters"),
        (lambda: tg.tensordot(tg.ones((2, 3)), tg.ones((2, 3)), 1), "tensordot: axis 1 of shape"),
        (lambda: tg.vecdot(tg.ones(3), tg.ones(4)), "vecdot: sizes 3 and 4 differ along axis -1"),
        (lambda: tg.vecdot(tg.ones((2, 3)), tg.ones((3, 3))), "vecdot: .* do not broadcast"),
        (lambda: tg.vecdot(tg.ones(()), tg.ones(3)), "vecdot: axis -1 is out of range"),
        (lambda: tg.tensordot(tg.ones((2, 3)), tg.ones((2, 3)), 3), "3 axes of tensors with 2 and 2"),
        (lambda: tg.tensordot(tg.ones((2, 3)), tg.ones((2, 3)), ((0, 1), (0,))), "as many of both sides"),
        (lambda: tg.tensordot(tg.ones((2, 2)), tg.ones((2, 2)), ((0, 0), (0, 1))), "once each"),
        (lambda: tg.tensordot(tg.ones((2, 2)), tg.ones((2, 2)), (0, 1, 1)), "a number or two lists"),
        (lambda: tg.einsum("i...->i", tg.ones((2, 3))), "needs '...'"),
        (lambda: tg.outer(tg.ones((2, 2)), tg.ones(2)), "outer: takes two vectors"),
    ],
)  # fmt: skip
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
