"""Errors of compiled functions: the user's line, the remedy, and nothing changed."""

import numpy as np
import pytest

import tidegrad as tg
from tidegrad.errors import DTypeError, GraphError, ShapeError, TraceError
from tidegrad.jit.executable import Variant

HERE = r"test_jit_errors\.py:\d+"
X = tg.tensor([1.0, 2.0, 3.0])


USES = {
    "bool": (lambda x: x if x.sum() > 0 else -x, "bool: .*tg.where"),
    "while": (lambda x: next(iter(()), None) if not x.sum() else x, "bool: "),
    "float": (lambda x: x * float(x.sum()), "float: .*static"),
    "int": (lambda x: x * int(x.sum()), "int: .*static"),
    "index": (lambda x: [1, 2, 3][x.astype(tg.int64).sum()], "index: .*static"),
    "range": (lambda x: [x for _ in range(x.astype(tg.int64).max())], "index: .*static"),
    "item": (lambda x: x * x.sum().item(), "item: .*return it"),
    "numpy": (lambda x: x.numpy(), "numpy: .*return it"),
    "data": (lambda x: x.data, "numpy: .*return it"),
    "asarray": (lambda x: tg.tensor(np.asarray(x.detach())), "np.asarray: .*return it"),
    "tolist": (lambda x: x.tolist(), "tolist: .*return it"),
    "in": (lambda x: x if 1.0 in x else -x, "bool: "),
    "shape": (lambda x: tg.zeros(x.astype(tg.int64).sum()), "index: .*static"),
    "mask": (lambda x: x[x > 1], r"x\[mask\]: .*depends on data; use tg.where"),
    "nonzero": (lambda x: tg.nonzero(x)[0], "nonzero.*depends on data"),
    "one_hot": (lambda x: tg.one_hot(x.astype(tg.int64)), "one_hot: .*num_classes"),
    "repeat": (lambda x: tg.repeat(x, x.astype(tg.int64)), "np.asarray: "),
    "allclose": (lambda x: x if tg.allclose(x, 1.0) else -x, "bool: "),
}


@pytest.mark.parametrize("name", USES)
def test_what_needs_numbers_says_where_and_what_to_do(name):
    f, message = USES[name]
    with pytest.raises(TraceError, match=message) as caught:
        tg.jit(f)(X)
    assert "test_jit_errors.py" in str(caught.value)
    assert tg.jit(lambda x: x * 2)(X).tolist() == [2, 4, 6]


def test_both_lines_are_named():
    @tg.jit
    def f(x):
        y = x * 2
        return y if y.sum() > 1 else x

    with pytest.raises(TraceError, match=f"at .*{HERE}, computed at .*{HERE}; choose elements"):
        f(X)


def test_a_mask_may_be_assigned_by():
    @tg.jit
    def f(x):
        y = x * 1
        y[y > 1.5] = 0.0
        return y

    assert f(X).tolist() == [1, 0, 0]


@pytest.mark.parametrize("result", [3, 2.5, "text", np.ones(2), {1, 2}, [X, "a"]], ids=str)
def test_only_trees_of_tensors_are_returned(result):
    with pytest.raises(TypeError, match="jit: the function returned a .*return tensors"):
        tg.jit(lambda x: result)(X)


def test_arguments_that_cannot_be_hashed_are_named():
    class Bag:
        __hash__ = None

    f = tg.jit(lambda x, options: x)
    with pytest.raises(TypeError, match=r"argument options\['a'\] is a set"):
        f(X, {"a": {1, 2}})
    with pytest.raises(TypeError, match="argument options is a Bag"):
        f(X, options=Bag())
    with pytest.raises(TypeError, match="argument x is an array and cannot be static"):
        tg.jit(lambda x: x, static="x")(X)


def test_static_names_a_parameter():
    with pytest.raises(TypeError, match="static names 'n', and the parameters are x, k"):
        tg.jit(lambda x, k: x, static="n")
    with pytest.raises(TypeError, match="takes a function"):
        tg.jit(3)


def test_a_tensor_keeps_its_dtype_and_shape():
    w = tg.ones(3)

    @tg.jit
    def f(x):
        w.data = x

    with pytest.raises(
        DTypeError, match=r"data: float64\[3\] does not fit the tensor float32\[3\]"
    ):
        f(X.astype(tg.float64))
    with pytest.raises(ShapeError):
        f(tg.ones(4))
    assert w.tolist() == [1, 1, 1]


