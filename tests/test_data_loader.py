"""DataLoader: order, resuming, reading ahead, and what it refuses."""

import gc
import threading
import time

import numpy as np
import pytest

import tidegrad as tg
from tidegrad.data import DataLoader, Subset, TensorDataset, random_split


def read(loader):
    return [batch.tolist() for batch in loader]


def flat(loader):
    return [index for batch in read(loader) for index in batch]


def workers():
    return [thread for thread in threading.enumerate() if thread.name == "tidegrad-prefetch"]


class Items:
    """Item i is i; counts what was read, and fails at `bad`."""

    def __init__(self, count, bad=None, pause=0.0):
        self.count, self.bad, self.pause, self.reads = count, bad, pause, 0

    def __len__(self):
        return self.count

    def __getitem__(self, i):
        time.sleep(self.pause)
        if i == self.bad:
            raise LookupError(f"item {i} is broken")
        self.reads += 1
        return i


@pytest.mark.parametrize("prefetch", [0, 1, 3])
def test_batches_cover_the_dataset_in_order(prefetch):
    loader = DataLoader(range(7), batch_size=3, prefetch=prefetch)
    assert read(loader) == [[0, 1, 2], [3, 4, 5], [6]] and len(loader) == 3
    dropping = DataLoader(range(7), batch_size=3, drop_last=True, prefetch=prefetch)
    assert read(dropping) == [[0, 1, 2], [3, 4, 5]] and len(dropping) == 2
    assert read(DataLoader(np.arange(3))) == [[0], [1], [2]]


def test_order_depends_on_seed_and_epoch_alone():
    loader = DataLoader(range(20), batch_size=20, shuffle=True, seed=5)
    tg.random.seed(1)
    first, second = read(loader), read(loader)
    tg.random.seed(2)
    again = DataLoader(list(range(20)), batch_size=20, shuffle=True, seed=5, prefetch=2)
    assert [read(again), read(again)] == [first, second]
    assert sorted(first[0]) == sorted(second[0]) == list(range(20)) and first != second
    assert read(DataLoader(range(20), 20, shuffle=True, seed=6)) not in (first, second)
    assert again.order(0).tolist() == first[0]


def test_the_order_is_that_of_philox_words_on_every_machine():
    loader = DataLoader(range(8), shuffle=True, seed=5)
    for epoch in range(3):
        mixed = np.random.SeedSequence([5, epoch]).generate_state(1, np.uint64)[0]
        words = np.random.Philox(int(mixed) >> 1).random_raw(8)
        assert loader.order(epoch).tolist() == np.argsort(words, kind="stable").tolist()
    assert loader.order(0).tolist() == [6, 4, 2, 7, 3, 0, 5, 1]


def test_the_global_stream_is_left_alone():
    tg.random.seed(0)
    before = tg.random.uniform((3,)).tolist()
    tg.random.seed(0)
    read(DataLoader(range(9), shuffle=True))
    random_split(range(9), [4, 5])
    assert tg.random.uniform((3,)).tolist() == before


def test_whole_tensors_are_indexed_at_once_and_give_the_same_batches():
    x, y = np.random.default_rng(0).normal(size=(11, 2)), np.arange(11)
    rows = TensorDataset(x, y)
    pairs = [(x[i], int(y[i])) for i in range(11)]
    subset = Subset(Subset(rows, range(10, -1, -1)), [3, 0, 7])
    for fast, slow in ((rows, pairs), (subset, [pairs[7], pairs[10], pairs[3]])):
        for a, b in zip(
            DataLoader(fast, 4, shuffle=True), DataLoader(slow, 4, shuffle=True), strict=True
        ):
            assert isinstance(a, tuple) and isinstance(b, tuple)
            assert all(np.array_equal(p.numpy(), q.numpy()) for p, q in zip(a, b, strict=True))


def test_a_derived_tensor_dataset_gives_its_own_items():
    class Doubled(TensorDataset):
        def __getitem__(self, index):
            return super().__getitem__(index)[0] * 2

    assert read(DataLoader(Doubled([1.0, 2.0]), 2)) == [[2.0, 4.0]]


def test_collate_replaces_the_stacking():
    ragged = [[1], [2, 3], [4, 5, 6]]
    assert list(DataLoader(ragged, 2, collate=lambda items: items)) == [ragged[:2], ragged[2:]]
    rows = DataLoader(TensorDataset([1.0, 2.0]), 2, collate=len)
    assert list(rows) == [2]


@pytest.mark.parametrize("prefetch", [0, 2])
@pytest.mark.parametrize("taken", range(5))
def test_the_order_resumes_anywhere_in_an_epoch(taken, prefetch):
    def make():
        return DataLoader(range(10), 3, shuffle=True, seed=8, prefetch=prefetch)

    whole = make()
    expected = [read(whole) for _ in range(3)]
    stopped = make()
    assert read(stopped) == expected[0]
    batches = iter(stopped)
    seen = [next(batches).tolist() for _ in range(taken)]
    state = stopped.state_dict()
    resumed = make()
    resumed.load_state_dict(state)
    rest = read(resumed)
    if taken == 0:
        assert [rest, read(resumed)] == expected[1:]
    else:
        assert [seen + rest, read(resumed)] == expected[1:]
    order = {"items": 10, "seed": 8, "shuffle": True, "batch_size": 3, "drop_last": False}
    assert state == {"epoch": 1, "position": taken, **order}
    batches.close()


