"""Saving and loading: every tree comes back as it was, and other programs share the files."""

import io
import math
import struct
from collections import OrderedDict, namedtuple

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from profiles import many

import tidegrad as tg
from tidegrad.io.header import encode_header
from tidegrad.io.seal import SEAL, write_sealed

DTYPES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
DTYPES += ["float32", "float64"]


def same(a, b):
    """Equal in type, order and every bit; arrays and NumPy scalars come back as Tensors."""
    if isinstance(a, (tg.Tensor, np.ndarray, np.generic)):
        a = np.asarray(a.numpy() if isinstance(a, tg.Tensor) else a)
        b, kind = b.numpy(), type(b)
        assert kind is tg.Tensor and (a.dtype, a.shape) == (b.dtype, b.shape)
        assert a.tobytes() == b.tobytes()
    elif isinstance(a, dict):
        assert type(b) is dict and len(a) == len(b)
        for (key, x), (other, y) in zip(a.items(), b.items(), strict=True):
            same(key, other)
            same(x, y)
    elif isinstance(a, (list, tuple)):
        assert type(a) is type(b) and len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    elif isinstance(a, float):
        assert type(b) is float
        assert struct.pack("d", a) == struct.pack("d", b) or (math.isnan(a) and math.isnan(b))
    else:
        assert type(a) is type(b) and a == b


def there_and_back(path, tree):
    tg.save(path, tree)
    return tg.load(path)


keys = st.text(max_size=4) | st.sampled_from(["a", "a.b", "b", "", "__metadata__", "a~2", "\ud800"])
keys |= st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False)
plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
arrays = st.builds(
    lambda name, shape: (np.arange(math.prod(shape)) % 7).astype(name).reshape(shape),
    st.sampled_from(DTYPES),
    st.lists(st.integers(0, 3), max_size=3),
)
trees = st.recursive(
    plain | arrays,
    lambda part: (
        st.lists(part, max_size=4)
        | st.lists(part, max_size=3).map(tuple)
        | st.dictionaries(keys, part, max_size=4)
    ),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("trees")


@settings(max_examples=many(150, 3000))
@given(tree=trees)
def test_any_tree_comes_back_as_it_was(folder, tree):
    same(tree, there_and_back(folder / "tree.safetensors", tree))


@pytest.mark.parametrize(
    "tree",
    [
        {"a": {"b": np.ones(2)}, "a.b": np.zeros(3)},
        {"a": {"b": np.ones(2)}, "a.b": np.zeros(3), "a.b~2": np.ones(1)},
        {"": np.ones(1), "a": {"": np.zeros(2)}, "a.": np.ones(3)},
        {"__metadata__": np.ones(1)},
        {"x": {"__metadata__": np.ones(1)}, "__metadata__": {"tidegrad": "1"}},
        {"tidegrad": np.ones(1), "tidegrad.sha256": "0" * 64},
        {1: np.ones(1), "1": np.zeros(2), None: 3, 2.5: True, float("inf"): 2**70, 2**80: ""},
        {"list": ["tensor", "a"], "tuple": ("dict", ["list"]), "a": np.ones(1)},
        [np.ones(1), (np.zeros(2), [], (), {})],
        [float("nan"), float("inf"), -float("inf"), -0.0, 5e-324, 1.7976931348623157e308],
        [2**53, -(2**53), 2**53 - 1, -(2**70), 10**5000, True, 1, 1.0, None, "", "\0\ud800é😀"],
        {"\ud800": np.ones(1), "\\ud800": np.zeros(1)},
        {},
        [],
        None,
        3,
        np.float64(2.5),
        np.array(7, np.uint8),
    ],
)
def test_trees_that_could_be_confused(tmp_path, tree):
    same(tree, there_and_back(tmp_path / "x", tree))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,), (5,), (2, 3, 4)])
