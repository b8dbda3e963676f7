"""Functions of arrays whose leading size changes: one program for all sizes, as right as eager."""

import gc
import importlib
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jit_lowering import on
from profiles import many

import tidegrad as tg
from tidegrad import nn, optim
from tidegrad.jit.sizes import Reach, Size, Varying, below, common, divides, quotient, span

executable = importlib.import_module("tidegrad.jit.executable")
general = importlib.import_module("tidegrad.jit.general")
family = importlib.import_module("tidegrad.jit.family")

REACH = Reach(2, 1021)
N = Size.made(1, 0, REACH)
MIXED = [16, 23, 2, 3, 5, 8, 17, 31, 33, 64, 100]  # multiples of no vector's width among them


@pytest.fixture
def compiled(monkeypatch):
    """A list that grows with every program that is compiled."""
    made = []

    def counted(*args):
        made.append(args)
        return original(*args)

    original = executable.code_of
    monkeypatch.setattr(executable, "code_of", counted)
    return made


@pytest.fixture(params=[1, 2])
def count(request):
    with on(request.param):
        yield request.param


def arrays(results):
    """What a function gave, as arrays."""
    return [
        y.numpy().copy() for y in (results if isinstance(results, (tuple, list)) else [results])
    ]


def compare(make, data, sizes, rtol=2e-4, atol=2e-5):
    """`make` gives a function; compiled and eager it is called with `data` of all sizes."""
    found = []
    for wrap in (tg.jit, lambda f: f):
        tg.random.seed(3)
        rng, f = np.random.default_rng(0), wrap(make())
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*keeps changing", RuntimeWarning)
            found.append([arrays(f(*data(n, rng))) for n in sizes])
    for n, ours, theirs in zip(sizes, *found):
        for y, z in zip(ours, theirs, strict=True):
            assert y.shape == z.shape, n
            np.testing.assert_allclose(y, z, rtol=rtol, atol=atol, err_msg=f"at size {n}")


def floats(*shapes):
    """Makes normal numbers, in shapes with an n."""

    def data(n, rng):
        filled = [tuple(n if d == "n" else d for d in shape) for shape in shapes]
        return [tg.tensor(rng.normal(size=shape).astype(np.float32)) for shape in filled]

    return data


def labelled(*shape, classes):
    """Makes images or points with their classes."""

    def data(n, rng):
        return [*floats(("n", *shape))(n, rng), tg.tensor(rng.integers(0, classes, n))]

    return data


def trained(model, loss):
    """A whole step of training, which gives the loss."""
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    def step(x, y):
        optimizer.zero_grad()
        found = loss(model(x), y)
        found.backward()
        optimizer.step()
        return found

    return step


def mlp():
    return trained(
        nn.Sequential(
            nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 4)
        ),
        nn.CrossEntropyLoss(),
    )


def convolutional():
    layers = [nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Conv2d(4, 8, 3, stride=2), nn.ReLU(), nn.AvgPool2d(2)]
    return trained(nn.Sequential(*layers, nn.Flatten(), nn.Linear(8, 3)), nn.CrossEntropyLoss())


class Transformer(nn.Module):
    """Symbols, embedded, through one layer that attends."""

    def __init__(self):
        self.embed, self.place = nn.Embedding(11, 16), nn.Parameter(tg.zeros((5, 16)))
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, dropout=0.1)
        self.head = nn.Linear(16, 11)

    def forward(self, x):
        return self.head(self.layer(self.embed(x) + self.place)).reshape(-1, 11)


def transformer():
    return trained(Transformer(), nn.CrossEntropyLoss())


class Recurrent(nn.Module):
    """What a recurrent layer gives for every step."""

    def __init__(self, batch_first):
        self.layer = nn.LSTM(4, 5, batch_first=batch_first)

    def forward(self, x):
        return self.layer(x)[0]


def recurrent():
    return trained(Recurrent(batch_first=True), nn.MSELoss())


