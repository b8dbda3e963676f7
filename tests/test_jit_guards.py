"""Guards: which calls need a program of their own, and how a function that grows says so."""

import warnings

import numpy as np
import pytest

import tidegrad as tg

SCALE = 2.0
CONFIG = {"depth": 1, "names": ["a"]}


def helper(x):
    return x * SCALE


@pytest.fixture
def restored():
    global SCALE
    yield
    SCALE = 2.0
    CONFIG.update(depth=1)


def test_shapes_dtypes_and_gradients_have_programs_of_their_own():
    f = tg.jit(lambda x: (x * 2).sum())
    for x in (tg.ones(3), tg.ones(4), tg.ones(3, dtype=tg.float64), np.ones(3), tg.ones(3)):
        assert f(x).item() == 2 * len(x)
    assert len(f.cache) == 4
    y = f(tg.ones(3, requires_grad=True))
    assert y.requires_grad and len(f.cache) == 5
    with tg.no_grad():
        assert not f(tg.ones(3, requires_grad=True)).requires_grad
    f.clear()
    assert len(f.cache) == 0 and f(tg.ones(3)).item() == 6


def test_floats_are_traced_and_other_values_are_static():
    traces = []

    @tg.jit
    def f(x, scale, times=1, mode="sum"):
        traces.append(1)
        for _ in range(times):
            x = x * scale
        return x.sum() if mode == "sum" else x.mean()

    x = tg.ones(4)
    assert [f(x, s).item() for s in (1.0, 2.0, 3.5)] == [4, 8, 14] and len(traces) == 1
    assert f(x, 2.0, times=2).item() == 16 and f(x, 2.0, 3).item() == 32 and len(traces) == 3
    assert f(x, 2.0, mode="mean").item() == 2 and len(traces) == 4
    assert f(x, 2).item() == 8 and f(x, True).item() == 4 and len(traces) == 6
    assert f(x.astype(tg.float64), 0.1).dtype == tg.float64 and f(x, 0.1).dtype == tg.float32
    np.testing.assert_allclose(f(x.astype(tg.float64), 0.1).item(), 0.4, rtol=1e-15)


def test_static_arguments_are_read_by_value():
    @tg.jit(static="power")
    def f(x, power):
        return x**3 if power > 2.5 else x

    assert f(tg.tensor(2.0), 3.0).item() == 8 and f(tg.tensor(2.0), power=1.0).item() == 2
    assert len(f.cache) == 2
    assert len(tg.jit(lambda x, k: x * k, static=1)(tg.ones(2), 2.0)) == 2


def test_trees_go_in_and_come_out():
    @tg.jit
    def f(batch, *rest, **named):
        return {"x": batch["x"] + rest[0][1], "y": [named["z"], (batch["x"] * 2,)]}

    one, two = tg.ones(2), tg.full((2,), 2.0)
    out = f({"x": one}, (one, two), z=two)
    assert out["x"].tolist() == [3, 3] and out["y"][0] is two and out["y"][1][0].tolist() == [2, 2]
    f({"x": one}, [one, two], z=two)
    assert len(f.cache) == 2


def test_values_in_closures_and_globals(restored):
    global SCALE
    depth = 1

    def f(x):
        for _ in range(depth + CONFIG["depth"]):
            x = helper(x)
        return x

    g, x = tg.jit(f), tg.ones(1)
    assert g(x).item() == f(x).item() == 4
    SCALE = 3.0
    assert g(x).item() == f(x).item() == 9
    depth = 2
    assert g(x).item() == f(x).item() == 27
    CONFIG["depth"] = 0
    assert g(x).item() == f(x).item() == 9
    SCALE = float("2")
    assert g(x).item() == f(x).item() == 4
    assert len(g.cache) == 5
    assert g(x).item() == 4 and len(g.cache) == 5


