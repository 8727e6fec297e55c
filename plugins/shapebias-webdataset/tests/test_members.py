"""Listings against the library ``webdataset``, which reads the same shards from front to end, and damaged shards."""

from __future__ import annotations

import gzip
import io
import json
import tarfile

import pytest
import webdataset
from shapebias_webdataset.members import Entries, read_listing, read_member

from shapebias.plugin import ShapebiasError

ENTRIES = Entries(("jpg", "png"), "cls")
FORMS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def listing(content, entries=ENTRIES):
    return read_listing(io.BytesIO(content), "a.tar", entries)


def as_webdataset_reads(path):
    return list(webdataset.WebDataset(str(path), shardshuffle=False, empty_check=False))


def members(count=3):
    return [(f"{n}.{extension}", f"{n}".encode() * 700) for n in range(count) for extension in ("cls", "jpg")]


@pytest.mark.parametrize("form", FORMS)
def test_samples_are_those_of_webdataset(form, pack, tmp_path):
    deep = "/".join(["a" * 60, "b" * 60] + ["c" * 120] * (form != "ustar"))
    written = [
        ("__meta__", b"of the shard"),
        ("__more__/notes.txt", b"of the shard too"),
        ("README", b"no extension"),
        ("train/n01/0001.JPG", b"one"),
        ("train/n01/0001.cls", b" 3\n"),
        ("train/n01.old/0001.cls", b"4"),
        ("train/n01.old/0001.mask.png", b"a mask"),
        ("train/n01.old/0001.png", b"two"),
        ("./0001.cls", b"5"),
        ("./0001.jpg", b"three"),
        (f"{deep}/0001.cls", b"6"),
        (f"{deep}/0001.jpg", b"four"),
    ]
    path = tmp_path / "a.tar"
    path.write_bytes(pack(written, FORMS[form]))
    expected = as_webdataset_reads(path)
    found = listing(path.read_bytes())
    assert [each.key for each in found] == [sample["__key__"] for sample in expected]
    assert [each.label for each in found] == [sample["cls"].decode().strip() for sample in expected]
    with path.open("rb") as file:
        images = [read_member(file, "a.tar", each.image) for each in found]
    assert (
        images == [sample.get("jpg", sample.get("png")) for sample in expected] == [b"one", b"two", b"three", b"four"]
    )


def test_what_tarwriter_writes_is_read(tmp_path, image):
    path = tmp_path / "a.tar"
    with webdataset.TarWriter(str(path)) as writer:
        for n in range(5):
            writer.write({"__key__": f"{n:03d}", "jpg": image(n, "JPEG"), "cls": n, "json": {"label": n + 1}})
    found = listing(path.read_bytes(), Entries(("jpg",), "json:label", shape="cls"))
    assert [(each.key, each.label, each.shape) for each in found] == [
        (f"{n:03d}", str(n + 1), str(n)) for n in range(5)
    ]
    with path.open("rb") as file:
        assert [read_member(file, "", each.image) for each in found] == [image(n, "JPEG") for n in range(5)]


def test_members_of_a_sample_may_lie_apart(pack):
    together = sorted(members())
    apart = sorted(members(), key=lambda member: member[0][::-1])
    assert apart != together
    assert {(e.key, e.label) for e in listing(pack(apart))} == {(e.key, e.label) for e in listing(pack(together))}


def test_hidden_files_links_and_folders_are_passed_over(pack):
    buffer = io.BytesIO(pack([*members(1), ("a/._0.jpg", b"x"), (".hidden", b"x")]))
    with tarfile.open(fileobj=buffer, mode="a") as tar:
        for name, kind in (("f.jpg", tarfile.DIRTYPE), ("g.jpg", tarfile.SYMTYPE)):
            info = tarfile.TarInfo(name)
            info.type = kind
            tar.addfile(info)
    assert [each.key for each in listing(buffer.getvalue())] == ["0"]


def test_the_first_extension_that_is_there_is_the_image(pack):
    content = pack([("0.png", b"p"), ("0.jpg", b"j"), ("0.cls", b"0"), ("1.png", b"p"), ("1.cls", b"0")])
    assert [each.image.name for each in listing(content)] == ["0.jpg", "1.png"]
    assert [each.image.name for each in listing(content, Entries(("png", "jpg"), "cls"))] == ["0.png", "1.png"]


def test_wherever_a_shard_is_cut_it_is_noticed(pack):
    content = pack(members())
    last = max(each.image.offset + each.image.size for each in listing(content))
    end = -(-last // 512) * 512  # where the zeros begin that mark it
    for length in {*range(0, len(content), 128), end - 1, end + 511}:
        if length < end + 512:
            with pytest.raises(ShapebiasError, match=r"a\.tar (is damaged or truncated|cannot be read as a tar)"):
                listing(content[:length])
        else:
            assert listing(content[:length]) == listing(content)


@pytest.mark.parametrize("position", [0, 1024, 2048])
def test_a_damaged_header_is_noticed(position, pack):
    content = bytearray(pack([(f"{n}.{e}", b"0") for n in range(2) for e in ("jpg", "cls")]))
    content[position + 100] ^= 0xFF
    with pytest.raises(ShapebiasError, match=r"a\.tar"):
        listing(bytes(content))


def test_compressed_shards_are_refused(pack):
    with pytest.raises(ShapebiasError, match=r"a\.tar cannot be read as a tar file: .*; .* unpack \.tar\.gz"):
        listing(gzip.compress(pack(members())))


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (
            Entries(("webp", "gif"), "cls"),
            r"sample '0' of a\.tar has no webp or gif; it has jpg, cls, json; .* images=",
        ),
        (
            Entries(("jpg",), "txt"),
            r"sample '0' of a\.tar has no txt; it has jpg, cls, json; choose another with label=",
        ),
        (Entries(("jpg",), "cls", mask="m.png"), r"has no m\.png; .* with mask="),
        (Entries(("jpg",), "cls", shape="s.txt"), r"has no s\.txt; .* with shape="),
        (Entries(("jpg",), "json:class"), r"json:class of sample '0' of a\.tar cannot be read \(KeyError: 'class'\)"),
        (Entries(("jpg",), "json:share"), r"json:share of sample '0' of a\.tar is 0\.5; a label is the index"),
        (Entries(("jpg",), "json:good"), r"is True; a label is the index"),
        (Entries(("jpg",), "jpg"), r"jpg of sample '0' of a\.tar cannot be read \(UnicodeDecodeError"),
        (Entries(("jpg",), "cls:x"), r"cls:x of sample '0' of a\.tar cannot be read \(TypeError"),
    ],
)
def test_what_a_sample_lacks_is_said(entries, message, pack):
    facts = json.dumps({"share": 0.5, "good": True}).encode()
    with pytest.raises(ShapebiasError, match=message):
        listing(pack([("0.jpg", b"\xff\xd8"), ("0.cls", b"0"), ("0.json", facts)]), entries)


def test_a_member_that_is_there_twice_is_refused(pack):
    with pytest.raises(ShapebiasError, match=r"a\.tar has '0\.cls' twice; .* a unique key"):
        listing(pack([*members(), *members()]))