def in_time():
    return trained(Recurrent(batch_first=False), nn.MSELoss())


def symbols(n, rng):
    return [tg.tensor(rng.integers(0, 11, shape)) for shape in ((n, 5), (5 * n,))]


def test_thirty_batch_sizes_of_a_step_with_adam_take_two_programs_and_one_warning(compiled, count):
    def made():
        tg.random.seed(3)
        model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Dropout(0.3), nn.Linear(16, 4))
        optimizer, loss = optim.Adam(model.parameters(), lr=0.01), nn.CrossEntropyLoss()

        def step(x, y):
            optimizer.zero_grad()
            found = loss(model(x), y)
            found.backward()
            optimizer.step()
            return found

        return step, model

    data, sizes = labelled(8, classes=4), [64, *range(2, 31)]
    (eager, one), (f, other) = made(), made()
    f = tg.jit(f)
    rng, found = np.random.default_rng(0), []
    tg.random.seed(5)
    with pytest.warns(RuntimeWarning, match="step has been traced 8 times, as x keeps") as seen:
        batches = [data(n, rng) for n in sizes]
        found = [float(f(*batch)) for batch in batches]
    assert len(seen) == 1 and len(compiled) == 2
    tg.random.seed(5)
    np.testing.assert_allclose(found, [float(eager(*batch)) for batch in batches], rtol=1e-4)
    for p, q in zip(one.parameters(), other.parameters()):
        np.testing.assert_allclose(p.numpy(), q.numpy(), atol=1e-4)


@pytest.mark.parametrize(
    ("make", "data"),
    [
        (mlp, labelled(8, classes=4)),
        (convolutional, labelled(1, 12, 12, classes=3)),
        (transformer, symbols),
        (recurrent, floats(("n", 6, 4), ("n", 6, 5))),
        (in_time, floats(("n", 2, 4), ("n", 2, 5))),
    ],
)
def test_models_train_alike_at_every_size(make, data, compiled, count):
    compare(make, data, MIXED, rtol=1e-3, atol=1e-4)
    assert len(compiled) == 2