def test_what_escaped_names_the_line_that_made_it():
    kept = []

    class Net(tg.nn.Module):
        def forward(self, x):
            self.last = x * 2
            kept.append(self.last + 1)
            return self.last

    net = Net()
    assert tg.jit(net)(X).tolist() == [2, 4, 6]
    for use in (
        lambda: kept[0] + 1,
        lambda: kept[0].sum(),
        lambda: kept[0] @ kept[0],
        lambda: kept[0][0],
        lambda: net.last.numpy(),
        lambda: bool(kept[0].sum()),
        lambda: tg.concat([kept[0], X]),
        lambda: tg.jit(lambda x: x + net.last)(X),
        lambda: np.asarray(net.last.detach()),
    ):
        with pytest.raises(TraceError, match=f"has ended, computed at .*{HERE}.*return it"):
            use()


def test_numbers_that_decide_may_not_change_in_the_same_function():
    count = tg.tensor(0.0)

    @tg.jit
    def f(x):
        if float(count) < 3:
            x = x * 2
        count[...] = count + 1
        return x

    with pytest.raises(TraceError, match="looked at while .* also changes them"):
        f(X)
    assert count.item() == 0


def test_backward_does_not_reach_outside():
    w = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    h = w * 2
    f = tg.jit(lambda: (h * 3).sum().backward())
    with pytest.raises(GraphError, match="operation outside of the compiled function"):
        f()
    g = tg.jit(lambda h: (h * 3).sum().backward())
    with pytest.raises(GraphError, match="operation outside of the compiled function"):
        g(h)
    tg.jit(lambda: (h * 3).sum())().backward()
    assert w.grad.tolist() == [6, 6, 6]


def test_a_graph_that_the_function_has_freed():
    w = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)

    @tg.jit
    def f(x):
        loss = (w * x).exp().sum()
        loss.backward()
        return loss

    loss = f(X)
    assert loss.requires_grad
    with pytest.raises(GraphError, match="graph was freed by an earlier backward"):
        loss.backward()
    with pytest.raises(GraphError, match="graph was freed by an earlier backward"):
        (loss * 2).backward()


def test_requires_grad_of_what_is_outside_stays():
    w = tg.ones(3)

    @tg.jit
    def f(x):
        y = w * x
        w.requires_grad = True
        return y

    with pytest.raises(GraphError, match="requires_grad of a tensor from outside"):
        f(X)
    assert not w.requires_grad


def test_shapes_and_dtypes_are_explained_while_tracing():
    with pytest.raises(ShapeError, match=r"add: shapes \(3,\) and \(4,\) do not broadcast"):
        tg.jit(lambda x: x + tg.ones(4))(X)
    with pytest.raises(DTypeError, match="bitwise_and: is not defined for float32"):
        tg.jit(lambda x: x & x)(X)
    with pytest.raises(IndexError, match="index: 5 is out of range"):
        tg.jit(lambda x: x[5])(X)
    with pytest.raises(IndexError, match="index: 5 is out of range"):
        tg.jit(lambda x: x[[0, 5]])(X)


def test_an_index_is_looked_at_at_every_call():
    """The same array may have other elements: the caller's own, or a state that is counted on."""
    f, i = tg.jit(lambda x, i: x[i]), np.array([0, 1])
    assert f(X, i).tolist() == [1, 2]
    i[0] = 3
    with pytest.raises(IndexError, match="3 is out of range for axis 0 of size 3"):
        f(X, i)
    place = tg.tensor([0])

    @tg.jit
    def move():
        place[...] = place + 1

    g = tg.jit(lambda: X[place])
    for k in range(3):
        assert g().tolist() == [k + 1]
        move()
    for _ in range(3):
        with pytest.raises(IndexError):
            g()
        move()


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])
def test_a_routine_that_fails_leaves_everything_as_it_was(monkeypatch, error):
    """What the program has computed before it, and might have written in place, is no state yet."""
    w, b = tg.ones(5, requires_grad=True), tg.ones(5)

    @tg.jit
    def step(x):
        w.grad = None
        (w * x).sum().backward()
        with tg.no_grad():
            w[...] = w * 2
        order = tg.argsort(x * 3)
        b[...] = b + x[order]
        return b.sum()

    x, run = tg.asarray(np.arange(5.0, dtype="f4")), Variant.call
    for _ in range(3):
        step(x)
    before = [w.tolist(), b.tolist(), w.grad.tolist()]

    def fails(self, *given):
        raise error

    monkeypatch.setattr(Variant, "call", fails)
    for _ in range(2):
        with pytest.raises(error):
            step(x * 5)
        assert [w.tolist(), b.tolist(), w.grad.tolist()] == before
    monkeypatch.setattr(Variant, "call", run)
    step(x)
    assert w.tolist() == [16] * 5 and b.tolist() == [1, 5, 9, 13, 17]
