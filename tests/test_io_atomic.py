"""Replacing a file: modes, links, leftovers, full disks and several writers at once."""

import errno
import os
import stat
import threading

import numpy as np
import pytest

import tidegrad as tg
from tidegrad.io import atomic

NAME = "net.safetensors"
LEFT = f".{NAME}.0123456789abcdef.tidegrad-part"


def names(folder):
    return sorted(file.name for file in folder.iterdir())


IMPORTS = "import os, resource, sys, numpy as np, tidegrad as tg\n"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_the_mode_of_the_replaced_file_is_kept(tmp_path, mode):
    path = tmp_path / NAME
    tg.save(path, [1])
    path.chmod(mode)
    tg.save(path, [2])
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert tg.load(path) == [2]


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_a_new_file_has_the_mode_that_the_umask_leaves(alone, tmp_path, mask):
    code = (
        "os.umask(int(sys.argv[2])); tg.save(sys.argv[1], [1]); print(os.stat(sys.argv[1]).st_mode)"
    )
    assert stat.S_IMODE(int(alone(IMPORTS + code, tmp_path / NAME, mask))) == 0o666 & ~mask


def test_a_link_stays_a_link_and_its_target_is_replaced(tmp_path):
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "best", tmp_path / "latest"
    tg.save(target, [1])
    link.symlink_to(target)
    tg.save(link, [2])
    assert link.is_symlink() and tg.load(target) == [2]
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "real" / "new")
    tg.save(dangling, [3])
    assert dangling.is_symlink() and tg.load(tmp_path / "real" / "new") == [3]
    assert names(tmp_path) == ["dangling", "latest", "real"]
    assert names(tmp_path / "real") == ["best", "new"]


def test_the_file_and_then_the_folder_are_synced(tmp_path, monkeypatch):
    events = []
    sync, replace = os.fsync, os.replace

    def fsync(number):
        events.append("folder" if stat.S_ISDIR(os.fstat(number).st_mode) else "file")
        sync(number)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", lambda a, b: (events.append("rename"), replace(a, b)))
    tg.save(tmp_path / NAME, [1])
    assert events == ["file", "rename", "folder"]


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EIO])
def test_a_folder_that_cannot_be_synced(tmp_path, monkeypatch, number):
    sync = os.fsync

    def fsync(file):
        if stat.S_ISDIR(os.fstat(file).st_mode):
            raise OSError(number, "no")
        sync(file)

    monkeypatch.setattr(os, "fsync", fsync)
    if number == errno.EINVAL:  # the file system knows no such thing
        tg.save(tmp_path / NAME, [1])
    else:
        with pytest.raises(OSError, match="no"):
            tg.save(tmp_path / NAME, [1])
    assert tg.load(tmp_path / NAME) == [1]


@pytest.mark.parametrize("locks", [True, False])
def test_leftovers_of_this_path_alone_are_removed(tmp_path, monkeypatch, locks):
    if not locks:
        monkeypatch.setattr(atomic, "fcntl", None)
    others = [f"x{LEFT}", f".x{LEFT}", LEFT.replace("f.", "g."), LEFT.replace(".safe", ".b.safe")]
    for name in [LEFT, LEFT.replace("0", "9"), *others]:
        (tmp_path / name).write_bytes(b"part of a file")
    (tmp_path / LEFT.replace("0", "8")).mkdir()
    tg.save(tmp_path / NAME, [1])
    assert names(tmp_path) == sorted([*others, LEFT.replace("0", "8"), NAME])
    assert tg.load(tmp_path / NAME) == [1]


def test_the_file_of_a_save_that_still_runs_is_not_a_leftover(alone, tmp_path):
    path = tmp_path / NAME
    with atomic.replacing(str(path)) as slow:
        tg.save(path, ["quick"])
        assert len(names(tmp_path)) == 2 and tg.load(path) == ["quick"]
        code = "tg.save(sys.argv[1], ['other process'])"
        alone(IMPORTS + code, path)
        assert len(names(tmp_path)) == 2 and tg.load(path) == ["other process"]
        slow.write(path.read_bytes())
    assert names(tmp_path) == [NAME]