FUNCTIONS = {
    "means": lambda x: (x.mean(0), x.mean(), x.var(0), x.std(), x.max(0), x.argmax(0)),
    "softmax": lambda x: (tg.softmax(x, axis=0), tg.softmax(x, axis=1)),
    "flips": lambda x: (tg.flip(x, 0) * 2, x[::-1] + 1, x[-1], x[0]),
    "neighbours": lambda x: x[1:] - x[:-1],
    "joined": lambda x: tg.concat([x, x.sum(0, keepdims=True)]) * 2,
    "rolled": lambda x: tg.roll(x, 1, 0) * 2,
    "raveled": lambda x: x.reshape(-1) * 2,
    "counted": lambda x: (x[tg.arange(x.shape[0])] * 2, tg.arange(x.shape[0]) * 1.0),
    "gram": lambda x: x.T @ x,
    "turned": lambda x: (x.T.sum(0), (x.T * 3).sum(1)),
    "sorted": lambda x: (tg.sort(x, axis=0), tg.sort(x, axis=1)),
    "running": lambda x: tg.cumulative_sum(x, axis=1),
    "added up": lambda x: tg.cumulative_sum(x, axis=0),
    "transposed": lambda x: (x.T * 2, tg.tanh(x.T).sum(1)),
    "of columns": lambda x: tg.cumulative_sum(x, axis=0) @ x[:3],
    "last": lambda x: tg.permute_dims(x.reshape(-1, 1, 3), (2, 1, 0)) * 2,
    "looped": lambda x: tg.scan(lambda c, v: (tg.tanh(c + v), c * v), x[0], x),
    "twice": lambda x: tg.concat([x, x * 2]).sum(1),
    "chosen": lambda x: tg.where(x > 0, x, 0).sum() / tg.maximum((x > 0).sum(), 1),
    "drawn": lambda x: x + tg.random.normal(x.shape) + tg.random.uniform((x.shape[0], 1)),
    "shuffled": lambda x: x[tg.random.permutation(x.shape[0])],
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_one_program_is_for_all_sizes(name, compiled, count):
    """From 4 on: some slices are empty below, or hold one row."""
    compare(lambda: FUNCTIONS[name], floats(("n", 3)), [n for n in MIXED if n > 3])
    assert len(compiled) == 2


@pytest.mark.parametrize("name", FUNCTIONS)
def test_generated_code_holds_no_size(name, monkeypatch):
    """Programs for other capacities have the same stages: no plain number follows one."""
    made = []

    def kept(self, pattern, pairs, most):
        original(self, pattern, pairs, most)
        made.append((self, most))

    original = general.General.__init__
    monkeypatch.setattr(general.General, "__init__", kept)
    rng, f = np.random.default_rng(0), tg.jit(FUNCTIONS[name])
    for n in (16, 23):
        f(*floats(("n", 3))(n, rng))
    (whole, most) = made[0]
    other = general.General(whole.pattern, whole.pairs, most + 100)
    assert whole.most != other.most
    assert stages(whole.source()) == stages(other.source())


def stages(text):
    """The functions of a program that are told where their memory is."""
    return [part for part in text.split("\ndefine ") if part.startswith("internal")]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_programs_stay_within_the_memory_of_their_results(name, count):
    rng, f = np.random.default_rng(0), tg.jit(FUNCTIONS[name])
    for n in (16, 23, 5, 33, 100):
        (x,) = floats(("n", 3))(n, rng)
        program = f.lower(x)
        arrays = program.gathered([x])
        whole = [np.full(v.size * v.itemsize + 256, 0xA5, np.uint8) for v in arrays_of(program, x)]
        inside = [
            frame[128:-128].view(v.dtype).reshape(v.shape)
            for frame, v in zip(whole, arrays_of(program, x))
        ]
        for own, found in zip(inside, program.executable(arrays, inside), strict=True):
            assert found is own or not np.shares_memory(found, own)
        for frame in whole:
            assert (frame[:128] == 0xA5).all() and (frame[-128:] == 0xA5).all()


def arrays_of(program, x):
    """What a program gives, without its memory."""
    return program.executable(program.gathered([x]), None)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x @ x.T,
        lambda x: x.sum() * (x.shape[0] * x.shape[0]),
        lambda x: ((x[:, None] - x[None]) ** 2).sum(-1),
        lambda x: tg.linspace(0.0, 1.0, x.shape[0]) * 2,
        lambda x: x[: x.shape[0] // 2] * 2,
        lambda x: x[::2] * 2,
        lambda x: x.sum() * float(x.shape[0] % 3),
        lambda x: x * 2 if x.shape[0] < 10 else x * 3,
    ],
)
def test_what_follows_no_line_has_programs_of_its_own(f):
    compare(lambda: f, floats(("n", 3)), [16, 23, 2, 5, 9, 30])


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x[:10].sum(0),
        lambda x: x[:3].sum(0) + x[-3:].sum(0) * 2,
        lambda x: tg.grad(lambda y: (y[:3] * y[-3:]).sum())(x),
        lambda x: tg.grad(lambda y: (y[1] * y[-1]).sum() + (y[0] * y[-1]).sum())(x),
        lambda x: tg.concat([x, tg.ones((5, 3)), x])[3:],
        lambda x: tg.concat([x, tg.ones((5, 3))])[3:4],
        lambda x: tg.concat([x[2:], x[:2]]) * 2,
        lambda x: x[2:-2] * 2,
        lambda x: tg.grad(lambda y: (tg.roll(y, 3, 0)[:4] ** 2).sum())(x),
    ],
)
def test_slices_near_the_ends_are_right_where_these_meet(f):
    compare(lambda: f, floats(("n", 3)), [16, 23, *range(4, 15)])


