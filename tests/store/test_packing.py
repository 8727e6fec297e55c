"""Packing: one file, understandable with h5py alone, whatever the parts were; and no crash on a full disk."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import store_samples as samples

from shapebias.errors import StoreError
from shapebias.store import Part, Store, Writer, pack, verify


def test_every_attribute_is_text_or_a_number(packed):
    for name, value in samples.dump(packed).items():
        if "@" in name:
            assert isinstance(value, str | int | float | np.number | np.bool_), name


def test_the_layout_is_the_documented_one(packed):
    with h5py.File(packed) as file:
        assert dict(file.attrs) | {"digest": None, "index": None} == {
            "format": "shapebias",
            "format_version": 1,
            "kind": "store",
            "study": "seed = 7\n",
            "seed": 7,
            "versions": '{"shapebias": "0.1.0", "torch": "2.6.0"}',
            "device": "a processor",
            "digest": None,
            "index": None,
        }
        assert set(file) == {"datasets", "cells"}
        assert list(file["cells"]) == ["0000", "0001", "0002", "0003"]
        texts = [(cell.attrs["condition"], cell.attrs.get("saliency")) for cell in file["cells"].values()]
        assert texts[0] == ("clean", None)
        assert texts[3] == ("pgd:eps=0,1/4,1/2,steps=20", "smoothgrad:samples=100,spread=0.1,target=label")
        maps = file["cells/0003/maps"]
        assert (maps.dtype, maps.chunks, maps.attrs["encoding"]) == (np.float16, (1, 1, 8, 8), "scaled-float16")
        scale = file["cells/0003"][maps.attrs["scale"]]
        wanted = samples.arrays(samples.SALIENCY, np.arange(samples.IMAGES))["maps"]
        np.testing.assert_array_equal(maps[:].astype(np.float32) * scale[:][..., None, None], wanted)
        cell = file["cells/0000"]
        assert cell.attrs["status"] == "done"
        assert cell.attrs["dataset_group"] == "/datasets/0000"
        assert len(cell["parts"]) == len(samples.PARTS)
        assert file["datasets/0000/ids"].asstr()[39] == samples.ids([39])[0]


def test_every_array_is_checksummed_and_says_how_it_is_encoded(packed):
    with h5py.File(packed) as file:
        found = []
        file.visititems(lambda _, item: found.append(item) if isinstance(item, h5py.Dataset) else None)
        assert len(found) > 30
        for dataset in found:
            assert dataset.fletcher32
            assert dataset.attrs["encoding_version"] == 1
            assert dataset.attrs["encoding"] in ("array", "string-array", "scaled-float16", "scale")


def test_compressed_chunks_are_copied_as_they_are(tmp_path):
    samples.write_all(tmp_path / "run.h5")
    before = _chunks(tmp_path.rglob("*.h5"), "maps", "images", "thumbnails")
    pack(tmp_path / "run.h5")
    assert before
    assert _chunks([tmp_path / "run.h5"], "maps", "images", "thumbnails") == before


def _chunks(files, *names) -> set[bytes]:
    found = set()

    def note(name, item):
        if name.rpartition("/")[2] in names:
            for position in range(item.id.get_num_chunks()):
                found.add(item.id.read_direct_chunk(item.id.get_chunk_info(position).chunk_offset)[1])

    for path in files:
        with h5py.File(path) as file:
            file.visititems(note)
    return found


@pytest.mark.parametrize("seed", range(3))
def test_the_packed_file_does_not_depend_on_how_it_came_about(tmp_path, packed, seed):
    """Parts in another order, packed in between, with failures that were made good."""
    rng = np.random.default_rng(seed)
    parts = samples.everything()
    with Writer(tmp_path / "other.h5", samples.HEADER) as writer:
        for position in rng.permutation(len(parts)):
            one = parts[position]
            if isinstance(one, Part) and rng.random() < 0.3:
                writer.write(samples.failed(one.cell, one.rows))
            samples.put(writer, one)
            if rng.random() < 0.2:
                writer.pack()
        writer.pack()
    assert _content(tmp_path / "other.h5") == _content(packed)


def test_a_cell_with_one_part_is_packed_alike_from_memory_its_file_and_a_packed_file(tmp_path, monkeypatch):
    rows = np.arange(samples.IMAGES)
    parts = [samples.dataset_part(rows), *(samples.part(cell, rows) for cell in samples.CELLS)]
    for name in ("memory", "files", "no room"):
        if name == "no room":
            monkeypatch.setattr("shapebias.store.writer._KEPT_BYTES", 0)
        with Writer(tmp_path / f"{name}.h5", samples.HEADER) as writer:
            for one in parts:
                samples.put(writer, one)
            if name != "files":
                writer.pack()
    pack(tmp_path / "files.h5")
    with Writer(tmp_path / "packed again.h5", samples.HEADER) as writer:
        for one in parts:
            samples.put(writer, one)
            writer.pack()
    found = {path.stem: _content(path) for path in tmp_path.glob("*.h5")}
    assert len(found) == 4
    for name, content in found.items():
        assert content == found["no room"], name
        assert verify(tmp_path / f"{name}.h5") == []


def test_a_small_part_that_was_damaged_before_it_was_packed_is_whole_in_the_packed_file(tmp_path):
    with Writer(tmp_path / "run.h5", samples.HEADER) as writer:
        samples.put(writer, samples.dataset_part(np.arange(4)))
        samples.put(writer, samples.part(samples.CELLS[0], np.arange(4)))
        _damage_logits(tmp_path)
        writer.pack()
    assert verify(tmp_path / "run.h5") == []


def test_damage_in_an_array_that_is_copied_as_it_is_ends_in_an_error(tmp_path):
    with Writer(tmp_path / "run.h5", samples.HEADER) as writer:
        samples.put(writer, samples.dataset_part(np.arange(4)))
        samples.put(writer, samples.part(samples.CELLS[0], np.arange(4)))
    _damage_logits(tmp_path)
    with pytest.raises(StoreError, match="logits is damaged"):
        pack(tmp_path / "run.h5")


def _damage_logits(folder):
    """Change one number in the file of a part, in place and without changing its time."""
    wanted = samples.arrays(samples.CELLS[0], np.arange(4))["logits"].astype(np.float32).tobytes()
    (path,) = (path for path in folder.glob("run.h5.parts/??/*.h5") if wanted in path.read_bytes())
    before, data = path.stat(), path.read_bytes()
    path.write_bytes(data.replace(wanted, bytes([wanted[0] ^ 1]) + wanted[1:]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _content(path):
    """Read everything but the order in which parts were written, also in the index."""
    dump = {name: value for name, value in samples.dump(path).items() if name not in ("@index", "@digest")}
    parts = sorted(value[2] for name, value in dump.items() if name.endswith("rows") and "/parts/" in name)
    return {name: value for name, value in dump.items() if "/parts/" not in name}, parts


def test_images_that_one_part_has_twice_are_kept_once(tmp_path):
    with Writer(tmp_path / "run.h5", samples.HEADER) as writer:
        writer.write_dataset(samples.dataset_part(range(12)))
        for cell in samples.CELLS:
            for rows in ([1, 4, 6, 9], [0, 1, 2, 3, 4], [4, 5, 11]):
                writer.write(samples.part(cell, rows))
        writer.pack()
        for cell in writer.store.cells():
            record = next(record for record in samples.CELLS if record == cell.record)
            assert cell.rows.tolist() == [0, 1, 2, 3, 4, 5, 6, 9, 11]
            for name, expected in samples.arrays(record, cell.rows).items():
                np.testing.assert_array_equal(cell.array(name), expected)
    assert verify(tmp_path / "run.h5") == []


def test_parts_that_differ_in_shape_are_named_and_nothing_is_lost(tmp_path):
    path = tmp_path / "run.h5"
    with Writer(path, samples.HEADER) as writer:
        writer.write(Part(samples.PREDICTION, np.array([0]), {"logits": np.zeros((1, 3))}))
        writer.write(Part(samples.PREDICTION, np.array([1]), {"logits": np.zeros((1, 4))}))
        with pytest.raises(StoreError, match=r"photos \| timm:resnet50 \| clean: its parts differ in 'logits'"):
            writer.pack()
        assert not path.exists()
        assert len(writer.store.cells()[0].rows) == 2


_ON_A_FULL_DISK = """
import sys
from pathlib import Path
from shapebias.store import Store, os_errors, packing
from shapebias.store.packing import write_store

