"""Compiled programs on disk: whatever happens to them, a wrong one is never given back."""

import os
import stat
import sys
import time

import pytest
from profiles import many

from tidegrad.jit.native import cache

CODE = bytes(range(256)) * 3
KEY = cache.key_of("x + y", "avx2")

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs owners and modes of files")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Where the cache of this test is."""
    monkeypatch.setenv("TIDEGRAD_CACHE", str(tmp_path / "kept"))
    return tmp_path / "kept"


def entry(place):
    (path,) = place.iterdir()
    return path


def test_what_was_stored_is_loaded(place):
    assert cache.load(KEY) is None
    cache.store(KEY, CODE)
    assert cache.load(KEY) == CODE
    cache.store(KEY, CODE[::-1])
    assert cache.load(KEY) == CODE[::-1]
    cache.store(cache.key_of("x"), b"")
    assert cache.load(cache.key_of("x")) == b""
    assert len(list(place.iterdir())) == 2


@POSIX
@pytest.mark.parametrize("mask", [0, 0o022, 0o077])
def test_the_folder_and_its_files_are_private(place, mask):
    before = os.umask(mask)
    try:
        cache.store(KEY, CODE)
    finally:
        os.umask(before)
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert stat.S_IMODE(entry(place).stat().st_mode) == 0o600
    assert cache.load(KEY) == CODE


def test_where_the_folder_is(tmp_path, monkeypatch):
    monkeypatch.delenv("TIDEGRAD_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "shared"))
    assert cache.folder() == tmp_path / "shared" / "tidegrad"
    cache.store(KEY, CODE)
    assert cache.load(KEY) == CODE
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert cache.folder() == tmp_path / ".cache" / "tidegrad"
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert cache.folder() is None and cache.load(KEY) is None
    cache.store(KEY, CODE)


@pytest.mark.parametrize("off", ["0", "off", "OFF"])
def test_a_variable_turns_it_off(monkeypatch, off, tmp_path):
    monkeypatch.setenv("TIDEGRAD_CACHE", off)
    monkeypatch.chdir(tmp_path)
    cache.store(KEY, CODE)
    assert cache.load(KEY) is None
    assert not list(tmp_path.iterdir())


def test_keys_tell_apart_what_differs(monkeypatch):
    keys = [cache.key_of(*parts) for parts in [(), ("",), ("ab",), ("a", "b"), ("b", "a")]]
    assert len(set(keys)) == len(keys)
    now = cache.versions()
    for k in range(len(now)):
        older = [*now[:k], "older", *now[k + 1 :]]
        monkeypatch.setattr(cache, "versions", lambda older=older: older)
        assert cache.key_of("x + y", "avx2") != KEY
    assert len(now) == 5 and all(now)


def test_entries_of_other_keys_are_not_taken(place):
    """As an older version's or another processor's entry, renamed."""
    cache.store(KEY, CODE)
    other = cache.key_of("x + y", "avx512")
    entry(place).rename(place / entry(place).name.replace(KEY, other))
    assert cache.load(other) is None
    cache.store(other, CODE)
    assert cache.load(other) == CODE


def test_an_entry_with_any_byte_changed_is_not_taken(place):
    cache.store(KEY, CODE)
    path = entry(place)
    whole = path.read_bytes()
    for k in range(len(whole)):
        for flip in (0x01, 0x80, 0xFF):
            path.write_bytes(whole[:k] + bytes([whole[k] ^ flip]) + whole[k + 1 :])
            assert cache.load(KEY) is None
    for changed in (b"", whole[:-1], whole[1:], whole + b"\0", whole * 2, b"\0" + whole):
        path.write_bytes(changed)
        assert cache.load(KEY) is None
    for k in range(len(whole)):
        path.write_bytes(whole[:k])
        assert cache.load(KEY) is None
    path.write_bytes(whole)
    assert cache.load(KEY) == CODE


def test_what_is_no_file_is_not_taken(place, tmp_path):
    cache.store(KEY, CODE)
    path = entry(place)
    whole = path.read_bytes()
    path.unlink()
    path.mkdir()
    assert cache.load(KEY) is None
    cache.store(KEY, CODE)
    assert cache.load(KEY) is None
    path.rmdir()
    if os.name == "posix":
        os.mkfifo(path)
        assert cache.load(KEY) is None
        path.unlink()
        (tmp_path / "elsewhere").write_bytes(whole)
        path.symlink_to(tmp_path / "elsewhere")
        assert cache.load(KEY) is None
    cache.store(KEY, CODE)
    assert cache.load(KEY) == CODE


@POSIX
@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777, 0o720])
def test_a_folder_that_others_can_write_to_is_ignored(place, mode):
    cache.store(KEY, CODE)
    place.chmod(mode)
    assert cache.load(KEY) is None
    cache.store(cache.key_of("another"), CODE)
    assert len(list(place.iterdir())) == 1
    place.chmod(0o755)
    assert cache.load(KEY) == CODE


