"""backward: where gradients go, how they add up, and what keeps or frees the graph."""

import numpy as np
import pytest

import tidegrad as tg


def leaf(*values):
    return tg.tensor(list(values), requires_grad=True)


def test_gradients_accumulate_on_leaves():
    x = leaf(1.0, 2.0)
    (x * x).sum().backward()
    assert x.grad.tolist() == [2, 4]
    kept = x.grad
    (3 * x).sum().backward()
    assert x.grad.tolist() == [5, 7] and kept.tolist() == [2, 4]
    x.grad = None
    (3 * x).sum().backward()
    assert x.grad.tolist() == [3, 3] and not x.grad.requires_grad


@pytest.mark.parametrize("dtype", [tg.float32, tg.float64])
@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (1, 3)])
def test_a_gradient_has_its_leafs_shape_and_dtype(shape, dtype):
    x = tg.ones(shape, dtype=dtype, requires_grad=True)
    other = tg.ones((2, 1, 1), dtype=tg.float64, requires_grad=True)
    y = (x * other * np.float64(2) + np.arange(3)[:, None, None, None]) ** 2.0
    tg.sin(y).sum().backward()
    assert x.grad.shape == shape and x.grad.dtype == dtype
    assert type(x.grad.array) is np.ndarray and other.grad.dtype == tg.float64


# Each doubling is a diamond: a walk along paths would take 2**n steps.
@pytest.mark.parametrize("count", [1, 10, 18, 60])
def test_doublings_are_exact(count):
    x = tg.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(count):
        y = y + y
    y.backward()
    assert x.grad.item() == 2.0**count


def test_shared_subgraphs_count_once_for_each_use():
    x = tg.tensor(1.137, dtype=tg.float64, requires_grad=True)
    y = x * x
    (y * y).backward()
    assert abs(x.grad.item() - 4 * 1.137**3) < 1e-12
    x = leaf(2.0, 3.0)
    h = tg.exp(x)
    a, b = h * 2, h[::-1]
    (a * b + h.sum()).sum().backward()
    e = np.exp(np.array([2.0, 3.0]))
    np.testing.assert_allclose(x.grad.numpy(), e * (4 * e[::-1] + 2), rtol=1e-6)


def test_the_same_tensor_on_both_sides():
    x = leaf(3.0)
    for y, slope in ((x - x, 0), (x / x, 0), (x * x, 6), (tg.concat([x, x]).sum(), 2), (x @ x, 6)):
        x.grad = None
        y.sum().backward()
        assert x.grad.item() == slope


def test_the_gradient_argument():
    x = leaf(1.0, 2.0)
    for given in ([1.0, 10.0], np.array([1.0, 10.0]), tg.tensor([1, 10]), (1, 10)):
        x.grad = None
        (x * x).backward(given)
        assert x.grad.tolist() == [2, 40] and x.grad.dtype == tg.float32
    x.backward(tg.ones(2))
    assert x.grad.tolist() == [3, 41]
    tracked = leaf(1.0, 1.0)
    (x * 2).backward(tracked * 3)
    assert tracked.grad is None and x.grad.tolist() == [9, 47] and not x.grad.requires_grad


def test_a_recorded_backward_follows_the_gradient_argument_too():
    x, g = leaf(2.0), leaf(5.0)
    (x * x).backward(g, create_graph=True)
    assert x.grad.item() == 20
    x.grad.sum().backward()
    assert g.grad.item() == 4


def test_one_element_of_any_shape_starts_a_backward():
    for shape in ((), (1,), (1, 1)):
        x = tg.ones(shape, requires_grad=True)
        (x * 3).backward()
        assert x.grad.shape == shape and x.grad.item() == 3
    x.backward()
    assert x.grad.item() == 4


def test_a_graph_is_freed_or_retained():
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [4, 8]
    with pytest.raises(RuntimeError, match=r"freed by .* at multiply; pass retain_graph=True"):
        y.backward()
    assert x.grad.tolist() == [4, 8]


def test_a_graph_that_another_shares_is_freed_too():
    x = leaf(2.0)
    h = x * x
    a, b = h * 3, h * h
    a.backward()
    with pytest.raises(RuntimeError, match="freed"):
        b.backward()
    assert x.grad.item() == 12
    (x * x).backward()
    assert x.grad.item() == 16


def test_second_derivatives_need_create_graph():
    x = leaf(1.0, 2.0)
    (x**3).sum().backward()
    with pytest.raises(RuntimeError, match="without create_graph=True"):
        x.grad.sum().backward()
    x.grad = None
    (x**3).sum().backward(create_graph=True)
    first, x.grad = x.grad, None
    assert first.tolist() == [3, 12] and first.requires_grad
    first.sum().backward(create_graph=True)
    second, x.grad = x.grad, None
    assert second.tolist() == [6, 12]
    second.sum().backward()
    assert x.grad.tolist() == [6, 6]


def test_recorded_gradients_accumulate_recorded():
    x = leaf(2.0)
    (x**2).backward(create_graph=True)
    (x**3).backward(create_graph=True)
    total, x.grad = x.grad, None
    total.backward()
    assert total.item() == 4 + 12 and x.grad.item() == 2 + 12


