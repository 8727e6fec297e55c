"""Home folders, names that are not UTF-8, and folders of links, pipes and loops."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shapebias.files import fingerprint
from shapebias.paths import as_path, files_below, printable


@pytest.fixture
def folder(tmp_path):
    for name in ("photos/a.txt", "photos/deep/b.txt", "elsewhere/c.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path / "photos"


def test_each_folder_is_listed_once_under_its_own_path(folder):
    plain = fingerprint(folder)
    for name, target in {
        "0-itself": folder,
        "0-parent": folder.parent,
        "deep/up": folder / "deep/..",
        "0-deep": folder / "deep",
    }.items():
        (folder / name).symlink_to(target)
    found = files_below(folder)
    assert sorted(found.files) == ["a.txt", "deep/b.txt"]
    assert sorted(found.skipped) == ["0-deep", "0-itself", "0-parent", "deep/up"]
    assert set(found.skipped.values()) == {"a link to a folder that is listed already"}
    assert fingerprint(folder) == plain
    (folder / "linked").symlink_to(folder.parent / "elsewhere")
    assert sorted(files_below(folder).files) == ["a.txt", "deep/b.txt", "linked/c.txt"]


def test_two_links_that_lead_to_each_other_end(folder):
    (folder / "x").symlink_to(folder.parent / "elsewhere")
    (folder.parent / "elsewhere/back").symlink_to(folder)
    assert sorted(files_below(folder).files) == ["a.txt", "deep/b.txt", "x/c.txt"]


def test_what_is_no_file_is_skipped_with_its_reason(folder):
    os.mkfifo(folder / "pipe.png")
    (folder / "gone.png").symlink_to(folder / "nothing")
    (folder / "self.png").symlink_to(folder / "self.png")
    assert files_below(folder).skipped == {
        "pipe.png": "a pipe, socket or device",
        "gone.png": "a link to nothing",
        "self.png": "a link to itself",
    }


def test_a_folder_that_cannot_be_read_is_skipped_with_its_reason(folder, monkeypatch):
    scan = os.scandir

    def refuse(path):
        if Path(path).name == "deep":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = files_below(folder)
    assert found.files == ["a.txt"]
    assert found.skipped == {"deep": "a folder that cannot be read (Permission denied)"}


def test_bytes_that_are_not_utf_8_become_escapes():
    assert printable(Path(os.fsdecode(b"caf\xe9/\xc3\xa9.png"))) == "caf\\xe9/\u00e9.png"


def test_home_folders(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert as_path("~/photos") == tmp_path / "photos"
    assert as_path("~nobody-is-called-so/x") == Path("~nobody-is-called-so/x")
    assert as_path("a~/b") == Path("a~/b")