def test_sizes_one_and_zero_have_programs_of_their_own(compiled):
    compare(lambda: lambda x: (x * 2 + 1).sum(1), floats(("n", 3)), [16, 1, 0, 23, 0, 1, 5])
    assert len(compiled) == 4
    compare(lambda: lambda x: (x * 2).mean(), floats(("n", 3)), [1, 16, 23, 1, 7])


def test_sizes_beyond_the_capacity_take_one_more_program(compiled, count):
    compare(mlp, labelled(8, classes=4), [16, 23, 3000, 700, 9000, 5], rtol=1e-3, atol=1e-4)
    assert len(compiled) == 3


def test_two_arguments_that_change_together_or_apart(compiled):
    def f(x, y):
        return (x * 2).sum(0) + y.mean(0), x[1:], y * y

    sizes = [7, 9, 4, 30, 12]
    compare(lambda: f, lambda n, rng: [*floats((n, 3), (n + 2, 3))(n, rng)], sizes)
    assert len(compiled) == 2
    compare(lambda: f, lambda n, rng: [*floats((n, 3), (n * n, 3))(n, rng)], sizes)
    compiled.clear()
    data = floats(("n", 3))
    compare(lambda: f, lambda n, rng: [*data(9, rng), *data(n, rng)], sizes)
    assert len(compiled) == 2


def test_results_and_gradients_go_on_outside(compiled):
    weight = tg.tensor(np.arange(6.0).reshape(3, 2), requires_grad=True)

    def make():
        return lambda x: tg.tanh(x @ weight)

    grads = []
    for wrap in (tg.jit, lambda f: f):
        f, rng, own = wrap(make()), np.random.default_rng(0), []
        for n in (4, 7, 5, 2, 9):
            weight.grad = None
            (f(tg.tensor(rng.normal(size=(n, 3)))) ** 2).mean().backward()
            own.append(weight.grad.numpy().copy())
        grads.append(own)
    for ours, theirs in zip(*grads):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)
    assert len(compiled) <= 4


def test_a_state_that_changes_with_the_size():
    held = tg.zeros((4, 3))

    def make():
        held.array = np.zeros((4, 3), np.float32)

        def f(x):
            held[: x.shape[0]] = x * 2
            return held.sum()

        return f

    compare(make, floats(("n", 3)), [4, 3, 2, 4])


def test_indices_are_checked_at_every_size():
    f = tg.jit(lambda x, i: x[i] * 2)
    for n in (4, 6, 5):
        x = tg.tensor(np.arange(n * 2.0).reshape(n, 2))
        np.testing.assert_array_equal(f(x, tg.tensor([n - 1, -n])).numpy(), x.numpy()[[-1, 0]] * 2)
        with pytest.raises(IndexError):
            f(x, tg.tensor([n, 0]))


def test_five_hundred_shapes_stay_within_bounds():
    def made():
        gc.collect()
        # By type(), as isinstance() asks objects of other libraries for their __class__ too.
        kinds = executable.Variant | general.Sized
        return sum(issubclass(type(x), kinds) for x in gc.get_objects())

    f, before = tg.jit(lambda x: (x * 2).sum()), made()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for n in range(2, 442):
            assert float(f(tg.ones(n))) == 2 * n
        for n in range(2, 62):
            f(tg.ones((3, n)))
    assert len(f.cache) == len(f.families.kept) == 32
    assert made() - before <= 64


def test_other_numbers_of_threads():
    rng, f = np.random.default_rng(0), tg.jit(lambda x: tg.tanh(x).sum(0))
    for n in (5, 9, 2000, 7):
        for team in (1, 2, 3):
            with on(team):
                x = rng.normal(size=(n, 50))
                found = f(tg.tensor(x)).numpy()
                np.testing.assert_allclose(found, np.tanh(x).sum(0), atol=1e-11)


