"""Sources from a server to a checked folder: file by file, from archives, by hand, and with two processes at once."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
import threading

import attrs
import pytest

from shapebias.errors import DataError
from shapebias.fetching import Archive, Source, fetch_source, inspecting, local_data, locating, published, sources
from shapebias.fetching.data_folder import is_unfinished
from shapebias.fetching.inspecting import blob_sha1, how_checked, inspect

FILES = {f"{kind}/{kind}{number}.png": f"{kind} {number}".encode() * 50 for kind in ("cat", "dog") for number in (1, 2)}


@pytest.fixture
def files(host, monkeypatch):
    """A source that is published file by file."""
    for path, content in FILES.items():
        host.put(f"/repo/{path}", content)
    listing = {path: sources.ListedFile(path, len(content), blob_sha1(content)) for path, content in FILES.items()}
    source = Source("mine", "four files", images=4, address=f"{host.address}/repo/", listing="mine:files.tsv", page="P")
    for module in (locating, inspecting):
        monkeypatch.setattr(module, "read_listing", lambda _: listing)
    return source


def archive_of(members, top="set/"):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as file:
        for name, content in members.items():
            member = tarfile.TarInfo(top + name)
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def archived(host):
    """A source that is one archive without a published checksum."""
    return Source("mine:part", "an archive", images=4, archives=[Archive(host.put("/set.tar.gz", archive_of(FILES)))])


def content_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.png")}


def test_git_names_content_as_git_does():
    assert blob_sha1(b"test content\n") == "d670460b4b4aece5915caf5c68d12f560a9fe3e4"  # Pro Git, chapter 10.2


def test_files_are_fetched_once_with_size_and_licence(files, host, data, capsys):
    assert inspect(files, data).words == "no"
    found = local_data(attrs.evolve(files, bytes=1_500_000, licence="CC-BY-4.0"))
    assert content_of(found.folder) == FILES
    assert found.note is None
    assert "Fetching mine (1.5 MB, licence: CC-BY-4.0)" in capsys.readouterr().err
    local_data(files)
    assert len(host.requests) == 4
    assert inspect(files, data).words == "yes"


def test_a_part_laid_out_by_hand_is_used_and_says_so(files, host, data):
    (data / "mine/cat").mkdir(parents=True)
    (data / "mine/cat/cat1.png").write_bytes(FILES["cat/cat1.png"])
    assert local_data(files).note == "1 of 4 images"
    assert host.requests == []
    host.behaviour["/repo/dog/dog2.png"] = ["403"]
    with pytest.raises(DataError, match="403"):
        fetch_source(files)
    assert local_data(files).note  # what the failed fetch left is a part too
    assert fetch_source(files).note is None
    assert content_of(data / "mine") == FILES


def test_an_unfinished_fetch_never_passes_for_a_part(files, host, data):
    host.behaviour["/repo/dog/dog2.png"] = ["403"]
    with pytest.raises(DataError, match="offline: download it elsewhere and put it at"):
        local_data(files)
    assert is_unfinished(data / "mine")
    assert inspect(files, data).words.startswith("unfinished")
    assert local_data(files).note is None  # it goes on
    assert content_of(data / "mine") == FILES


def test_content_that_is_not_the_published_is_refused(files, host, data):
    host.files["/repo/cat/cat1.png"] = b"x" * len(FILES["cat/cat1.png"])
    with pytest.raises(DataError, match=r"cat1\.png differs from the published file"):
        local_data(files)
    assert not (data / "mine/cat/cat1.png").exists()


@pytest.mark.parametrize("path", ["cat/cat1.png", "cat/cat9.png"])
def test_a_folder_with_other_files_is_refused(files, data, path):
    local_data(files)
    (data / "mine" / path).write_bytes(b"x" * len(FILES["cat/cat1.png"]))
    inspecting._check_content.cache_clear()
    with pytest.raises(DataError, match=rf"is not mine as it was published:\n  {path}"):
        local_data(files)


def test_an_archive_is_unpacked_and_its_first_checksum_recorded(archived, host, data):
    assert how_checked(archived, data) == "nothing yet"
    found = local_data(archived)
    assert found.folder == data / "mine/part"
    assert content_of(found.folder) == FILES
    digest = hashlib.sha256(host.files["/set.tar.gz"]).hexdigest()
    assert how_checked(archived, data) == f"first download, {digest[:8]}"
    assert [path.name for path in (data / "downloads/mine").iterdir()] == ["part.lock"]

    (data / "mine/part").rename(data / "away")
    host.put("/set.tar.gz", archive_of({**FILES, "cat/cat1.png": b"other"}))
    with pytest.raises(DataError, match=f"does not have the checksum sha256:{digest}"):
        local_data(archived)
    assert not (data / "mine/part").exists()


def test_a_published_checksum_is_checked(archived, host, data):
    content = host.files["/set.tar.gz"]
    right = "md5:" + hashlib.md5(content).hexdigest()  # noqa: S324 - the publisher's
    wrong = "md5:" + "0" * 32
    with pytest.raises(DataError, match="does not have the checksum"):
        fetch_source(attrs.evolve(archived, archives=[Archive(archived.archives[0].address, wrong)]))
    source = attrs.evolve(archived, archives=[Archive(archived.archives[0].address, right)])
    assert fetch_source(source).found == 4
    assert how_checked(source, data) == "publisher's MD5"


def test_a_bad_archive_is_not_taken_again(archived, host, data):
    host.put("/set.tar.gz", archive_of({"../evil.png": b"x"}))
    with pytest.raises(DataError, match="outside of the archive"):
        local_data(archived)
    assert not (data / "mine").exists()
    assert how_checked(archived, data) == "nothing yet"
    host.put("/set.tar.gz", archive_of(FILES))
    assert content_of(local_data(archived).folder) == FILES


def test_an_archive_fetched_by_hand_is_taken(archived, host, data):
    content = host.files.pop("/set.tar.gz")
    with pytest.raises(DataError, match=r"put it at (\S+set\.tar\.gz) and run 'shapebias fetch mine:part'"):
        local_data(archived)
    subfolder = data / "downloads/mine/part/set.tar.gz"
    subfolder.write_bytes(content)
    assert content_of(local_data(archived).folder) == FILES


def test_two_at_once_fetch_once(archived, host, data):
    host.behaviour["/set.tar.gz"] = []
    found = []
    threads = [threading.Thread(target=lambda: found.append(local_data(archived))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each.folder for each in found] == [data / "mine/part"] * 3
    assert len(host.requests) == 1


def test_data_behind_a_login_says_how(data):
    with pytest.raises(
        DataError, match=r"imagenet-val cannot be fetched: .*log in at https://image-net\.org"
    ) as caught:
        local_data(published("imagenet-val"))
    assert str(data / "imagenet-val") in str(caught.value)


def test_a_data_folder_that_is_a_file(archived, data):
    data.write_text("")
    with pytest.raises(DataError, match=r"cannot be written: .*--to or \$SHAPEBIAS_DATA"):
        local_data(archived)


def test_published_files_are_those_of_the_listing(data_dir):
    folder = data_dir / "edges"
    listing = sources.read_listing(published("edges"))
    here = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.png")}
    assert len(here) == 80
    assert all(inspecting.is_published(path, listing[name]) for name, path in here.items())


def test_the_built_in_sources_are_whole():
    known = sources.built_in_sources()
    assert sum(name.startswith("model-vs-human:") for name in known) == 17
    for source in known.values():
        assert source.page.startswith("http")
        if source.listing:
            files = sources.read_listing(source).values()
            assert len(files) == source.expected
            assert sum(file.size for file in files) == source.bytes


def test_nothing_of_the_network_is_imported_before_it_is_needed():
    code = (
        "import sys, shapebias, shapebias.fetching\nfrom shapebias.cli import main\n"
        "main(['list'], standalone_mode=False)\nmain(['fetch', '--list'], standalone_mode=False)\n"
        "assert not {'pooch', 'requests', 'torch'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