def test_a_flat_dict_is_an_ordinary_safetensors_file(tmp_path, dtype, shape):
    value = (np.arange(math.prod(shape)) * 37 % 251).astype(dtype).reshape(shape)
    tree = {
        "layer.0.weight": value,
        "odd": np.ones(3, bool),
        "layer.0.bias": tg.tensor([1.5, -2.0]),
    }
    same(tree, there_and_back(tmp_path / "flat", tree))
    ordinary = safetensors.numpy.load_file(tmp_path / "flat")
    assert ordinary.keys() == tree.keys()
    assert ordinary["layer.0.weight"].dtype == dtype
    np.testing.assert_array_equal(ordinary["layer.0.weight"], value)
    safetensors.numpy.save_file(
        {"w": value, "v": value[:0] if shape else value}, tmp_path / "other"
    )
    same({"w": value}, {"w": tg.load(tmp_path / "other")["w"]})


def test_tensors_of_a_tree_have_dotted_names_for_other_programs(tmp_path):
    tree = {"net": {"layers": [{"w": np.ones(2)}, {"w": np.zeros(3)}]}, "epoch": 3}
    tg.save(tmp_path / "tree", tree)
    ordinary = safetensors.numpy.load_file(tmp_path / "tree")
    assert {name: a.tolist() for name, a in ordinary.items()} == {
        "net.layers.0.w": [1, 1],
        "net.layers.1.w": [0, 0, 0],
    }


def test_pytorch_reads_and_writes_the_same_files(tmp_path):
    torch = pytest.importorskip("torch")
    files = pytest.importorskip("safetensors.torch")
    state = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4)).state_dict()
    files.save_file(state, tmp_path / "theirs", metadata={"format": "pt"})
    loaded = tg.load(tmp_path / "theirs")
    assert loaded.keys() == state.keys()
    for name, value in state.items():
        same(value.numpy(), loaded[name])
    tg.save(tmp_path / "ours", loaded)
    for name, value in files.load_file(tmp_path / "ours").items():
        assert torch.equal(value, state[name])


@pytest.mark.parametrize("name", ["bfloat16", "float16", "float8_e4m3fn", "complex64"])
def test_a_dtype_we_lack_is_named_with_its_tensor_and_the_remedy(tmp_path, name):
    torch = pytest.importorskip("torch")
    files = pytest.importorskip("safetensors.torch")
    tensors = {"good": torch.ones(2), "layer.bad": torch.ones(2).to(getattr(torch, name))}
    files.save_file(tensors, tmp_path / "half")
    code = {"b": "BF16", "f": "F16", "8": "F8_E4M3", "c": "C64"}[
        name[5] if "8" in name else name[0]
    ]
    with pytest.raises(ValueError, match=rf"half: tensor 'layer.bad' has dtype '{code}'.*float32"):
        tg.load(tmp_path / "half")


def test_arrays_of_any_layout_are_saved_in_order(tmp_path):
    x = np.arange(24.0).reshape(2, 3, 4)
    tree = {
        "transposed": x.T,
        "reversed": x[::-1, :, ::2],
        "fortran": np.asfortranarray(x),
        "spread": np.broadcast_to(x[0, 0], (3, 4)),
        "swapped": x.astype(">f8"),
        "long": np.arange(3, dtype=np.longlong),
    }
    for name, array in there_and_back(tmp_path / "x", tree).items():
        assert array.numpy().dtype.isnative
        np.testing.assert_array_equal(array.numpy(), tree[name])


def test_large_tensors_in_pieces(tmp_path):
    x = np.random.default_rng(0).normal(size=(3, 1 << 17)).astype(np.float32)[:, 3:]
    same({"x": x, "y": 1}, there_and_back(tmp_path / "x", {"x": x, "y": 1}))