def test_a_general_program_is_found_on_the_disk(monkeypatch):
    def made():
        rng, f = np.random.default_rng(0), tg.jit(lambda x: (tg.tanh(x * 3) - x.mean(0)).sum(1))
        return [f(*floats(("n", 6))(n, rng)).numpy() for n in (16, 23, 7)]

    first = made()
    monkeypatch.setattr(executable.engine, "compiled", None)
    for ours, theirs in zip(first, made()):
        np.testing.assert_array_equal(ours, theirs)


def test_several_threads_call_several_sizes():
    f = tg.jit(lambda x: (tg.tanh(x) * x.mean(0)).sum(1))
    batches = {n: np.random.default_rng(n).normal(size=(n, 5)) for n in (4, 9, 50, 7, 300, 2)}

    def run(n):
        for _ in range(50):
            x = batches[n]
            found = f(tg.tensor(x)).numpy()
            np.testing.assert_allclose(found, (np.tanh(x) * x.mean(0)).sum(1), atol=1e-12)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(run, batches))


def test_fixed_parts_give_the_same_bits_on_any_number_of_threads():
    found = []
    tg.set_deterministic(True)
    try:
        for team in (1, 2, 3):
            rng, f = np.random.default_rng(0), tg.jit(lambda x: (tg.tanh(x).sum(0), x.mean()))
            with on(team):
                found.append([arrays(f(*floats(("n", 33))(n, rng))) for n in (50, 77, 5, 900)])
    finally:
        tg.set_deterministic(False)
    for other in found[1:]:
        for one, two in zip(found[0], other):
            for a, b in zip(one, two):
                np.testing.assert_array_equal(a, b)


def test_graphs_costs_and_sources_of_a_size():
    f = tg.jit(lambda x: (x * 2).sum(0))
    for n in (5, 9):
        f(tg.ones((n, 3)))
    assert "n" in repr(f.graph(tg.ones((7, 3)))).split("return")[0]
    assert f.cost(tg.ones((7, 3))).operations == 42
    assert "%n" in f.source(tg.ones((7, 3)))


def test_arithmetic_is_exact_or_refused():
    assert repr(N) == "n" and repr(N * 3 - 1) == "3n-1" and repr(5 - N) == "-n+5"
    assert int(N) == 1021 and N.at(7) == 7 and (N * 3 - 1).at(7) == 20
    assert N - N == 0 and N * 64 // 16 == N * 4 and N * 64 % 16 == 0 and (N * 4 + 6) % 4 == 2
    assert N * 6 // (N * 2) == 3 and divmod(N * 64 + 5, 64) == (N, 5)
    assert N != 1021 and N == N + 0 and hash(N) == hash(N + 0)
    assert N > 1 and N >= 2 and N <= 1021 and N < 2 * N and 1 < N and not 3 * N <= N
    for asked in (
        lambda: N * N, lambda: N // 2, lambda: N % 2, lambda: 7 // N, lambda: N < 5, lambda: N > 2
    ):  # fmt: skip
        with pytest.raises(Varying):
            asked()


def test_questions_about_sizes():
    assert below(1, N) and not below(N, 5) and not below(2, N)
    assert divides(64, N * 64) and not divides(2, N) and divides(N, N * 3) and not divides(N, 6)
    assert common(12, 8) == 4 and common(N, 2 * N) == N and common(N, 6) == 1
    assert quotient(N * 64 + 5, 64) == N and quotient(N, 2) == 510 and quotient(7, 2) == 3
    assert span(slice(1, None), N) == (1, 1, N - 1) and span(slice(None, -1), N) == (0, 1, N - 1)
    assert span(slice(None, None, -1), N) == (N - 1, -1, N) and span(slice(0, N), N) == (0, 1, N)
    assert span(slice(1, 9, 3), 7) == (1, 3, 2) and span(slice(N, None), N) == (N, 1, 0)
    with pytest.raises(Varying):
        span(slice(None, None, 2), N)
    with pytest.raises(Varying):
        span(slice(5, None), N)


