"""simplegrad's SymbolicArray: arrays and gradients with source that gives the same numbers."""

import copy
import pickle

import numpy as np
import pytest

from tidegrad.dialects.simplegrad import Adam, Tensor
from tidegrad.dialects.simplegrad.accel.symbolic import SymbolicArray


def evaluated(array, **names):
    """What the source of an array gives, with NumPy and the arrays by name: twice the same."""
    names |= {"np": np, "numpy": np}
    found = eval(array.expand(), dict(names))
    lines = dict(names)
    exec("\n".join(f"{name} = {text}" for name, text in array.locals.items()), lines)
    assert np.array_equal(eval(array.symbolic, lines), found)
    return found


def same(array, **names):
    assert isinstance(array, SymbolicArray)
    plain = array.view(np.ndarray)
    found = evaluated(array, **names)
    assert np.array_equal(plain, found) and plain.dtype == np.asarray(found).dtype


PROGRAMS = {
    "tanh": lambda x, w: x.tanh().sum(),
    "sigmoid": lambda x, w: x.sigmoid().mul(w).sum(),
    "softmax": lambda x, w: x.softmax().mul(w).sum(),
    "logsoftmax": lambda x, w: x.logsoftmax().mul(w).sum(axis=1).mean(),
    "layer_norm": lambda x, w: x.layer_norm(-1, w, 0.5).pow(2).sum(),
    "max": lambda x, w: x.max(axis=0).sub(w.fork().max(axis=0)).pow(2).sum(),
    "relu": lambda x, w: x.sub(w).relu().div(2.0).sum(),
    "einsum": lambda x, w: x.einsum("ij,kj->ik", w).exp().sum(),
    "used twice": lambda x, w: x.fork().mul(w).add(x.mul(x)).sum(),
    "getitem": lambda x, w: x[1:, ::2].mul(w[0, :2]).sum(),
    "as_strided": lambda x, w: x.as_strided(shape=(2, 2, 2), strides=(12, 4, 8)).pow(3).sum(),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_values_and_gradients(name, rng):
    x, w = rng.normal(size=(4, 3)).astype("f4"), rng.normal(size=(4, 3)).astype("f4")
    tx, tw = Tensor(SymbolicArray(x, "x")), Tensor(SymbolicArray(w, "w"))
    out = PROGRAMS[name](tx, tw)
    same(out.data, x=x, w=w)
    plain = Tensor(x), Tensor(w)
    other = PROGRAMS[name](*plain)
    np.testing.assert_allclose(out.data.view(np.ndarray), other.data, rtol=2e-6)
    out.backward()
    other.backward()
    for t, p in zip((tx, tw), plain, strict=True):
        if p.grad is not plain[0].grad and name in ("tanh", "as_strided"):
            assert t.grad == p.grad == 0
            continue
        same(t.grad, x=x, w=w)
        np.testing.assert_allclose(t.grad.view(np.ndarray), p.grad, rtol=1e-4, atol=1e-6)
    same(out.data, x=x, w=w)  # also when the graph is freed


@pytest.mark.parametrize("stride, padding", [(1, 0), (2, 1)])
def test_convolution_and_pooling(stride, padding, rng):
    x, w = rng.normal(size=(2, 3, 7, 6)).astype("f4"), rng.normal(size=(4, 3, 3, 3)).astype("f4")
    tx, tw = Tensor(SymbolicArray(x, "x")), Tensor(SymbolicArray(w, "w"))
    out = tx.conv2d(tw, padding, stride).maxpool2d((2, 2), padding, stride).pow(2).sum()
    plain = Tensor(x), Tensor(w)
    other = plain[0].conv2d(plain[1], padding, stride).maxpool2d((2, 2), padding, stride)
    other.pow(2).sum().backward()
    out.backward()
    for t, p in zip((tx, tw), plain, strict=True):
        same(t.grad, x=x, w=w)
        np.testing.assert_allclose(t.grad.view(np.ndarray), p.grad, rtol=1e-3, atol=1e-4)


def test_sources_are_readable():
    x = Tensor(SymbolicArray(np.array([1.0, 2.0]), "x"))
    h = x.exp()
    assert h.data.symbolic == "np.exp(x)" and h.data.locals == {}
    h.mul(h.fork()).add(1.0)
    assert h.data.symbolic == "t0 * t0 + 1.0" and h.data.locals == {"t0": "np.exp(x)"}
    assert h.data.expand() == "(np.exp(x)) * (np.exp(x)) + 1.0"


def test_an_array_of_numpys():
    a = SymbolicArray(np.array([1.0, 4.0]), "a")
    assert isinstance(a, np.ndarray) and a.symbolic == a.expand() == "a" and a.locals == {}
    assert SymbolicArray(a) is a
    out = np.sqrt(a) + 2 * a
    same(out, a=a.view(np.ndarray))
    same(np.sum(out), a=a.view(np.ndarray))
    assert (a == np.array([1.0, 4.0])).all()
    assert repr(a).startswith("SymbolicArray") and str(a) == "[1. 4.]"
    plain = np.unwrap(a)  # which tidegrad has not
    assert plain.tolist() == np.unwrap(np.array([1.0, 4.0])).tolist()
    assert SymbolicArray([1.0, 2.5]).symbolic == "[1. ,2.5]"
    same(np.exp(SymbolicArray([1.0, 2.5])))
    same(SymbolicArray(np.array([3.0]), "b * 2") * a, a=a.view(np.ndarray), b=np.array([1.5]))
    with pytest.raises(ValueError, match="broadcast"):
        a + np.ones(3)


def test_an_array_may_be_used_twice():
    a = SymbolicArray(np.array([1.0, 2.0]), "a")
    b = SymbolicArray(a.view(np.ndarray), "b")
    assert (a + a).symbolic == "a + a" and (a + a).tolist() == [2, 4]
    assert (a * b + a).symbolic == "(a * b) + a" and (a * b + a).tolist() == [2, 6]
    same(np.where(a > 1, a, a * a), a=a.view(np.ndarray))


def test_with_plain_arrays_and_tensors(rng):
    x = rng.normal(size=3)
    t = Tensor(np.array([1.0, 2.0, 3.0]))
    out = Tensor(SymbolicArray(x, "x")).mul(t).add(rng.normal(size=3)).sum()
    same(out.data, x=x)
    assert Tensor(np.ones(3)).mul(SymbolicArray(x, "x")).data.symbolic.count("x") == 1
    out.backward()
    same(t.grad, x=x)


def test_optimizers_step_to_plain_arrays():
    w = Tensor(SymbolicArray(np.array([1.0, 2.0]), "w"))
    optim = Adam([w])
    w.fork().pow(2).sum().backward()
    optim.step()
    assert np.allclose(w.data, [0.99, 1.99]) and type(w.data) is np.ndarray


def test_parts_and_views_are_what_their_source_gives():
    """They had the source of the whole: `a` for `a[::-1]`, and none at all after a pickle."""
    a = SymbolicArray(np.arange(6.0).reshape(2, 3) / 7, "a")
    e = np.exp(a * a) + a * a
    parts = [a[::-1], a[:, [2, 0]], a.T, a.reshape(3, 2), a.ravel(), a.astype("f4"), e[0], e.T]
    for part in parts:
        assert np.array_equal(eval(f"np.array({part.expand()}, '{part.dtype}')", {"np": np}), part)
    for copied in (copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))):
        for x in (a, e):
            other = copied(x)
            assert type(other) is SymbolicArray and np.array_equal(other, x)
            assert (other.symbolic, other.locals) == (x.symbolic, x.locals)
    plain = SymbolicArray([1.0, 2.0])
    plain[0] = 5.0
    assert plain.symbolic == "[5.,2.]"