def test_attributes_of_modules_and_of_other_objects():
    class Net(tg.nn.Module):
        def __init__(self):
            self.blocks = [tg.nn.Linear(2, 2), tg.nn.Linear(2, 2)]
            self.skip = False

        def forward(self, x):
            for block in self.blocks:
                x = block(x) + (x if self.skip else 0)
            return x

    class Trainer:
        def __init__(self):
            self.net, self.scale = Net(), 1.0

        def run(self, x):
            return self.net(x) * self.scale

    trainer = Trainer()
    f, x = tg.jit(trainer.run), tg.ones((1, 2))
    with tg.no_grad():
        for change in (
            lambda: None,
            lambda: setattr(trainer.net, "skip", True),
            lambda: setattr(trainer, "scale", 3.0),
            lambda: setattr(trainer.net, "blocks", trainer.net.blocks[:1]),
            lambda: setattr(trainer.net.blocks[0], "weight", tg.nn.Parameter(tg.eye(2))),
            lambda: setattr(trainer, "net", Net()),
        ):
            change()
            np.testing.assert_allclose(f(x).array, trainer.run(x).array, rtol=1e-6)


def test_attributes_that_are_named_by_a_text():
    class Options:
        scale = 1.0

    options = Options()
    f = tg.jit(lambda x: x * getattr(options, "scale", 1.0) + vars(options).get("more", 0.0))
    options.scale, options.more = 2.0, 3.0
    assert f(tg.ones(2)).tolist() == [5, 5]
    options.scale = 4.0
    assert f(tg.ones(2)).tolist() == [7, 7]
    options.more = 1.0
    assert f(tg.ones(2)).tolist() == [5, 5] and len(f.cache) == 3


