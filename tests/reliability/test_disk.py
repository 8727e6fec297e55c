"""Disks that are full, read-only, slow or without locks: a message, and nothing finished is lost."""

from __future__ import annotations

import errno
import io
import os
import shutil
import subprocess

import numpy as np
import pytest
import store_samples as samples
from amounts import amount
from test_kill import MAKE, MERGE, PROFILE, SHORT, TRAIN, assert_equal, content, files_in, spread

import shapebias
from shapebias.errors import StoreError
from shapebias.store import Store, verify
from shapebias.study import Study

CELLS = 3
MOUNT = [shutil.which("mount") or "mount"]

COMMANDS = {
    "run": SHORT,
    "train": TRAIN,
    "make": MAKE,
    "merge": MERGE,
    "pack": ["pack", "parts.h5"],
    "drop": ["drop", "a.h5", "-c", "grayscale"],
    "report": ["report", "a.h5", "-o", "page.html"],
    "figure": ["figure", "a.h5", "shape-bias", "-o", "figure.svg"],
    "preview": ["preview", "stimuli:size=32", "-t", "grayscale", "--images", "2", "-o", "preview.png"],
    "export": ["export", "decisions", "a.h5", "-o", "exported"],
    "import": ["import", "decisions", "tables", "-o", "imported.h5"],
    "new-plugin": ["new-plugin", "mine", "-k", "transform"],
    # from here on in the soak only
    "profile": [*PROFILE, "--report", "profile.html"],
    "rename": ["drop", "a.h5", "-c", "grayscale", "--rename", "grey"],
    "compare": ["compare", "a.h5", "b.h5", "--report", "compare.html"],
    "leaderboard": ["leaderboard", "a.h5", "--report", "board.html"],
}


@pytest.fixture(scope="module")
def material(forked, tmp_path_factory):
    """The files that commands start from."""
    folder = tmp_path_factory.mktemp("material")
    for name, seed in (("a.h5", 0), ("b.h5", 1)):
        command = [word.replace("width=4", f"width=4,seed={seed}") for word in SHORT]
        assert forked([*command, "-o", name], folder)[0] == 0
    assert forked(["export", "decisions", "a.h5", "-o", "tables"], folder)[0] == 0
    assert forked([*SHORT, "-o", "parts.h5"], folder, kill_before=40)[0] == -9
    for stray in folder.rglob("*.tmp"):
        stray.unlink()
    return folder


@pytest.fixture
def copies(material, memory_disk):
    """Give a function that makes a copy of the files."""
    return lambda name: shutil.copytree(material, memory_disk / name)


def stores(folder):
    found = {path.name.removesuffix(".parts"): None for path in folder.glob("[!.]*.h5*") if ".tmp" not in path.name}
    return {name: content(folder / name) for name in found}


@pytest.mark.parametrize("name", [*COMMANDS][: amount(12, len(COMMANDS))])
def test_a_disk_that_refuses_from_some_moment_on(forked, copies, name):
    command = COMMANDS[name]
    whole = copies("whole")
    before = stores(whole)
    status, touches = forked(command, whole)
    assert status == 0, (whole / "stderr").read_text()
    expected = stores(whole)
    cases = [(errno.ENOSPC, moment) for moment in spread(touches, amount(1, 12))]
    cases += [(errno.EROFS, moment) for moment in sorted({1, *spread(touches, amount(0, 11))})]
    for number, moment in cases:
        folder = copies(f"{number} {moment}")
        status, _ = forked(command, folder, refuse=[moment, number])
        said = (folder / "stderr").read_text()
        assert "Traceback" not in said, said
        if status == 0:  # nothing was to be written after that moment
            continue
        assert status == 2, said
        assert os.strerror(number) in said, said
        for store, cells in stores(folder).items():
            assert_equal(cells, {**before.get(store, {}), **expected[store]})
        if number == errno.EROFS and moment == 1:
            assert files_in(folder).keys() == files_in(copies("untouched")).keys() | {"stderr"}
            continue
        if number == errno.ENOSPC:
            assert not list(folder.rglob("*.tmp"))
        assert forked(command, folder)[0] == 0, (folder / "stderr").read_text()
        after = stores(folder)
        assert after.keys() == expected.keys()
        for store, cells in after.items():
            assert cells.keys() == expected[store].keys()
            assert_equal(cells, expected[store])
            assert verify(folder / store) == []
        # Nothing can be removed from a read-only disk, and later only who has the lock of a file knows that no other
        # process is writing it: temporary files of pages and pictures stay.
        assert not [*folder.rglob("*.h5*.tmp"), *folder.rglob("*.safetensors*.tmp")]