@POSIX
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_can_write_to_is_ignored(place, mode):
    cache.store(KEY, CODE)
    entry(place).chmod(mode)
    assert cache.load(KEY) is None
    cache.store(KEY, CODE)
    assert cache.load(KEY) == CODE


@POSIX
def test_folders_and_files_of_other_users_are_ignored(place, monkeypatch):
    cache.store(KEY, CODE)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert cache.load(KEY) is None
    cache.store(cache.key_of("another"), CODE)
    assert len(list(place.iterdir())) == 1
    users = iter([owner, owner + 1])  # the folder is the user's, the file is not
    monkeypatch.setattr(os, "geteuid", lambda: next(users))
    assert cache.load(KEY) is None


def test_no_owners_where_the_system_has_none(place, monkeypatch):
    monkeypatch.delattr(os, "geteuid", raising=False)
    cache.store(KEY, CODE)
    assert cache.load(KEY) == CODE


@POSIX
def test_a_folder_that_cannot_be_written_to(alone):
    program = """
    import os, tempfile
    from tidegrad.jit.native import cache

    key, another = cache.key_of("x"), cache.key_of("y")
    if os.geteuid() == 0:
        os.seteuid(65534)  # root writes everywhere
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.environ["TIDEGRAD_CACHE"] = folder
        cache.store(key, b"code")
        os.chmod(folder, 0o500)
        cache.store(another, b"code")
        cache.store(key, b"other")
        print(cache.load(key), cache.load(another), len(os.listdir(folder)))
        os.environ["TIDEGRAD_CACHE"] = os.path.join(folder, "below", "it")
        cache.store(key, b"code")
        print(cache.load(key))
        os.chmod(folder, 0o700)
    """
    assert alone(program) == "b'code' None 1\nNone\n"


@pytest.mark.parametrize("path", ["file", "file/below", "file/below/it"])
def test_a_folder_that_is_none(tmp_path, monkeypatch, path):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("TIDEGRAD_CACHE", str(tmp_path / path))
    cache.store(KEY, CODE)
    assert cache.load(KEY) is None
    assert (tmp_path / "file").read_text() == "not a folder"


@pytest.mark.parametrize("call", ["open", "replace", "scandir", "stat", "urandom", "utime"])
def test_whatever_the_system_refuses_nothing_is_raised(place, monkeypatch, call):
    cache.store(KEY, CODE)

    def refuse(*_, **__):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        cache.store(KEY, CODE[::-1])
        assert cache.load(KEY) in (None, CODE, CODE[::-1])
    assert cache.load(KEY) in (CODE, CODE[::-1])
    assert not [path for path in place.iterdir() if path.name.endswith(cache.PART)]


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files")
def test_a_full_disk(alone, place):
    program = """
    import os, resource
    from tidegrad.jit.native import cache

    small, large = cache.key_of("small"), cache.key_of("large")
    cache.store(large, b"old" * 1000)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.RLIM_INFINITY))
    cache.store(small, b"x" * 1000)
    cache.store(large, b"x" * 10_000)
    print(cache.load(small) == b"x" * 1000, cache.load(large) == b"old" * 1000)
    print(len(os.listdir(cache.folder())))
    """
    assert alone(program, TIDEGRAD_CACHE=str(place)) == "True True\n2\n"