def test_an_iteration_left_early_counts_as_an_epoch():
    loader = DataLoader(range(10), 2, shuffle=True, seed=8)
    for _ in loader:
        break
    second = flat(loader)
    assert second == loader.order(1).tolist() and loader.epoch == 2
    assert loader.state_dict()["position"] == 0


def test_of_two_iterations_the_newest_is_resumed():
    loader = DataLoader(range(6), 2)
    old = iter(loader)
    next(old)
    new = iter(loader)
    next(new), next(old), next(new)
    assert loader.state_dict()["position"] == 2 and loader.epoch == 1
    assert [batch.tolist() for batch in old] == [[4, 5]]
    assert loader.state_dict()["position"] == 2 and loader.epoch == 1


def test_a_state_of_another_order_is_refused_and_changes_nothing():
    loader = DataLoader(range(10), 2, shuffle=True, seed=1)
    state = DataLoader(range(10), 4, shuffle=True, seed=1).state_dict()
    with pytest.raises(ValueError, match="batch_size was 4 when the state was taken and is 2"):
        loader.load_state_dict(state)
    with pytest.raises(ValueError, match="position 6 is past the 5 batches"):
        loader.load_state_dict({**loader.state_dict(), "position": 6})
    with pytest.raises(TypeError, match="epoch must be an integer"):
        loader.load_state_dict({**loader.state_dict(), "epoch": None})
    assert loader.epoch == 0 and flat(loader) == loader.order(0).tolist()


def test_reading_ahead_is_bounded_and_ahead():
    items = Items(100)
    batches = iter(DataLoader(items, 5, prefetch=3))
    next(batches)
    deadline = time.monotonic() + 5
    while items.reads < 20 and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.02)
    assert items.reads == 20  # the batch in hand, and three more
    batches.close()
    assert not workers()


@pytest.mark.parametrize("prefetch", [0, 2])
def test_an_exception_reaches_the_consumer_in_its_place(prefetch):
    seen = []
    with pytest.raises(LookupError, match="item 5 is broken") as caught:
        for batch in DataLoader(Items(10, bad=5), 2, prefetch=prefetch):
            seen.append(batch.tolist())
    assert seen == [[0, 1], [2, 3]] and not workers()
    assert "__getitem__" in [entry.name for entry in caught.traceback]


def test_no_thread_outlives_its_iteration():
    loader = DataLoader(Items(50, pause=0.001), 2, prefetch=4)
    for _ in loader:
        break
    assert not workers()
    held = iter(loader)
    next(held)
    assert len(workers()) == 1
    del held
    assert not workers()
    with pytest.raises(ZeroDivisionError):
        for _ in loader:
            raise ZeroDivisionError
    gc.collect()
    assert not workers()
    read(loader)
    assert not workers()


def test_abandoned_iterations_in_a_cycle_are_collected():
    loader = DataLoader(range(50), 2, prefetch=2)
    cycle = [iter(loader)]
    next(cycle[0])
    cycle.append(cycle)
    del cycle
    gc.collect()
    assert not workers()


@pytest.mark.parametrize(
    ("make", "kind", "text"),
    [
        (lambda: DataLoader([]), ValueError, "dataset has 0 items: it is empty"),
        (lambda: DataLoader([1], 0), ValueError, "batch_size must be at least 1, got 0"),
        (lambda: DataLoader([1], 2.0), TypeError, "batch_size must be an integer, not float"),
        (lambda: DataLoader([1], prefetch=-1), ValueError, "prefetch must be at least 0"),
        (lambda: DataLoader([1], 2, drop_last=True), ValueError, "drop_last leaves no batch"),
        (lambda: DataLoader(iter([1])), TypeError, "read into a list first"),
        (lambda: DataLoader({"x": [1]}), TypeError, "TensorDataset"),
    ],
)
def test_what_cannot_be_loaded_says_so_at_once(make, kind, text):
    with pytest.raises(kind, match=text):
        make()


@pytest.mark.parametrize("prefetch", [0, 2])
def test_unequal_shapes_name_the_item_of_the_dataset(prefetch):
    items = [np.zeros((2, 3))] * 6 + [np.zeros((2, 4))]
    loader = DataLoader(items, 2, prefetch=prefetch, shuffle=False)
    with pytest.raises(
        ValueError, match=r"item 7 has shape \(2, 3\).* item 6 .* \(2, 4\).*collate="
    ):
        list(DataLoader([*items, np.zeros((2, 3))], 2, prefetch=prefetch))
    assert len(list(loader)) == 4  # alone in its batch it agrees with itself