@pytest.mark.parametrize("kibibytes", [40, 120, 200, 280, 320, 400][: amount(1, 6)])
def test_a_small_disk_that_fills_up(forked, tmp_path, kibibytes):
    """A real file system of few bytes, where this process may mount one."""
    mounted = tmp_path / "small"
    mounted.mkdir()
    options = [*MOUNT, "-t", "tmpfs", "-o", f"size={kibibytes}k", "none", mounted]
    try:
        subprocess.run(options, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("only root can mount a small disk")
    try:
        status, _ = forked(SHORT, mounted)
        said = (mounted / "stderr").read_text()
        assert "Traceback" not in said
        if status == 2:
            assert "cannot be written: No space left on device; every finished part is kept: free some space" in said
        kept = content(mounted / "run.h5")
        subprocess.run([*MOUNT, "-o", "remount,size=64m", mounted], check=True, capture_output=True)
        assert forked(SHORT, mounted)[0] == 0
        after = content(mounted / "run.h5")
        assert len(after) == CELLS
        assert_equal(kept, after)
        assert all(after[key][1] == seconds for key, (_, seconds) in kept.items())  # not computed again
        assert verify(mounted / "run.h5") == []
    finally:
        subprocess.run([shutil.which("umount") or "umount", mounted], check=True)


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_refused(tmp_path, monkeypatch, number):
    def no_locks(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", no_locks)
    with pytest.raises(
        StoreError, match=r"run\.h5 is on a file system without locks .*; choose an output on another disk"
    ):
        shapebias.run(Study("stimuli:images=8,size=32", "cnn:num_classes=8,width=4"), tmp_path / "run.h5")
    assert not (tmp_path / "run.h5").exists()


class Disk(io.FileIO):
    """A disk that gives few bytes at once, or fails, each at its turn."""

    bytes_at_once = 7
    fails_after = None
    reads = 0

    def readinto(self, buffer):
        type(self).reads += 1
        if self.fails_after is not None and self.reads > self.fails_after:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().readinto(memoryview(buffer)[: self.bytes_at_once])


def read_all(path):
    with Store(path) as store:
        for cell in store.cells():
            record = next(record for record in samples.CELLS if record == cell.record)
            for name, expected in samples.arrays(record, cell.rows).items():
                np.testing.assert_array_equal(cell.array(name), expected)


def test_a_slow_disk_gives_the_same_and_a_failing_one_a_message(tmp_path, monkeypatch):
    path = tmp_path / "run.h5"
    samples.write_all(path, pack=True)
    with monkeypatch.context() as patch:
        patch.setattr("shapebias.store.checked_file.io.FileIO", Disk)
        read_all(path)
        patch.setattr(Disk, "bytes_at_once", 10**9)
        patch.setattr(Disk, "reads", 0)
        read_all(path)
        for fails_after in spread(Disk.reads - 1, amount(5, 50)):
            patch.setattr(Disk, "reads", 0)
            patch.setattr(Disk, "fails_after", fails_after)
            with pytest.raises(StoreError, match=r"run\.h5"):
                read_all(path)
            assert verify(path)
    assert verify(path) == []
