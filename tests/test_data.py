"""Datasets, random parts, collation and toy problems."""

from collections import namedtuple

import numpy as np
import pytest

import tidegrad as tg
from tidegrad.data import (
    Dataset,
    Subset,
    TensorDataset,
    addition,
    blobs,
    collate,
    moons,
    random_split,
    spiral,
)


def test_a_tensor_dataset_gives_rows_of_all_its_tensors():
    x = np.arange(12.0).reshape(4, 3)
    rows = TensorDataset(x, [5, 6, 7, 8])
    assert len(rows) == 4
    first, label = rows[2]
    assert first.tolist() == [6.0, 7.0, 8.0] and first.dtype == tg.float64
    assert label.item() == 7
    several, labels = rows[np.array([3, 0])]
    assert several.numpy().tolist() == x[[3, 0]].tolist() and labels.tolist() == [8, 5]
    assert "float64(4, 3)" in repr(rows) and "int64(4,)" in repr(rows)


def test_a_tensor_dataset_keeps_a_copy():
    x = np.zeros((2, 2))
    rows = TensorDataset(x)
    x[:] = 1
    assert rows[0][0].tolist() == [0.0, 0.0]


def test_a_tensor_dataset_says_what_does_not_fit():
    with pytest.raises(ValueError, match=r"at least one tensor"):
        TensorDataset()
    with pytest.raises(ValueError, match=r"tensor 1 of shape \(\) should have .* rows"):
        TensorDataset([1.0], 3.0)
    with pytest.raises(ValueError, match=r"\(3, 2\) and tensor 1 of shape \(4,\) .* axis 0"):
        TensorDataset(np.zeros((3, 2)), np.zeros(4))


def test_anything_with_a_length_and_an_index_is_a_dataset():
    assert isinstance([1, 2], Dataset) and isinstance(np.zeros(3), Dataset)
    assert not isinstance(iter([1]), Dataset)

    class Half(Dataset):
        def __len__(self):
            return 1

    with pytest.raises(TypeError, match="abstract"):
        Half()


def test_a_subset_reads_the_chosen_items():
    part = Subset("abcdef", [4, 0, 4])
    assert [part[i] for i in range(3)] == ["e", "a", "e"] and len(part) == 3
    assert list(Subset("abc", (i for i in range(2)))) == ["a", "b"]
    assert len(Subset("abc", [])) == 0
    with pytest.raises(IndexError, match="index 6 is outside a dataset of 6 items"):
        Subset("abcdef", [1, 6])
    with pytest.raises(IndexError, match="index -1 is outside"):
        Subset("abcdef", [-1])
    with pytest.raises(TypeError, match="flatnonzero"):
        Subset("ab", [True, False])


@pytest.mark.parametrize("sizes", [[7, 2, 1], [0.7, 0.2, 0.1], [10, 0, 0]])
def test_random_parts_are_disjoint_and_whole(sizes):
    parts = random_split(range(10), sizes, seed=4)
    assert sorted(item for part in parts for item in part) == list(range(10))
    expected = [size if isinstance(size, int) else round(10 * size) for size in sizes]
    assert [len(part) for part in parts] == expected


@pytest.mark.parametrize("count", [0, 1, 7, 29, 100, 1797])
def test_fractions_always_sum_to_the_whole(count):
    parts = random_split(range(count), [0.29, 0.31, 0.4])
    assert sum(len(part) for part in parts) == count
    assert all(abs(len(p) - count * f) <= 1 for p, f in zip(parts, [0.29, 0.31, 0.4], strict=True))


def test_random_parts_depend_on_the_seed_alone():
    tg.random.seed(0)
    first = [part.indices.tolist() for part in random_split(range(50), [0.5, 0.5], seed=9)]
    tg.random.seed(1)
    again = [part.indices.tolist() for part in random_split(range(50), [0.5, 0.5], seed=9)]
    other = [part.indices.tolist() for part in random_split(range(50), [0.5, 0.5], seed=10)]
    assert first == again != other


@pytest.mark.parametrize("sizes", [[5, 4], [0.5, 0.6], [0.5, 1], [11, -1], [float("nan"), 1.0]])
def test_sizes_that_do_not_fit_are_refused(sizes):
    with pytest.raises(ValueError, match="random_split"):
        random_split(range(10), sizes)


