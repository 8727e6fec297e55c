"""What is written is read back, also where a kill cut it short; what is none is refused."""

from __future__ import annotations

import json

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shapebias.errors import DataError
from shapebias.images.manifest import MANIFEST, UNFINISHED, Manifest, WrittenImage, read_manifest, write_manifest

labels = st.none() | st.integers(0, 7)
images = st.builds(
    WrittenImage, st.integers(0), st.text(), st.text(), st.integers(-1, 7), labels, labels, st.just("0" * 64)
)
manifests = st.builds(
    Manifest,
    st.text(),
    st.text(),
    st.dictionaries(st.text(), st.text(), max_size=2),
    st.integers(0, 2**63 - 1),
    st.lists(st.text(), max_size=3).map(tuple),
    st.just({"torch": "2"}),
    st.lists(images, max_size=3).map(tuple),
    st.dictionaries(st.integers(0), st.text(), max_size=2),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("made")


@given(manifests)
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read_back(folder, manifest):
    write_manifest(folder / MANIFEST, manifest)
    assert read_manifest(folder / MANIFEST) == manifest


@given(manifests, st.data())
@settings(max_examples=60, deadline=None)
def test_what_is_unfinished_loses_no_whole_line_wherever_it_is_cut(folder, manifest, data):
    write_manifest(folder / UNFINISHED, manifest)
    whole = (folder / UNFINISHED).read_bytes()
    header = whole.index(b"\n") + 1
    cut = data.draw(st.integers(header, len(whole)))
    (folder / UNFINISHED).write_bytes(whole[:cut])
    kept = whole[header:cut].count(b"\n") + (cut < len(whole) and whole[cut : cut + 1] == b"\n" and cut > header)
    found = read_manifest(folder / UNFINISHED)
    assert found.images == manifest.images[:kept]
    assert attrs.evolve(found, images=()) == attrs.evolve(manifest, images=(), failures={})


@pytest.mark.parametrize("name", [MANIFEST, UNFINISHED])
@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", "no json", '{"format": "of somebody else"}', '{"format": "shapebias images, version 2"}'],
)
def test_what_is_no_manifest_is_refused(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(
        DataError, match=f"{name} cannot be read as a manifest of 'shapebias make'.*; write the images again"
    ):
        read_manifest(tmp_path / name)


def test_a_field_that_nobody_knows_is_refused(tmp_path):
    manifest = Manifest("stimuli", "clean", {}, 0, ("a",), {}, (WrittenImage(0, "0", "a/0.png", 0, None, None, ""),))
    write_manifest(tmp_path / MANIFEST, manifest)
    content = json.loads((tmp_path / MANIFEST).read_text())
    content["images"][0]["colour"] = "red"
    (tmp_path / MANIFEST).write_text(json.dumps(content))
    with pytest.raises(DataError, match="colour"):
        read_manifest(tmp_path / MANIFEST)
    with pytest.raises(DataError, match="No such file"):
        read_manifest(tmp_path / "nowhere.json")
