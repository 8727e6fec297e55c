"""Disks that are full or cannot be written, at every write of every command: a message, and nothing finished is lost."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess

import pytest
from amounts import amount
from test_kill import MAKE, MERGE, PROFILE, SHORT, TRAIN, assert_equal, content, spread

from shapebias.store import verify

COMMANDS = {
    "run": SHORT,
    "train": TRAIN,
    "make": MAKE,
    "merge": MERGE,
    "profile": [*PROFILE, "--report", "profile.html"],
    "pack": ["pack", "parts.h5"],
    "drop": ["drop", "a.h5", "-c", "grayscale"],
    "rename": ["drop", "a.h5", "-c", "grayscale", "--rename", "grey"],
    "report": ["report", "a.h5", "-o", "page.html"],
    "compare": ["compare", "a.h5", "b.h5", "--report", "compare.html"],
    "leaderboard": ["leaderboard", "a.h5", "--report", "board.html"],
    "figure": ["figure", "a.h5", "shape-bias", "-o", "figure.svg"],
    "preview": ["preview", "stimuli:size=32", "-t", "grayscale", "--images", "2", "-o", "preview.png"],
    "export": ["export", "decisions", "a.h5", "-o", "exported"],
    "import": ["import", "decisions", "tables", "-o", "imported.h5"],
    "new-plugin": ["new-plugin", "mine", "-k", "transform"],
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


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS], ids=["full", "read-only"])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_disk_that_refuses_from_some_moment_on(forked, copies, name, number):
    command = COMMANDS[name]
    whole = copies("whole")
    before = stores(whole)
    status, touches = forked(command, whole)
    assert status == 0, (whole / "stderr").read_text()
    expected = stores(whole)
    for moment in spread(touches, amount(2, 25)):
        folder = copies(str(moment))
        status, _ = forked(command, folder, refuse=[moment, number])
        said = (folder / "stderr").read_text()
        assert "Traceback" not in said, said
        if status == 0:  # nothing was written after that moment
            continue
        assert status == 2, said
        assert os.strerror(number) in said, said
        kept = stores(folder)
        for store, cells in kept.items():
            assert_equal(cells, {**before.get(store, {}), **expected[store]})
        if number == errno.ENOSPC:
            assert not list(folder.rglob("*.tmp"))
        assert forked(command, folder)[0] == 0, (folder / "stderr").read_text()
        after = stores(folder)
        assert after.keys() == expected.keys()
        for store, cells in after.items():
            assert cells.keys() == expected[store].keys()
            assert_equal(cells, expected[store])
            assert verify(folder / store) == []
        assert not list(folder.rglob("*.tmp"))
