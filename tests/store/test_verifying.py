"""Verifying: whatever is wrong with a store is found, in words that name it."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import store_samples as samples

from shapebias.errors import StoreError
from shapebias.store import Part, Writer, pack, verify, verifying
from shapebias.store.listing import part_files


@pytest.fixture
def parts(tmp_path):
    """The path of a store in parts."""
    samples.write_all(tmp_path / "parts.h5")
    return tmp_path / "parts.h5"


def one_part(path, kind="cell", array="logits"):
    """Return the file of one part that has this array."""
    for found in sorted(path.with_name(path.name + ".parts").glob("??/*.h5")):
        with h5py.File(found) as file:
            if file.attrs["kind"] == kind and array in file:
                return found
    raise AssertionError(array)


def flip(path, offset):
    content = bytearray(path.read_bytes())
    content[offset] ^= 0x10
    path.write_bytes(content)


def test_a_whole_store_has_no_problems(any_store):
    assert verify(any_store.path) == []


def test_no_store_is_an_error(tmp_path):
    with pytest.raises(StoreError, match=r"run.h5: there is no store, neither this file nor its parts; check the path"):
        verify(tmp_path / "run.h5")


@pytest.mark.parametrize(
    "array", ["cells/0000/logits", "cells/0003/maps", "datasets/0000/ids", "cells/0001/values/auc"]
)
def test_a_flipped_byte_of_an_array_is_found_and_named(packed, array):
    with h5py.File(packed) as file:
        found = [file[array].id.get_chunk_info(number) for number in range(file[array].id.get_num_chunks())]
    flip(packed, found[-1].byte_offset + found[-1].size // 2)
    assert verify(packed) == [f"{packed}: /{array}: is damaged (a checksum does not match)"]


def test_a_flipped_byte_of_a_part_is_found_and_reading_it_says_what_to_do(parts):
    damaged = one_part(parts)
    with h5py.File(damaged) as file:
        offset = file["logits"].id.get_chunk_info(0).byte_offset
    flip(damaged, offset)
    assert verify(parts) == [f"{damaged}: /logits: is damaged (a checksum does not match)"]
    with Writer(parts, samples.HEADER) as writer:
        with pytest.raises(StoreError, match=r"/logits is damaged .* delete it and run the same command again"):
            writer.pack()
        damaged.unlink()
        cell = next(cell for cell in writer.store.cells() if len(cell.rows) < samples.IMAGES)
        record = next(record for record in samples.CELLS if record == cell.record)
        writer.write(samples.part(record, np.setdiff1d(np.arange(samples.IMAGES), cell.rows)))
        assert writer.pack()
    assert verify(parts) == []


def test_a_flipped_byte_anywhere_is_found_unless_it_says_nothing(tmp_path):
    """Bytes that nobody reads, such as the free space of a table, may change; what is read may not."""
    path, copy = tmp_path / "run.h5", tmp_path / "copy.h5"
    with Writer(path, samples.HEADER) as writer:
        writer.write_dataset(samples.dataset_part(range(4)))
        writer.write(samples.part(samples.SALIENCY, range(4)))
        writer.write(samples.part(samples.PREDICTION, range(4)))
        writer.pack()
    before, size = samples.dump(path), path.stat().st_size
    found = 0
    for offset in np.random.default_rng(0).choice(size, 300, replace=False):
        shutil.copy(path, copy)
        flip(copy, offset)
        problems = verify(copy)
        found += bool(problems)
        assert problems or samples.dump(copy) == before, offset
    assert found > 100


@pytest.mark.parametrize("fraction", [0, 0.3, 0.99])
def test_a_file_that_was_cut_short_is_found(packed, fraction):
    packed.write_bytes(packed.read_bytes()[: int(fraction * packed.stat().st_size)])
    (problem,) = verify(packed)
    assert problem.startswith(f"{packed}: cannot be read: {packed} is not an HDF5 file, or it is damaged")


def edit(change):
    """Change a packed store with h5py, as somebody might by hand."""

    def edited(path):
        with h5py.File(path, "r+") as file:
            change(file)

    return edited


def _reseal(group):
    from shapebias.store.sealing import seal

    seal(group)


def _shorter(file):
    cell = file["cells/0000"]
    values = cell["logits"][:-1]
    facts = dict(cell["logits"].attrs)
    del cell["logits"]
    cell.create_dataset("logits", data=values).attrs.update(facts)
    _reseal(cell)


def _other_text(file):
    file["cells/0000"].attrs["model"] = "timm:architecture=resnet18,pretrained=true"
    _reseal(file["cells/0000"])


def _later_encoding(file):
    file["cells/0000/logits"].attrs["encoding_version"] = 2
    _reseal(file["cells/0000"])


def _no_digest(file):
    del file["cells/0000/parts/0000"].attrs["digest"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda file: file["cells/0000"].attrs.modify("seconds", 1.0), "/cells/0000: its description was changed"),
        (lambda file: file.attrs.modify("seed", 8), "/: its description was changed (the digest does not match)"),
        (
            lambda file: file["cells/0003/maps"].attrs.modify("scale", "rows"),
            "/cells/0003: its description was changed",
        ),
        (lambda file: file["cells/0000"].pop("logits"), "/cells/0000: its description was changed"),
        (_no_digest, "/cells/0000/parts/0000: has no digest"),
        (_shorter, "/cells/0000/logits: has 39 entries for 40 rows"),
        (_other_text, "/cells/0000: its key does not match its texts"),
        (_later_encoding, "/cells/0000/logits: has an encoding of a later version; upgrade shapebias"),
        (lambda file: file["cells/0000"].attrs.pop("model"), "/cells/0000: its description was changed"),
        (lambda file: file["cells/0000"].pop("rows"), "/cells/0000: its description was changed"),
        (lambda file: file.attrs.modify("format_version", 2), "has format version 2; this shapebias reads up to"),
        (
            lambda file: file["datasets"].pop("0000"),
            "photos | timm:resnet50 | clean: its data set is not in the store",
        ),
    ],
)
def test_what_was_changed_by_hand_is_found(packed, change, problem):
    edit(change)(packed)
    problems = verify(packed)
    assert any(problem in said for said in problems)
    assert all(str(packed) in said for said in problems)


def test_a_part_under_a_wrong_name_is_found(parts):
    part = one_part(parts)
    other = part.with_name(part.name.replace(part.stem.rpartition("-")[2], "99"))
    part.rename(other)
    assert verify(parts) == [f"{other}: its name belongs to another part"]


def test_images_that_the_data_set_does_not_have_are_found(tmp_path):
    path = tmp_path / "run.h5"
    with Writer(path, samples.HEADER) as writer:
        writer.write_dataset(samples.dataset_part(range(4)))
        writer.write(samples.part(samples.PREDICTION, range(5)))
    said = f"{path}: photos | timm:resnet50 | clean: has images that its data set does not have"
    assert verify(path) == [said]


def test_a_missing_data_set_is_found_unless_no_image_needs_it(tmp_path):
    path = tmp_path / "run.h5"
    with Writer(path, samples.HEADER) as writer:
        writer.write(samples.failed(samples.PREDICTION, range(4)))
        assert verify(path) == []
        writer.write(samples.part(samples.PREDICTION, range(4)))
    assert verify(path) == [f"{path}: photos | timm:resnet50 | clean: its data set is not in the store"]


def test_parts_that_do_not_fit_together_are_found(tmp_path):
    path = tmp_path / "run.h5"
    with Writer(path, samples.HEADER) as writer:
        writer.write_dataset(samples.dataset_part(range(8)))
        writer.write(samples.part(samples.PREDICTION, range(4)))
        less = Part(samples.PREDICTION, np.arange(4, 8), {"prediction": np.zeros(4, int)})
        writer.write(less)
    (problem,) = verify(path)
    assert "clean: some of its parts have images, logits and others do not; they were made with different" in problem


def test_stray_temporary_files_are_named_and_do_no_harm(parts):
    stray = one_part(parts).with_name("x.h5.0123456789ab.tmp")
    stray.write_bytes(b"half")
    assert verify(parts) == [f"{stray}: left by a writer that was killed; delete it, or run the study again"]
    Writer(parts, samples.HEADER).close()
    assert verify(parts) == []


def test_every_damaged_file_of_a_store_is_named(parts):
    damaged = {one_part(parts), one_part(parts, "cell", "maps"), one_part(parts, "dataset", "ids")}
    assert len(damaged) == 3
    for path in damaged:
        path.write_bytes(b"\0" * 100)
    problems = verify(parts)
    assert {problem.partition(": ")[0] for problem in problems} == set(map(str, damaged))
    assert all("delete this part and run the same command again" in problem for problem in problems)


def test_what_a_later_version_adds_is_no_problem_for_reading(packed):
    """Attributes and arrays that are not known may come, sealed by who wrote them."""

    def add(file):
        cell = file["cells/0000"]
        cell.attrs["temperature"] = 0.5
        new = cell.create_dataset("margin", data=np.zeros(samples.IMAGES))
        new.attrs.update({"encoding": "array", "encoding_version": 1})
        _reseal(cell)

    edit(add)(packed)
    assert verify(packed) == []


def test_a_run_that_packs_meanwhile_raises_no_alarm(parts, monkeypatch):
    def packed_since(path):
        listed = part_files(path)
        pack(path)
        return listed

    monkeypatch.setattr(verifying, "part_files", packed_since)
    assert verify(parts) == []


def test_temporary_files_of_a_run_that_is_going_on_are_no_problem(parts):
    with Writer(parts, samples.HEADER):
        one_part(parts).with_name("x.h5.0123456789ab.tmp").write_bytes(b"half")
        assert verify(parts) == []
    assert len(verify(parts)) == 1


def test_a_folder_that_goes_away_while_it_is_listed_raises_no_alarm(parts, monkeypatch):
    """A run packs between the listing of a folder and that of the folders in it."""
    glob, gone = Path.glob, []

    def listed(self, pattern):
        if pattern == "??/*.h5" and not gone:
            gone.append(pattern)
            pack(parts)
            raise FileNotFoundError(self)
        return glob(self, pattern)

    monkeypatch.setattr(Path, "glob", listed)
    assert verify(parts) == []
    assert gone