def test_memory_that_changes_meanwhile_is_saved_as_it_was_summed(tmp_path):
    x = np.zeros(1 << 18)

    class Racing(io.BufferedWriter):
        """Another thread writes into the array between its sum and its writing."""

        def write(self, data):
            x[...] += 1
            return super().write(data)

    head, _ = encode_header({"x": x}, SEAL)
    with Racing(io.FileIO(tmp_path / "x", "wb")) as file:
        write_sealed(file, head, [x])
    assert set(tg.load(tmp_path / "x")["x"].tolist()) == {1.0, 2.0}


def test_loaded_tensors_are_new_leaves_without_gradient(tmp_path):
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    loaded = there_and_back(tmp_path / "x", {"a": w, "b": w, "c": [w]})
    assert not any(t.requires_grad for t in (loaded["a"], loaded["b"], loaded["c"][0]))
    assert loaded["a"] is not loaded["b"]
    same({"a": np.float32([1, 2]), "b": w, "c": [w]}, loaded)


def test_subclasses_come_back_as_the_plain_kinds(tmp_path):
    point = namedtuple("point", "x y")
    tree = [OrderedDict(b=1, a=point(1, 2.0)), np.float32(2), np.bool_(True)]
    same([{"b": 1, "a": (1, 2.0)}, tree[1], tree[2]], there_and_back(tmp_path / "x", tree))


def test_a_byte_of_a_foreign_bool_is_zero_or_one_afterwards(tmp_path):
    odd = np.array([0, 1, 2, 255], np.uint8).view(bool)
    safetensors.numpy.save_file({"mask": odd}, tmp_path / "x")
    assert tg.load(tmp_path / "x")["mask"].numpy().view(np.uint8).tolist() == [0, 1, 1, 1]


def test_deep_trees_up_to_the_limit(tmp_path):
    tree = np.ones(1)
    for level in range(50):
        tree = {level: [tree]}
    same(tree, there_and_back(tmp_path / "x", tree))
    with pytest.raises(ValueError, match="deeper than 100 levels"):
        tg.save(tmp_path / "x", [tree])


def cycle():
    tree = [1]
    tree.append(tree)
    return tree


@pytest.mark.parametrize(
    "tree, kind, message",
    [
        ({"a": [1, {2}]}, TypeError, r"tree\['a'\]\[1\] is a set; only dicts"),
        ({"a": {"b": 1j}}, TypeError, r"tree\['a'\]\['b'\] is a complex"),
        (b"x", TypeError, r"save: tree is a bytes"),
        ({"a": {(1, 2): 3}}, TypeError, r"a key of tree\['a'\] is a tuple; use a string or a num"),
        ({"h": np.ones(2, np.float16)}, TypeError, r"tree\['h'\] has dtype float16; .*float32"),
        ([np.ones(2, complex)], TypeError, r"tree\[0\] has dtype complex128"),
        ([np.array(["a"])], TypeError, r"tree\[0\] has dtype <U1"),
        ([np.array([None])], TypeError, r"tree\[0\] has dtype object"),
        ([np.ma.masked_array([1.0], [True])], TypeError, r"tree\[0\] is a masked array"),
        (cycle(), ValueError, "contains itself"),
        ({"x": "a" * 100_000_000}, ValueError, "safetensors format; keep large data in tensors"),
    ],
)
def test_what_cannot_be_saved_is_refused_before_any_file_is_touched(tmp_path, tree, kind, message):
    tg.save(tmp_path / "x", {"old": 1})
    before = (tmp_path / "x").read_bytes()
    with pytest.raises(kind, match=message):
        tg.save(tmp_path / "x", tree)
    assert [f.name for f in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x").read_bytes() == before


def test_paths_may_be_strings_bytes_or_path_objects(tmp_path):
    for path in (tmp_path / "a", str(tmp_path / "b"), str(tmp_path / "c").encode()):
        assert there_and_back(path, [1]) == [1]
    with pytest.raises(TypeError):
        tg.save(3, [1])


def test_a_missing_file_is_the_usual_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing"):
        tg.load(tmp_path / "missing.safetensors")
    with pytest.raises(IsADirectoryError):
        tg.load(tmp_path)