def test_a_file_that_was_taken_for_a_leftover_before_it_was_locked(tmp_path, monkeypatch):
    class Late:
        """The other save strikes between the creation of the file and its lock."""

        LOCK_EX, strikes = atomic.fcntl.LOCK_EX, 2

        def flock(self, file, how):
            if self.strikes:
                self.strikes -= 1
                os.unlink(file.name)

    monkeypatch.setattr(atomic, "fcntl", Late())
    tg.save(tmp_path / NAME, [1])
    assert tg.load(tmp_path / NAME) == [1] and names(tmp_path) == [NAME]


def test_names_of_every_length_that_the_system_allows(tmp_path):
    for name in ("a" * 255, "é" * 127, "😀" * 63, "x[*]?.st", "-", ".hidden", "two words\n"):
        tg.save(tmp_path / name, [name])
        assert tg.load(tmp_path / name) == [name]
        assert names(tmp_path) == [name]
        (tmp_path / name).unlink()


def failing(kind):
    def fail(*arguments):
        raise kind

    return fail


FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("step", ["fsync", "replace", "chmod"])
@pytest.mark.parametrize("kind", [FULL, KeyboardInterrupt()], ids=["full", "interrupt"])
def test_a_failure_at_any_step_leaves_the_old_file_and_nothing_else(
    tmp_path, monkeypatch, step, kind
):
    path = tmp_path / NAME
    tg.save(path, {"epoch": 1})
    monkeypatch.setattr(os, step, failing(kind))
    with pytest.raises(type(kind)) as caught:
        tg.save(path, {"epoch": 2, "w": np.ones(1000)})
    monkeypatch.undo()
    if kind is FULL:
        assert caught.value.errno == errno.ENOSPC and caught.value.filename == str(path)
        assert "save: No space left on device; nothing was changed" in str(caught.value)
    assert tg.load(path) == {"epoch": 1} and names(tmp_path) == [NAME]


def test_a_full_disk(alone, tmp_path):
    """A limit on file sizes stands for it: the write itself fails, halfway."""
    path = tmp_path / NAME
    tg.save(path, {"epoch": 1})
    code = """
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    tg.save(sys.argv[1], {"w": np.ones(100_000)})
except OSError as error:
    print(error)
"""
    said = alone(IMPORTS + code, path)
    assert said == f"[Errno {errno.EFBIG}] save: File too large; nothing was changed: '{path}'\n"
    assert tg.load(path) == {"epoch": 1} and names(tmp_path) == [NAME]


def test_places_that_no_file_can_take(tmp_path, monkeypatch):
    with pytest.raises(IsADirectoryError, match="save: it is a folder"):
        tg.save(tmp_path, [1])
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="save: it is a device or a pipe"):
        tg.save(tmp_path / "pipe", [1])
    with pytest.raises(FileNotFoundError, match="nowhere/x"):
        tg.save(tmp_path / "nowhere" / "x", [1])
    tg.save(tmp_path / NAME, [1])
    (tmp_path / NAME).chmod(0o444)
    monkeypatch.setattr(os, "access", lambda path, how: how != os.W_OK)  # root may write anywhere
    with pytest.raises(PermissionError, match="write-protected; nothing was changed"):
        tg.save(tmp_path / NAME, [2])
    assert tg.load(tmp_path / NAME) == [1] and names(tmp_path) == [NAME, "pipe"]


def test_many_writers_at_once_leave_one_whole_file(tmp_path):
    path = tmp_path / NAME
    tg.save(path, {"who": 0, "w": np.full(5000, 0)})
    stop, seen, failures = threading.Event(), [], []

    def write(who):
        try:
            for _ in range(15):
                tg.save(path, {"who": who, "w": np.full(5000, who)})
        except BaseException as error:
            failures.append(error)

    def read():
        while not stop.is_set():
            tree = tg.load(path)
            seen.append(tree["w"].numpy().tolist() == [tree["who"]] * 5000)

    writers = [threading.Thread(target=write, args=(who,)) for who in range(1, 5)]
    reader = threading.Thread(target=read)
    for thread in [reader, *writers]:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    reader.join()
    assert not failures and seen and all(seen)
    assert names(tmp_path) == [NAME]
