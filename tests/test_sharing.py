"""Memory that tensors share with others, and Tensors that are rebound: each way, one by one."""

import numpy as np
import pytest

import tidegrad as tg
from tidegrad.arrays import SHARED, is_shared

LINEAR = lambda x, other: x * other  # keeps `other` for the derivative by `x`


@tg.custom_vjp
def product(x, other):
    return x * other


product.defvjp(lambda x, other: (x * other, other), lambda other, g: (g * other, None))
KEEPERS = {"multiply": LINEAR, "checkpoint": tg.checkpoint(LINEAR), "custom_vjp": product}

VIEWS = {
    "itself": lambda t: t,
    "slice": lambda t: t[1:, ::2],
    "row": lambda t: t[0],
    "transposed": lambda t: t.T,
    "reshaped": lambda t: t.reshape(-1),
    "flipped": lambda t: tg.flip(t),
    "spread": lambda t: tg.broadcast_to(t, (2, 3, 4)),
    "part spread": lambda t: tg.broadcast_to(t[:, ::2], (2, 3, 2)),
    "transposed part spread": lambda t: tg.broadcast_to(t[::2, 1:].T, (2, 3, 2)),
    "view of views": lambda t: tg.broadcast_to(t[:, 1::2].T[None], (2, 2, 3))[1, ::-1][None],
    "detached": lambda t: t.detach(),
    "another name": tg.asarray,
}


def read_only(array):
    view = array.view()
    view.flags.writeable = False
    return tg.asarray(view, copy=False)


WAYS = {
    "asarray": lambda a: tg.asarray(a, copy=False),
    "from_dlpack": tg.from_dlpack,
    "a read-only view": read_only,
    "a view": lambda a: tg.asarray(a[:, :], copy=False),
    "a memory map's base": lambda a: tg.asarray(np.asarray(memoryview(a)), copy=False),
}


def lent(x):
    """What another library gets of a tensor's memory, to write to."""
    array = np.from_dlpack(x)
    if not array.flags.writeable:
        pytest.skip("this NumPy marks what it imports as read-only")
    return array


@pytest.mark.parametrize("keeper", KEEPERS.values(), ids=KEEPERS)
@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
@pytest.mark.parametrize("share", WAYS.values(), ids=WAYS)
def test_derivatives_keep_no_memory_that_others_write(share, view, keeper):
    array = np.arange(12.0).reshape(3, 4)
    other = view(share(array))
    assert np.shares_memory(other.numpy(), array) and is_shared(other.array)
    expected = other.numpy().copy()
    x = tg.ones(other.shape, dtype=tg.float64, requires_grad=True)
    y = keeper(x, other)
    array[...] = -1
    assert (other.numpy() == -1).all()  # shared it is
    y.sum().backward()
    assert np.array_equal(x.grad.numpy(), expected)


@pytest.mark.parametrize("keeper", KEEPERS.values(), ids=KEEPERS)
def test_a_rebound_tensor_does_not_change_what_was_kept(keeper):
    other = tg.tensor([2.0, 3.0])
    x = tg.tensor([1.0, 1.0], requires_grad=True)
    y = keeper(x, other).sum()
    other[0] = 100
    other *= 5
    with tg.no_grad():
        x[...] = 7
    y.backward(retain_graph=True)
    assert x.grad.tolist() == [2, 3]
    other.data = [9.0, 9.0]
    y.backward()
    assert x.grad.tolist() == [4, 6] and x.tolist() == [7, 7]


@pytest.mark.parametrize("keeper", KEEPERS.values(), ids=KEEPERS)
def test_an_array_as_an_operand_is_copied(keeper):
    array = np.array([2.0, 3.0])
    x = tg.ones(2, dtype=tg.float64, requires_grad=True)
    y = keeper(x, array).sum()
    array[:] = 100
    y.backward()
    assert x.grad.tolist() == [2, 3]


def test_gradients_are_nobody_elses_memory():
    array = np.ones(2)
    x = tg.ones(2, dtype=tg.float64, requires_grad=True)
    given = tg.asarray(array, copy=False)
    (x + 1).backward(given)
    _, pull = tg.vjp(lambda x: x + 1, x.detach())
    pulled = pull(given)[0]
    pushed = tg.jvp(lambda x: x + 1, [x.detach()], [given])[1]
    array[:] = 9
    assert x.grad.tolist() == pulled.tolist() == pushed.tolist() == [1, 1]


@pytest.mark.parametrize("record", [False, True])
def test_gradients_are_tensors_of_their_own(record):
    x, y = (tg.ones(2, requires_grad=True) for _ in range(2))
    given = tg.ones(2)
    (x + y).backward(given, create_graph=record)
    kept = x.grad
    with tg.no_grad():
        x.grad[0] = 5
        given[1] = 7
    assert x.grad is kept and x.grad.tolist() == [5, 1] and y.grad.tolist() == [1, 1]
    (x + y).backward(tg.ones(2))
    assert kept.tolist() == [5, 1] and x.grad.tolist() == [6, 2] and y.grad.tolist() == [2, 2]