def keys_by_age(place, count):
    keys = [cache.key_of(str(k)) for k in range(count)]
    for age, key in enumerate(reversed(keys)):
        cache.store(key, CODE)
        then = time.time() - 60 * (age + 1)
        os.utime(place / (key + cache.SUFFIX), (then, then))
    return keys  # the youngest last


def test_the_entries_used_longest_ago_go_first(place, monkeypatch):
    keys = keys_by_age(place, 6)
    assert cache.load(keys[0]) == CODE  # which is the youngest now
    monkeypatch.setattr(cache, "ENTRIES", 4)
    cache.store(KEY, CODE)
    assert [k for k in range(6) if cache.load(keys[k])] == [0, 4, 5]
    assert cache.load(KEY) == CODE


def test_the_bytes_are_bounded(place, monkeypatch):
    keys = keys_by_age(place, 6)
    monkeypatch.setattr(cache, "BYTES", 3 * entry_size(place) + 10)
    cache.store(KEY, CODE)
    assert [k for k in range(6) if cache.load(keys[k])] == [4, 5]


def entry_size(place):
    return next(place.iterdir()).stat().st_size


def test_an_entry_too_large_for_the_cache_is_not_kept(place, monkeypatch):
    monkeypatch.setattr(cache, "BYTES", 100)
    cache.store(KEY, CODE)
    assert cache.load(KEY) is None


def test_what_killed_processes_left_is_removed_later(place):
    cache.store(KEY, CODE)
    young, old, foreign = (place / f"{name}{cache.PART}" for name in ("young", "old", "foreign"))
    foreign = place / "notes.txt"
    for path in (young, old, foreign):
        path.write_bytes(b"half")
        os.utime(path, (1, 1) if path is not young else None)
    cache.store(KEY, CODE)
    assert young.exists() and foreign.exists() and not old.exists()


# Many processes

MANY = """
import os, random, signal, sys, time
from tidegrad.jit.native import cache

key = cache.key_of("one")

def code(k):
    return bytes([k]) * (1000 * (k + 1))

GOOD = [code(k) for k in range(8)]

def fork(work, *arguments):
    child = os.fork()
    if child == 0:
        try:
            work(*arguments)
            os._exit(42)
        finally:
            os._exit(1)
    return child

def ended(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""

ROUNDS = """
cache.ENTRIES = 2

def work(k):
    found = 0
    for _ in range(50):
        had = cache.load(key)
        assert had is None or had in GOOD
        found += had is not None
        cache.store(key, code(k))
        cache.store(cache.key_of(str(k)), code(k))  # so that there is something to evict
    assert found > 10, found

children = [fork(work, k) for k in range(8)]
print([ended(child) for child in children] == [42] * 8, len(os.listdir(cache.folder())))
"""

KILLS = """
def store_for_ever():
    k = 0
    while True:
        cache.store(key, code(k % 8))
        k += 1

rng = random.Random(5)
left = 0
for _ in range(int(sys.argv[1])):
    child = fork(store_for_ever)
    time.sleep(rng.uniform(0.001, 0.01))
    os.kill(child, signal.SIGKILL)
    assert ended(child) == -signal.SIGKILL
    had = cache.load(key)
    assert had is None or had in GOOD
names = os.listdir(cache.folder())
parts = [name for name in names if name.endswith(cache.PART)]
for name in parts:
    os.utime(os.path.join(cache.folder(), name), (1, 1))
cache.store(key, code(3))
assert cache.load(key) == code(3)
print(len(names) - len(parts), len(os.listdir(cache.folder())))
"""


@POSIX
def test_eight_processes_use_one_key(alone, place):
    said = alone(MANY + ROUNDS, TIDEGRAD_CACHE=str(place), OPENBLAS_NUM_THREADS="1")
    assert said == "True 2\n"


@POSIX
@pytest.mark.stress
def test_kills_while_an_entry_is_written(alone, place):
    environment = {"TIDEGRAD_CACHE": str(place), "OPENBLAS_NUM_THREADS": "1"}
    said = alone(MANY + KILLS, many(50, 500), **environment, timeout=300)
    assert said == "1 1\n"
