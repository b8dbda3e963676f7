"""The stream under the random numbers: Philox as its authors state it, here in plain integers."""

import copy
import os
import pickle
import threading

import numpy as np
import pytest

import tidegrad as tg
from tidegrad.ops.philox import upper_word
from tidegrad.ops.random import Generator

MASK = 2**64 - 1

# Seed 2024: made once by `philox` below and by the one-at-a-time quantile of test_special.
INTEGERS = [270, 618, 38, 690, 647, 417]
UNIFORM = ["0x1.295a108a8d580p-5", "0x1.d596b0b691074p-3", "0x1.93ebb9e3f9df6p-1"]
NORMAL = ["0x1.1f45f4d3e2f23p-2", "0x1.414cfff4f4bacp-1", "0x1.6ced59efd6264p+0"]
PERMUTATION = [4, 1, 3, 0, 2, 5]


def philox(key, counter):
    """One block of Philox4x64-10: four words, from the multipliers and Weyl constants alone."""
    a, b, c, d = counter & MASK, counter >> 64 & MASK, counter >> 128 & MASK, counter >> 192
    left, right = key
    for _ in range(10):
        first, second = 0xD2E7470EE14C6C93 * a, 0xCA5A826395121157 * c
        a, b, c, d = (second >> 64) ^ b ^ left, second & MASK, (first >> 64) ^ d ^ right, first
        d &= MASK
        left, right = left + 0x9E3779B97F4A7C15 & MASK, right + 0xBB67AE8584CAA73B & MASK
    return [a, b, c, d]


def key_of(seed):
    return [int(word) for word in np.random.SeedSequence(seed).generate_state(2, np.uint64)]


def stream(seed, blocks, first=1):
    return [word for n in range(first, first + blocks) for word in philox(key_of(seed), n)]


def test_the_reference_gives_the_published_answers():
    # The known answers of Random123's kat_vectors for philox4x64-10.
    zeros = "16554d9eca36314c db20fe9d672d0fdc d7e772cee186176b 7e68b68aec7ba23b"
    ones = "87b092c3013fe90b 438c3c67be8d0224 9cc7d7c69cd777b6 a09caebf594f0ba0"
    assert philox([0, 0], 0) == [int(word, 16) for word in zeros.split()]
    assert philox([MASK, MASK], 2**256 - 1) == [int(word, 16) for word in ones.split()]


def test_words_are_philox_and_those_of_numpy():
    for seed in (0, 1, 12345, 2**64, 10**50):
        drawn = Generator(seed).integers(-(2**63), 2**63, shape=(22,)).numpy()
        words = [int(word) - 2**63 for word in stream(seed, 6)][:22]
        assert drawn.tolist() == words
        raw = np.random.Philox(seed).random_raw(22)
        assert [int(word) - 2**63 for word in raw] == words


def test_each_draw_begins_a_new_block():
    generator = Generator(3)
    expected = stream(3, 7)
    for count, first in ((1, 0), (4, 1), (5, 2), (0, 4), (9, 4)):
        assert int(generator.counter.item()) == first
        drawn = generator.integers(0, 2**64, shape=(count,), dtype=tg.uint64).tolist()
        assert drawn == expected[4 * first : 4 * first + count]
    assert int(generator.counter.item()) == 7


def test_numbers_are_made_of_the_words_as_documented():
    words = stream(5, 25)
    single = [(word >> 40) / 2**24 for word in words]
    double = [(word >> 11) / 2**53 for word in words]
    assert Generator(5).uniform((100,), dtype=tg.float32).tolist() == single
    assert Generator(5).uniform((100,), dtype=tg.float64).tolist() == double
    assert Generator(5).bernoulli(0.3, (100,)).tolist() == [u < 0.3 for u in double]
    for low, high in ((0, 10), (-5, 2**40), (-(2**63), 2**63 - 1), (2**63, 2**64)):
        dtype = tg.uint64 if high > 2**63 else tg.int64
        drawn = Generator(5).integers(low, high, (100,), dtype=dtype).tolist()
        assert drawn == [low + ((high - low) * word >> 64) for word in words]
    order = sorted(range(100), key=words.__getitem__)
    assert Generator(5).permutation(100).tolist() == order


def test_the_numbers_never_change():
    tg.random.seed(2024)
    assert tg.random.integers(0, 1000, (6,)).tolist() == INTEGERS
    assert [x.hex() for x in tg.random.uniform((3,), dtype=tg.float64).tolist()] == UNIFORM
    assert [x.hex() for x in tg.random.normal((3,), dtype=tg.float64).tolist()] == NORMAL
    assert tg.random.permutation(6).tolist() == PERMUTATION


def test_the_upper_word_of_a_product_is_exact(rng):
    ends = [0, 1, 2, 2**32 - 1, 2**32, 2**32 + 1, 2**63, MASK - 1, MASK]
    words = ends + [int(n) for n in rng.integers(0, 2**64, 200, dtype=np.uint64)]
    for y in words[1:60]:
        found = upper_word(np.array(words, np.uint64), y).tolist()
        assert found == [x * y >> 64 for x in words]