def test_create_graph_inside_no_grad_still_records():
    x = leaf(2.0)
    y = x**3
    with tg.no_grad():
        y.backward(create_graph=True)
    assert x.grad.requires_grad and tg.is_grad_enabled()


def test_retain_grad():
    x = leaf(1.0, 2.0)
    h = x * 3
    h.retain_grad()
    h.retain_grad()
    other = h * h
    other.sum().backward(retain_graph=True)
    assert h.grad.tolist() == [6, 12] and x.grad.tolist() == [18, 36]
    other.sum().backward()
    assert h.grad.tolist() == [12, 24]
    with pytest.raises(RuntimeError, match="retain_grad"):
        tg.ones(2).retain_grad()
    x.retain_grad()


def test_a_retained_gradient_is_that_of_the_newest_value():
    x = leaf(1.0, 2.0)
    h = x * 2
    h.retain_grad()
    before = h * h
    h += 1
    (before + 5 * h).sum().backward()
    assert h.grad.tolist() == [5, 5] and x.grad.tolist() == [18, 26]


def test_only_leaves_and_retained_tensors_get_gradients():
    x = leaf(1.0, 2.0)
    h = x * 2
    y = h.sum()
    constant = tg.ones(2)
    (y + (constant * h).sum()).backward()
    assert h.grad is y.grad is constant.grad is None


def test_recording_off():
    x = leaf(1.0)

    @tg.no_grad()
    def f(x):
        """Documented."""
        with tg.enable_grad():
            inner = x * 2
        return x * 2, inner

    plain, inner = f(x)
    assert not plain.requires_grad and inner.requires_grad and f.__name__ == "f"
    assert tg.is_grad_enabled() and f.__doc__ == "Documented."
    manager = tg.no_grad()
    with manager, manager:
        assert not tg.is_grad_enabled()
    assert tg.is_grad_enabled()
    with tg.no_grad():
        made = tg.ones(2, requires_grad=True)
    (made * 2).sum().backward()
    assert made.grad.tolist() == [2, 2]


def test_detach_and_stop_gradient():
    x = leaf(2.0)
    for cut in (lambda x: x.detach(), tg.stop_gradient, lambda x: tg.stop_gradient(x * 1)):
        x.grad = None
        (x * cut(x)).sum().backward()
        assert x.grad.item() == 2 and not cut(x).requires_grad
    assert x.detach() is not x and x.detach().is_leaf


def test_requires_grad():
    x = tg.ones(2)
    assert x.is_leaf and x.requires_grad_() is x and x.requires_grad and x.is_leaf
    y = x * 2
    assert y.requires_grad and not y.is_leaf
    y.requires_grad = True
    with pytest.raises(RuntimeError, match=r"result of multiply; use .detach\(\)"):
        y.requires_grad = False
    x.requires_grad = False
    assert not (x * 2).requires_grad
    y.sum().backward()
    assert x.grad is None or x.grad.tolist() == [2, 2]


def test_what_has_no_gradient_is_not_tracked():
    x = leaf(1.5, -2.0)
    for y in (x > 0, x == x, x.astype(tg.int64), tg.isnan(x), tg.argmax(x), tg.argsort(x), x != 1):
        assert not y.requires_grad
    ids = tg.tensor([1, 2])
    ids[0] = x[0]
    assert not ids.requires_grad and ids.tolist() == [1, 2]
    assert not tg.one_hot([1], 3).requires_grad


def test_rebinding_a_leaf_keeps_it_a_leaf():
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    for change in (lambda: x.__setitem__(0, 5.0), lambda: x.__imul__(2)):
        with pytest.raises(RuntimeError, match=r"do it inside tg.no_grad\(\)"):
            change()
    with tg.no_grad():
        x[0] = 5.0
        x *= 2
    x.data = x.numpy() + 1
    assert x.tolist() == [11, 5] and x.is_leaf and x.requires_grad
    y.backward()
    assert x.grad.tolist() == [2, 4]
    (x * x).sum().backward()
    assert x.grad.tolist() == [24, 14]


def test_frozen_parts_of_a_graph_cost_nothing():
    x, frozen = leaf(1.0, 2.0), tg.ones(2)
    y = tg.exp(frozen) * 2
    assert y.node is None
    z = y * x
    assert z.node.parents[0] is None and z.node.saved[1:] == [None, None]


def test_beside_torch(oracle, rng):
    arrays = rng.normal(size=(3, 4, 4))
    ours = [tg.tensor(a, requires_grad=True) for a in arrays]
    theirs = [oracle.tensor(a, requires_grad=True) for a in arrays]
    for library, (a, b, c) in ((tg, ours), (oracle, theirs)):
        h = library.tanh(a @ b)
        g = h * c + h
        out = (library.exp(-g * g) @ h).sum() + (g[0] * a[:, 1]).sum()
        out.backward(retain_graph=True)
        out.backward()
    for x, t in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(x.grad.numpy(), t.grad.numpy(), rtol=1e-11)