def test_optimizer_options_and_groups():
    x, y = (tg.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    opt = tg.optim.SGD([x], lr=0.5)

    @tg.jit
    def step():
        opt.zero_grad()
        (x.sum() + 2 * y.sum()).backward()
        opt.step()

    step()
    assert x.tolist() == [0.5, 1.5] and y.tolist() == [1.0, 2.0]
    opt.param_groups[0]["maximize"] = True
    step()
    assert x.tolist() == [1.0, 2.0]
    opt.param_groups[0]["weight_decay"] = 1.0
    step()
    assert x.tolist() == [1.0, 1.5]
    opt.add_param_group({"params": [y], "lr": 0.25})
    step()
    assert y.tolist() == [0.5, 1.5]


def test_the_default_dtype_is_part_of_a_program():
    f = tg.jit(lambda: tg.ones(2) * tg.tensor(0.5))
    assert f().dtype == tg.float32
    tg.set_default_dtype(tg.float64)
    try:
        assert f().dtype == tg.float64
    finally:
        tg.set_default_dtype(tg.float32)


def test_numbers_that_are_looked_at_are_guarded():
    limit, w = tg.tensor(3.0), tg.tensor([1.0])

    @tg.jit
    def f(x):
        return x * w if float(limit) > 2 else x + w

    assert f(tg.tensor([5.0])).item() == 5
    limit.data = 1.0
    assert f(tg.tensor([5.0])).item() == 6
    assert len(f.cache) == 2


def test_a_function_that_grows_names_the_argument():
    f = tg.jit(lambda x, n: x * n)
    with pytest.warns(RuntimeWarning, match=r"n keeps changing \(.* 6, 7.*\); pass it as a tensor"):
        for n in range(8):
            f(tg.ones(2), n)
    g = tg.jit(lambda batch: batch.sum())
    with pytest.warns(RuntimeWarning, match=r"batch keeps changing \(.*float32\[7\], float32\[8\]"):
        for n in range(1, 9):
            g(tg.ones(n))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n in range(9, 60):
            assert g(tg.ones(n)).item() == n
    assert len(g.cache) == 32


def test_a_function_that_changes_what_it_reads_is_named():
    class Counter(tg.nn.Module):
        def __init__(self):
            self.calls = 0

        def forward(self, x):
            self.calls += 1
            return x * self.calls

    f = tg.jit(Counter())
    with pytest.warns(RuntimeWarning, match=r"calls keeps changing"):
        assert [f(tg.tensor(1.0)).item() for _ in range(9)] == list(range(1, 10))


def test_lists_that_the_function_fills_are_let_go():
    seen = []

    @tg.jit
    def f(x):
        seen.append(x.shape)
        return x + 1

    for _ in range(3):
        f(tg.ones(2))
    assert seen == [(2,)]


def test_programs_are_made_ahead_and_looked_at():
    f = tg.jit(lambda x: tg.exp(x) * 1 + 0)
    program = f.lower(tg.ones(2))
    assert len(f.cache) == 1 and program([tg.zeros(2)]).tolist() == [1, 1]
    traced = f.graph(tg.ones(2), optimized=False)
    assert [v.prim.name for v in traced.order() if v.prim] == ["exp", "multiply", "add"]
    assert len(f.graph(tg.ones(2)).order()) < len(traced.order())
    assert "1 programs" in repr(f)


def test_a_compiled_function_that_is_called_by_another_is_seen_through(restored):
    global SCALE
    inner = tg.jit(lambda x: x * SCALE)
    outer = tg.jit(lambda x: inner(x) + 1)
    for _ in range(2):
        assert outer(tg.tensor(1.0)).item() == 3
        assert inner(tg.tensor(1.0)).item() == 2
    assert len(outer.cache) == 1
    SCALE = 5.0
    assert outer(tg.tensor(1.0)).item() == 6


def test_a_schedule_that_steps_inside_is_noticed():
    x = tg.tensor([1.0], requires_grad=True)
    opt = tg.optim.SGD([x], lr=1.0)
    schedule = tg.optim.lr_scheduler.ExponentialLR(opt, gamma=0.5)

    @tg.jit
    def step():
        x.grad = tg.ones(1)
        opt.step()
        schedule.step()

    for _ in range(3):
        step()
    assert x.item() == 1 - 1 - 0.5 - 0.25


def test_lists_dicts_and_objects_in_modules():
    class Config:
        scale = 2.0

    class Model(tg.nn.Module):
        def __init__(self):
            super().__init__()
            self.config, self.table, self.steps = Config(), {"shift": 1.0}, [3.0]
            self.inner = tg.nn.Sequential(tg.nn.Identity())

        def forward(self, x):
            for step in self.steps:
                x = x + step
            return self.inner(x) * self.config.scale + self.table["shift"]

    model, x = Model(), tg.tensor([1.0, 2.0])
    f = tg.jit(lambda x: model(x))

    def check():
        np.testing.assert_array_equal(f(x).array, model(x).array)

    check()
    model.config.scale = 5.0
    check()
    model.table["shift"] = -1.0
    check()
    model.steps.append(4.0)
    check()
    model.steps[0] = 7.0
    check()
    count = len(f.cache)
    check()
    assert len(f.cache) == count


def test_attributes_of_classes():
    class Options:
        scale = 2.0

    class Model(tg.nn.Module):
        shift = 1.0

        @property
        def twice(self):
            raise AssertionError("is not looked at")

        def forward(self, x):
            return x * Options.scale + (self.shift if len(x.shape) < 9 else self.twice)

    model, x = Model(), tg.tensor([1.0, 2.0])
    f = tg.jit(lambda x: model(x))

    def check():
        np.testing.assert_array_equal(f(x).array, model(x).array)

    check()
    Options.scale = 5.0
    check()
    Model.shift = -1.0
    check()
    model.shift = 4.0
    check()
    del model.shift
    check()


def test_plain_values_are_the_same_only_with_their_signs_and_types():
    x = tg.tensor([1.0])
    divided = tg.jit(lambda x, k: x / (x * k), static="k")
    assert divided(x, 0.0).item() == np.inf and divided(x, -0.0).item() == -np.inf
    for _ in range(10):
        divided(x, float("nan"))
    assert len(divided.cache) == 3

    k: object = 0.0
    outside = tg.jit(lambda x: x / (x * k))
    assert outside(x).item() == np.inf
    k = -0.0
    assert outside(x).item() == -np.inf
    pair: tuple = (1, 2)
    typed = tg.jit(lambda x: tg.arange(3) * pair[0])
    assert typed(x).dtype == tg.int64
    pair = (1.0, 2)
    assert typed(x).dtype == tg.float32


def test_a_forward_of_one_module():
    module, x = tg.nn.Identity(), tg.tensor([1.0])
    f = tg.jit(lambda x: module(x))
    assert f(x) == 1.0
    module.forward = lambda x: x * 3
    assert f(x) == 3.0
    del module.forward
    assert f(x) == 1.0