class Full(os_errors.DeferredErrorFile):
    left = 0
    def write(self, data):
        Full.left -= 1
        if Full.left < 0 and self._failure is None:
            self._failure = OSError(28, "No space left on device")
        return super().write(data)

packing.DeferredErrorFile = Full
store, target = Store(sys.argv[1]), Path(sys.argv[1]).with_name("new")
writes = 0
while True:
    Full.left = writes
    try:
        write_store(target, store.header, store.datasets(), store.cells())
        break
    except OSError as error:
        assert error.errno == 28
    target.unlink()
    writes += int(sys.argv[2])
print(writes)
"""


def test_a_disk_that_is_full_at_any_write_ends_in_an_error_and_no_crash(packed):
    command = [sys.executable, "-c", _ON_A_FULL_DISK, str(packed), "7"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100


@pytest.mark.slow
def test_a_disk_that_is_full_at_every_single_write(packed):
    command = [sys.executable, "-c", _ON_A_FULL_DISK, str(packed), "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_file_that_may_not_grow_leaves_the_parts(tmp_path):
    """The operating system's own refusal, in a process of its own."""
    path = tmp_path / "run.h5"
    samples.write_all(path)
    limit = max(part.stat().st_size for part in tmp_path.rglob("*.h5")) + 1
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from shapebias.store import pack; pack(sys.argv[1])", str(path)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert done.returncode == 1
    assert "run.h5 cannot be written: File too large; every finished part is kept: free some space" in done.stderr
    assert verify(path) == []
    assert not path.exists()
    pack(path)
    assert verify(path) == []
    assert len(Store(path).cells()) == 4


