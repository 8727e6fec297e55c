"""Which shards a text names."""

from __future__ import annotations

import json

import pytest
from shapebias_webdataset.addresses import Address, find_shards

from shapebias.plugin import ShapebiasError


def names(text):
    return [address.name for address in find_shards(str(text))]


@pytest.mark.parametrize("text", ["", "val-*.tar", "val-{000..004}.tar", "val-00[0-4].tar", "../shards/*.tar"])
def test_folders_stars_and_braces_name_the_same_shards(shards, text):
    (shards / "notes.txt").touch()
    assert names(shards / text) == [f"val-{number:03d}" for number in range(5)]


def test_braces_keep_their_order_and_several_shards_of_it(shards):
    assert names(shards / "val-{004,001}.tar") == ["val-004", "val-001"]


def test_braces_work_for_servers():
    found = find_shards("https://example.org/{train,val}-{08..10}.tar?key=1")
    assert [address.name for address in found] == [
        f"{part}-{n}" for part in ("train", "val") for n in ("08", "09", "10")
    ]
    assert found[0] == Address("https://example.org/train-08.tar?key=1")


def test_a_list_names_shards_beside_it_and_their_samples(shards):
    rows = [{"url": "val-001.tar", "nsamples": 4}, {"url": "http://example.org/x.tar", "nsamples": 7}]
    (shards / "val.json").write_text(json.dumps({"wids_version": 1, "shardlist": rows}))
    found = find_shards(str(shards / "val.json"))
    assert found == (Address(str(shards / "val-001.tar"), 4), Address("http://example.org/x.tar", 7))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pipe:cat x.tar", r"'pipe:cat x\.tar': pipe: is not supported, .*; commands are never run"),
        ("PIPE:touch {a,b}", "PIPE: is not supported"),
        ("s3://bucket/x-{0..3}.tar", "s3: is not supported, only files and addresses of http and https"),
        ("file:///etc/x.tar", "file: is not supported"),
        ("val-{000..004.tar", r"has an unmatched brace; write shards as val-\{000\.\.006\}\.tar"),
        ("gone-{0..20}.tar", r"missing: gone-0\.tar, .*, gone-9\.tar and 11 more; .* names 21: put them there"),
        ("nothing*.tar", "has no shards"),
        ("{a,b}/x.tar", "are missing: a/x.tar, b/x.tar"),
        ("http://{a,b}.org/x.tar", "several shards called x, .* a separate data set"),
        ("gone.json", r"gone\.json cannot be read as a list of shards \(FileNotFoundError"),
    ],
)
def test_what_names_no_shards_is_explained(text, message):
    with pytest.raises(ShapebiasError, match=message):
        find_shards(text)


@pytest.mark.parametrize("content", ["{", "[]", '{"shardlist": [{"url": "a.tar"}]}', '{"shardlist": 3}'])
def test_what_is_no_list_is_explained(content, tmp_path):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(ShapebiasError, match=r"a\.json cannot be read as a list of shards .*; it is JSON like"):
        find_shards(str(tmp_path / "a.json"))


def test_commands_in_a_list_are_refused(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"shardlist": [{"url": "pipe:touch x", "nsamples": 1}]}))
    with pytest.raises(ShapebiasError, match="pipe: is not supported"):
        find_shards(str(tmp_path / "a.json"))


def test_an_empty_folder_has_no_shards(tmp_path):
    with pytest.raises(ShapebiasError, match="has no shards; give a folder"):
        find_shards(str(tmp_path))
