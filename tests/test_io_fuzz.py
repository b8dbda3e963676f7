"""Damaged and hostile files: each is a FileFormatError that names it, or loads whole."""

import hashlib
import json
import os
import random
import tracemalloc
import types

import numpy as np
import pytest
import safetensors.numpy
from profiles import many

import tidegrad as tg
from tidegrad.errors import FileFormatError

ROUNDS = many(5_000, 100_000)
SMALL = {
    "flat": {"a": np.float32([1, 2]), "b": np.array([True, False])},
    "tree": {"a": {"b": np.arange(3)}, "a.b": [1.5, float("nan"), 2**60, None], 3: ("x", {})},
    "spaces": {"w": np.full(16, 0x20, np.uint8)},
    "zeros": {"w": np.full(80, 0x30, np.uint8)},
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "victim.safetensors"


def refused(path, content):
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=r"^load: .*victim\.safetensors: ."):
        tg.load(path)


def file_of(table, data=b""):
    """A file with any header, written without the package's help."""
    text = table if isinstance(table, bytes) else json.dumps(table).encode()
    return len(text).to_bytes(8, "little") + text + data


def sealed(metadata, table=None, data=b""):
    """A file whose checksum is right, whatever else it says."""
    head = {"tidegrad.sha256": "0" * 64, "tidegrad": "1", **metadata}
    content = file_of({"__metadata__": head, **(table or {})}, data)
    digest = hashlib.sha256(content).hexdigest().encode()
    return content.replace(b"0" * 64, digest)


def test_the_checksum_is_that_of_the_file_with_zeros_in_its_place(path):
    tg.save(path, SMALL["tree"])
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    digest = header["__metadata__"]["tidegrad.sha256"].encode()
    assert content.count(digest) == 1
    assert hashlib.sha256(content.replace(digest, b"0" * 64)).hexdigest().encode() == digest


@pytest.mark.parametrize("name", SMALL)
def test_every_flipped_bit_is_refused(path, name):
    tg.save(path, SMALL[name])
    content = bytearray(path.read_bytes())
    for position in range(len(content)):
        for bit in range(8):
            content[position] ^= 1 << bit
            refused(path, content)
            content[position] ^= 1 << bit
    path.write_bytes(content)
    assert isinstance(tg.load(path), dict)


@pytest.mark.parametrize("name", SMALL)
def test_every_truncation_and_every_addition_is_refused(path, name):
    tg.save(path, SMALL[name])
    content = path.read_bytes()
    for length in range(len(content)):
        refused(path, content[:length])
    for more in (b"\0", b" ", b"0" * 8, content):
        refused(path, content + more)


@pytest.mark.parametrize("key", ["tidegrad", "tidegrad.sha256", "tidegrad.tree"])
def test_one_entry_without_the_others_is_refused(path, key):
    good = {"tidegrad": "1", "tidegrad.sha256": "0" * 64, "tidegrad.tree": "1"}
    refused(path, file_of({"__metadata__": {key: good[key]}}))
    refused(path, file_of({"__metadata__": {**good, "x": "y"}}))
    unmarked = file_of({"__metadata__": {"tidegrad.sha256": "0" * 64}})
    digest = hashlib.sha256(unmarked).hexdigest().encode()
    refused(path, unmarked.replace(b"0" * 64, digest))
    path.write_bytes(file_of({"__metadata__": {"x": "y", "tidegradient": "1"}}))
    assert tg.load(path) == {}


def test_a_newer_version_says_so(path):
    path.write_bytes(sealed({"tidegrad": "2"}))
    with pytest.raises(FileFormatError, match=r"version '2'.*install a newer tidegrad"):
        tg.load(path)


def entry(dtype="F32", shape=(1,), offsets=(0, 4), **more):
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets, **more}