# What random functions are made of; `z` is their argument, whose order no rounding changes.
ROWS = {
    "tanh": lambda x, y, z: tg.tanh(x),
    "sum of both": lambda x, y, z: x * 0.5 + y,
    "larger": lambda x, y, z: tg.where(z > 0, x, 0.5 * y),
    "flip": lambda x, y, z: tg.flip(x, 0),
    "roll": lambda x, y, z: tg.roll(x, 1, 0),
    "turn": lambda x, y, z: tg.concat([x[2:], y[:2]]),
    "halves": lambda x, y, z: tg.concat([x, y])[: x.shape[0]],
    "rear": lambda x, y, z: tg.concat([x, y])[x.shape[0] :] + x[-1],
    "center": lambda x, y, z: x - y.mean(0),
    "scale": lambda x, y, z: x / (1 + (y * y).sum(0, keepdims=True) ** 0.5),
    "normalize": lambda x, y, z: (x - x.mean(1, keepdims=True)) / (1 + x.std(1, keepdims=True)),
    "softmax": lambda x, y, z: tg.softmax(x, axis=1) + tg.softmax(y, axis=0),
    "mix": lambda x, y, z: tg.tanh(x @ (y.T @ y / y.shape[0])),
    "outer": lambda x, y, z: (x.T * 0.5).T + x[0],
    "run": lambda x, y, z: tg.tanh(tg.cumulative_sum(x, axis=1)),
    "flat": lambda x, y, z: (x.reshape(-1) * 0.5 + y.ravel()).reshape(x.shape),
    "picked": lambda x, y, z: x[tg.arange(x.shape[0])] * y[tg.arange(x.shape[0]), 1].reshape(-1, 1),
    "noise": lambda x, y, z: x + tg.random.uniform(x.shape),
    "dropped": lambda x, y, z: tg.where(tg.random.uniform(x.shape) < 0.5, x, y),
    "first": lambda x, y, z: x + tg.concat([y[:1], x[1:] * 2]),
    "windows": lambda x, y, z: x + tg.concat([y[1:] - y[:-1], y[:1]]),
    "counted": lambda x, y, z: x + tg.arange(x.shape[0]).reshape(-1, 1) * 0.01,
    "places": lambda x, y, z: x + z.argmax(0) * 0.1 + z.argmin(1).reshape(-1, 1) * 0.1,
    "sorted": lambda x, y, z: tg.sort(z, axis=0) * x + y,
    "transposed": lambda x, y, z: tg.tanh(x.T + y.T * 0.5).T,
    "columns": lambda x, y, z: x + (tg.cumulative_sum(y, axis=0) / x.shape[0]) @ (x.T @ x * 0.01),
    "steps": lambda x, y, z: tg.scan(lambda c, v: (tg.tanh(c + v), c * 0.5 + v), x[0], y)[1],
    "by columns": lambda x, y, z: tg.scan(lambda c, v: (c * 0.5, c + v), x[:, 0], y.T)[1].T,
    "stacked": lambda x, y, z: tg.stack([x, y], axis=1).sum(1),
    "matrix": lambda x, y, z: tg.concat([x, y], axis=1)[:, 2:6],
    "extremes": lambda x, y, z: x - z.max(0) + y * z.min(1, keepdims=True),
}


@given(st.lists(st.tuples(st.sampled_from(sorted(ROWS)), *[st.integers(0, 9)] * 2), min_size=1,
                max_size=6), st.sampled_from([1, 2]), st.booleans())  # fmt: skip
@settings(max_examples=many(25, 400), deadline=None)
def test_random_functions(steps, count, slopes):
    def f(x):
        found = [x, x * 0.5]
        for name, i, j in steps:
            found.append(ROWS[name](found[i % len(found)], found[-1 - j % len(found)], x))
        return found[-1]

    def g(x):
        return tg.grad(lambda x: (f(x) ** 2).mean())(x)

    with on(count):
        own = lambda: (lambda x: (f(x), g(x))) if slopes else f
        compare(own, floats(("n", 4)), [16, 9, 3, 40, 4, 7, 17, 33], rtol=2e-3, atol=2e-4)