def test_collate_keeps_the_structure_and_stacks_the_leaves():
    Pair = namedtuple("Pair", "left right")
    items = [
        {
            "pair": Pair(np.full((2,), i, np.float32), i),
            "list": [tg.tensor(float(i)), np.float64(i)],
            "name": f"item {i}",
            "flag": i > 0,
        }
        for i in range(3)
    ]
    batch = collate(items)
    assert isinstance(batch["pair"], Pair)
    assert batch["pair"].left.shape == (3, 2) and batch["pair"].left.dtype == tg.float32
    assert batch["pair"].right.tolist() == [0, 1, 2] and batch["pair"].right.dtype == tg.int64
    assert batch["list"][0].dtype == tg.float32 and batch["list"][1].dtype == tg.float64
    assert batch["name"] == ["item 0", "item 1", "item 2"]
    assert batch["flag"].tolist() == [False, True, True] and batch["flag"].dtype == tg.bool
    assert collate([1, 2.5]).tolist() == [1.0, 2.5]


def test_collated_tensors_stay_differentiable():
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    collate([w, w * 3]).sum().backward()
    assert w.grad.tolist() == [4.0, 4.0]


@pytest.mark.parametrize(
    ("items", "text"),
    [
        (
            [np.zeros((2, 3)), np.zeros((2, 4))],
            r"item 1 has shape \(2, 4\), but item 0 .* \(2, 3\)",
        ),
        ([(0, np.zeros(2)), (0, np.zeros(3))], r"item 1 at \[1\] has shape \(3,\).*collate="),
        ([np.zeros(2, np.float32), np.zeros(2)], r"dtype float64, but item 0 has dtype float32"),
        ([{"a": 1}, {"b": 1}], r"item 1 has keys \['b'\], but item 0 has keys \['a'\]"),
        ([{"a": 1}, 3], r"item 1 has kind int, but item 0 has kind dict"),
        ([(1, 2), (1, 2, 3)], r"item 1 has length 3, but item 0 has length 2"),
        ([{"x": ("a",)}, {"x": (1,)}], r"item 1 at \['x'\]\[0\] has kind int"),
        ([[1], 1], r"item 1 has kind int, but item 0 has kind list"),
        ([], r"no items"),
    ],
)
def test_items_that_do_not_match_are_named(items, text):
    with pytest.raises(ValueError, match=text):
        collate(items)


def test_items_that_are_no_numbers_are_a_type_error():
    with pytest.raises(TypeError, match=r"item 1 at \[0\] is a NoneType.*collate="):
        collate([(1.0,), (None,)])


@pytest.mark.parametrize("make", [spiral, moons, blobs])
def test_toys_are_balanced_typed_and_seeded(make):
    x, y = make(40, seed=3)
    again, _ = make(40, seed=3)
    other, _ = make(40, seed=4)
    assert x.dtype == tg.float32 and y.dtype == tg.int64
    assert x.shape == (len(y), 2) and np.bincount(y.numpy()).tolist() == [40] * (len(y) // 40)
    assert np.array_equal(x.numpy(), again.numpy()) and not np.array_equal(x.numpy(), other.numpy())


def test_toys_without_noise_lie_where_geometry_says():
    x, _ = spiral(50, classes=4, noise=0.0)
    radius = np.linalg.norm(x.numpy(), axis=1)
    assert np.allclose(radius, np.tile(np.linspace(0, 1, 50), 4), atol=1e-6)
    x, _ = moons(50, noise=0.0)
    upper, lower = x.numpy()[:50], x.numpy()[50:]
    assert np.allclose(np.linalg.norm(upper, axis=1), 1, atol=1e-6) and (upper[:, 1] > -1e-6).all()
    assert np.allclose(np.linalg.norm(lower - [1, 0.5], axis=1), 1, atol=1e-6)
    x, _ = blobs(30, classes=2, features=5, spread=0.0)
    assert len(np.unique(x.numpy(), axis=0)) == 2 and x.shape == (60, 5)


def test_addition_is_right_and_never_repeats_a_question():
    x, y = addition(seed=2)
    x, y = x.numpy(), y.numpy()
    assert x.shape == (10_000, 6) and y.shape == (10_000, 3)
    assert (x[:, 2] == 10).all() and (x[:, 5] == 11).all()
    a, b = x[:, 0] * 10 + x[:, 1], x[:, 3] * 10 + x[:, 4]
    assert np.array_equal(a + b, y @ [100, 10, 1]) and y.max() <= 9
    assert len(np.unique(a * 100 + b)) == 10_000
    assert addition(7)[0].shape == (7, 6)
    with pytest.raises(ValueError, match="points must lie in 0 to 10000"):
        addition(10_001)