def test_the_state_is_saved_and_goes_on(tmp_path):
    generator = Generator(11)
    generator.uniform((5,))
    state = generator.state_dict()
    expected = generator.normal((7,)).tolist()
    assert Generator(0).normal((7,)).tolist() != expected
    tg.save(tmp_path / "state.safetensors", state)
    for kept in (state, tg.load(tmp_path / "state.safetensors"), pickle.loads(pickle.dumps(state))):
        other = Generator(0)
        other.load_state_dict(kept)
        assert other.normal((7,)).tolist() == expected
    plain = {name: tensor.numpy() for name, tensor in state.items()}
    generator.load_state_dict(plain)
    assert generator.normal((7,)).tolist() == expected


def test_state_that_does_not_fit_changes_nothing():
    generator = Generator(0)
    state = generator.state_dict()
    for wrong, message in (
        ({"key": state["key"]}, "lacks counter"),
        (state | {"weight": 1}, "has no weight"),
        (state | {"key": np.zeros(3, np.uint64)}, r"key is uint64 of shape \(2,\), not uint64"),
        (state | {"counter": tg.tensor(1.5)}, r"counter is uint64 of shape \(\), not float32"),
    ):
        with pytest.raises(ValueError, match=message):
            generator.load_state_dict(wrong)
    assert generator.uniform((3,)).tolist() == Generator(0).uniform((3,)).tolist()


def test_the_state_is_rebound_and_never_written():
    generator = Generator(0)
    key, counter = generator.key, generator.counter
    before = counter.array
    generator.uniform((8,))
    assert generator.counter is counter and counter.array is not before
    assert int(before) == 0 and int(counter.array) == 2
    generator.seed(1)
    assert generator.key is key and int(counter.array) == 0


def test_copies_and_children_are_streams_of_their_own():
    generator = Generator(4)
    for twin in (copy.deepcopy(generator), pickle.loads(pickle.dumps(generator))):
        assert twin.uniform((3,)).tolist() == Generator(4).uniform((3,)).tolist()
    assert int(generator.counter.item()) == 0
    children = generator.spawn(3) + generator.spawn(2)
    drawn = {tuple(child.uniform((3,)).tolist()) for child in children}
    assert len(drawn) == 5
    again = Generator(4)
    again.spawn(3)
    assert again.spawn(2)[1].uniform((3,)).tolist() in [list(numbers) for numbers in drawn]
    assert repr(Generator(0)).startswith("Generator(key=0x") and "counter=0" in repr(Generator(0))


def test_seeds():
    assert Generator(np.int64(3)).uniform().item() == Generator(3).uniform().item()
    assert Generator().uniform((4,)).tolist() != Generator().uniform((4,)).tolist()
    for make in (Generator, tg.random.seed, Generator(0).seed):
        with pytest.raises(ValueError, match="a seed is 0 or more, not -1"):
            make(-1)
        for wrong in (1.5, "1", [1]):
            with pytest.raises(TypeError, match="a seed is an integer, 0 or more, not"):
                make(wrong)


def test_threads_that_share_a_generator_get_different_numbers():
    generator, drawn = Generator(0), []
    start = threading.Barrier(8)

    def draw():
        start.wait()
        drawn.extend(
            generator.integers(0, 2**64, (3,), dtype=tg.uint64).tolist() for _ in range(50)
        )

    threads = [threading.Thread(target=draw) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    serial = stream(0, 400)
    assert sorted(drawn) == sorted(serial[4 * n : 4 * n + 3] for n in range(400))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_goes_on_where_the_parent_stood(alone):
    """Also while another thread draws, whose hold on the generator the child does not inherit."""
    out = alone("""
        import os, threading, warnings
        import tidegrad as tg

        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads
        tg.random.seed(1)
        running, other = True, tg.random.Generator(0)

        def draw():
            while running:
                other.uniform()

        thread = threading.Thread(target=draw)
        thread.start()
        for _ in range(50):
            child = os.fork()
            if child == 0:
                mine = tg.random.uniform((2,)).tolist()
                other.uniform()
                os._exit(mine != tg.random.Generator(1).uniform((2,)).tolist())
            assert os.waitpid(child, 0)[1] == 0
        running = False
        thread.join()
        print(tg.random.uniform((2,)).tolist() == tg.random.Generator(1).uniform((2,)).tolist())
    """)
    assert out == "True\n"


def test_importing_loads_no_generator(alone):
    """NumPy's generators take long to load, and most programs' first line draws nothing."""
    out = alone("""
        import sys
        import numpy
        before = "numpy.random" in sys.modules
        import tidegrad
        print(before or "numpy.random" not in sys.modules)
    """)
    assert out == "True\n"
