"""The short way to small programs: whenever it is not exactly right, the long one is taken."""

import threading

import numpy as np
import pytest

import tidegrad as tg
from tidegrad.jit import direct as ways
from tidegrad.jit.native import direct as native
from tidegrad.jit.native import engine, layout, target
from tidegrad.jit.native.layout import LayoutError
from tidegrad.jit.writers import writing


class Counting:
    """A Direct that counts how often it ran the program."""

    def __init__(self, way):
        self.way, self.ran = way, 0

    def __call__(self, args):
        found = self.way(args)
        self.ran += found is not ways.MISSED
        return found


def counted(f, *args):
    """The short way of a function that has been called with these arguments, counting from here."""
    for _ in range(3):  # after which all memory is known
        f(*args)
    f.shortcut.direct = Counting(f.shortcut.direct)
    way = f.shortcut.direct
    assert isinstance(way.way, ways.Direct)
    return way


def ran(way, f, *args):
    """Whether a call was short, and what it gave."""
    before = way.ran
    found = f(*args)
    return way.ran > before, found


@pytest.fixture
def double():
    f = tg.jit(lambda x, y: (x * 2 + y, (x * y).sum()))
    x, y = tg.tensor([[1.0, 2.0], [3.0, 4.0]]), tg.tensor([[5.0, 6.0], [7.0, 8.0]])
    return f, counted(f, x, y), x, y


class Step:
    """A step of Adam that is counted, and the same one without a compiler."""

    def __init__(self):
        tg.random.seed(0)
        self.net = tg.nn.Linear(3, 2)
        self.opt = tg.optim.Adam(self.net.parameters(), lr=1e-2)
        self.f = tg.jit(self.step)
        self.x = tg.random.normal((5, 3))

    def step(self, x):
        self.opt.zero_grad()
        loss = (self.net(x) ** 2).mean()
        loss.backward()
        self.opt.step()
        return loss


@pytest.fixture
def trained():
    compiled, eager = Step(), Step()
    way = counted(compiled.f, compiled.x)
    for _ in range(3):
        eager.step(eager.x)

    def step(short):
        """One more step of both; the compiled one is short, or is not."""
        assert ran(way, compiled.f, compiled.x)[0] == short
        eager.step(eager.x)
        for p, q in zip(compiled.net.parameters(), eager.net.parameters()):
            np.testing.assert_allclose(p.array, q.array, rtol=1e-5)
            np.testing.assert_allclose(p.grad.array, q.grad.array, rtol=1e-4, atol=1e-6)

    return compiled, eager, step


def test_results_are_new_arrays(double):
    f, way, x, y = double
    before = way.ran
    results = [f(x, y) for _ in range(5)]
    assert way.ran == before + 5
    assert len({r.array.ctypes.data for pair in results for r in pair}) == 10
    for z, total in results:
        np.testing.assert_array_equal(z.array, x.array * 2 + y.array)
        assert total.item() == 70


@pytest.mark.parametrize(
    "other",
    [
        lambda x: tg.Tensor(np.asfortranarray(x)),
        lambda x: tg.ones((2, 4))[:, ::2],
        lambda x: tg.tensor(x, requires_grad=True),
        lambda x: tg.ones((2, 2), dtype=tg.int32),
        lambda x: tg.ones(2),
        lambda x: tg.ones((1, 2)),
        lambda x: tg.ones((2, 2, 2)),
        lambda x: tg.ones(()),
        lambda x: x,
        lambda x: 2.0,
    ],
    ids="turned cut tracked integers vector row more number array float".split(),
)
def test_arguments_of_any_other_kind_go_the_long_way(double, other):
    f, way, x, y = double
    given = other(x.array)
    short, (z, total) = ran(way, f, given, y)
    assert not short
    expected = np.asarray(getattr(given, "array", given))
    np.testing.assert_array_equal(z.array, expected * 2 + y.array)
    assert total.item() == (expected * y.array).sum()
    if z.requires_grad:
        z.sum().backward()
        np.testing.assert_array_equal(given.grad.array, np.full((2, 2), 2))


def test_other_numbers_of_arguments_are_errors_of_the_function(double):
    f, _, x, y = double
    for given in [(), (x,), (x, y, x)]:
        with pytest.raises(TypeError):
            f(*given)


def test_a_step_writes_in_place(trained):
    compiled, _, step = trained
    before = [p.array.ctypes.data for p in compiled.net.parameters()]
    for _ in range(3):
        step(short=True)
    assert [p.array.ctypes.data for p in compiled.net.parameters()] == before


@pytest.mark.parametrize(
    "owner",
    [
        lambda net: net.weight.array,
        lambda net: net.weight.array[0],
        lambda net: net.state_dict(),
        lambda net: net.weight.numpy(),
        lambda net: memoryview(net.weight.array),
        lambda net: net.weight.detach(),
        lambda net: net.weight.grad,
        lambda net: net.weight.grad.array,
        lambda net: net.bias.grad.numpy(),
    ],
    ids="array row state numpy buffer detached gradient gradient's_array gradient's_numpy".split(),
)
def test_whoever_looks_keeps_what_was_there(trained, owner):
    compiled, _, step = trained
    step(short=True)
    kept = owner(compiled.net)
    before = copied(kept)
    step(short=False)
    for a, b in zip(before, copied(kept), strict=True):
        np.testing.assert_array_equal(a, b)
    del kept
    compiled.f(compiled.x)
    before = compiled.f.shortcut.direct.ran
    compiled.f(compiled.x)
    assert compiled.f.shortcut.direct.ran == before + 1