def test_gradients_of_transforms_are_tensors_of_their_own():
    w = tg.tensor(1.0, requires_grad=True)  # so that they are recorded
    a, b = tg.grad(lambda x, y: ((x + y) * w).sum(), argnums=(0, 1))(tg.ones(2), tg.ones(2))
    a += 1
    assert a.tolist() == [2, 2] and b.tolist() == [1, 1]
    value, pull = tg.vjp(lambda x: x * w, tg.ones(2))
    value *= 10
    assert pull(tg.ones(2))[0].tolist() == [1, 1]


@pytest.mark.parametrize("seed", [[1.0, 2.0], np.array([1.0, 2.0])])
def test_functions_may_rebind_what_a_transform_gives_them(seed):
    def f(x):
        x *= 2
        x[0] = x[1] * 3
        return (x * x).sum()

    given = tg.tensor(seed)
    assert tg.grad(f)(given).tolist() == [0, 160]
    assert given.tolist() == [1, 2]
    assert tg.jvp(f, [given], [[5.0, 1.0]])[1].item() == 160
    assert tg.hessian(f)(given).tolist() == [[0, 0], [0, 80]]


def test_what_a_checkpoint_would_lose_is_refused():
    x = tg.ones(2, requires_grad=True)
    h = x * 3

    def f(h):
        h += 1
        return h * h

    with pytest.raises(RuntimeError, match=r"checkpoint: the function changes .* shape \(2,\)"):
        tg.checkpoint(f)(h)
    h.sum().backward()
    assert h.tolist() == [3, 3] and x.grad.tolist() == [3, 3]


def test_an_exported_tensor_is_shared_and_its_tape_is_not():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    before = (x * x).sum()
    view = x.detach()
    outside = lent(x)
    after = (x * x).sum()
    outside[0] = 10
    assert x.tolist() == [10, 2] and view.tolist() == [1, 2]
    before.backward()
    assert x.grad.tolist() == [2, 4]
    after.backward()
    assert x.grad.tolist() == [4, 8]


def test_exports_of_one_tensor_share_one_memory():
    x = tg.tensor([1.0, 2.0])
    one, two = lent(x), lent(x)
    one[0] = 5
    assert two.tolist() == x.tolist() == [5, 2] and np.shares_memory(one, two)
    array = np.ones(2)
    shared = tg.asarray(array, copy=False)
    lent(shared)[0] = 7
    assert array.tolist() == shared.tolist() == [7, 1]


def test_an_export_that_goes_backwards_moves_to_a_copy(oracle):
    array = np.arange(3.0)
    t = tg.asarray(array[::-1], copy=False)
    outside = oracle.from_dlpack(t)
    outside[0] = 9
    assert t.tolist() == [9, 1, 0] and array.tolist() == [0, 1, 2]


def test_an_export_whose_elements_overlap_moves_to_a_copy():
    array = np.arange(3.0)
    t = tg.broadcast_to(tg.asarray(array, copy=False), (2, 3))
    lent(t)[0, 0] = 9
    assert t.tolist() == [[9, 1, 2], [0, 1, 2]] and array.tolist() == [0, 1, 2]


def test_torch_shares_both_ways(oracle):
    theirs = oracle.arange(4.0)
    t = tg.from_dlpack(theirs)
    assert t.numpy().ctypes.data == theirs.data_ptr()
    x = tg.ones(4, requires_grad=True)
    y = (x * t).sum()
    theirs.zero_()
    y.backward()
    assert x.grad.tolist() == [0, 1, 2, 3] and t.tolist() == [0, 0, 0, 0]
    back = oracle.from_dlpack(x)
    assert back.data_ptr() == x.numpy().ctypes.data
    y = (x * x).sum()
    back += 5
    x.grad = None
    y.backward()
    assert x.tolist() == [6, 6, 6, 6] and x.grad.tolist() == [2, 2, 2, 2]


def test_nothing_remembers_memory_that_is_gone():
    before = len(SHARED)
    arrays = [np.ones(3) for _ in range(10)]
    tensors = [tg.asarray(a, copy=False) for a in arrays]
    assert len(SHARED) == before + 10
    del arrays, tensors
    assert len(SHARED) == before


def test_the_callers_array_is_never_locked():
    array = np.ones(3)
    t = tg.asarray(array, copy=False)
    (t * 2).numpy()
    t.numpy()
    assert array.flags.writeable and not t.numpy().flags.writeable
    with pytest.raises(ValueError):
        t.numpy()[0] = 1