def test_a_run_killed_between_the_file_and_the_removal_of_its_parts_counts_nothing_twice(packed):
    with Store(packed) as store:
        seconds = [cell.attributes["seconds"] for cell in store.cells()]
    kept = packed.with_name("kept.h5")
    shutil.copy(packed, kept)
    packed.unlink()
    samples.write_all(packed)
    shutil.copy(kept, packed)
    with Store(packed) as store:
        assert [cell.attributes["seconds"] for cell in store.cells()] == seconds
    pack(packed)
    assert samples.dump(packed) == samples.dump(kept)


_MANY_IMAGES = """
import resource, sys
import numpy as np
from shapebias.store import CellRecord, ComponentRecord, DatasetPart, Header, Part, Results, Writer

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

dataset, text = ComponentRecord("folder:photos", "photos"), ComponentRecord("clean", "clean")
cells = [CellRecord(dataset, ComponentRecord(f"timm:{number}"), text) for number in range(2)]
rng = np.random.default_rng(0)
logits = rng.normal(size=(2048, 400)).astype(np.float32)
with Writer(sys.argv[1], Header("", 0)) as writer:
    for number, start in enumerate(range(0, 50000, 2048)):
        rows = np.arange(start, min(start + 2048, 50000))
        labels = rows % 400
        thumbnails = np.zeros((len(rows), 8, 8, 3), np.uint8)
        ids = tuple(f"{row}.png" for row in rows)
        writer.write_dataset(DatasetPart(dataset, rows, ids, labels, labels, labels, thumbnails, {"classes": "[]"}))
        for cell in cells:
            arrays = {"prediction": labels, "logits": logits[: len(rows)] + np.float32(number)}
            writer.write(Part(cell, rows, arrays))
        if number == 1:
            before = peak()
    writer.pack()
with Results(sys.argv[1]) as results:
    for answers in results.answers():
        assert answers.top(5).shape == (50000, 5)
        assert (answers.labels == answers.prediction).all()
print(peak() - before)
"""


def test_fifty_thousand_images_need_no_more_memory_than_one_part(tmp_path):
    """The logits alone are 160 MB."""
    command = [sys.executable, "-c", _MANY_IMAGES, str(tmp_path / "run.h5")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert Path(tmp_path / "run.h5").stat().st_size > 160e6
    assert float(done.stdout) < 50