def copied(kept):
    parts = kept.values() if isinstance(kept, dict) else [kept]
    return [np.array(getattr(part, "array", part)) for part in parts]


def test_other_arrays_gradients_and_flags_are_noticed(trained):
    compiled, eager, step = trained
    for each in (compiled, eager):
        with tg.no_grad():
            each.net.weight[...] = each.net.weight * 2
    step(short=False)
    step(short=True)
    for each in (compiled, eager):
        each.net.weight.grad = None
    step(short=False)
    step(short=True)
    for each in (compiled, eager):
        each.net.bias.grad = tg.ones(2)
    step(short=False)
    step(short=True)


def test_settings_are_noticed(double):
    f, way, x, y = double
    count, fixed = tg.get_num_threads(), tg.is_deterministic()
    try:
        tg.set_num_threads(count + 1)
        assert not ran(way, f, x, y)[0]
        tg.set_num_threads(count)
        tg.set_deterministic(not fixed)
        assert not ran(way, f, x, y)[0]
        tg.set_deterministic(fixed)
        assert ran(way, f, x, y)[0]
        tg.set_default_dtype(tg.float64)
        assert not ran(way, f, x, y)[0]
    finally:
        tg.set_default_dtype(tg.float32)
        tg.set_num_threads(count)
        tg.set_deterministic(fixed)
    with tg.no_grad():
        f.shortcut.direct = way
        assert not ran(way, f, x, y)[0]


def test_flags_elsewhere_do_not_end_it(double):
    f, way, x, y = double
    for _ in range(3):
        tg.ones(2).requires_grad = True
        assert ran(way, f, x, y)[0]


def test_a_tensor_from_outside_as_an_argument():
    w = tg.zeros(3)

    @tg.jit
    def add(x):
        w[...] = w + x
        return w * 2

    x = tg.ones(3)
    way = counted(add, x)
    assert ran(way, add, x)[0]
    np.testing.assert_array_equal(w.array, [4, 4, 4])
    short, found = ran(way, add, w)
    assert not short
    np.testing.assert_array_equal(found.array, [16, 16, 16])
    np.testing.assert_array_equal(w.array, [8, 8, 8])


def test_who_comes_while_another_writes_waits(double):
    f, way, x, y = double
    found = []
    with writing.lock:
        writing.depth.value += 1
        thread = threading.Thread(target=lambda: found.append(ran(way, f, x, y)))
        thread.start()
        thread.join(0.05)
        assert thread.is_alive() and not found
        writing.depth.value -= 1
    thread.join()
    assert not found[0][0] and found[0][1][1].item() == 70


def test_threads_that_call_at_once():
    w = tg.zeros(64)

    @tg.jit
    def add(x):
        w[...] = w + x

    x = tg.ones(64)
    add(x)
    many, count = 2000, 4
    threads = [threading.Thread(target=lambda: [add(x) for _ in range(many)]) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(w.array, np.full(64, 1 + many * count))


def test_an_unknown_interpreter_has_the_long_way_alone(monkeypatch):
    def refuse():
        raise LayoutError("unknown")

    monkeypatch.setattr(native, "method", refuse)
    f, x = tg.jit(lambda x: x + 1), tg.ones(3)
    for _ in range(3):
        np.testing.assert_array_equal(f(x).array, [2, 2, 2])
    assert f.shortcut.direct is None


def test_free_threads_are_refused(monkeypatch):
    monkeypatch.setattr(native.sysconfig, "get_config_var", lambda name: name == "Py_GIL_DISABLED")
    with pytest.raises(LayoutError, match="several threads"):
        native.library.__wrapped__()


def test_functions_of_nothing_and_of_state_alone():
    w, count = tg.tensor([1.0, 2.0]), tg.tensor(0)

    @tg.jit
    def step():
        count[...] = count + 1
        return {"sum": (w * 2).sum(), "w": w}

    way = counted(step)
    short, found = ran(way, step)
    assert short and found["sum"].item() == 6 and found["w"] is w and count.item() == 4
    w.data = np.array([3.0, 4.0], "f4")
    assert ran(way, step)[1]["sum"].item() == 14


def test_the_machine_code_is_valid_for_every_target():
    text = native.direct_code(layout.fields(), layout.layout())
    for kind in target.targets().values():
        engine.verified(text, kind)


def test_threads_that_come_first_share_the_machine_code(alone):
    program = """
        import threading, time
        import tidegrad as tg
        from tidegrad.jit.native import direct

        made, object_code = [], direct.object_code

        def slow(text):
            made.append(text)
            time.sleep(0.1)
            return object_code(text)

        direct.object_code = slow
        barrier, x = threading.Barrier(4), tg.ones(3)

        def work(k):
            f = tg.jit(lambda x: x + k)
            barrier.wait()
            assert all(f(x).array[0] == 1 + k for _ in range(100))

        threads = [threading.Thread(target=work, args=[k]) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(len(made))
    """
    assert alone(program).split() == ["1"]
