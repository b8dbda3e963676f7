"""What random numbers are drawn: their distributions, bounds, shapes, gradients and errors."""

import numpy as np
import pytest

import tidegrad as tg
from tidegrad.ops.philox import as_bell, as_unit
from tidegrad.ops.random import Generator

FLOATS = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
COUNT = 40_000


@pytest.fixture
def stats():
    return pytest.importorskip("scipy.stats")


# With fixed seeds these are facts; a right generator fails one in a thousand choices of seed.
CHANCE = 1e-3


@FLOATS
def test_uniform_is_uniform(stats, dtype):
    x = Generator(1).uniform((COUNT,), -2.0, 3.0, dtype=dtype)
    assert x.dtype == dtype
    assert stats.kstest(x.numpy(), "uniform", (-2, 5)).pvalue > CHANCE


@FLOATS
def test_normal_is_normal(stats, dtype):
    x = Generator(2).normal((COUNT,), 1.0, 2.0, dtype=dtype)
    assert x.dtype == dtype
    assert stats.kstest((x.numpy() - 1) / 2, "norm").pvalue > CHANCE


def test_integers_are_uniform(stats):
    x = Generator(3).integers(-3, 10, (COUNT,)).numpy()
    assert stats.chisquare(np.bincount(x + 3, minlength=13)).pvalue > CHANCE
    wide = Generator(4).integers(0, 3 * 2**62, (COUNT,), dtype=tg.uint64).numpy()
    assert stats.kstest(wide / (3 * 2**62), "uniform").pvalue > CHANCE


def test_bernoulli_has_its_probability(stats):
    p = tg.tensor([0.0, 0.1, 0.5, 1.0])
    hits = Generator(5).bernoulli(p, (COUNT, 4)).numpy().sum(axis=0)
    assert hits[0] == 0 and hits[3] == COUNT
    for count, chance in zip(hits[1:3].tolist(), [0.1, 0.5]):
        assert stats.binomtest(count, COUNT, chance).pvalue > CHANCE


def test_permutations_are_equally_likely(stats):
    generator = Generator(6)
    found = [tuple(generator.permutation(4).tolist()) for _ in range(4800)]
    assert len(set(found)) == 24
    counts = [found.count(order) for order in set(found)]
    assert stats.chisquare(counts).pvalue > CHANCE


def test_neighbours_are_independent(stats):
    x = Generator(7).normal((2, COUNT))
    streams = [Generator(seed).normal((COUNT,)).numpy() for seed in (0, 1)]
    streams += [child.normal((COUNT,)).numpy() for child in Generator(0).spawn(2)]
    pairs = [(x.numpy()[0], x.numpy()[1]), (x.numpy()[0, :-1], x.numpy()[0, 1:])]
    pairs += [(streams[i], streams[j]) for i in range(4) for j in range(i)]
    for a, b in pairs:
        assert stats.pearsonr(a, b).pvalue > CHANCE


@FLOATS
def test_the_ends_of_the_words_stay_inside(dtype):
    words = np.array([0, 1, 2**63 - 1, 2**63, 2**64 - 1], np.uint64)
    u = as_unit(words, np.dtype(dtype))
    assert u[0] == 0 and u[-1] == np.nextafter(dtype(1), dtype(0))
    z = as_bell(words, np.dtype(dtype))
    assert np.isfinite(z).all() and z[-1] == -z[0] == pytest.approx(8.20953615160139)
    assert z[3] == -z[2] > 0


@FLOATS
def test_uniform_never_reaches_its_upper_bound(dtype):
    """1 + u rounds to 2 for the largest u: such a word is among these."""
    bounds = [(1.0, 2.0), (-1.0, 1.0), (1e6, 1e6 + 1), (0.1, 0.3), (-3.0, -2.0)]
    for low, high in bounds:
        x = Generator(0).uniform((200_000,), low, high, dtype=dtype).numpy()
        assert dtype(low) <= x.min() and x.max() < dtype(high)
    assert Generator(0).uniform((3,), 2.0, 2.0).tolist() == [2.0, 2.0, 2.0]


def test_the_largest_word_is_rounded_down(monkeypatch):
    largest = lambda key, end, count: np.full(count, 2**64 - 1, np.uint64)
    monkeypatch.setattr("tidegrad.ops.philox.words", largest)
    assert tg.random.uniform((), 1.0, 2.0).item() == np.nextafter(np.float32(2), np.float32(1))
    high = tg.tensor(2.0, requires_grad=True)
    tg.random.uniform((), 1.0, high).backward()
    assert high.grad.item() == 1.0


def test_the_same_seed_gives_the_same_numbers():
    for draw in (
        lambda g: g.uniform((5,)),
        lambda g: g.normal((5,), dtype=tg.float64),
        lambda g: g.integers(10, shape=(5,)),
        lambda g: g.bernoulli(0.5, (5,)),
        lambda g: g.permutation(5),
    ):
        assert draw(Generator(9)).tolist() == draw(Generator(9)).tolist()
        tg.random.seed(9)
        assert draw(tg.random).tolist() == draw(Generator(9)).tolist()
    tg.random.seed(0)
    before = tg.random.default_generator().state_dict()
    tg.random.uniform((5,), generator=Generator(1))
    after = tg.random.default_generator().state_dict()
    assert before["counter"].item() == after["counter"].item()


