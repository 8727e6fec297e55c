"""Archives from the network: good ones, and those that want to write elsewhere or never end."""

from __future__ import annotations

import io
import tarfile
import zipfile

import pytest

from shapebias.errors import DataError
from shapebias.fetching import unpacking
from shapebias.fetching.unpacking import unpack


def tar(path, members, mode="w:gz"):
    with tarfile.open(path, mode) as file:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                member.size = len(content)
                file.addfile(member, io.BytesIO(content))
            else:
                member.type, member.linkname = content
                file.addfile(member)
    return path


def zipped(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def files_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("make", [tar, zipped])
def test_what_lies_in_one_folder_is_lifted_out_of_it(tmp_path, make):
    members = {"set/a/1.png": b"1", "set/b/2.png": b"2", "set/._a": b"mac", "__MACOSX/set/x": b"mac"}
    folder = tmp_path / "out"
    assert unpack(make(tmp_path / "a.archive", members), folder) == 2
    assert files_of(folder) == {"a/1.png": b"1", "b/2.png": b"2"}


def test_several_folders_stay(tmp_path):
    unpack(tar(tmp_path / "a.tar", {"a/1.png": b"1", "b/2.png": b"2"}, "w"), tmp_path / "out")
    assert files_of(tmp_path / "out") == {"a/1.png": b"1", "b/2.png": b"2"}


@pytest.mark.parametrize("name", ["../evil.png", "/evil.png", "a/../../evil.png", "C:evil.png", "a\\..\\evil.png"])
@pytest.mark.parametrize("make", [tar, zipped])
def test_paths_outside_are_refused(tmp_path, make, name):
    archive = make(tmp_path / "a.archive", {"good.png": b"1", name: b"2"})
    with pytest.raises(DataError, match="outside of the archive"):
        unpack(archive, tmp_path / "deep" / "out")
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(tmp_path, kind):
    archive = tar(tmp_path / "a.tar.gz", {"a.png": b"1", "link": (kind, "../..")})
    with pytest.raises(DataError, match="link, which is a link or a special file"):
        unpack(archive, tmp_path / "out")


def test_links_in_a_zip_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        member = zipfile.ZipInfo("link")
        member.external_attr = 0o120777 << 16
        file.writestr(member, "/etc")
    with pytest.raises(DataError, match="link, which is a link"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


@pytest.mark.parametrize("make", [tar, zipped])
def test_bombs_stop_at_their_limit(tmp_path, monkeypatch, make):
    monkeypatch.setattr(unpacking, "_LEAST_LIMIT", 10_000)
    archive = make(tmp_path / "a.archive", {f"{subfolder}.png": bytes(1_000_000) for subfolder in range(3)})
    with pytest.raises(DataError, match="more than 30 times its size"):
        unpack(archive, tmp_path / "out")
    assert sum(path.stat().st_size for path in (tmp_path / "out").rglob("*.png")) <= 30 * archive.stat().st_size


def test_damaged_archives_are_named(tmp_path):
    whole = tar(tmp_path / "a.tar.gz", {"a.png": bytes(range(256)) * 99}).read_bytes()
    for subfolder, content in enumerate([whole[: len(whole) // 2], b"no archive", b""]):
        archive = tmp_path / f"{subfolder}.tar.gz"
        archive.write_bytes(content)
        with pytest.raises(DataError, match=rf"{subfolder}\.tar\.gz is damaged"):
            unpack(archive, tmp_path / f"out{subfolder}")


def test_tables_of_images_become_files(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows = {"image": [{"bytes": b"1", "path": None}, {"bytes": b"2", "path": None}], "filename": ["a.png", "b.png"]}
    parquet.write_table(pyarrow.table(rows), tmp_path / "a.parquet")
    assert unpack(tmp_path / "a.parquet", tmp_path / "out") == 2
    assert files_of(tmp_path / "out") == {"a.png": b"1", "b.png": b"2"}
