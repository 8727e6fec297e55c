"""One file from a server that closes the connection, states wrong sizes, redirects, refuses, or sends a page."""

from __future__ import annotations

import hashlib
import os

import pytest

from shapebias.errors import DataError
from shapebias.fetching.downloading import download_file

CONTENT = os.urandom(600_000)
HAND = "put it there by hand"


def get(url, path, checksum=""):
    return download_file(url, path, checksum, by_hand=HAND)


def test_a_download_is_what_the_server_has(host, tmp_path):
    url = host.put("/a.bin", CONTENT)
    md5 = "md5:" + hashlib.md5(CONTENT).hexdigest()  # noqa: S324 - the publisher's
    path = get(url, tmp_path / "deep" / "a.bin", md5)
    assert path.read_bytes() == CONTENT
    assert [file.name for file in path.parent.iterdir()] == ["a.bin"]
    get(url, path, md5)
    assert len(host.requests) == 1  # there already


def test_a_broken_connection_continues_where_it_broke(host, tmp_path):
    url = host.put("/a.bin", CONTENT, "break")
    assert get(url, tmp_path / "a.bin").read_bytes() == CONTENT
    ranges = [asked for _, asked in host.requests]
    assert ranges[0] is None
    assert 0 < int(ranges[1].removeprefix("bytes=").rstrip("-")) <= len(CONTENT) // 2


def test_a_killed_download_continues_in_the_next_process(host, tmp_path):
    url = host.put("/a.bin", CONTENT, "break", "403")
    with pytest.raises(DataError, match="403"):
        get(url, tmp_path / "a.bin")
    assert not (tmp_path / "a.bin").exists()
    assert get(url, tmp_path / "a.bin").read_bytes() == CONTENT
    assert host.requests[-1][1].startswith("bytes=")


@pytest.mark.parametrize("change", ["content", "no tags", "ignores ranges"])
def test_what_cannot_be_continued_begins_again(host, tmp_path, change):
    host.tags = change != "no tags"
    behaviour = ["break", "ignore-range"] if change == "ignores ranges" else ["break"]
    url = host.put("/a.bin", CONTENT, *behaviour, "403")
    if change == "content":
        with pytest.raises(DataError, match="403"):
            get(url, tmp_path / "a.bin")
        other = os.urandom(500_000)
        host.put("/a.bin", other)
        assert get(url, tmp_path / "a.bin").read_bytes() == other
        return
    host.behaviour["/a.bin"] = behaviour
    assert get(url, tmp_path / "a.bin").read_bytes() == CONTENT


def test_redirects_are_followed_and_busy_servers_asked_again(host, tmp_path):
    url = host.put("/a.bin", CONTENT, "503", "redirect")
    assert get(url, tmp_path / "a.bin").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("behaviour", "checksum", "words"),
    [
        (["403"], "", "is refused: 403"),
        (["html"], "", "answers with a web page and not with the file"),
        (["503"] * 3, "", "the server answered 503"),
        (["short"] * 3, "md5:" + "0" * 32, "does not have the checksum md5:000"),
        (["break"] * 3, "", "cannot be downloaded"),
    ],
)
def test_what_goes_wrong_is_said_with_the_way_out(host, tmp_path, behaviour, checksum, words):
    host.tags = False
    url = host.put("/a.bin", CONTENT, *behaviour)
    with pytest.raises(DataError, match=words) as caught:
        get(url, tmp_path / "a.bin", checksum)
    assert url in str(caught.value)
    assert HAND in str(caught.value)
    assert not (tmp_path / "a.bin").exists()


def test_no_connection_is_said_at_once(tmp_path, monkeypatch):
    waited = []
    monkeypatch.setattr("pooch.core.time.sleep", waited.append)
    with pytest.raises(DataError, match=r"127\.0\.0\.1:9/a cannot be downloaded: .*refused") as caught:
        get("http://127.0.0.1:9/a", tmp_path / "a")
    assert "object at" not in str(caught.value)
    with pytest.raises(DataError, match=r"//nowhere\.invalid/a cannot be downloaded: .*resolve"):
        get("http://nowhere.invalid/a", tmp_path / "a")
    assert waited == []


def test_an_address_that_is_not_of_the_web_is_refused(tmp_path):
    with pytest.raises(DataError, match="not an http or https address"):
        get("file:///etc/passwd", tmp_path / "a")