def test_shapes_and_dtypes():
    assert tg.random.uniform().shape == () and tg.random.normal(3).shape == (3,)
    assert tg.random.uniform((0, 2)).shape == (0, 2) and tg.random.permutation(0).shape == (0,)
    assert tg.random.uniform((2, 3)).dtype == tg.float32
    assert tg.random.normal((2,), np.zeros((3, 1))).shape == (3, 2)
    assert tg.random.uniform((), [0.0, 1.0], [1.0, 2.0]).shape == (2,)
    assert tg.random.uniform((), np.float64(0), 2).dtype == tg.float64
    assert tg.random.integers(5).dtype == tg.int64
    assert tg.random.integers(-128, 128, (9,), dtype=tg.int8).dtype == tg.int8
    assert tg.random.bernoulli().dtype == tg.bool
    assert tg.random.bernoulli([0.5, 0.5], (4, 2), dtype=tg.float32).dtype == tg.float32
    tg.set_default_dtype(tg.float64)
    try:
        assert tg.random.normal((2,)).dtype == tg.float64
    finally:
        tg.set_default_dtype(tg.float32)


def test_a_permutation_of_an_array_moves_its_rows():
    x = tg.reshape(tg.arange(12, dtype=tg.float32), (6, 2))
    x.requires_grad = True
    moved = tg.random.permutation(x, generator=Generator(0))
    order = Generator(0).permutation(6).numpy()
    np.testing.assert_array_equal(moved.detach().numpy(), np.arange(12).reshape(6, 2)[order])
    weights = np.arange(12, dtype=np.float32).reshape(6, 2)
    (moved * tg.tensor(weights)).sum().backward()
    expected = np.empty_like(weights)
    expected[order] = weights
    np.testing.assert_array_equal(x.grad.numpy(), expected)
    assert sorted(tg.random.permutation([3, 1, 2]).tolist()) == [1, 2, 3]


@FLOATS
def test_gradients_reach_the_parameters(dtype):
    low, high = tg.tensor(-1.0, dtype, True), tg.tensor([2.0, 3.0], dtype, True)
    u = Generator(0).uniform((5, 2), dtype=dtype).numpy()
    x = Generator(0).uniform((5, 2), low, high)
    assert x.dtype == dtype
    x.sum().backward()
    tolerance = 10 * np.finfo(dtype).eps
    np.testing.assert_allclose(low.grad.numpy(), (1 - u).sum(), rtol=tolerance)
    np.testing.assert_allclose(high.grad.numpy(), u.sum(axis=0), rtol=tolerance)
    mean, std = tg.tensor([0.0, 5.0], dtype, True), tg.tensor(2.0, dtype, True)
    z = Generator(0).normal((5, 2), dtype=dtype).numpy()
    Generator(0).normal((5, 2), mean, std).sum().backward()
    np.testing.assert_array_equal(mean.grad.numpy(), [5.0, 5.0])
    np.testing.assert_allclose(std.grad.numpy(), z.sum(), rtol=tolerance, atol=tolerance)
    assert not tg.random.bernoulli(tg.tensor(0.5, dtype, True)).requires_grad


def test_checkpoint_replays_any_generator():
    generator = Generator(3)

    def noisy(x):
        return (x * generator.normal((4,)) * tg.random.uniform((4,))).sum()

    x = tg.tensor([1.0, 2.0, 3.0, 4.0])
    tg.random.seed(1)
    plain = tg.grad(noisy)(x).tolist()
    generator.seed(3)
    tg.random.seed(1)
    assert tg.grad(tg.checkpoint(noisy))(x).tolist() == plain
    assert generator.counter.item() == tg.random.default_generator().counter.item() == 1


@pytest.mark.parametrize(
    "draw, error, message",
    [
        (lambda r: r.uniform((2,), 1.0, 0.0), ValueError, "uniform: low 1.0 and high 0.0 bound"),
        (lambda r: r.uniform((2,), 0.0, np.inf), ValueError, "no finite range in float"),
        (lambda r: r.uniform((2,), -3e38, 3e38), ValueError, "no finite range in float32"),
        (lambda r: r.uniform((2,), [0.0, np.nan]), ValueError, "uniform: low"),
        (lambda r: r.uniform((2,), np.zeros(3)), ValueError, "uniform: shapes .* do not broadcast"),
        (lambda r: r.uniform((2,), dtype=tg.int32), TypeError, "int32 is not a float dtype"),
        (lambda r: r.uniform((-1,)), ValueError, "negative size"),
        (lambda r: r.uniform((1.5,)), TypeError, "uniform: a shape is made of integers"),
        (lambda r: r.normal((2,), 0.0, -1.0), ValueError, "normal: std is 0 or more, not -1.0"),
        (lambda r: r.normal((2,), dtype=bool), TypeError, "bool is not a float dtype"),
        (lambda r: r.integers(3, 3), ValueError, "no integer is from 3 to before 3"),
        (lambda r: r.integers(0), ValueError, "no integer is from 0 to before 0"),
        (lambda r: r.integers(0.5), TypeError, "low and high are integers, not 0.5"),
        (lambda r: r.integers(0, 300, dtype=tg.uint8), ValueError, "0 to 299 does not fit uint8"),
        (lambda r: r.integers(-1, 3, dtype=tg.uint8), ValueError, "-1 to 2 does not fit uint8"),
        (lambda r: r.integers(9, dtype=tg.float32), TypeError, "float32 is not an integer dtype"),
        (lambda r: r.bernoulli(1.5), ValueError, "probability within 0 to 1, not 1.5"),
        (lambda r: r.bernoulli([0.5, np.nan]), ValueError, "probability within 0 to 1"),
        (lambda r: r.bernoulli([0.5, 0.5], (2, 1)), ValueError, "does not fit shape"),
        (lambda r: r.permutation(-1), ValueError, "no -1 integers to order"),
        (lambda r: r.permutation(2.5), TypeError, "takes an integer or an array, not 2.5"),
    ],
)
def test_errors_say_what_is_wrong_and_draw_nothing(draw, error, message):
    generator = Generator(0)
    with pytest.raises(error, match=message):
        draw(generator)
    assert generator.counter.item() == 0