F = b"\0\0\0\0"
HOSTILE = {
    "nothing": b"",
    "short length": b"\1\0\0",
    "length beyond the file": (99).to_bytes(8, "little") + b"{}",
    "length of 2**64 - 1": b"\xff" * 8 + b"{}",
    "length of 2**63": (1 << 63).to_bytes(8, "little") + b"{}",
    "empty header": bytes(8),
    "a pickle": b"\x80\x04\x95\x1f\0\0\0\0\0\0\0\x8c\5posix\x94\x8c\6system\x94\x93\x94",
    "a list": file_of([]),
    "leading space": file_of(b" {}"),
    "trailing text": file_of(b"{} x"),
    "not UTF-8": file_of(b'{"\xff": 1}'),
    "UTF-16": file_of("{}".encode("utf-16-le")),
    "unclosed": file_of(b'{"a":'),
    "deep lists": file_of(b'{"a":' + b"[" * 200_000),
    "deep dicts": file_of(b'{"a":' * 200_000),
    "deep shape": file_of({"a": entry(shape=json.loads("[" * 400 + "]" * 400))}, F),
    "key twice": file_of(b'{"a":%b,"a":%b}' % ((json.dumps(entry()).encode(),) * 2), F),
    "inner key twice": file_of(
        b'{"a":{"dtype":"F32","dtype":"F32","shape":[],"data_offsets":[0,4]}}', F
    ),
    "NaN": file_of(b'{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,4]}}', F),
    "infinite": file_of(b'{"a":{"dtype":"F32","shape":[1e999],"data_offsets":[0,4]}}', F),
    "endless number": file_of(
        b'{"a":{"dtype":"F32","shape":[%b],"data_offsets":[0,4]}}' % (b"9" * 9999), F
    ),
    "metadata a list": file_of({"__metadata__": []}),
    "metadata null": file_of({"__metadata__": None}),
    "metadata number": file_of({"__metadata__": {"a": 1}}),
    "checksum empty": file_of(
        {"__metadata__": {"tidegrad": "1", "tidegrad.sha256": ""}, "a" * 500_000: entry()}, F
    ),
    "checksum no text": file_of({"__metadata__": {"tidegrad": "1", "tidegrad.sha256": "\ud800"}}),
    "entry null": file_of({"a": None}),
    "no dtype": file_of({"a": {"shape": [1], "data_offsets": [0, 4]}}, F),
    "dtype a list": file_of({"a": entry(dtype=["F32"])}, F),
    "dtype unknown": file_of({"a": entry(dtype="F" * 10_000)}, F),
    "three offsets": file_of({"a": entry(offsets=[0, 4, 8])}, F),
    "offsets a string": file_of({"a": entry(offsets="04")}, F),
    "float offset": file_of({"a": entry(offsets=[0, 4.0])}, F),
    "true for a size": file_of({"a": entry(shape=[True])}, F),
    "negative size": file_of({"a": entry(shape=[-1, -1])}, F),
    "negative offset": file_of({"a": entry(offsets=[-4, 0])}, F),
    "backwards": file_of({"a": entry(shape=[0], offsets=[4, 0])}, F),
    "shape too large": file_of({"a": entry(shape=[2])}, F),
    "shape too small": file_of({"a": entry(shape=[0])}, F),
    "product 2**64 + 1": file_of(
        {"a": entry(dtype="U8", shape=[274177, 67280421310721], offsets=[0, 1])}, b"x"
    ),
    "huge": file_of({"a": entry(shape=[1 << 40], offsets=[0, 1 << 42])}, F),
    "huge beside zero": file_of({"a": entry(shape=[0, 1 << 62, 1 << 62], offsets=[0, 0])}),
    "size 2**63": file_of({"a": entry(shape=[0, 1 << 63], offsets=[0, 0])}),
    "65 axes": file_of({"a": entry(shape=[1] * 65)}, F),
    "a million axes": file_of({"a": entry(shape=[1 << 62] * 1_000_000)}, F),
    "overlap": file_of({"a": entry(), "b": entry()}, F + F),
    "partial overlap": file_of(
        {"a": entry(shape=[2], offsets=[0, 8]), "b": entry(offsets=[4, 8])}, F + F
    ),
    "gap": file_of({"a": entry(), "b": entry(offsets=[8, 12])}, F * 3),
    "empty one in the middle": file_of({"a": entry(), "b": entry(shape=[0], offsets=[2, 2])}, F),
    "not from the start": file_of({"a": entry(offsets=[4, 8])}, F + F),
    "beyond the end": file_of({"a": entry(shape=[2], offsets=[0, 8])}, F),
    "data left over": file_of({"a": entry()}, F + F),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_headers_are_refused_in_little_memory(path, what):
    content = HOSTILE[what]
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(FileFormatError, match="victim") as caught:
            tg.load(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000 + 40 * len(content)
    finally:
        tracemalloc.stop()
    assert len(str(caught.value)) < 1000


HOSTILE_TREES = ["", "{", "NaN", "[1e", '{"a":1,"a":2}', "[" * 100_000, "{} {}", "\x00"]
HOSTILE_TREES += ['["list",' * n + "1" + "]" * n for n in (101, 700, 5000)]
HOSTILE_TREES += ['["what"]', "[]", "[1]", '[["list"]]']
HOSTILE_TREES += ['["tensor","nowhere"]', '["tensor"]', '["tensor",["a"]]', '["int","12"]']
HOSTILE_TREES += ['["int","0x_1"]', '["int",1]', '["float","1.5"]', '["float"]', '["dict",[1]]']
HOSTILE_TREES += ['["dict",[["list"],1]]', '["dict",[1,2],[1,3]]', '["dict",[["int","x"],1]]']
HOSTILE_TREES += ['["dict",[{"a":1},1]]', '["dict",{"1":2}]', '["dict",[["float","2"],1]]']
WRONG_TENSORS = ["1", "{}", '["list",["tensor","a"],["tensor","a"]]', '["list",["tensor","b"]]']


@pytest.mark.parametrize("tree", HOSTILE_TREES, ids=lambda text: text[:30])
def test_hostile_trees_are_refused_even_with_a_right_checksum(path, tree):
    refused(path, sealed({"tidegrad.tree": tree}))


@pytest.mark.parametrize("tree", WRONG_TENSORS)
def test_a_tree_must_hold_each_tensor_once(path, tree):
    refused(path, sealed({"tidegrad.tree": tree}, {"a": entry()}, F))
    path.write_bytes(sealed({"tidegrad.tree": '{"x":["tensor","a"]}'}, {"a": entry()}, F))
    assert tg.load(path)["x"].tolist() == [0.0]


def test_a_file_that_shrinks_while_it_is_read(path, monkeypatch):
    content = file_of({"a": entry()}, F)
    path.write_bytes(content[:-2])
    size = types.SimpleNamespace(st_size=len(content))
    monkeypatch.setattr(os, "fstat", lambda number: size)
    with pytest.raises(FileFormatError, match="victim.*shorter while it was read"):
        tg.load(path)


def mutated(rng, content):
    """The bytes of a file with one to four things changed."""
    content = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(content) + 1)
        match rng.randrange(6):
            case 0:
                content[at : at + 1] = rng.randbytes(1)
            case 1:
                del content[at : at + rng.choice([1, 2, 8, 999])]
            case 2:
                content[at:at] = rng.choice(
                    [b"0", b"-", b"[", b'"', b"{", b"\\", b"e9", b"\xff", b" "]
                )
            case 3:
                start = rng.randrange(len(content) + 1)
                content[at : at + 4] = content[start : start + rng.randrange(12)]
            case 4:
                content[:8] = rng.choice([rng.randrange(400), 1 << rng.randrange(64)]).to_bytes(
                    8, "little"
                )
            case 5:
                digits = [i for i, byte in enumerate(content) if 48 <= byte < 58]
                if digits:
                    content[rng.choice(digits)] = 48 + rng.randrange(10)
    return bytes(content)


def loads_or_is_refused(path, content):
    path.write_bytes(content)
    try:
        tg.load(path)
    except FileFormatError as error:
        assert path.name in str(error)
        return False
    return True


def test_mutated_files_never_crash(path):
    rng = random.Random(7)
    originals = []
    for tree in SMALL.values():
        tg.save(path, tree)
        originals.append(path.read_bytes())
    foreign = safetensors.numpy.save(SMALL["flat"], metadata={"format": "np"})
    skeleton = json.loads(
        json.loads(originals[1][8:].split(b"}}")[0] + b"}}")["__metadata__"]["tidegrad.tree"]
    )
    tree = json.dumps(skeleton).encode()
    loaded = 0
    tracemalloc.start()
    try:
        for _ in range(ROUNDS // 3):
            original = rng.choice(originals)
            content = mutated(rng, original)
            assert content == original or not loads_or_is_refused(path, content)
            loads_or_is_refused(path, mutated(rng, foreign))
            text = mutated(rng, b"12345678" + tree)[8:].decode("latin-1")
            table = {"a.b": entry("I64", [3], [0, 24])}
            loaded += loads_or_is_refused(path, sealed({"tidegrad.tree": text}, table, bytes(24)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000
    assert loaded > ROUNDS // 100
